"""How high each vertex stands: near the middle of what it is joined to, in its column's order.

Column by column, the wanted heights are brought into order with as little moving as possible: that is isotonic
regression, which one pass over the column solves exactly.
"""

from collections.abc import Sequence
from itertools import pairwise

from graphs_app.layout.layers import Columns

NODE_GAP, BEND_GAP = 28.0, 12.0
SWEEPS, SWEEPS_OF_SMALL = 8, 32
SMALL = 120
STRAIGHT, SLANTED = 6.0, 1.0
"""How much an edge between two bends wants to be level, and how much any other does."""


def heights(columns: Columns, count: int) -> list[float]:
    """The middle of every vertex, counted downwards; the first `count` vertices are nodes."""
    middle = [0.0] * len(columns.sizes)
    rooms = [_rooms(row, columns.sizes, count) for row in columns.rows]
    for row, room in zip(columns.rows, rooms, strict=True):
        if row:
            shift = room[-1] / 2
            for vertex, at in zip(row, room, strict=True):
                middle[vertex] = at - shift
    # The bends of loops give way to nodes, which would else not stand in a line.
    going_round = {vertex for index in columns.loops for vertex in columns.chains[index]}
    sweeps = SWEEPS_OF_SMALL if len(middle) < SMALL else SWEEPS if len(middle) < 4000 else SWEEPS // 2
    for sweep in range(sweeps):
        forth = sweep % 2 == 0
        one_sided = sweep < 2
        order = range(len(columns.rows)) if forth else range(len(columns.rows) - 1, -1, -1)
        for index in order:
            row = columns.rows[index]
            wanted, weights = _wanted(row, columns, middle, count, going_round, forth if one_sided else None)
            for vertex, at in zip(row, _in_order(wanted, weights, rooms[index]), strict=True):
                middle[vertex] = at
    return middle


def _rooms(row: Sequence[int], sizes: Sequence[tuple[float, float]], count: int) -> list[float]:
    """How far below the first vertex of a column each of them has to be at least."""
    rooms = [0.0] if row else []
    for upper, lower in pairwise(row):
        gap = NODE_GAP if upper < count and lower < count else BEND_GAP
        rooms.append(rooms[-1] + (sizes[upper][1] + sizes[lower][1]) / 2 + gap)
    return rooms


def _wanted(
    row: Sequence[int], columns: Columns, middle: Sequence[float], count: int, going_round: set[int], forth: bool | None
) -> tuple[list[float], list[float]]:
    """Where each vertex of a column would like to be, and how much."""
    wanted, weights = [], []
    for vertex in row:
        near = columns.before[vertex] if forth is not False else ()
        more = columns.after[vertex] if forth is not True else ()
        total, weight = 0.0, 0.0
        for some in (near, more):
            for other in some:
                pull = STRAIGHT if vertex >= count and other >= count and vertex not in going_round else SLANTED
                total += pull * middle[other]
                weight += pull
        if vertex in columns.beside:
            total += SLANTED * middle[columns.beside[vertex]]
            weight += SLANTED
        wanted.append(total / weight if weight else middle[vertex])
        weights.append(weight or 0.1)
    return wanted, weights


def _in_order(wanted: Sequence[float], weights: Sequence[float], rooms: Sequence[float]) -> list[float]:
    """The heights nearest to the wanted ones (by weighted squares) that keep the rooms between them."""
    blocks: list[tuple[float, float, int]] = []
    """(mean of wanted - room, weight, how many vertices) of vertices that touch."""
    for want, weight, room in zip(wanted, weights, rooms, strict=True):
        mean, total, size = want - room, weight, 1
        while blocks and blocks[-1][0] >= mean:
            before, heavy, many = blocks.pop()
            mean = (before * heavy + mean * total) / (heavy + total)
            total += heavy
            size += many
        blocks.append((mean, total, size))
    placed = [mean for mean, _, size in blocks for _ in range(size)]
    return [mean + room for mean, room in zip(placed, rooms, strict=True)]
