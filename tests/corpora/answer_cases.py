'''Answers of model servers as they were seen, one TOML file each in answers/. Adding a case is adding a file.

about = "What is odd about it, in a sentence."
kind = "event streams"          # one of KINDS
seen = ["vLLM with Mistral", …]

[request]                       # left out: a small Python text
language = "python"
base = """…"""                  # the document
instruction = "…"
messages = [["user", "…"], …]   # what a model client sends; left out: a system's message and a user's
quirks = {…}                    # what is known of the server before, as it is kept

[[response]]                    # in the order of the requests; the last one answers all that follow
status = 200
headers = {…}
raw = "…"                       # the body's bytes as they come, escapes as in TOML; or
content = """…"""               # what a well-behaved server streams, with finish_reason = "stop"
slices = 7                      # raw is sent in pieces of so many bytes

[client]                        # what a model client makes of it
text = "…"                      # or error = its code, with retryable = false
requests = 2
tokens = [11, 7]                # of the question and of the answer, as the server counted them
retry_after_s = 7.66            # with an error
sent = {temperature = false, max_completion_tokens = 500}   # in the last request; false: not there
quirks = "no temperature"       # what is known of the server by then, as check_endpoints tells it

[product]                       # what comes of it in the graph refine_code
outcome = "proposed"            # or "failed"
text = """…"""                  # the proposal's
requests = 2                    # answers that were asked for
says = "…"                      # in the checks, in what was sent back to the model, or in the failure
'''

import sys
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.model_server import Behaviour

FOLDER = Path(__file__).parent / "answers"
BASE = (
    "import os\n\n\ndef same(a, b):\n    if a == None:\n        return b == None\n    return os.path.samefile(a, b)\n"
)


KINDS = {
    "refused parameters": "sent again without it, renamed or smaller, and remembered",
    "roles": "sent again with the roles that the model's template takes, and remembered",
    "event streams": "read by the HTML standard, with what servers leave out or add",
    "answers that are no stream": "taken where it is an answer; else told in its words",
    "errors in words": "asked again, later, or not, by status, code and words",
    "ends of answers": "a stop, a cut at the limit, or no answer at all",
    "counts of tokens": "taken where they can be true, else estimated",
    "content in parts": "text is the answer, thoughts are thoughts",
    "room for thoughts": "given by name, by what was counted, or after a limit that was spent",
    "thoughts in the content": "cut off up to the last mark of their end",
    "lines left out": "merged where that is certain, else sent back once and shown on the hunk",
    "parts of a text": "merged by definitions where that is certain, else asked for again",
    "fences in Markdown": "paired from the outside",
    "indented fences": "read without their indentation",
    "patches as text": "applied exactly, or refused",
    "places of hunks": "found by content and section; of several none is guessed",
    "files that are no programs": "held to their kind by a parser, or the check says that there is none",
}
"""Of what the cases are the samples, in the order of docs/models.md, and what comes of them."""


@dataclass(frozen=True, slots=True)
class AnswerCase:
    """One file."""

    name: str
    about: str
    seen: list[str]
    response: list[dict[str, Any]]
    kind: str = ""
    """One of KINDS, which tests/test_models_page.py holds every file to."""
    request: dict[str, Any] = field(default_factory=dict)
    client: dict[str, Any] | None = None
    product: dict[str, Any] | None = None

    @property
    def base(self) -> str:
        base: str = self.request.get("base", BASE)
        return base

    @property
    def behaviours(self) -> list[Behaviour]:
        """The server's script."""
        return [_behaviour(dict(response)) for response in self.response]


def cases(part: str) -> list[AnswerCase]:
    """All that have this part, client or product, by name."""
    return [case for case in every_case() if getattr(case, part) is not None]


def every_case() -> list[AnswerCase]:
    return [AnswerCase(path.stem, **tomllib.loads(path.read_text())) for path in sorted(FOLDER.glob("*.toml"))]


def table() -> str:
    """The table of docs/models.md."""
    every = every_case()
    rows = ["| what was odd | files | what comes of it | seen at |", "| --- | --- | --- | --- |"]
    for kind, comes in KINDS.items():
        of_kind = [case for case in every if case.kind == kind]
        seen = sorted({one for case in of_kind for one in case.seen}, key=str.lower)
        rows.append(f"| {kind} | {len(of_kind)} | {comes} | {', '.join(seen)} |")
    return "\n".join(rows)


def _behaviour(response: dict[str, Any]) -> Behaviour:
    raw, status = response.pop("raw", None), response.get("status", 200)
    if "content" in response:
        response["answer"] = response.pop("content")
    if raw is not None and status == 200:
        response["raw"] = raw.encode()
        response["raw_slices"] = response.pop("slices", 0)
    elif raw is not None:
        response["body"] = raw
    return Behaviour(**response)


if __name__ == "__main__":
    sys.stdout.write(table() + "\n")
