"""A column for each node: right of what leads to it, and such that edges are short.

1. A node's column is at first the longest way to it; then each moves alone towards what it is joined to.
2. Then nodes move together that would hold each other back: one with all that it would push, as far as that makes
   more of their edges shorter than longer. That is the least length there is, or nearly.
"""

from collections import defaultdict

SETTLING_ROUNDS = 12
MOST_PUSHED = 60_000
"""Nodes that are looked at to be moved together, in all: large graphs are good enough before."""

Arrow = tuple[int, int]
Joined = dict[int, list[tuple[int, int]]]
"""For each node the others that edges of one side lead to, and how many columns off they must be."""


def settled(count: int, spans: dict[Arrow, int]) -> list[int]:
    """A column for each node: at least the span right of what leads to it, and near to all it is joined to."""
    entering: Joined = defaultdict(list)
    leaving: Joined = defaultdict(list)
    for (start, end), span in spans.items():
        leaving[start].append((end, span))
        entering[end].append((start, span))
    order = _topological(count, entering, leaving)
    column = [0] * count
    for vertex in order:
        for end, span in leaving[vertex]:
            column[end] = max(column[end], column[vertex] + span)
    last = max(column, default=0)
    for _ in range(SETTLING_ROUNDS):
        moved = False
        for vertex in reversed(order):
            moved |= _nearer(vertex, column, entering[vertex], leaving[vertex], last)
        for vertex in order:
            moved |= _nearer(vertex, column, entering[vertex], leaving[vertex], last)
        if not moved:
            break
    _move_together(column, entering, leaving)
    return _without_gaps(column, spans)


def _without_gaps(column: list[int], spans: dict[Arrow, int]) -> list[int]:
    """The columns counted from 0, without those that neither a node nor an edge on its way needs."""
    needed = set(column)
    for (start, end), span in spans.items():
        if span > 1 or column[end] - column[start] > 1:
            needed.update(range(column[start], column[end] + 1))
    number = {old: new for new, old in enumerate(sorted(needed))}
    return [number[at] for at in column]


def _nearer(
    vertex: int, column: list[int], entering: list[tuple[int, int]], leaving: list[tuple[int, int]], last: int
) -> bool:
    """Moves a node as far as its edges get shorter by it; with as many at both sides, to the middle of its room."""
    if not entering and not leaving:
        return False
    least = max((column[start] + span for start, span in entering), default=None)
    most = min((column[end] - span for end, span in leaving), default=None)
    if least is None:
        wanted = most if most is not None else 0
    elif most is None or len(entering) > len(leaving):
        wanted = least
    elif len(leaving) > len(entering):
        wanted = most
    else:
        wanted = min(max(column[vertex], least), most)
    if wanted == column[vertex]:
        return False
    column[vertex] = wanted
    return True


def _topological(count: int, entering: Joined, leaving: Joined) -> list[int]:
    waiting = [len(entering[vertex]) for vertex in range(count)]
    order = [vertex for vertex in range(count) if not waiting[vertex]]
    for vertex in order:
        for end, _ in leaving[vertex]:
            waiting[end] -= 1
            if not waiting[end]:
                order.append(end)
    return order


def _move_together(column: list[int], entering: Joined, leaving: Joined) -> None:
    left = MOST_PUSHED
    moved = True
    while moved and left > 0:
        moved = False
        for way, near, back in ((1, leaving, entering), (-1, entering, leaving)):
            for vertex in range(len(column)):
                if left <= 0:
                    return
                pushed = _pushed(vertex, way, column, near)
                left -= len(pushed)
                room = _room(pushed, way, column, near, back)
                for one in pushed if room else ():
                    column[one] += way * room
                moved |= bool(room)


def _pushed(vertex: int, way: int, column: list[int], near: Joined) -> set[int]:
    """A node and all that have to move when it moves one column."""
    pushed, work = {vertex}, [vertex]
    while work:
        one = work.pop()
        for other, span in near[one]:
            if other not in pushed and way * (column[other] - column[one]) == span:
                pushed.add(other)
                work.append(other)
    return pushed


def _room(pushed: set[int], way: int, column: list[int], near: Joined, back: Joined) -> int:
    """How far some nodes can move together; 0 unless more of their edges get shorter by it than longer."""
    shorter, room = 0, 0
    for one in pushed:
        for other, span in near[one]:
            if other not in pushed:
                gap = way * (column[other] - column[one]) - span
                room = min(room, gap) if shorter else gap
                shorter += 1
    longer = sum(other not in pushed for one in pushed for other, _ in back[one])
    return room if shorter > longer else 0
