"""Nodes as boxes on the plane, and where there is room for one more."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

MARGIN = 16.0
"""What stays free around a box that is put between others."""


@dataclass(frozen=True, slots=True)
class Box:
    x: float
    y: float
    width: float
    height: float

    @property
    def right(self) -> float:
        return self.x + self.width

    @property
    def bottom(self) -> float:
        return self.y + self.height

    @property
    def middle(self) -> float:
        return self.y + self.height / 2

    def overlaps(self, other: "Box", margin: float = 0.0) -> bool:
        return (
            self.x < other.right + margin
            and other.x < self.right + margin
            and self.y < other.bottom + margin
            and other.y < self.bottom + margin
        )

    def at(self, x: float, y: float) -> "Box":
        return Box(x, y, self.width, self.height)


def box_of(placed: Mapping[str, Any]) -> Box:
    return Box(float(placed["x"]), float(placed["y"]), float(placed["width"]), float(placed["height"]))


def freed(box: Box, others: Iterable[Box]) -> Box:
    """The box moved up or down, as little as possible, until it overlaps none of the others."""
    beside = [other for other in others if box.x < other.right + MARGIN and other.x < box.right + MARGIN]
    if not any(box.overlaps(other, MARGIN) for other in beside):
        return box
    taken = sorted((other.y - MARGIN - box.height, other.bottom + MARGIN) for other in beside)
    best: float | None = None
    edge = float("-inf")
    for start, end in taken:
        # The box's upper side may be anywhere from `edge` to `start`.
        if start >= edge:
            nearest = min(max(box.y, edge), start)
            if best is None or abs(nearest - box.y) < abs(best - box.y):
                best = nearest
        edge = max(edge, end)
    nearest = max(box.y, edge)
    if best is None or abs(nearest - box.y) < abs(best - box.y):
        best = nearest
    return box.at(box.x, best)
