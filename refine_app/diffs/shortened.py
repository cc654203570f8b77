"""Lines that a new text takes away and writes nothing in the place of: how an answer that was cut off shows.

Definitions tell of most that is lost (outline); this tells of the rest: the end of a text or of a part, and whole
stretches of texts that define nothing.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from refine_app.diffs.alignment import Match, align
from refine_app.diffs.lines import number_lines
from refine_app.diffs.outline import END, LINE_END, LINES, PLACEHOLDER, Loss

STRETCH = 3
"""So many lines in a row are not taken out by the way."""
SHOWN = 80
_SAYS_NOTHING = re.compile(r"(?:return(?: None| undefined)?|pass|break|continue)? ?;?")
_WORD = re.compile(r"\w")


@dataclass(frozen=True, slots=True)
class _Taken:
    line: int
    """The first one that is gone, from 0."""
    lines: Sequence[str]
    is_end: bool


def lost_lines(old: str, new: str, *, is_outlined: bool) -> list[Loss]:
    """The end of a text that is gone; of one without definitions by grammar, also each long stretch."""
    old_lines, new_lines = without_blank_end(old.split("\n")), without_blank_end(new.split("\n"))
    found = []
    for taken in _taken(old_lines, new_lines):
        if taken.is_end:
            found.append(Loss(taken.lines[0].strip()[:SHOWN], END, taken.line + 1))
        elif not is_outlined and len(taken.lines) >= STRETCH:
            found.append(Loss(taken.lines[0].strip()[:SHOWN], LINES, taken.line + 1))
    if not is_outlined and not found and new_lines and _is_begun(new_lines[-1], old_lines[-1:]):
        found.append(Loss(old_lines[-1].strip()[:SHOWN], LINE_END, len(old_lines)))
    return found


def is_cut_short(old: Sequence[str], new: Sequence[str]) -> bool:
    """Whether a part ends before its old text does, with nothing in the place of what is gone."""
    old, new = without_blank_end(old), without_blank_end(new)
    if any(taken.is_end for taken in _taken(old, new)):
        return True
    return bool(new) and new[-1] not in old and _is_begun(new[-1], old[:-1])


def without_blank_end(lines: Sequence[str]) -> list[str]:
    """The lines up to the last one that is not blank."""
    kept = list(lines)
    while kept and not kept[-1].strip():
        kept.pop()
    return kept


def _is_begun(line: str, lines: Sequence[str]) -> bool:
    """Whether a line is the beginning of one of these, and not one of them."""
    bare = line.strip()
    return bool(bare) and any(one.strip().startswith(bare) and one.strip() != bare for one in lines)


def _taken(old: Sequence[str], new: Sequence[str]) -> Iterator[_Taken]:
    """Stretches that are gone: not moved, not replaced by other lines of code, and not only remarks."""
    left = Counter(line.strip() for line in new)
    left.subtract(line.strip() for line in old)
    at_old = at_new = 0
    for match in [*align(*number_lines(old, new)), Match(len(old), len(new), 0)]:
        removed, added = range(at_old, match.old), new[at_new : match.new]
        at_old, at_new = match.old + match.length, match.new + match.length
        if any(line.strip() and not PLACEHOLDER.match(line) for line in added):
            continue
        is_end = removed.stop == len(old) and bool(new) and old[-1].strip() != new[-1].strip()
        gone = [
            number
            for number in removed
            if _is_code(old[number]) and (is_end or _WORD.search(old[number])) and left[old[number].strip()] < 0
        ]
        if gone:
            yield _Taken(gone[0], [old[number] for number in gone], is_end)


def _is_code(line: str) -> bool:
    return not _SAYS_NOTHING.fullmatch(line.strip()) and not PLACEHOLDER.match(line)
