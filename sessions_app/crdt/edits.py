"""The smallest sensible edits that turn one text into another, so that cursors and other people's typing stay in place.

First what is the same at both ends is left out, then lines are compared whatever their ends, then the ends of each
changed block again. A line's end is an edit of its own: what somebody types meanwhile stays on its line. No edit begins
or ends inside a pair of carriage return and line feed: a half that comes alone could be parted from the other.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from sessions_app.bounded_matcher import BoundedMatcher

COMPARED = 4_000_000
"""Up to this product of line counts lines are compared; beyond it the changed middle is replaced as one."""

EDITS = 2_000
"""Where there are more, neighbours become one: a document takes a time for each that grows with its length."""

LINE_ENDS = ("\n", "\r")


@dataclass(frozen=True, slots=True)
class Edit:
    """At an offset, in bytes of UTF-8: so many bytes go, and a text comes."""

    at: int
    removed: int
    inserted: str


@dataclass(frozen=True, slots=True)
class _Span:
    """What differs: from where to where in the old text, and in the new one."""

    old_start: int
    old_end: int
    new_start: int
    new_end: int


def between(old: str, new: str) -> list[Edit]:
    """The edits from one text to another, in order; their offsets are those of the old text."""
    edits: list[Edit] = []
    at = done = 0
    for span in _few(list(_differences(old, new))):
        at += len(old[done : span.old_start].encode())
        removed = len(old[span.old_start : span.old_end].encode())
        edits.append(Edit(at=at, removed=removed, inserted=new[span.new_start : span.new_end]))
        at += removed
        done = span.old_end
    return edits


def _few(spans: list[_Span]) -> list[_Span]:
    size = -(-len(spans) // EDITS) or 1
    groups = [spans[at : at + size] for at in range(0, len(spans), size)]
    return [_Span(each[0].old_start, each[-1].old_end, each[0].new_start, each[-1].new_end) for each in groups]


def _differences(old: str, new: str) -> Iterator[_Span]:
    start, old_end, new_end = _trimmed(old, new)
    old_lines = old[start:old_end].splitlines(keepends=True)
    new_lines = new[start:new_end].splitlines(keepends=True)
    old_at = new_at = start
    bare_old, bare_new = _bare(old[start:old_end], old_lines), _bare(new[start:new_end], new_lines)
    for tag, i, j, k, m in _opcodes(bare_old, bare_new):
        if tag == "equal" or (tag == "replace" and j - i == m - k):
            for was, is_now in zip(old_lines[i:j], new_lines[k:m], strict=True):
                if was != is_now:
                    yield from _in_line(was, is_now, old_at, new_at)
                old_at += len(was)
                new_at += len(is_now)
        else:
            was, is_now = "".join(old_lines[i:j]), "".join(new_lines[k:m])
            yield from _in_block(was, is_now, old_at, new_at)
            old_at += len(was)
            new_at += len(is_now)


def _opcodes(old: list[str], new: list[str]) -> Iterable[tuple[str, int, int, int, int]]:
    """As difflib's, for lines; what is the same at both ends costs no comparison of all with all."""
    start = _common_lines(old, new)
    end = _common_lines(old[start:][::-1], new[start:][::-1])
    old_end, new_end = len(old) - end, len(new) - end
    if start:
        yield "equal", 0, start, 0, start
    if (old_end - start) * (new_end - start) > COMPARED:
        yield "change", start, old_end, start, new_end
    else:
        matcher = BoundedMatcher(old[start:old_end], new[start:new_end])
        for tag, i, j, k, m in matcher.get_opcodes():
            yield tag, start + i, start + j, start + k, start + m
    if end:
        yield "equal", old_end, len(old), new_end, len(new)


def _common_lines(one: list[str], other: list[str]) -> int:
    return next((n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


def _line_end(line: str) -> str:
    if line.endswith("\r\n"):
        return "\r\n"
    return line[-1:] if line[-1:] in LINE_ENDS else ""


def _bare(text: str, lines: list[str]) -> list[str]:
    """The lines as they are compared, whatever their ends are; all at once, for a text may have a million."""
    return text.replace("\r\n", "\n").replace("\r", "\n").splitlines(keepends=True) if "\r" in text else lines


def _in_line(old: str, new: str, old_at: int, new_at: int) -> Iterator[_Span]:
    old_end, new_end = _line_end(old), _line_end(new)
    old_text, new_text = old.removesuffix(old_end), new.removesuffix(new_end)
    if old_text != new_text:
        yield from _in_block(old_text, new_text, old_at, new_at)
    if old_end != new_end:
        old_at, new_at = old_at + len(old), new_at + len(new)
        yield _Span(old_at - len(old_end), old_at, new_at - len(new_end), new_at)


def _in_block(old: str, new: str, old_at: int, new_at: int) -> Iterator[_Span]:
    start, old_end, new_end = _trimmed(old, new)
    if start < old_end or start < new_end:
        yield _Span(old_at + start, old_at + old_end, new_at + start, new_at + new_end)


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
