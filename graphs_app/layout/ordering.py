"""The order of the vertices in each column, so that few edges cross.

There are two first orders: that of a walk in width from where the graph begins, and that of one from where it ends.
From each, columns are swept forth and back: each is sorted by the middle of its neighbours in the column before, and
neighbours within it change places as long as that takes crossings away (in every other pair of sweeps also where it
makes no difference, which leads out of dead ends). The best order of all sweeps is sifted, shaken, and sifted again.
What is done depends on the drawing alone, never on time, so the same graph is always drawn the same.
"""

from bisect import bisect_right, insort
from collections import deque
from collections.abc import Sequence

from graphs_app.layout.layers import Columns
from graphs_app.layout.sifting import ends, gain, shake, sift

MOST_SWEEPS = 24
PATIENCE = 2
"""Sweeps without a better order before it is good enough: sifting finds what one more would, in less time."""
WORK = 80_000
"""Vertices visited by the sweeps from one order, in all: large drawings get fewer sweeps."""
SIFTINGS = 2

Rows = list[list[int]]


def put_in_order(columns: Columns) -> int:
    """Orders the rows of all columns in place; answers how many crossings are left."""
    found = [_swept(columns, first) for first in (_walked(columns), _walked(columns, forth=False))]
    fewest, columns.rows[:] = min(found, key=lambda one: one[0])
    if fewest:
        fewest = _sifted(columns, fewest)
    return fewest


def _sifted(columns: Columns, fewest: int) -> int:
    """Sifts what the sweeps have found, shakes it, and sifts again; the best of it stays."""
    rows, before, after = [list(row) for row in columns.rows], columns.before, columns.after
    place = [0] * len(columns.sizes)
    _number(rows, place)
    for sifting in range(SIFTINGS):
        if sifting:
            shake(rows, before, after, place)
        sift(rows, before, after, place)
        found = crossings(rows, after, place)
        if found < fewest:
            fewest, columns.rows[:] = found, [list(row) for row in rows]
    return fewest


def _swept(columns: Columns, rows: Rows) -> tuple[int, Rows]:
    """The crossings of what becomes of a first order, and it."""
    before, after = columns.before, columns.after
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
            _switch(row, before, after, place, if_equal=sweep % 4 < 2)
        found = crossings(rows, after, place)
        waited += 1
        if found < fewest:
            best, fewest, waited = [list(row) for row in rows], found, 0
    return fewest, best


def _walked(columns: Columns, *, forth: bool = True) -> Rows:
    """The rows in the order in which a walk in width comes by: along the edges, or against them from the last ones."""
    near, back = (columns.after, columns.before) if forth else (columns.before, columns.after)
    beside: dict[int, list[int]] = {}
    for bend, node in columns.beside.items():
        beside.setdefault(node, []).append(bend)
    rows: Rows = [[] for _ in columns.rows]
    seen = [False] * len(columns.sizes)
    vertices = [vertex for row in (columns.rows if forth else reversed(columns.rows)) for vertex in row]
    outer = set(columns.beside)
    for root in (*(one for one in vertices if not back[one] and one not in outer), *vertices):
        if seen[root]:
            continue
        seen[root] = True
        line = deque([root])
        while line:
            vertex = line.popleft()
            rows[columns.column[vertex]].append(vertex)
            for other in (*near[vertex], *beside.get(vertex, ())):
                if not seen[other]:
                    seen[other] = True
                    line.append(other)
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


def _switch(
    row: list[int],
    before: Sequence[Sequence[int]],
    after: Sequence[Sequence[int]],
    place: list[int],
    *,
    if_equal: bool,
) -> None:
    """Neighbours in a column change places where fewer edges cross then; twice from top to bottom."""
    joined = [ends(vertex, before, after, place) for vertex in row]
    for least in (0 if if_equal else 1, 1):
        for at in range(len(row) - 1):
            upper, lower = joined[at], joined[at + 1]
            if gain(upper, lower) >= least:
                row[at], row[at + 1] = row[at + 1], row[at]
                joined[at], joined[at + 1] = lower, upper
    for index, vertex in enumerate(row):
        place[vertex] = index


def crossings(rows: Rows, after: Sequence[Sequence[int]], place: Sequence[int]) -> int:
    """How many pairs of edges between neighbouring columns cross."""
    total = 0
    for row in rows:
        seen: list[int] = []
        for vertex in row:
            targets = after[vertex]
            if len(targets) == 1:
                end = place[targets[0]]
                total += len(seen) - bisect_right(seen, end)
                insort(seen, end)
            elif targets:
                some = sorted([place[other] for other in targets])
                for end in some:
                    total += len(seen) - bisect_right(seen, end)
                for end in some:
                    insort(seen, end)
    return total
