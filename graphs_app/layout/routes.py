"""The points that edges pass through. Between columns an edge may slant; within one it is level, so it hits no node.

Who draws makes curves of them: two points at different heights and widths are joined by a soft S, others by a line.
"""

import itertools
from collections.abc import Iterable, Sequence

from graphs_app.layout.boxes import Box

Points = list[list[float]]
TURN = 18.0
"""How far a loop goes out before it turns."""
CLEAR = 10.0
"""Between a node and an edge that is led past it."""


def chained(start: Box, end: Box, chain: Sequence[Box], columns: Sequence[tuple[float, float]]) -> Points:
    """An edge to the right, through its bends; each level over the width of its column (left, right)."""
    points = [[start.right, start.middle]]
    for bend, (left, right) in zip(chain, columns, strict=True):
        points += [[left, bend.middle], [right, bend.middle]]
    points.append([end.x, end.middle])
    return _plain(points)


def round_about(start: Box, end: Box, chain: Sequence[Box], columns: Sequence[tuple[float, float]]) -> Points:
    """A loop: out at the right of its first node, back past everything between, in at the left of its last.

    The chain and its columns go from left to right, as the last node comes before the first.
    """
    out = max(columns[-1][1], start.right) + TURN
    back = min(columns[0][0], end.x) - TURN
    points = [[start.right, start.middle], [out, start.middle], [out, chain[-1].middle]]
    for bend, (left, right) in zip(reversed(chain), reversed(columns), strict=True):
        points += [[right, bend.middle], [left, bend.middle]]
    points += [[back, chain[0].middle], [back, end.middle], [end.x, end.middle]]
    return _plain(points)


def over_itself(box: Box, height: float) -> Points:
    """An edge from a node to itself, over its upper side."""
    top = box.y - height
    left, right = box.x - TURN, box.right + TURN
    return [
        [box.right, box.middle],
        [right, box.middle],
        [right, top],
        [left, top],
        [left, box.middle],
        [box.x, box.middle],
    ]


def led(start: Box, end: Box, others: Iterable[Box]) -> Points:
    """An edge between nodes that stand anywhere: level past what is between them, with the least of a detour."""
    if end.x >= start.right + TURN:
        left, right = start.right + TURN, end.x - TURN
        if right <= left:
            return [[start.right, start.middle], [end.x, end.middle]]
        between = [box for box in others if box.x < right and left < box.right and box not in (start, end)]
        level = _free_level(start.middle, end.middle, between)
        return _plain([[start.right, start.middle], [left, level], [right, level], [end.x, end.middle]])
    out, back = max(start.right, end.right) + TURN, min(start.x, end.x) - TURN
    between = [box for box in others if box.x < out and back < box.right]
    level = _free_level(max(start.bottom, end.bottom) + 2 * CLEAR, max(start.bottom, end.bottom) + 2 * CLEAR, between)
    return [
        [start.right, start.middle],
        [out, start.middle],
        [out, level],
        [back, level],
        [back, end.middle],
        [end.x, end.middle],
    ]


def _free_level(one: float, other: float, between: Sequence[Box]) -> float:
    """The height between or near two others at which nothing stands."""
    taken = sorted((box.y - CLEAR, box.bottom + CLEAR) for box in between)
    merged: list[tuple[float, float]] = []
    for start, end in taken:
        if merged and start < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    candidates = [one, other, *(edge for pair in merged for edge in pair)]
    free = [at for at in candidates if not any(start < at < end for start, end in merged)]
    return min(free, key=lambda at: (abs(at - one) + abs(at - other), at))


def _plain(points: Points) -> Points:
    """Without points that lie on a level line between two others."""
    kept: Points = []
    for point in points:
        if len(kept) >= 2 and kept[-1][1] == kept[-2][1] == point[1]:
            kept[-1] = point
        elif not kept or kept[-1] != point:
            kept.append(point)
    return kept


def halfway(points: Points) -> tuple[float, float]:
    """Where a label stands on an edge that no place was kept for: in the middle of its longest level part."""
    parts = list(itertools.pairwise(points))
    level = [part for part in parts if part[0][1] == part[1][1]] or parts
    (x1, y1), (x2, y2) = max(level, key=lambda part: abs(part[1][0] - part[0][0]))
    return (x1 + x2) / 2, (y1 + y2) / 2
