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
from refine_app.diffs.outline import END, LINE_END, LINES, PLACEHOLDER, Loss, are_alike

STRETCH = 3
"""So many lines in a row are not taken out by the way."""
SHOWN = 80
_SAYS_NOTHING = re.compile(r"(?:return(?: None| undefined)?|pass|break|continue)? ?;?")
_WORD = re.compile(r"\w")
_WORDS = re.compile(r"\w+")
MAX_COMPARED = 20_000
"""Pairs of lines that are compared, in all changes of a text; behind them, a change with code in it is taken as one."""


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
    if not found and new_lines and new_lines[-1] not in old_lines:
        begun = [at for at, line in enumerate(old_lines) if _is_begun(new_lines[-1], [line])]
        # Where a parser looks at the text, a last line that was shortened is its matter; lines behind it are not.
        begun = [at for at in begun if not is_outlined or at + 1 < len(old_lines)]
        if begun and old_lines[-1].strip() != new_lines[-1].strip():
            kind = LINE_END if begun[-1] + 1 == len(old_lines) else END
            found.append(Loss(old_lines[begun[-1]].strip()[:SHOWN], kind, begun[-1] + 1))
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
    budget = MAX_COMPARED
    at_old = at_new = 0
    for match in [*align(*number_lines(old, new)), Match(len(old), len(new), 0)]:
        removed, added = range(at_old, match.old), new[at_new : match.new]
        at_old, at_new = match.old + match.length, match.new + match.length
        code = [line for line in added if line.strip() and not PLACEHOLDER.match(line)]
        budget -= len(code) * len(removed)
        if code and budget < 0:
            continue
        known = set(_WORDS.findall("\n".join(code)))
        for part in _unanswered(removed, code, old):
            is_end = part.stop == len(old) and bool(new) and old[-1].strip() != new[-1].strip()
            gone = [
                number
                for number in part
                if _is_code(old[number])
                and (is_end or _WORD.search(old[number]))
                and left[old[number].strip()] < 0
                and not (known and known.issuperset(_WORDS.findall(old[number])))
            ]
            if gone:
                yield _Taken(gone[0], [old[number] for number in gone], is_end)


def _unanswered(removed: range, code: Sequence[str], old: Sequence[str]) -> Iterator[range]:
    """The parts of a change that take lines away and write no code for them.

    A line that was changed parts it in two: what goes with it, above or below, may have nothing in its place.
    """
    if not code:
        yield removed
        return
    at, is_answered = removed.start, False
    for line in code:
        twin = next((number for number in range(at, removed.stop) if is_like(old[number], line)), None)
        if twin is None:
            is_answered = True
            continue
        if not is_answered:
            yield range(at, twin)
        at, is_answered = twin + 1, False
    if at > removed.start and not is_answered:
        yield range(at, removed.stop)


def is_like(one: str, other: str) -> bool:
    """Whether two lines are one before and after a change."""
    one, other = one.strip()[:SHOWN], other.strip()[:SHOWN]
    if one and other and (one.startswith(other) or other.startswith(one)):
        return True
    return are_alike(one, other)


def _is_code(line: str) -> bool:
    return not _SAYS_NOTHING.fullmatch(line.strip()) and not PLACEHOLDER.match(line)
