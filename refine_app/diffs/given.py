"""A diff that somebody else made: read, and checked against the two texts without making it again.

It takes time in proportion to the texts: nothing is aligned.
"""

from collections.abc import Mapping
from typing import Any

from refine_app.diffs.errors import GivenDiffWrong, HunkMismatch
from refine_app.diffs.lines import split_lines
from refine_app.diffs.merge import segments
from refine_app.diffs.unified import NO_NEWLINE, Diff, Hunk

NUMBERS = ("n", "old_start", "old_lines", "new_start", "new_lines")
TEXTS = ("header", "text")
HEADER_LENGTH = 300


def given_diff(rows: Any, *, old: str, new: str, filename: str) -> Diff:
    """The diff that these hunks are, which turn old into new, and nothing else does. Raises GivenDiffWrong."""
    if not isinstance(rows, list) or not all(isinstance(row, Mapping) for row in rows):
        raise GivenDiffWrong("hunks must be a list of {n, header, old_start, old_lines, new_start, new_lines, text}")
    old_lines = split_lines(old)
    if len(rows) > len(old_lines) + 1:  # each has a line of the old text, but for the one of an empty text
        raise GivenDiffWrong(f"there are {len(rows)} hunks of a text of {len(old_lines)} lines")
    hunks = tuple(_hunk(row, n) for n, row in enumerate(rows, 1))
    try:
        result = _applied(old_lines, hunks)
    except HunkMismatch as error:
        raise GivenDiffWrong(str(error)) from error
    if result != new:
        raise GivenDiffWrong("its hunks make another text than its new one")
    return Diff(filename, hunks)


def _hunk(row: Mapping[str, Any], n: int) -> Hunk:
    numbers = {name: row.get(name) for name in NUMBERS}
    texts = {name: row.get(name) for name in TEXTS}
    if any(type(number) is not int or number < 0 for number in numbers.values()):
        raise GivenDiffWrong(f"hunk {n} must have {', '.join(NUMBERS)} as numbers")
    if not all(isinstance(text, str) for text in texts.values()):
        raise GivenDiffWrong(f"hunk {n} must have {' and '.join(TEXTS)} as text")
    hunk = Hunk(**numbers, **texts)  # type: ignore[arg-type]  # each was looked at
    header = f"@@ -{hunk.old_start},{hunk.old_lines} +{hunk.new_start},{hunk.new_lines} @@"
    marks = [line[:1] for line in split_lines(hunk.text) if line != NO_NEWLINE]
    counted = (sum(mark in " -" for mark in marks), sum(mark in " +" for mark in marks))
    if (
        hunk.n != n
        or hunk.text.startswith(NO_NEWLINE)
        or not hunk.header.startswith(header)
        or len(hunk.header) > HEADER_LENGTH
        or any(mark not in (" ", "-", "+") for mark in marks)
        or counted != (hunk.old_lines, hunk.new_lines)
    ):
        raise GivenDiffWrong(f"hunk {n} is not what its header {hunk.header!r:.80} says")
    return hunk


def _applied(old: list[str], hunks: tuple[Hunk, ...]) -> str:
    parts: list[str] = []
    at = count = 0
    for hunk in hunks:
        start = hunk.old_start - bool(hunk.old_lines)
        count += start - at
        if not at <= start <= len(old) or hunk.new_start != count + bool(hunk.new_lines):
            raise GivenDiffWrong(f"hunk {hunk.n} is not in its place")
        for segment in segments(hunk, old):
            parts += old[at : segment.start]
            parts += segment.lines
            at = segment.end
        end = start + hunk.old_lines
        parts += old[at:end]
        at = end
        count += hunk.new_lines
    return "".join([*parts, *old[at:]])
