"""What is to be drawn of a definition: nodes with their sizes and pins, arrows with their labels. Forgiving: a draft
may be broken, and what cannot be drawn of it is left out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

from graphs_app.layout import heights, layers, ordering, routes
from graphs_app.layout.boxes import Box
from graphs_app.layout.sizes import LABEL_HEIGHT, LOOP_HEIGHT, edge_label, label_size, node_size

COLUMN_GAP = 64.0
GAP_PER_EDGE = 1.5
MOST_EXTRA_GAP = 96.0
FARTHEST = 1_000_000.0
"""Where a pin may be at most."""
MOST_LED_WORK = 2_000_000


@dataclass(slots=True)
class Sketch:
    """The parts of a definition that can be drawn."""

    ids: list[str]
    sizes: list[tuple[float, float]]
    entry: int
    arrows: list[tuple[int, int]]
    labels: list[str]
    kinds: list[str]
    """normal, conditional or fallback, for each arrow."""
    pins: dict[int, tuple[float, float]]


def sketch_of(definition: Mapping[str, Any]) -> Sketch:
    """Reads what can be drawn."""
    nodes: dict[str, Mapping[str, Any]] = {}
    for node in _dicts(definition.get("nodes")):
        if isinstance(node.get("node_id"), str) and node["node_id"]:
            nodes.setdefault(node["node_id"], node)
    index = {node_id: at for at, node_id in enumerate(nodes)}
    arrows, labels, kinds = [], [], []
    for edge in _dicts(definition.get("edges")):
        start, end = _known(edge.get("from_node"), index), _known(edge.get("to_node"), index)
        if start is not None and end is not None:
            arrows.append((start, end))
            labels.append(edge_label(edge))
            kinds.append(
                "conditional" if edge.get("condition") is not None or edge.get("type") == "conditional" else "normal"
            )
    for node_id, node in nodes.items():
        end = _known(node.get("fallback"), index)
        if end is not None:
            arrows.append((index[node_id], end))
            labels.append("on error")
            kinds.append("fallback")
    entry = _known(definition.get("entry_node"), index)
    return Sketch(
        ids=list(nodes),
        sizes=[node_size(node) for node in nodes.values()],
        entry=0 if entry is None else entry,
        arrows=arrows,
        labels=labels,
        kinds=kinds,
        pins={index[node_id]: place for node_id, place in pinned(definition).items() if node_id in index},
    )


def pinned(definition: Mapping[str, Any]) -> dict[str, tuple[float, float]]:
    """Where people put nodes: definition.metadata.pinned, {node_id: [x, y]}."""
    metadata = definition.get("metadata")
    pins = metadata.get("pinned") if isinstance(metadata, Mapping) else None
    found = {}
    for node_id, place in pins.items() if isinstance(pins, Mapping) else ():
        if isinstance(place, Sequence) and len(place) == 2 and all(map(_is_place, place)):
            found[node_id] = (float(place[0]), float(place[1]))
    return found


def _is_place(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value) and abs(value) <= FARTHEST


def _dicts(value: Any) -> list[Mapping[str, Any]]:
    return [one for one in value if isinstance(one, Mapping)] if isinstance(value, list) else []


def _known(node_id: Any, index: Mapping[str, int]) -> int | None:
    return index.get(node_id) if isinstance(node_id, str) else None


@dataclass(slots=True)
class Drawn:
    """A drawing: a box for each node, and for each arrow its points and where its label stands."""

    boxes: list[Box]
    points: list[routes.Points]
    label_at: list[tuple[float, float] | None]


def draw(sketch: Sketch) -> Drawn:
    """The whole drawing, from nothing."""
    count = len(sketch.ids)
    if not count:
        return Drawn([], [], [])
    columns = layers.in_columns(sketch.entry, _with_loops(sketch), sketch.arrows, sketch.labels)
    ordering.put_in_order(columns)
    middles = heights.heights(columns, count)
    edges = _column_edges(columns)
    boxes = []
    for vertex, (width, height) in enumerate(columns.sizes):
        left, right = edges[columns.column[vertex]]
        if vertex < count:
            width, height = sketch.sizes[vertex]
        boxes.append(Box(round((left + right - width) / 2), round(middles[vertex] - height / 2), width, height))
    top = min(box.y for box in boxes)
    boxes = [box.at(box.x, box.y - top) for box in boxes]
    return _with_edges(sketch, columns, boxes, edges)


def _with_loops(sketch: Sketch) -> list[tuple[float, float]]:
    """The sizes of nodes with the room for edges that lead from one to itself."""
    sizes = list(sketch.sizes)
    for (start, end), label in zip(sketch.arrows, sketch.labels, strict=True):
        if start == end:
            width, height = sketch.sizes[start]
            above = LOOP_HEIGHT + (LABEL_HEIGHT / 2 if label else 0)
            least = label_size(label)[0] if label else 0
            sizes[start] = (max(width + 2 * routes.TURN + 8, least), height + 2 * above)
    return sizes


def _column_edges(columns: layers.Columns) -> list[tuple[float, float]]:
    """Where each column begins and ends: as wide as its widest vertex, with more room between where many edges pass."""
    edges = []
    left = 0.0
    for row in columns.rows:
        width = max((columns.sizes[vertex][0] for vertex in row), default=0.0)
        edges.append((left, left + width))
        passing = sum(len(columns.after[vertex]) for vertex in row)
        left += width + COLUMN_GAP + min(MOST_EXTRA_GAP, passing * GAP_PER_EDGE)
    return edges


def _with_edges(sketch: Sketch, columns: layers.Columns, boxes: list[Box], edges: list[tuple[float, float]]) -> Drawn:
    count = len(sketch.ids)
    points: list[routes.Points] = []
    labels: list[tuple[float, float] | None] = []
    look_out = len(columns.led) * count <= MOST_LED_WORK
    for index, (start, end) in enumerate(sketch.arrows):
        chain = columns.chains[index]
        passed = [edges[columns.column[vertex]] for vertex in chain]
        bends = [boxes[vertex] for vertex in chain]
        if start == end:
            points.append(routes.over_itself(boxes[start], LOOP_HEIGHT))
        elif index in columns.led:
            points.append(routes.led(boxes[start], boxes[end], boxes[:count] if look_out else ()))
        elif index in columns.loops:
            points.append(routes.round_about(boxes[start], boxes[end], bends, passed))
        else:
            points.append(routes.chained(boxes[start], boxes[end], bends, passed))
        labels.append(_label_place(sketch, columns, boxes, index, points[-1]))
    return Drawn(boxes[:count], points, labels)


def _label_place(
    sketch: Sketch, columns: layers.Columns, boxes: Sequence[Box], index: int, points: routes.Points
) -> tuple[float, float] | None:
    if not sketch.labels[index]:
        return None
    if index in columns.labels:
        box = boxes[columns.labels[index]]
        return box.x + box.width / 2, box.middle
    return routes.halfway(points)
