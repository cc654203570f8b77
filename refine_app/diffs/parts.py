"""Putting the parts of a text that a model gave, such as one changed function, into the text, by what they define.

A part is merged only where its place is certain; everything else is asked for again.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from refine_app.diffs.errors import AmbiguousAnswer
from refine_app.diffs.outline import BY_CONTENT, PLACEHOLDER, Definition, Outline
from refine_app.diffs.shortened import is_cut_short, is_like, without_blank_end

_IMPORT = re.compile(
    r"^\s*(import\b|from\b.{1,200}\bimport\b|use\b|#include\b|package\b|using\b|const .{1,200}require\()"
)
_COMMENT = re.compile(r"^\s*(#(?!include)|//|/\*|\*|--|<!--|\"\"\"|''')")


@dataclass(frozen=True, slots=True)
class Block:
    """A text that a model gave, and what it defines."""

    text: str
    outline: Outline
    elided: frozenset[int] = frozenset()
    """Lines in whose place it had remarks on what it leaves out."""

    @property
    def lines(self) -> list[str]:
        return self.text.split("\n")[:-1] if self.text.endswith("\n") else self.text.split("\n")

    @property
    def top(self) -> list[Definition]:
        return [one for one in self.outline if one.depth == 0]


@dataclass(frozen=True, slots=True)
class _Place:
    """Lines of the base, from start to before end, that get other lines."""

    start: int
    end: int
    lines: Sequence[str]


def is_part(block: Block, base: Block) -> bool:
    """Whether a block is nothing but definitions, some of which the base has, and imports."""
    if not block.top or not {one.simple_name for one in base.outline} & {one.simple_name for one in block.top}:
        return False
    covered = {line for one in block.top for line in range(one.start, one.end)}
    return all(
        number in covered or not line.strip() or _IMPORT.match(line) or _COMMENT.match(line)
        for number, line in enumerate(block.lines)
    )


def merge_parts(blocks: Sequence[Block], base: Block, answer: str) -> str:
    """The base with each part's definitions in place of its own. Raises AmbiguousAnswer where that is not certain."""
    lines = base.lines
    places: list[_Place] = []
    for block in blocks:
        _refuse_stray_ends(block, base, answer)
        places += _places_of(block, base, answer)
    by_start: dict[tuple[int, int], _Place] = {}
    for place in places:
        before = by_start.get((place.start, place.end))
        if before is not None and place.start < place.end:
            unchanged = lines[place.start : place.end]
            # "Before" and "After" of one definition: the one that is as it was says nothing.
            if list(place.lines) == unchanged:
                continue
            if list(before.lines) != unchanged and list(before.lines) != list(place.lines):
                raise AmbiguousAnswer(
                    f"The answer gives the definition at line {place.start + 1} more than once; give the whole "
                    "new text in one fenced block.",
                    answer,
                )
        by_start[place.start, place.end] = place
    for place in sorted(by_start.values(), key=lambda one: (one.start, one.end), reverse=True):
        lines[place.start : place.end] = place.lines
    return "".join(f"{line}\n" for line in lines)


def _refuse_stray_ends(block: Block, base: Block, answer: str) -> None:
    """New lines at the end of a definition behind which the block skips one stand for what it skips."""
    order = [one.simple_name for one in base.top]
    for at, one in enumerate(block.top):
        if order.count(one.simple_name) != 1 or order.index(one.simple_name) + 1 == len(order):
            continue
        next_one = order[order.index(one.simple_name) + 1]
        given = block.top[at + 1].simple_name if at + 1 < len(block.top) else ""
        # A part that ends may end with something new; a text that goes on, or that began with the base, left lines out.
        if given == next_one or not (given or (at and block.top[0].simple_name == order[0])):
            continue
        behind = block.top[at + 1].start if at + 1 < len(block.top) else len(block.lines)
        if any(one.end <= number < behind for number in block.elided):
            continue
        old = base.top[order.index(one.simple_name)]
        last = without_blank_end(_lines_of(one, block))[-1]
        if not any(is_like(line, last) for line in base.lines[old.start : old.end]):
            raise AmbiguousAnswer(
                f"The answer leaves {next_one!r} out and has {last.strip()[:80]!r} in its place; give the whole "
                "new text in one fenced block.",
                answer,
            )


def _places_of(block: Block, base: Block, answer: str) -> list[_Place]:
    places: list[_Place] = []
    known = {line.strip() for line in base.lines}
    if fresh := [line for line in _outside(block) if _IMPORT.match(line) and line.strip() not in known]:
        places.append(_for_imports(fresh, base, answer))
    last: Definition | None = None
    for one in block.top:
        found = [other for other in base.outline if other.simple_name == one.simple_name]
        if len(found) == 1:
            places += _replaced(one, found[0], block, base, answer)
            last = found[0]
        elif found:
            raise AmbiguousAnswer(
                f"{one.name!r} is defined {len(found)} times in the document, and the answer gives one of them; give "
                "the whole new text in one fenced block.",
                answer,
            )
        else:
            is_begun = any(other.simple_name.startswith(one.simple_name) for other in base.outline)
            if last is None or last.depth or one.kind in BY_CONTENT or (is_begun and one is block.top[-1]):
                raise AmbiguousAnswer(
                    f"The answer gives {one.name!r}, which the document does not have, without saying where it "
                    "belongs; give the whole new text in one fenced block.",
                    answer,
                )
            added = ["", "", *_lines_of(one, block)] if "." not in one.name else ["", *_lines_of(one, block)]
            places.append(_Place(last.end, last.end, added))
    return places


def _replaced(one: Definition, other: Definition, block: Block, base: Block, answer: str) -> list[_Place]:
    """A definition of the block in the place of the base's; of a class that is given in part, its members' alone."""
    members = [it for it in base.outline if other.start <= it.start < other.end and it.depth == other.depth + 1]
    given = {it.simple_name for it in block.outline if one.start <= it.start < one.end and it.depth == one.depth + 1}
    lost = [it for it in members if it.simple_name not in given]
    if not lost and not any(one.start <= number < one.end for number in block.elided):
        return [_in_place_of(other, one, block, base, answer)]
    if not given:
        raise AmbiguousAnswer(
            f"The answer gives {one.name!r} without {', '.join(repr(it.simple_name) for it in lost[:5])}; give "
            "the whole new text in one fenced block.",
            answer,
        )
    _refuse_other_lines(one, other, block, base, answer)
    places: list[_Place] = []
    for it in (it for it in block.outline if one.start <= it.start < one.end and it.depth == one.depth + 1):
        found = [member for member in members if member.simple_name == it.simple_name]
        if len(found) != 1:
            raise AmbiguousAnswer(
                f"The answer gives a part of {one.name!r}, and it is not certain where {it.simple_name!r} belongs; "
                "give the whole new text in one fenced block.",
                answer,
            )
        places += _replaced(it, found[0], block, base, answer)
    return places


def _refuse_other_lines(one: Definition, other: Definition, block: Block, base: Block, answer: str) -> None:
    """Lines of a class that is given in part that are no member's have no certain place, unless the base has them."""
    covered = {
        line
        for it in block.outline
        if one.start <= it.start and it.depth > one.depth
        for line in range(it.start, it.end)
    }
    known = {line.strip() for line in base.lines[other.start : other.end]}
    for number in range(one.start, one.end):
        line = block.lines[number].strip()
        if number not in covered and line and line not in known and not PLACEHOLDER.match(line):
            raise AmbiguousAnswer(
                f"The answer gives a part of {one.name!r}, and it is not certain where {line[:80]!r} belongs; give the "
                "whole new text in one fenced block.",
                answer,
            )


def _in_place_of(old: Definition, new: Definition, block: Block, base: Block, answer: str) -> _Place:
    """A definition's lines for its old ones. The blank lines below it are the base's."""
    before = without_blank_end(base.lines[old.start : old.end])
    lines = without_blank_end(_indented(_lines_of(new, block), _indent(base.lines[old.start])))
    # Where a definition ends with the next one, remarks on what was left out stand in it.
    while lines and lines[-1] not in before and _is_remark(lines[-1]):
        lines = without_blank_end(lines[:-1])
    if is_cut_short(before, lines):
        raise AmbiguousAnswer(
            f"The answer gives {new.name!r} without its end, from {before[-1].strip()[:80]!r} on; give the whole new "
            "text in one fenced block.",
            answer,
        )
    return _Place(old.start, old.start + len(before), lines)


def _is_remark(line: str) -> bool:
    """Whether a line is a comment and no item of a list."""
    return PLACEHOLDER.match(line) is not None and not line.lstrip().startswith("* ")


def _outside(block: Block) -> list[str]:
    covered = {line for one in block.top for line in range(one.start, one.end)}
    return [line for number, line in enumerate(block.lines) if number not in covered]


def _for_imports(fresh: Sequence[str], base: Block, answer: str) -> _Place:
    """New imports go below the base's last one at its top."""
    last = -1
    first_definition = min((one.start for one in base.top if one.kind not in ("variable", "constant")), default=0)
    for number, line in enumerate(base.lines[: first_definition or len(base.lines)]):
        if _IMPORT.match(line) and not line.startswith((" ", "\t")):
            last = number
    if last < 0 or base.lines[last].rstrip().endswith(("(", "{", ",", "\\")):
        raise AmbiguousAnswer(
            f"The answer imports {fresh[0].strip()!r} and gives a part of the text; give the whole new text in one "
            "fenced block.",
            answer,
        )
    return _Place(last + 1, last + 1, list(fresh))


def _lines_of(definition: Definition, block: Block) -> list[str]:
    return block.lines[definition.start : definition.end]


def _indent(line: str) -> str:
    return line[: len(line) - len(line.lstrip())]


def _indented(lines: Sequence[str], indent: str) -> list[str]:
    """The lines with the first one at this indentation, and the others as far from it as they were."""
    own = _indent(lines[0]) if lines else ""
    if own == indent:
        return list(lines)
    return [indent + line.removeprefix(own) if line.strip() else line for line in lines]
