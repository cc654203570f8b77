"""Each vertex of a column to the place in it where the fewest edges cross, the others staying as they are.

It leads further than neighbours that change places: a vertex passes others that it crosses with as often either way.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence

ROUNDS = 6
WORK = 400_000
"""Pairs of vertices that are compared, in all: beyond these columns stay as they are."""

Near = Sequence[Sequence[int]]
Joined = tuple[list[int], list[int]]
"""The places of the neighbours of a vertex, in the column before it and in the one after."""


def sift(rows: list[list[int]], before: Near, after: Near, place: list[int]) -> None:
    """Sifts all columns in place, those beside a changed one again while that helps."""
    waiting = set(range(len(rows)))
    left = WORK
    for _ in range(ROUNDS):
        changed = set()
        for index in sorted(waiting):
            left -= len(rows[index]) ** 2
            if left < 0:
                return
            if _sift_row(rows[index], before, after, place):
                changed.add(index)
        if not changed:
            return
        waiting = {near for index in changed for near in (index - 1, index, index + 1) if 0 <= near < len(rows)}


def shake(rows: list[list[int]], before: Near, after: Near, place: list[int]) -> None:
    """Each vertex to the farthest place below that is as good as its own: from there sifting may find a better one."""
    if sum(len(row) ** 2 for row in rows) <= WORK:
        for row in reversed(rows):
            _sift_row(row, before, after, place, least=0)


def _sift_row(row: list[int], before: Near, after: Near, place: list[int], *, least: int = 1) -> bool:
    """Sifts the vertices of a column; those that win fewer crossings than the least by it stay."""
    gains = _gains([ends(vertex, before, after, place) for vertex in row])
    order = list(range(len(row)))
    changed = False
    for vertex, own in enumerate(gains):
        at = order.index(vertex)
        best, target, total = least - 1, at, 0
        for below in range(at + 1, len(order)):
            total += own[order[below]]
            if total > best or total == best == 0 == least:
                best, target = total, below
        total = 0
        for above in range(at - 1, -1, -1):
            total -= own[order[above]]
            if total > max(best, 0):
                best, target = total, above
        if target != at:
            order.insert(target, order.pop(at))
            changed = True
    if changed:
        row[:] = [row[at] for at in order]
        for at, vertex in enumerate(row):
            place[vertex] = at
    return changed


def _gains(joined: Sequence[Joined]) -> list[list[int]]:
    """For each pair how many crossings fewer there are when the second stands above the first."""
    count = len(joined)
    gains = [[0] * count for _ in range(count)]
    for upper, own in enumerate(joined):
        for lower in range(upper + 1, count):
            found = gain(own, joined[lower])
            if found:
                gains[upper][lower], gains[lower][upper] = found, -found
    return gains


def ends(vertex: int, before: Near, after: Near, place: Sequence[int]) -> Joined:
    """Where the neighbours of a vertex stand, from top to bottom."""
    one, other = before[vertex], after[vertex]
    return (
        [place[one[0]]] if len(one) == 1 else sorted([place[near] for near in one]),
        [place[other[0]]] if len(other) == 1 else sorted([place[near] for near in other]),
    )


def gain(upper: Joined, lower: Joined) -> int:
    """How many crossings fewer there are when the lower of two vertices goes above the upper."""
    total = 0
    for side in (0, 1):
        above, below = upper[side], lower[side]
        if not above or not below:
            continue
        if above[-1] < below[0]:
            total -= len(above) * len(below)
        elif below[-1] < above[0]:
            total += len(above) * len(below)
        elif len(above) > 1 or len(below) > 1:
            for one in above:
                total += bisect_left(below, one) - (len(below) - bisect_right(below, one))
    return total
