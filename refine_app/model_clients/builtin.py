"""No model at all: refines Python by ruff's fixes and formatting, picked from the instruction, and says so.

It is what makes the first five minutes work without an account. What it cannot do, it says.
"""

import re
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass

from refine_app.diffs.fences import fence_for
from refine_app.diffs.lines import split_lines
from refine_app.model_clients.client import Delta, Message, Subject, TokenCount
from refine_app.model_clients.errors import OutputInvalid
from refine_app.model_clients.quirks import NO_QUIRKS, Quirks
from refine_app.model_clients.ruff_fixes import Fixed, Topic, fix
from refine_app.tools.children import LIMITS, Limits
from refine_app.tools.errors import AnalysisSkipped

LINES_PER_DELTA = 20
DISCLAIMER = "Done by built-in rules (ruff), not by a language model."


TOPICS = (
    Topic("unused code", re.compile(r"unused|dead code|clean|tidy", re.I), ("F401", "F811", "RUF100"), ("F841",)),
    Topic("imports", re.compile(r"\bimports?\b|isort|sort", re.I), ("I", "F401")),
    Topic(
        "layout", re.compile(r"format|layout|style|pep ?-?8|black|indent|whitespace|clean|tidy|readab", re.I),
        ("W",), formats=True,
    ),
    Topic(
        "newer Python", re.compile(r"modern|upgrade|new(er)? syntax|f-?strings?|python ?3|type hints?", re.I),
        ("UP",), ("UP",),
    ),
    Topic(
        "simpler expressions", re.compile(r"simpl|refactor|readab|concise|short|clean|idiomatic|pythonic", re.I),
        ("SIM", "C4", "RET5", "PIE", "FURB"), ("SIM", "C4", "RET5", "PIE"),
    ),
    Topic(
        "comparisons", re.compile(r"compar|none|bug|fix|correct|lint|issue|warning", re.I),
        ("E7", "F"), ("E711", "E712", "E713", "E714"),
    ),
    Topic(
        "likely bugs", re.compile(r"bug|fix|correct|lint|issue|warning|error|safe", re.I),
        ("B", "PLE"), ("B006", "B010", "B904"),
    ),
    Topic("speed", re.compile(r"perform|speed|fast|optimi|efficien", re.I), ("C4", "PERF"), ("C4", "PERF")),
)  # fmt: skip
GENERIC = re.compile(r"improve|refine|better|review|polish|enhance|quality|make it good", re.I)
BEYOND = (
    (re.compile(r"docstring|document|comment|explain", re.I), "write documentation"),
    (re.compile(r"\btests?\b|unit ?test|coverage", re.I), "write tests"),
    (re.compile(r"renam", re.I), "rename things"),
    (re.compile(r"\btyp(e|ing) (hint|annotation)s?|annotat", re.I), "add type hints"),
    (
        re.compile(r"\badd\b|implement|feature|support|write|create|convert|translate|port", re.I),
        "add or rewrite behaviour",
    ),
    (re.compile(r"split|extract|restructur|decompose", re.I), "restructure code"),
)


@dataclass(frozen=True, slots=True)
class Refined:
    """The new text, and what was and was not done."""

    text: str
    summary: str


@dataclass(frozen=True, slots=True)
class BuiltinClient:
    """Rules with the face of a model."""

    limits: Limits = LIMITS

    @property
    def endpoint(self) -> str:
        return "builtin"

    @property
    def model(self) -> str:
        return ""

    @property
    def is_model(self) -> bool:
        return False

    @property
    def quirks(self) -> Quirks:
        return NO_QUIRKS

    async def stream(
        self, messages: Sequence[Message], *, max_tokens: int, temperature: float, subject: Subject | None = None
    ) -> AsyncIterator[Delta]:
        if subject is None:
            raise OutputInvalid("The built-in rules work on code, and were given none.", retryable=False)
        for text in written(await self.refine(subject), subject.language):
            yield Delta(text)
        yield Delta(tokens=TokenCount(0, 0, estimated=False), finish_reason="stop")

    async def refine(self, subject: Subject) -> Refined:
        """What stream() writes, as it is: nobody has to read it out of an answer."""
        if subject.language != "python":
            return Refined(
                subject.code,
                f"{DISCLAIMER} The rules know Python only, so this {subject.language!r} text is left as it was; "
                "configure a model endpoint to refine it.",
            )
        topics, generic = choose_topics(subject.instruction)
        beyond = [what for pattern, what in BEYOND if pattern.search(subject.instruction)]
        if not topics:
            return Refined(subject.code, f"{DISCLAIMER} {_cannot(beyond)} Nothing was changed.")
        try:
            fixed = await fix(subject.code, topics, instruction=subject.instruction, limits=self.limits)
        except AnalysisSkipped as skipped:
            return Refined(subject.code, f"{DISCLAIMER} Nothing was changed: {skipped}.")
        names = ", ".join(topic.name for topic in topics)
        asked = "The instruction names no rule's subject, so all of them were tried" if generic else "Tried"
        said = [DISCLAIMER, f"{asked}: {names}.", _done(subject.code, fixed), _cannot(beyond) if beyond else ""]
        return Refined(fixed.text, " ".join(filter(None, said)))


def written(refined: Refined, language: str) -> Iterator[str]:
    """As a model would write it, some lines at a time."""
    code, fence = refined.text, fence_for(refined.text)
    yield f"{refined.summary}\n\n{fence}{language}\n"
    lines = split_lines(code)
    for at in range(0, len(lines), LINES_PER_DELTA):
        yield "".join(lines[at : at + LINES_PER_DELTA])
    yield f"{'' if code.endswith(chr(10)) or not code else chr(10)}{fence}\n"


def choose_topics(instruction: str) -> tuple[list[Topic], bool]:
    """What the instruction asks for that rules can do, and whether it asked in general terms only."""
    topics = [topic for topic in TOPICS if topic.pattern.search(instruction)]
    if topics:
        return topics, False
    if not instruction.strip() or GENERIC.search(instruction):
        return list(TOPICS), True
    return [], False


def _done(code: str, fixed: Fixed) -> str:
    left_out = ""
    if fixed.left_out:
        left_out = f" Left out, because its result did not pass the checks: {', '.join(fixed.left_out)}."
    if fixed.text != code:
        return f"What they found is changed below.{left_out}"
    return left_out.strip() or "Nothing needed to be changed."


def _cannot(beyond: Sequence[str]) -> str:
    what = ", ".join(beyond) if beyond else "do what was asked"
    return f"Rules cannot {what}; that takes a model: configure an endpoint."
