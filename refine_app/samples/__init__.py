"""Sessions to start from: real code with real flaws, each with a request that is worth sending."""

from dataclasses import dataclass
from pathlib import Path

from refine_app.models import Intent

FOLDER = Path(__file__).resolve().parent


@dataclass(frozen=True, slots=True)
class Sample:
    """A file of code and what to ask for."""

    slug: str
    title: str
    about: str
    instruction: str
    intent: Intent
    language: str = "python"

    @property
    def text(self) -> str:
        return (FOLDER / f"{self.slug}.py.txt").read_text(encoding="utf-8")


SAMPLES = (
    Sample(
        slug="orders",
        title="An order report from 2014",
        about="Python that still works, written for a Python that is gone.",
        instruction="Modernise this module: tidy the imports and the typing, use f-strings, simplify the conditions.",
        intent=Intent.REFINE_CODE,
    ),
    Sample(
        slug="accesslog",
        title="A log summary in a hurry",
        about="Needless lists, comparisons with None, a regular expression that only works by luck.",
        instruction="Simplify the comprehensions and conditions, and format the file. Keep what it does.",
        intent=Intent.REFINE_CODE,
    ),
    Sample(
        slug="deploy",
        title="A deploy script to review",
        about="Shell commands from strings, a tangled function, and more that a reviewer should see.",
        instruction="Review this script: which functions are too complex, and what is unsafe?",
        intent=Intent.CODE_REVIEW,
    ),
)


def find_sample(slug: str) -> Sample | None:
    """The sample by this name, if there is one."""
    return next((sample for sample in SAMPLES if sample.slug == slug), None)
