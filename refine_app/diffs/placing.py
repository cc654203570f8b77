"""Finding the one place in a text that an edit is meant for; where several fit and nothing decides, none is taken."""

from collections.abc import Sequence

from refine_app.diffs.errors import DiffDoesNotApply

MAX_PLACES = 1_000


def places_of(wanted: Sequence[str], lines: Sequence[str], at: int = 0) -> list[int]:
    """Where the wanted lines stand in the text, from line `at` on, counted from 0."""
    if not wanted:
        return []
    first, size = wanted[0], len(wanted)
    found: list[int] = []
    for place in range(at, len(lines) - size + 1):
        if lines[place] == first and list(lines[place : place + size]) == list(wanted):
            found.append(place)
            if len(found) == MAX_PLACES:
                break
    return found


def place(
    wanted: Sequence[str],
    lines: Sequence[str],
    *,
    at: int = 0,
    claimed: int | None = None,
    section: str = "",
    edit: str,
    answer: str,
) -> int:
    """The line, from 0, at which the wanted lines stand. Raises DiffDoesNotApply: nowhere, or in several places.

    Of several, the one below the nearest line that `section` names is meant, else the one at the line that the edit
    claims. edit: what it is called in an error.
    """
    found = places_of(wanted, lines, at)
    if not found:
        raise DiffDoesNotApply(
            f"{edit} does not apply: the document does not have its context and removed lines, from "
            f"{wanted[0] if wanted else ''!r} on, in this order{' after the edit before it' if at else ''}; "
            "copy them exactly.",
            answer,
        )
    if len(found) > 1:
        found = _in_section(found, lines, section) or found
    if len(found) > 1 and claimed in found:
        found = [claimed]
    if len(found) > 1:
        numbers = ", ".join(str(one + 1) for one in found[:5])
        raise DiffDoesNotApply(
            f"{edit} fits in {len(found)} places, at the lines {numbers}; give more lines of context around it.", answer
        )
    return found[0]


def _in_section(found: Sequence[int], lines: Sequence[str], section: str) -> list[int]:
    """Those whose nearest line above of the section's kind is the section's own: the first below each such line."""
    below = {min((one for one in found if one >= head), default=-1) for head in heads_of(section, lines)}
    return sorted(below - {-1})


def heads_of(section: str, lines: Sequence[str]) -> list[int]:
    """The lines that a section names; one of several lines names a class, then a method of it, and so on."""
    heads: list[int] | None = None
    for wanted in filter(None, map(str.strip, section.split("\n"))):
        named = [number for number, line in enumerate(lines) if line.strip() == wanted] or [
            number for number, line in enumerate(lines) if wanted in line
        ]
        if heads is not None:
            named = sorted({min((one for one in named if one > head), default=-1) for head in heads} - {-1})
        heads = named
    return heads or []
