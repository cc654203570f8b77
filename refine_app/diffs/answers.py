"""Reading a new text out of a model's answer: a fenced block, a whole file, or a unified diff.

Answers are data from outside: bounded, never trusted to be complete, and never guessed at where guessing could lose
somebody's lines.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from io import StringIO
from typing import Literal

from unidiff.errors import UnidiffParseError
from unidiff.patch import PatchSet

from refine_app.diffs.alignment import align
from refine_app.diffs.errors import (
    AnswerTooLong,
    CutOffAnswer,
    DiffDoesNotApply,
    ElidedAnswer,
    EmptyAnswer,
    RefusedAnswer,
)
from refine_app.diffs.fences import Fence, read_fences, without_thoughts
from refine_app.diffs.lines import line_ending, number_lines, split_lines

MAX_ANSWER = 4_000_000
MAX_SUMMARY = 2_000
DIFF_INFO = ("diff", "patch", "udiff")
BYTE_ORDER_MARK = "\ufeff"

_DIFF_START = re.compile(r"^(diff --git |--- .*\n\+\+\+ |@@ -\d+)", re.MULTILINE)
_HUNK_HEADER = re.compile(r"^@@ -(\d+)(?:,\d+)? \+(\d+)(?:,\d+)? @@(.*)$")
_ELISION = re.compile(
    r"^\s*+(#|//|/\*|<!--|--)?\s*+(\.\.\.|…)\s*"
    r"(\(?(the )?(rest|remaining|existing|previous|unchanged|other|same|omitted|more)\b.*)"
    r"|^\s*+(#|//|/\*|<!--|--)\s*+\(?(the )?(rest|remainder) of (the|your) (code|file|class|function)\b.*"
    r"|^\s*+(#|//|/\*|<!--|--)\s*+\(?(existing|unchanged|same) code\b.*",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a model's answer comes to."""

    new_text: str
    summary: str
    form: Literal["fence", "whole", "diff"]


def parse_answer(answer: str, *, base: str, languages: Sequence[str] = (), cut_off: bool = False) -> Answer:
    """The new text, in the base's own manner of ending lines. Raises an AnswerError that says what is wrong.

    languages: names by which the code's language goes, best first; cut_off: the model stopped at its token limit.
    """
    if len(answer) > MAX_ANSWER:
        raise AnswerTooLong(f"The answer has {len(answer)} characters; at most {MAX_ANSWER} are read.", answer)
    text = without_thoughts(clean(answer)).strip("\n")
    if not text.strip():
        raise EmptyAnswer("The answer is empty; give the whole new text in one fenced block.", answer)
    fences = read_fences(text)
    chosen = _choose(fences, languages)
    if chosen is None:
        return _without_fence(text, base, cut_off)
    if not chosen.closed:
        raise CutOffAnswer("The answer ends in the middle of its code block; give all of it, or a diff.", answer)
    summary = _summary(text, fences)
    if _is_diff(chosen):
        return Answer(apply_diff(chosen.code, base), summary, "diff")
    _refuse_elisions(chosen.code, base, answer)
    return Answer(conform(chosen.code, base), summary, "fence")


def clean(text: str) -> str:
    """Without what no database and no editor takes: NUL and lone surrogates."""
    if text.isascii() and "\0" not in text:
        return text
    return text.replace("\0", "").encode("utf-8", "ignore").decode("utf-8")


def conform(new: str, base: str) -> str:
    """A model's text with the base's byte order mark, line endings and way of ending the file.

    Models give line feeds only; without this every line of a file with CRLF would show as changed.
    """
    new = new.removeprefix(BYTE_ORDER_MARK)
    mark = BYTE_ORDER_MARK if base.startswith(BYTE_ORDER_MARK) else ""
    base_lines, new_lines = split_lines(base.removeprefix(BYTE_ORDER_MARK)), split_lines(new)
    if not new_lines:
        return mark
    ends_open = bool(base_lines) and not base_lines[-1].endswith("\n")
    if any(line.endswith("\r\n") for line in base_lines):
        new_lines = _with_endings_of(base_lines, new_lines)
    elif base_lines:
        new_lines = [line[:-2] + "\n" if line.endswith("\r\n") else line for line in new_lines]
    last = new_lines[-1].removesuffix("\n").removesuffix("\r")
    new_lines[-1] = last if ends_open else last + line_ending(base_lines)
    return mark + "".join(new_lines)


def apply_diff(diff: str, base: str) -> str:
    """Base after a model's unified diff. Raises DiffDoesNotApply."""
    patch = _parse_diff(diff)
    if len(patch) != 1:
        raise DiffDoesNotApply(f"The diff changes {len(patch)} files; it may change exactly one.", diff)
    lines = [line.removesuffix("\n").removesuffix("\r") for line in split_lines(base.removeprefix(BYTE_ORDER_MARK))]
    result: list[str] = []
    at = 0
    for hunk in patch[0]:
        old = [line.value.rstrip("\r\n") for line in hunk if line.is_context or line.is_removed]
        new = [line.value.rstrip("\r\n") for line in hunk if line.is_context or line.is_added]
        start = _locate(old, lines, at, hunk.source_start - 1 if hunk.source_length else hunk.source_start)
        if start is None:
            raise DiffDoesNotApply(
                f"The hunk @@ -{hunk.source_start},{hunk.source_length} @@ does not apply: the file does not have its "
                f"context and removed lines, from {old[0] if old else ''!r} on, in this order; copy them exactly.",
                diff,
            )
        result += lines[at:start] + new
        at = start + len(old)
    result += lines[at:]
    return conform("".join(line + "\n" for line in result), base)


def _choose(fences: Sequence[Fence], languages: Sequence[str]) -> Fence | None:
    """A block in the code's own language before a diff before any other; the longest of equals."""
    if not fences:
        return None

    def rank(fence: Fence) -> tuple[int, int]:
        info = fence.info.lower()
        fits = 2 if info in languages else 1 if info in DIFF_INFO or not info else 0
        return fits, len(fence.code)

    return max(fences, key=rank)


def _without_fence(text: str, base: str, cut_off: bool) -> Answer:
    """An answer that is nothing but a diff or a file. Prose is not taken for code."""
    if _DIFF_START.match(text):
        return Answer(apply_diff(text, base), "", "diff")
    if cut_off:
        raise CutOffAnswer("The answer was cut off at its token limit before any code came.", text)
    if not _looks_like(text, base):
        raise RefusedAnswer("The answer has no fenced code block; give the whole new text in one fenced block.", text)
    _refuse_elisions(text, base, text)
    return Answer(conform(text, base), "", "whole")


def _looks_like(text: str, base: str) -> bool:
    """Whether a bare text is the file again: it keeps at least a third of the base's longer lines."""
    lines = {line.strip() for line in base.split("\n") if len(line.strip()) > 3}
    kept = lines.intersection(line.strip() for line in text.split("\n"))
    return bool(lines) and len(kept) * 3 >= len(lines)


def _is_diff(fence: Fence) -> bool:
    return fence.info.lower() in DIFF_INFO or (not fence.info and _DIFF_START.match(fence.code) is not None)


def _refuse_elisions(code: str, base: str, answer: str) -> None:
    """A remark such as "... rest unchanged" in place of lines would delete those lines."""
    for line in code.split("\n"):
        if len(line) < 200 and _ELISION.match(line) and line not in base:
            raise ElidedAnswer(f"The answer leaves lines out at {line.strip()!r}; write every line.", answer)


def _summary(text: str, fences: Sequence[Fence]) -> str:
    """The words around the blocks."""
    lines = text.split("\n")
    inside = {at for fence in fences for at in range(fence.first_line, fence.last_line + 1)}
    words = "\n".join(line for at, line in enumerate(lines) if at not in inside).strip()
    return words if len(words) <= MAX_SUMMARY else words[:MAX_SUMMARY] + "…"


def _parse_diff(diff: str) -> PatchSet:
    try:
        return PatchSet(StringIO(_recounted(diff)))
    except UnidiffParseError as error:
        raise DiffDoesNotApply(f"The diff is malformed: {error}.", diff) from error


def _recounted(diff: str) -> str:
    """The diff with the counts in its hunk headers made true (models miscount), and with file names if it has none."""
    out: list[str] = []
    header: tuple[int, re.Match[str]] | None = None
    old = new = 0
    lines = diff.rstrip("\n").split("\n")

    def close() -> None:
        if header is not None:
            at, match = header
            out[at] = f"@@ -{match[1]},{old} +{match[2]},{new} @@{match[3]}\n"

    for index, line in enumerate(lines):
        match = _HUNK_HEADER.match(line.rstrip("\r"))
        starts_file = line.startswith(("diff --git ", "--- ")) and any(
            following.startswith("+++ ") for following in lines[index + 1 : index + 4]
        )
        if match is not None or starts_file:
            close()
            header = None
            old = new = 0
        if match is not None:
            if not any(done.startswith("+++ ") for done in out):
                out += ["--- a/document\n", "+++ b/document\n"]
            header = (len(out), match)
        elif header is not None:
            line = line if line[:1] in ("+", "-", " ", "\\") else " " + line
            old += line[0] in " -"
            new += line[0] in " +"
        out.append(line + "\n")
    close()
    return "".join(out)


def _locate(wanted: Sequence[str], lines: Sequence[str], at: int, claimed: int) -> int | None:
    """Where the wanted lines are, from at on: where the diff says, or else the only or nearest place."""
    if not wanted:
        return claimed if at <= claimed <= len(lines) else None
    last = len(lines) - len(wanted)
    places = [i for i in range(at, last + 1) if lines[i] == wanted[0] and list(lines[i : i + len(wanted)]) == wanted]
    if not places:
        return None
    return min(places, key=lambda place: abs(place - claimed))


def _with_endings_of(base: Sequence[str], new: Sequence[str]) -> list[str]:
    """Lines that the base has keep its ending; others take the one that most of its lines have."""
    bare_base = [line.removesuffix("\n").removesuffix("\r") for line in base]
    bare_new = [line.removesuffix("\n").removesuffix("\r") for line in new]
    ending = line_ending(base)
    result = [line + ending for line in bare_new]
    for match in align(*number_lines(bare_base, bare_new)):
        for k in range(match.length):
            kept = base[match.old + k]
            if kept.endswith("\n"):
                result[match.new + k] = kept
    return result
