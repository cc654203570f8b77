"""The smallest sensible edits that turn one text into another, so that cursors and other people's typing stay in place.

First what is the same at both ends is left out, then lines are compared, then the ends of each changed block again.
No edit begins or ends inside a pair of carriage return and line feed: a half that comes alone could be parted from the
other by what somebody types there at the same time.
"""

import difflib
from dataclasses import dataclass

COMPARED = 4_000_000
"""Up to this product of line counts lines are compared; beyond it the changed middle is replaced as one."""


@dataclass(frozen=True, slots=True)
class Edit:
    """At an offset, in bytes of UTF-8: so many bytes go, and a text comes."""

    at: int
    removed: int
    inserted: str


def between(old: str, new: str) -> list[Edit]:
    """The edits from one text to another, in order; their offsets are those of the old text."""
    edits: list[Edit] = []
    start, old_end, new_end = _trimmed(old, new)
    at = len(old[:start].encode())
    old_lines = old[start:old_end].splitlines(keepends=True)
    new_lines = new[start:new_end].splitlines(keepends=True)
    if len(old_lines) * len(new_lines) > COMPARED:
        opcodes = [("replace", 0, len(old_lines), 0, len(new_lines))]
    else:
        matcher = difflib.SequenceMatcher(None, old_lines, new_lines, autojunk=False)
        opcodes = list(matcher.get_opcodes())
    for tag, i, j, k, m in opcodes:
        before = "".join(old_lines[i:j])
        if tag != "equal":
            edits += _block(before, "".join(new_lines[k:m]), at)
        at += len(before.encode())
    return edits


def _block(old: str, new: str, at: int) -> list[Edit]:
    start, old_end, new_end = _trimmed(old, new)
    removed, inserted = old[start:old_end], new[start:new_end]
    if not removed and not inserted:
        return []
    return [Edit(at=at + len(old[:start].encode()), removed=len(removed.encode()), inserted=inserted)]


def _trimmed(old: str, new: str) -> tuple[int, int, int]:
    """Where the difference starts in both, and where it ends in each, never inside a pair."""
    start = _common(old, new)
    if _splits_pair(old, start) or _splits_pair(new, start):
        start -= 1
    end = _common(old[: start - 1 if start else None : -1], new[: start - 1 if start else None : -1])
    if _splits_pair(old, len(old) - end) or _splits_pair(new, len(new) - end):
        end -= 1
    return start, len(old) - end, len(new) - end


def _splits_pair(text: str, at: int) -> bool:
    return text[max(0, at - 1) : at + 1] == "\r\n"


def _common(one: str, other: str) -> int:
    """How many characters two texts have in common at their beginning, by bisection over whole comparisons."""
    shorter = min(len(one), len(other))
    if one[:shorter] == other[:shorter]:
        return shorter
    low, high = 0, shorter
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low
