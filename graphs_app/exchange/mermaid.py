"""A graph as Mermaid's flowchart, which GitHub and many editors draw; names are quoted, so any text is safe."""

from collections.abc import Mapping
from typing import Any

from graphs_app.layout import texts
from graphs_app.layout.sizes import node_name

SHAPES = {"ask_human": ("{{", "}}"), "graph": ("[[", "]]"), "map": ("[[", "]]"), "fail": (">", "]")}
MOST_LABEL = 120
ENTITIES = str.maketrans(
    {"#": "#35;", "&": "#amp;", '"': "#quot;", "<": "#lt;", ">": "#gt;", "`": "#96;", "\\": "#92;"}
)


def mermaid_of(definition: Mapping[str, Any]) -> str:
    """The flowchart, from left to right, as the canvas draws it."""
    names = {node["node_id"]: f"n{at}" for at, node in enumerate(definition["nodes"])}
    lines = ["---", f"title: {_quoted(str(definition.get('name') or 'Graph'))}", "---", "flowchart LR"]
    for node in definition["nodes"]:
        opening, closing = SHAPES.get(str(node.get("tool")), ("[", "]"))
        lines.append(f"    {names[node['node_id']]}{opening}{_quoted(node_name(node))}{closing}")
    for edge in definition.get("edges") or ():
        words = edge.get("label") or edge.get("condition")
        arrow = "-.->" if edge.get("condition") else "-->"
        label = f"|{_quoted(str(words))}|" if words else ""
        lines.append(f"    {names[edge['from_node']]} {arrow}{label} {names[edge['to_node']]}")
    for node in definition["nodes"]:
        if node.get("fallback"):
            lines.append(f'    {names[node["node_id"]]} -. "on error" .-> {names[node["fallback"]]}')
    entry = names.get(str(definition.get("entry_node")))
    if entry:
        lines += ["    classDef entry stroke-width:3px", f"    class {entry} entry"]
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    """In double quotes, with what Mermaid would take for its own or for HTML as entities."""
    shown = texts.plain(text)
    shown = shown if len(shown) <= MOST_LABEL else shown[: MOST_LABEL - 1] + texts.ELLIPSIS
    return f'"{shown.translate(ENTITIES)}"'
