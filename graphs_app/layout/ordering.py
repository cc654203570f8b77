"""The order of the vertices in each column, so that few edges cross.

The first order is that of a walk through the graph. Then columns are swept forth and back: each is sorted by the
middle of its neighbours in the column before, and neighbours within it change places as long as that takes crossings
away (in every other pair of sweeps also where it makes no difference, which leads out of dead ends). The best order of
all sweeps stays. What is done depends on the drawing alone, never on time, so the same graph is always drawn the same.
"""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Sequence

from graphs_app.layout.layers import Columns

MOST_SWEEPS = 24
PATIENCE = 4
"""Sweeps without a better order before it is good enough."""
WORK = 160_000
"""Vertices visited by sweeps, in all: large drawings get fewer sweeps."""
SWITCHING_ROUNDS = 6

Rows = list[list[int]]


def put_in_order(columns: Columns) -> int:
    """Orders the rows of all columns in place; answers how many crossings are left."""
    rows, before, after = columns.rows, columns.before, columns.after
    rows[:] = _walked(columns)
    place = [0] * len(columns.sizes)
    _number(rows, place)
    best, fewest = [list(row) for row in rows], crossings(rows, after, place)
    sweeps = max(2, min(MOST_SWEEPS, WORK // max(1, len(place))))
    waited = 0
    for sweep in range(sweeps):
        if not fewest or waited > PATIENCE:
            break
        _sweep(rows, before, after, place, forth=sweep % 2 == 0)
        for row in rows:
            _switch_row(row, before, after, place, if_equal=sweep % 4 < 2)
        _switch(rows, before, after, place)
        found = crossings(rows, after, place)
        waited += 1
        if found < fewest:
            best, fewest, waited = [list(row) for row in rows], found, 0
    columns.rows[:] = best
    return fewest


def _walked(columns: Columns) -> Rows:
    """The rows in the order in which a walk along the edges, to either side, comes by."""
    rows: Rows = [[] for _ in columns.rows]
    seen = [False] * len(columns.sizes)
    beside: dict[int, list[int]] = {}
    for bend, node in columns.beside.items():
        beside.setdefault(node, []).append(bend)
    for root in (vertex for row in columns.rows for vertex in row):
        stack = [root]
        while stack:
            vertex = stack.pop()
            if seen[vertex]:
                continue
            seen[vertex] = True
            rows[columns.column[vertex]].append(vertex)
            near = [*columns.after[vertex], *columns.before[vertex], *beside.get(vertex, ())]
            stack.extend(other for other in reversed(near) if not seen[other])
    return rows


def _number(rows: Rows, place: list[int]) -> None:
    for row in rows:
        for index, vertex in enumerate(row):
            place[vertex] = index


def _sweep(
    rows: Rows, before: Sequence[Sequence[int]], after: Sequence[Sequence[int]], place: list[int], *, forth: bool
) -> None:
    near = before if forth else after
    for row in rows[1:] if forth else reversed(rows[:-1]):
        middles = {}
        for index, vertex in enumerate(row):
            neighbours = near[vertex]
            if not neighbours:
                middles[vertex] = float(index)
            elif len(neighbours) == 1:
                middles[vertex] = float(place[neighbours[0]])
            else:
                middles[vertex] = sum([place[other] for other in neighbours]) / len(neighbours)
        row.sort(key=middles.__getitem__)
        for index, vertex in enumerate(row):
            place[vertex] = index


def _switch(rows: Rows, before: Sequence[Sequence[int]], after: Sequence[Sequence[int]], place: list[int]) -> None:
    """Neighbours in a column change places where fewer edges cross then, round by round while it helps."""
    waiting = set(range(len(rows)))
    for _ in range(SWITCHING_ROUNDS):
        changed = {index for index in sorted(waiting) if _switch_row(rows[index], before, after, place)}
        if not changed:
            return
        waiting = {near for index in changed for near in (index - 1, index, index + 1) if 0 <= near < len(rows)}


def _switch_row(
    row: list[int],
    before: Sequence[Sequence[int]],
    after: Sequence[Sequence[int]],
    place: list[int],
    *,
    if_equal: bool = False,
) -> bool:
    ends = [(_ends(before[vertex], place), _ends(after[vertex], place)) for vertex in row]
    changed = False
    for at in range(len(row) - 1):
        upper, lower = ends[at], ends[at + 1]
        gain = _gain(upper[0], lower[0]) + _gain(upper[1], lower[1])
        if gain > 0 or (if_equal and gain == 0):
            row[at], row[at + 1] = row[at + 1], row[at]
            ends[at], ends[at + 1] = lower, upper
            changed = True
    if changed:
        for index, vertex in enumerate(row):
            place[vertex] = index
    return changed


def _ends(near: Sequence[int], place: Sequence[int]) -> list[int]:
    return [place[near[0]]] if len(near) == 1 else sorted([place[other] for other in near])


def _gain(upper: list[int], lower: list[int]) -> int:
    """How many crossings fewer there are when the lower of two neighbours goes above the upper."""
    if not upper or not lower:
        return 0
    if len(upper) == 1 and len(lower) == 1:
        return (upper[0] > lower[0]) - (upper[0] < lower[0])
    if upper[-1] < lower[0]:
        return -len(upper) * len(lower)
    gain = 0
    for one in upper:
        gain += bisect_left(lower, one) - (len(lower) - bisect_right(lower, one))
    return gain


def crossings(rows: Rows, after: Sequence[Sequence[int]], place: Sequence[int]) -> int:
    """How many pairs of edges between neighbouring columns cross."""
    total = 0
    for row in rows:
        seen: list[int] = []
        for vertex in row:
            ends = after[vertex]
            if len(ends) == 1:
                end = place[ends[0]]
                total += len(seen) - bisect_right(seen, end)
                insort(seen, end)
            elif ends:
                some = sorted([place[other] for other in ends])
                for end in some:
                    total += len(seen) - bisect_right(seen, end)
                for end in some:
                    insort(seen, end)
    return total
