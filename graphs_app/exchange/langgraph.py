"""LangGraph's JSON drawing of a graph (`graph.get_graph().to_json()`), read and written.

It says which nodes and edges there are, not what conditional edges ask: those get a condition on the key "route". Its
__start__ and __end__ are no nodes of ours; who follows __start__ is the entry.
"""

from collections.abc import Mapping
from typing import Any

START, END = "__start__", "__end__"
PLACEHOLDER = "set_state"
"""The tool of nodes whose own is not known here; it changes nothing until it is chosen."""


def is_drawing(value: Any) -> bool:
    """Whether a JSON value looks like LangGraph's drawing."""
    if not isinstance(value, Mapping) or not isinstance(value.get("nodes"), list):
        return False
    edges = value.get("edges")
    has_edges = isinstance(edges, list) and any(isinstance(edge, Mapping) and "source" in edge for edge in edges)
    has_ids = any(isinstance(node, Mapping) and "id" in node for node in value["nodes"])
    return has_ids and "entry_node" not in value and (has_edges or not edges)


def read_drawing(value: Mapping[str, Any], name: str, tools: frozenset[str]) -> dict[str, Any]:
    """A definition of ours; nodes whose name or tool is one of the tools use it."""
    nodes = [one for one in value["nodes"] if isinstance(one, Mapping) and str(one.get("id")) not in (START, END)]
    edges = [one for one in value.get("edges") or () if isinstance(one, Mapping)]
    first = [str(edge.get("target")) for edge in edges if edge.get("source") == START]
    ids = [str(node.get("id")) for node in nodes]
    entry = next((one for one in first if one in ids), ids[0] if ids else "")
    drawn = [edge for edge in edges if edge.get("source") != START and edge.get("target") != END]
    return {
        "v": 1,
        "name": name or str(value.get("name") or "Imported graph"),
        "entry_node": entry,
        "nodes": [_node(node, tools) for node in nodes],
        "edges": _edges(drawn),
        **_ways_to(first[1:], ids),
    }


def _ways_to(rest: list[str], ids: list[str]) -> dict[str, Any]:
    """A graph with several nodes after __start__ says so: ours begins with one."""
    others = [one for one in rest if one in ids]
    return {"description": f"Also started with: {', '.join(others)}"} if others else {}


def _node(node: Mapping[str, Any], tools: frozenset[str]) -> dict[str, Any]:
    node_id = str(node.get("id"))
    data = node.get("data")
    named = str(data.get("name")) if isinstance(data, Mapping) and data.get("name") else node_id
    metadata = node.get("metadata") if isinstance(node.get("metadata"), Mapping) else {}
    wanted = [str((metadata or {}).get("tool") or ""), named, node_id]
    tool = next((one for one in wanted if one in tools), PLACEHOLDER)
    config = (metadata or {}).get("config")
    if not isinstance(config, dict):
        config = {"values": {}} if tool == PLACEHOLDER else {}
    return {"node_id": node_id, "tool": tool, "config": config} | ({"label": named} if named != node_id else {})


def _edges(drawn: list[Mapping[str, Any]]) -> list[dict[str, Any]]:
    found = []
    for edge in drawn:
        one: dict[str, Any] = {"from_node": str(edge.get("source")), "to_node": str(edge.get("target"))}
        if edge.get("conditional"):
            told = edge.get("data")
            condition = edge.get("condition")
            one["type"] = "conditional"
            one["condition"] = condition if isinstance(condition, str) else f"route == {_literal(told, one['to_node'])}"
        found.append(one)
    return found


def _literal(told: Any, target: str) -> str:
    """The name of a branch as a string of the language of conditions."""
    name = told if isinstance(told, str) and told else target
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'


def drawing_of(definition: Mapping[str, Any]) -> dict[str, Any]:
    """Our graph as LangGraph draws one; what it has no word for stands in a node's metadata, and is read back."""
    targets = {edge["from_node"] for edge in definition.get("edges") or ()}
    edges: list[dict[str, Any]] = [{"source": START, "target": definition["entry_node"]}]
    for edge in definition.get("edges") or ():
        one = {"source": edge["from_node"], "target": edge["to_node"]}
        if edge.get("condition"):
            one |= {"conditional": True, "data": edge.get("label") or edge["condition"], "condition": edge["condition"]}
        edges.append(one)
    edges += [
        {"source": node["node_id"], "target": END} for node in definition["nodes"] if node["node_id"] not in targets
    ]
    nodes = [
        {
            "id": node["node_id"],
            "type": "runnable",
            "data": {"id": [node["tool"]], "name": node.get("label") or node["node_id"]},
            "metadata": {"tool": node["tool"], "config": node.get("config") or {}},
        }
        for node in definition["nodes"]
    ]
    ends = [{"id": one, "type": "schema", "data": one} for one in (START, END)]
    return {"nodes": [ends[0], *nodes, ends[1]], "edges": edges}
