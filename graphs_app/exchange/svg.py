"""A graph as a picture: SVG that stands alone, needs neither script nor font, and says in words what it shows."""

from collections.abc import Mapping, Sequence
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from graphs_app.layout import arrange, texts
from graphs_app.layout.sizes import BOLD, LABEL_HEIGHT, LABEL_SIZE, NAME_SIZE, TOOL_SIZE, label_size, node_name
from sessions_app.plurals import counted

MARGIN = 32.0
ROUND = 10.0
FONT = "system-ui, 'Segoe UI', Roboto, 'Helvetica Neue', 'DejaVu Sans', 'Liberation Sans', sans-serif"
SUB_GRAPHS = ("graph", "map")
COLOURS = {
    "light": {
        "ground": "#ffffff", "node": "#f6f7f9", "line": "#868f9c", "edge": "#505b69", "text": "#1a2029",
        "soft": "#505b69", "accent": "#2b57d6", "bad": "#b3261e", "label": "#ffffff",
    },
    "dark": {
        "ground": "#0e1116", "node": "#1b212a", "line": "#687485", "edge": "#a3aebc", "text": "#e4e8ee",
        "soft": "#a3aebc", "accent": "#86a7ff", "bad": "#ff948b", "label": "#0e1116",
    },
}  # fmt: skip


def svg_of(definition: Mapping[str, Any], layout: Mapping[str, Any] | None = None, theme: str = "light") -> str:
    """The picture of a definition; drawn from nothing unless a layout is given."""
    placed = layout or arrange(definition)
    colours = COLOURS[theme]
    left, top, width, height = extent(placed)
    name = texts.plain(str(definition.get("name") or "Graph"))
    nodes = {node["node_id"]: node for node in definition["nodes"]}
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{left:g} {top:g} {width:g} {height:g}" width="{width:g}" '
        f'height="{height:g}" role="img" aria-labelledby="title description" font-family={quoteattr(FONT)}>',
        f'<title id="title">{_text(name)}</title>',
        f'<desc id="description">{_text(described(definition))}</desc>',
        "<defs>",
        *(_arrow_head(key, colours[key]) for key in ("edge", "bad")),
        "</defs>",
        f'<rect x="{left:g}" y="{top:g}" width="{width:g}" height="{height:g}" fill="{colours["ground"]}"/>',
        *(_edge(edge, colours) for edge in placed["edges"]),
        *(_label(edge, colours) for edge in placed["edges"] if edge.get("label")),
        *(_node(node, nodes[node["node_id"]], definition, colours) for node in placed["nodes"]),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def extent(layout: Mapping[str, Any]) -> tuple[float, float, float, float]:
    """Left, top, width and height of all that is drawn, with a margin."""
    xs = [x for node in layout["nodes"] for x in (node["x"], node["x"] + node["width"])]
    ys = [y for node in layout["nodes"] for y in (node["y"], node["y"] + node["height"])]
    for edge in layout["edges"]:
        xs += [point[0] for point in edge["points"]]
        ys += [point[1] for point in edge["points"]]
        if edge.get("label") and edge.get("label_at"):
            half = label_size(edge["label"])[0] / 2
            xs += [edge["label_at"][0] - half, edge["label_at"][0] + half]
            ys += [edge["label_at"][1] - LABEL_HEIGHT / 2, edge["label_at"][1] + LABEL_HEIGHT / 2]
    if not xs:
        return 0.0, 0.0, 2 * MARGIN, 2 * MARGIN
    left, top = min(xs) - MARGIN, min(ys) - MARGIN
    return left, top, max(xs) + MARGIN - left, max(ys) + MARGIN - top


def described(definition: Mapping[str, Any]) -> str:
    """The graph in words, for those who do not see it."""
    edges = definition.get("edges") or []
    ways = [
        f"{edge['from_node']} to {edge['to_node']}" + (f" if {edge['condition']}" if edge.get("condition") else "")
        for edge in edges[:200]
    ]
    more = f"; and {len(edges) - 200} more" if len(edges) > 200 else ""
    start = f"{counted(len(definition['nodes']), 'node')}, starting with {definition.get('entry_node')}"
    return f"{start}. Edges: {'; '.join(ways) or 'none'}{more}."


def path_of(points: Sequence[Sequence[float]]) -> str:
    """A curve through an edge's points: level and upright parts meet in round corners, slanted ones are a soft S."""
    (x, y), *rest = points
    parts = [f"M{x:g} {y:g}"]
    for at, (x2, y2) in enumerate(rest):
        x1, y1 = points[at]
        if y1 != y2 and x1 != x2:
            bow = (x2 - x1) / 2
            parts.append(f"C{x1 + bow:g} {y1:g} {x2 - bow:g} {y2:g} {x2:g} {y2:g}")
            continue
        following = points[at + 2] if at + 2 < len(points) else None
        corner = following is not None and (x1 == x2) != (x2 == following[0]) and (y1 == y2) != (y2 == following[1])
        if not corner or following is None:
            parts.append(f"L{x2:g} {y2:g}")
            continue
        into = _towards(points[at + 1], points[at])
        out = _towards(points[at + 1], following)
        parts.append(f"L{into[0]:g} {into[1]:g}Q{x2:g} {y2:g} {out[0]:g} {out[1]:g}")
    return "".join(parts)


def _towards(point: Sequence[float], other: Sequence[float]) -> tuple[float, float]:
    """A little way from a point towards another that lies level or upright of it."""
    dx, dy = other[0] - point[0], other[1] - point[1]
    far = max(abs(dx), abs(dy))
    step = min(ROUND, far / 2) / far if far else 0.0
    return point[0] + dx * step, point[1] + dy * step


def _arrow_head(key: str, colour: str) -> str:
    return (
        f'<marker id="head-{key}" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="10" markerHeight="10" '
        f'markerUnits="userSpaceOnUse" orient="auto">'
        f'<path d="M0 0.5 8 4 0 7.5Z" fill="{colour}"/></marker>'
    )


def _edge(edge: Mapping[str, Any], colours: Mapping[str, str]) -> str:
    kind = edge.get("type", "normal")
    colour = "bad" if kind == "fallback" else "edge"
    dashes = {"conditional": ' stroke-dasharray="6 4"', "fallback": ' stroke-dasharray="2 4"'}.get(kind, "")
    return (
        f'<path d="{path_of(edge["points"])}" fill="none" stroke="{colours[colour]}" stroke-width="1.5"{dashes} '
        f'marker-end="url(#head-{colour})"/>'
    )


def _label(edge: Mapping[str, Any], colours: Mapping[str, str]) -> str:
    x, y = edge["label_at"]
    width, height = label_size(edge["label"])
    return (
        f'<rect x="{x - width / 2:g}" y="{y - height / 2:g}" width="{width:g}" height="{height:g}" rx="4" '
        f'fill="{colours["label"]}"/>'
        f'<text x="{x:g}" y="{y + 4:g}" text-anchor="middle" font-size="{LABEL_SIZE:g}" fill="{colours["soft"]}">'
        f"{_text(edge['label'])}</text>"
    )


def _node(
    placed: Mapping[str, Any], node: Mapping[str, Any], definition: Mapping[str, Any], colours: Mapping[str, str]
) -> str:
    x, y, width, height = placed["x"], placed["y"], placed["width"], placed["height"]
    is_entry = node["node_id"] == definition.get("entry_node")
    stroke = colours["accent"] if is_entry else colours["line"]
    inner = ""
    if node.get("tool") in SUB_GRAPHS:
        inner = (
            f'<rect x="{x + 4:g}" y="{y + 4:g}" width="{width - 8:g}" height="{height - 8:g}" rx="6" fill="none" '
            f'stroke="{stroke}"/>'
        )
    name = texts.fitting(node_name(node), width - 28, NAME_SIZE * BOLD)
    tool = texts.fitting(str(node.get("tool") or ""), width - 28, TOOL_SIZE)
    return (
        f'<g><rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="9" fill="{colours["node"]}" '
        f'stroke="{stroke}" stroke-width="{2 if is_entry else 1.25:g}"/>{inner}'
        f'<text x="{x + 14:g}" y="{y + 24:g}" font-size="{NAME_SIZE:g}" font-weight="600" fill="{colours["text"]}">'
        f'{_text(name)}</text><text x="{x + 14:g}" y="{y + 42:g}" font-size="{TOOL_SIZE:g}" fill="{colours["soft"]}">'
        f"{_text(tool)}</text></g>"
    )


def _text(text: str) -> str:
    return escape(texts.plain(text))
