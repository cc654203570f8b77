"""A layout for a definition: from nothing, or from the layout before it, of which as much as can be stays as it is."""

from collections.abc import Mapping
from typing import Any

from graphs_app.layout import calm, routes
from graphs_app.layout.boxes import Box, freed
from graphs_app.layout.drawing import Drawn, Sketch, draw, sketch_of

Layout = dict[str, Any]


def arrange(definition: Mapping[str, Any], previous: Mapping[str, Any] | None = None) -> Layout:
    """The places of a definition's nodes, and the points of its edges.

    Pinned nodes stand where they were put. With a previous layout, nodes that are in it stay where they are, as far as
    what is new leaves them there; without one everything is drawn anew.
    """
    sketch = sketch_of(definition)
    boxes = calm.kept_places(sketch, previous) if previous else None
    if boxes is None:
        drawn = draw(sketch)
        if sketch.pins:
            drawn = _around_pins(sketch, drawn)
    else:
        assert previous is not None  # noqa: S101 - for the types alone
        drawn = calm.joined(sketch, boxes, previous)
    return _layout(sketch, drawn)


def _around_pins(sketch: Sketch, drawn: Drawn) -> Drawn:
    """Pinned nodes in their places; others make room for them, and edges follow those that moved."""
    boxes = [box.at(*sketch.pins[index]) if index in sketch.pins else box for index, box in enumerate(drawn.boxes)]
    fixed = [boxes[index] for index in sketch.pins]
    moved = set(sketch.pins)
    for index, box in enumerate(boxes):
        if index not in sketch.pins and any(box.overlaps(pin) for pin in fixed):
            boxes[index] = freed(box, boxes[:index] + boxes[index + 1 :])
            moved.add(index)
    points = [
        calm.between(sketch, boxes, index) if arrow[0] in moved or arrow[1] in moved else drawn.points[index]
        for index, arrow in enumerate(sketch.arrows)
    ]
    labels = [
        None
        if not sketch.labels[index]
        else place
        if points[index] is drawn.points[index]
        else routes.halfway(points[index])
        for index, place in enumerate(drawn.label_at)
    ]
    return Drawn(boxes, points, labels)


def _layout(sketch: Sketch, drawn: Drawn) -> Layout:
    return {
        "nodes": [_node(node_id, box) for node_id, box in zip(sketch.ids, drawn.boxes, strict=True)],
        "edges": [
            {
                "from_node": sketch.ids[start],
                "to_node": sketch.ids[end],
                "points": drawn.points[index],
                "type": sketch.kinds[index],
                "label": sketch.labels[index] or None,
                "label_at": None if drawn.label_at[index] is None else list(drawn.label_at[index] or ()),
            }
            for index, (start, end) in enumerate(sketch.arrows)
        ],
    }


def _node(node_id: str, box: Box) -> dict[str, Any]:
    return {"node_id": node_id, "x": box.x, "y": box.y, "width": box.width, "height": box.height}
