"""Which column each node stands in, and the chain of places that each edge passes through on its way.

1. Edges that close a cycle are loops (a depth-first search from the entry finds them); the others lead to the right.
2. A node's column is at first the longest way to it; then nodes move towards what they are joined to, for short edges.
3. An edge over several columns gets a bend in each column between; its label takes the place of one of them. A loop
   goes round: it gets a bend also in the columns of its own two ends.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field

from graphs_app.layout.settling import settled
from graphs_app.layout.sizes import label_size

BEND_HEIGHT = 8.0
MOST_BENDS = 12_000
"""Beyond these an edge is led between the nodes without a place of its own: memory stays bounded."""

Arrow = tuple[int, int]


@dataclass(slots=True)
class Columns:
    """Vertices are numbers: first the nodes, then bends and labels."""

    sizes: list[tuple[float, float]]
    column: list[int]
    rows: list[list[int]] = field(default_factory=list)
    """For each column its vertices from top to bottom."""
    before: list[list[int]] = field(default_factory=list)
    """For each vertex those that it is joined to in the column to its left."""
    after: list[list[int]] = field(default_factory=list)
    chains: list[list[int]] = field(default_factory=list)
    """For each arrow its bends and labels from left to right, without its ends."""
    labels: dict[int, int] = field(default_factory=dict)
    """The vertex that is an arrow's label."""
    loops: set[int] = field(default_factory=set)
    led: set[int] = field(default_factory=set)
    """Arrows that have no bends although they are long."""
    beside: dict[int, int] = field(default_factory=dict)
    """The outer bends of a loop, and the node whose column each is in."""


def in_columns(
    entry: int, sizes: Sequence[tuple[float, float]], arrows: Sequence[Arrow], labels: Sequence[str]
) -> Columns:
    """Columns of nodes, bends and labels, in the order of the definition."""
    loops = closing_arrows(entry, len(sizes), arrows)
    forward = [arrow for index, arrow in enumerate(arrows) if index not in loops and arrow[0] != arrow[1]]
    spans = dict.fromkeys(forward, 1)
    for index, arrow in enumerate(arrows):
        if labels[index] and arrow in spans:
            spans[arrow] = 2
    column = settled(len(sizes), spans)
    found = Columns(list(sizes), column, loops=loops)
    found.rows = [[] for _ in range(max(column, default=0) + 1)]
    for vertex, at in enumerate(column):
        found.rows[at].append(vertex)
    found.before = [[] for _ in sizes]
    found.after = [[] for _ in sizes]
    found.chains = [[] for _ in arrows]
    left = MOST_BENDS
    for index in sorted(range(len(arrows)), key=lambda index: _length(column, arrows[index], index in loops)):
        need = _length(column, arrows[index], index in loops)
        if need > left or arrows[index][0] == arrows[index][1]:
            found.led.add(index)
            continue
        left -= need
        _add_chain(found, index, arrows[index], labels[index])
    return found


def _length(column: Sequence[int], arrow: Arrow, is_loop: bool) -> int:
    """How many bends an arrow needs."""
    if arrow[0] == arrow[1]:
        return 0
    return column[arrow[0]] - column[arrow[1]] + 1 if is_loop else column[arrow[1]] - column[arrow[0]] - 1


def _add_chain(found: Columns, index: int, arrow: Arrow, label: str) -> None:
    is_loop = index in found.loops
    start, end = (arrow[1], arrow[0]) if is_loop else arrow
    first = found.column[start] + (0 if is_loop else 1)
    last = found.column[end] - (0 if is_loop else 1)
    chain = []
    for at in range(first, last + 1):
        carries = bool(label) and at == (first + last) // 2
        chain.append(_new_vertex(found, at, label_size(label) if carries else (0.0, BEND_HEIGHT)))
        if carries:
            found.labels[index] = chain[-1]
    found.chains[index] = chain
    way = chain if is_loop else [start, *chain, end]
    for one, other in itertools.pairwise(way):
        found.after[one].append(other)
        found.before[other].append(one)
    if is_loop:
        found.beside[chain[0]] = start
        found.beside[chain[-1]] = end


def _new_vertex(found: Columns, column: int, size: tuple[float, float]) -> int:
    vertex = len(found.sizes)
    found.sizes.append(size)
    found.column.append(column)
    found.rows[column].append(vertex)
    found.before.append([])
    found.after.append([])
    return vertex


def closing_arrows(entry: int, count: int, arrows: Sequence[Arrow]) -> set[int]:
    """The indexes of arrows that lead back to a node on the way to them, from one node to another."""
    leaving: list[list[int]] = [[] for _ in range(count)]
    for index, (start, end) in enumerate(arrows):
        if start != end:
            leaving[start].append(index)
    closing: set[int] = set()
    on_the_way, seen = [False] * count, [False] * count
    for root in (entry, *range(count)):
        if seen[root]:
            continue
        seen[root] = on_the_way[root] = True
        stack = [(root, iter(leaving[root]))]
        while stack:
            vertex, rest = stack[-1]
            following = next(rest, None)
            if following is None:
                on_the_way[vertex] = False
                stack.pop()
                continue
            target = arrows[following][1]
            if on_the_way[target]:
                closing.add(following)
            elif not seen[target]:
                seen[target] = on_the_way[target] = True
                stack.append((target, iter(leaving[target])))
    return closing
