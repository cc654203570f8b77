"""How large nodes and the labels of edges are drawn: the canvas, the pictures and the planner agree on it."""

from collections.abc import Mapping
from typing import Any

from graphs_app.layout import texts

NODE_HEIGHT = 56.0
LEAST_WIDTH, MOST_WIDTH = 132.0, 264.0
ROOM_AROUND = 56.0
"""Of a node's width: the icon at its left and the space at both sides."""
NAME_SIZE, TOOL_SIZE, LABEL_SIZE = 13.0, 11.0, 11.0
BOLD = 1.1
"""Names are drawn in bold, which is broader."""
LABEL_HEIGHT = 20.0
MOST_LABEL_WIDTH = 200.0
LOOP_HEIGHT = 22.0
"""Above a node, for an edge from it to itself."""
GRID = 4.0


def node_name(node: Mapping[str, Any]) -> str:
    """What is written on a node."""
    return str(node.get("label") or node["node_id"])


def node_size(node: Mapping[str, Any]) -> tuple[float, float]:
    """Wide enough for its name and its tool, within bounds."""
    name = texts.width(texts.plain(node_name(node)[:200]), NAME_SIZE * BOLD)
    tool = texts.width(texts.plain(str(node.get("tool") or "")[:200]), TOOL_SIZE)
    wanted = max(name, tool) + ROOM_AROUND
    return min(max(_to_grid(wanted), LEAST_WIDTH), MOST_WIDTH), NODE_HEIGHT


def edge_label(edge: Mapping[str, Any]) -> str:
    """What is written on an edge: its own label, else its condition; empty for most edges."""
    words = edge.get("label") or edge.get("condition") or ""
    return texts.fitting(str(words), MOST_LABEL_WIDTH - 16, LABEL_SIZE)


def label_size(label: str) -> tuple[float, float]:
    return _to_grid(texts.width(label, LABEL_SIZE) + 16), LABEL_HEIGHT


def _to_grid(length: float) -> float:
    return -(-length // GRID) * GRID
