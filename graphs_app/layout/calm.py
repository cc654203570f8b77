"""A layout that keeps its calm: nodes that were there stay, new ones find a free place near what they are joined to.

Only where a new edge would lead backwards do nodes behind it move to the right, and only when they are few.
"""

import itertools
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from graphs_app.layout import routes
from graphs_app.layout.boxes import Box, box_of, freed
from graphs_app.layout.drawing import COLUMN_GAP, Drawn, Sketch
from graphs_app.layout.layers import closing_arrows
from graphs_app.layout.sizes import LOOP_HEIGHT

LEAST_KEPT = 0.5
"""The share of nodes that must have been there before; with fewer, nothing is left to be calm about."""
MOST_PUSHED, SHARE_PUSHED = 24, 0.05


def kept_places(sketch: Sketch, previous: Mapping[str, Any]) -> list[Box] | None:
    """A box for every node, or None when a drawing from nothing is the better one."""
    before = {placed["node_id"]: box_of(placed) for placed in previous["nodes"]}
    known = [index for index, node_id in enumerate(sketch.ids) if node_id in before]
    if not known or len(known) < LEAST_KEPT * len(sketch.ids):
        return None
    boxes: list[Box | None] = [None] * len(sketch.ids)
    grown = []
    for index in known:
        old, (width, height) = before[sketch.ids[index]], sketch.sizes[index]
        # A node whose name grew or shrank stays round its middle.
        place = (old.x + (old.width - width) / 2, old.y + (old.height - height) / 2)
        boxes[index] = Box(*sketch.pins.get(index, place), width, height)
        if boxes[index] != old:
            grown.append(index)
    fresh = [index for index in range(len(boxes)) if boxes[index] is None]
    return _Places(sketch, boxes).all(fresh, grown)


class _Places:
    """The boxes while new ones are put between the old."""

    def __init__(self, sketch: Sketch, boxes: list[Box | None]) -> None:
        self.sketch = sketch
        self.boxes = boxes
        loops = closing_arrows(sketch.entry, len(sketch.ids), sketch.arrows)
        self.entering: dict[int, list[int]] = defaultdict(list)
        self.leaving: dict[int, list[int]] = defaultdict(list)
        for index, (start, end) in enumerate(sketch.arrows):
            if index not in loops and start != end:
                self.leaving[start].append(end)
                self.entering[end].append(start)

    def all(self, fresh: Sequence[int], grown: Sequence[int]) -> list[Box]:
        for index in self._in_turn(fresh):
            if index in self.sketch.pins:
                self.boxes[index] = Box(*self.sketch.pins[index], *self.sketch.sizes[index])
            else:
                self._place(index)
                self._push(index)
        for index in grown:
            self._make_room(index)
        return [box for box in self.boxes if box is not None]

    def _in_turn(self, fresh: Sequence[int]) -> list[int]:
        """New nodes, each after those new ones that lead to it, as far as that goes."""
        waiting, turn, done = list(fresh), [], set()
        while waiting:
            free = [one for one in waiting if not any(b in waiting and b != one for b in self.entering[one])]
            for one in free or waiting[:1]:
                turn.append(one)
                done.add(one)
            waiting = [one for one in waiting if one not in done]
        return turn

    def _place(self, index: int) -> None:
        width, height = self.sketch.sizes[index]
        left = [box for other in self.entering[index] if (box := self.boxes[other])]
        right = [box for other in self.leaving[index] if (box := self.boxes[other])]
        standing = [box for box in self.boxes if box]
        if left:
            x = max(box.right for box in left) + COLUMN_GAP
        elif right:
            x = min(box.x for box in right) - COLUMN_GAP - width
        else:
            x = min(box.x for box in standing)
        near = left + right
        middle = sum(box.middle for box in near) / len(near) if near else max(box.bottom for box in standing) + height
        self.boxes[index] = freed(Box(round(x), round(middle - height / 2), width, height), standing)

    def _push(self, index: int) -> None:
        """Moves what comes after a new node to its right, unless that is too much or would move a pinned node."""
        moves: dict[int, Box] = {}
        most = max(MOST_PUSHED, round(SHARE_PUSHED * len(self.boxes)))
        work = [index]
        while work:
            at = work.pop()
            box = moves.get(at) or self.boxes[at]
            for other in self.leaving[at]:
                there = moves.get(other) or self.boxes[other]
                if box is None or there is None or there.x >= box.right + COLUMN_GAP / 2:
                    continue
                if other in self.sketch.pins or other == index:
                    return
                moves[other] = there.at(round(box.right + COLUMN_GAP), there.y)
                work.append(other)
                if len(moves) > most:
                    return
        for other, wanted in sorted(moves.items(), key=lambda item: item[1].x):
            rest = [
                box for at, box in enumerate(self.boxes) if box and at != other and (at not in moves or at == index)
            ]
            self.boxes[other] = freed(
                wanted, [*rest, *(self.boxes[at] or wanted for at in moves if self._is_set(at, moves))]
            )

    def _is_set(self, at: int, moves: Mapping[int, Box]) -> bool:
        """Whether a node that moves stands in its new column already."""
        box = self.boxes[at]
        return box is not None and box.x == moves[at].x

    def _make_room(self, index: int) -> None:
        """A node that grew or was pinned elsewhere stays there, as far as it may; what it lies on now gives way."""
        box = self.boxes[index]
        assert box is not None  # noqa: S101 - for the types alone
        for at, other in enumerate(self.boxes):
            if at != index and other and at not in self.sketch.pins and box.overlaps(other):
                self.boxes[at] = freed(
                    other, [one for other_at, one in enumerate(self.boxes) if one and other_at != at]
                )
        if index not in self.sketch.pins:
            rest = [one for at, one in enumerate(self.boxes) if one and at != index]
            if any(box.overlaps(one) for one in rest):
                self.boxes[index] = freed(box, rest)


def joined(sketch: Sketch, boxes: list[Box], previous: Mapping[str, Any]) -> Drawn:
    """The edges between these boxes: as they were where nothing moved, else led past what stands in between."""
    before = {placed["node_id"]: box_of(placed) for placed in previous["nodes"]}
    still = [before.get(node_id) == boxes[index] for index, node_id in enumerate(sketch.ids)]
    new = [box for index, box in enumerate(boxes) if not still[index]]
    old: dict[tuple[str, str, str], list[Mapping[str, Any]]] = defaultdict(list)
    for edge in previous["edges"]:
        old[edge["from_node"], edge["to_node"], edge.get("type", "normal")].append(edge)
    points, labels = [], []
    for index, (start, end) in enumerate(sketch.arrows):
        same = old[sketch.ids[start], sketch.ids[end], sketch.kinds[index]]
        kept = same.pop(0) if same else None
        if (
            kept
            and still[start]
            and still[end]
            and kept.get("label") == (sketch.labels[index] or None)
            and not _hits(kept["points"], new)
        ):
            points.append([list(point) for point in kept["points"]])
            at = kept.get("label_at")
            labels.append((at[0], at[1]) if at else None)
        else:
            points.append(between(sketch, boxes, index))
            labels.append(routes.halfway(points[-1]) if sketch.labels[index] else None)
    return Drawn(boxes, points, labels)


def _hits(points: routes.Points, boxes: Sequence[Box]) -> bool:
    """Whether an edge passes the space of one of these boxes."""
    for (x1, y1), (x2, y2) in itertools.pairwise(points):
        for box in boxes:
            if min(x1, x2) < box.right and box.x < max(x1, x2) and min(y1, y2) < box.bottom and box.y < max(y1, y2):
                return True
    return False


def between(sketch: Sketch, boxes: Sequence[Box], index: int) -> routes.Points:
    """An edge between boxes that stand anywhere."""
    start, end = sketch.arrows[index]
    if start == end:
        return routes.over_itself(boxes[start], LOOP_HEIGHT)
    return routes.led(boxes[start], boxes[end], boxes)
