"""No model at all: refines Python by ruff's fixes and formatting, picked from the instruction, and says so.

It is what makes the first five minutes work without an account. What it cannot do, it says.
"""

import re
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from refine_app.diffs.errors import excerpt
from refine_app.diffs.fences import fence_for
from refine_app.diffs.lines import split_lines
from refine_app.model_clients.client import Delta, Message, Subject, TokenCount
from refine_app.model_clients.errors import OutputInvalid
from refine_app.model_clients.quirks import NO_QUIRKS, Quirks
from refine_app.tools.analysis import analyse
from refine_app.tools.children import LIMITS, RUFF, Limits, run_child
from refine_app.tools.errors import AnalysisSkipped

LINES_PER_DELTA = 20
DISCLAIMER = "Done by built-in rules (ruff), not by a language model."


@dataclass(frozen=True, slots=True)
class Topic:
    """Something that an instruction may ask for and rules can do."""

    name: str
    pattern: re.Pattern[str]
    safe: tuple[str, ...] = ()
    unsafe: tuple[str, ...] = ()
    """Rules whose fixes ruff calls unsafe, but which keep the meaning of ordinary code."""
    formats: bool = False


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
        code, summary = await self._refine(subject)
        fence = fence_for(code)
        yield Delta(f"{summary}\n\n{fence}{subject.language}\n")
        lines = split_lines(code)
        for at in range(0, len(lines), LINES_PER_DELTA):
            yield Delta("".join(lines[at : at + LINES_PER_DELTA]))
        yield Delta(f"{'' if code.endswith(chr(10)) or not code else chr(10)}{fence}\n")
        yield Delta(tokens=TokenCount(0, 0, estimated=False), finish_reason="stop")

    async def _refine(self, subject: Subject) -> tuple[str, str]:
        """The new text, and what was and was not done."""
        if subject.language != "python":
            return subject.code, (
                f"{DISCLAIMER} The rules know Python only, so this {subject.language!r} text is left as it was; "
                "configure a model endpoint to refine it."
            )
        topics, generic = choose_topics(subject.instruction)
        beyond = [what for pattern, what in BEYOND if pattern.search(subject.instruction)]
        if not topics:
            return subject.code, f"{DISCLAIMER} {_cannot(beyond)} Nothing was changed."
        try:
            code = await self._fix(subject.code, topics)
        except AnalysisSkipped as skipped:
            return subject.code, f"{DISCLAIMER} Nothing was changed: {skipped}."
        names = ", ".join(topic.name for topic in topics)
        asked = "The instruction names no rule's subject, so all of them were tried" if generic else "Tried"
        done = "Nothing needed to be changed." if code == subject.code else "What they found is changed below."
        return code, " ".join(filter(None, [DISCLAIMER, f"{asked}: {names}.", done, _cannot(beyond) if beyond else ""]))

    async def _fix(self, code: str, topics: Sequence[Topic]) -> str:
        await self._raise_for_syntax(code)
        source = code.encode("utf-8", "replace")
        safe = sorted({rule for topic in topics for rule in topic.safe})
        unsafe = sorted({rule for topic in topics for rule in topic.unsafe})
        if safe:
            source = await self._ruff(source, "check", "--fix-only", "--exit-zero", "--select", ",".join(safe))
        if unsafe:
            source = await self._ruff(
                source, "check", "--fix-only", "--exit-zero", "--unsafe-fixes", "--select", ",".join(unsafe)
            )
        if any(topic.formats for topic in topics):
            source = await self._ruff(source, "format")
        return source.decode("utf-8", "replace")

    async def _raise_for_syntax(self, code: str) -> None:
        """Ruff leaves a text that does not parse alone without a word."""
        syntax = (await analyse(code, "python", ("syntax",), limits=self.limits)).syntax
        if syntax is not None and syntax["count"]:
            error = syntax["errors"][0]
            raise AnalysisSkipped(f"line {error['line']} could not be read as Python ({error['message']})")

    async def _ruff(self, source: bytes, command: str, *options: str) -> bytes:
        arguments = [RUFF, command, "--isolated", "--no-cache", "--quiet", "--target-version", "py311"]
        output = await run_child(
            [*arguments, *options, "--stdin-filename", "document.py", "-"], source, limits=self.limits
        )
        if output.code:
            reason = excerpt(output.stderr.decode("utf-8", "replace"), 200)
            raise AnalysisSkipped(f"ruff failed{': ' + reason if reason else ''}")
        return output.stdout


def choose_topics(instruction: str) -> tuple[list[Topic], bool]:
    """What the instruction asks for that rules can do, and whether it asked in general terms only."""
    topics = [topic for topic in TOPICS if topic.pattern.search(instruction)]
    if topics:
        return topics, False
    if not instruction.strip() or GENERIC.search(instruction):
        return list(TOPICS), True
    return [], False


def _cannot(beyond: Sequence[str]) -> str:
    what = ", ".join(beyond) if beyond else "do what was asked"
    return f"Rules cannot {what}; that takes a model: configure an endpoint."
