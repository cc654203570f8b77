"""What changed between two layouts: all that somebody who has the first needs to show the second."""

from collections.abc import Mapping
from typing import Any


def changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """Nodes that moved or changed their size, that are new, and the ids of those that are gone; and the edges."""
    before = {node["node_id"]: node for node in old["nodes"]}
    after = {node["node_id"]: node for node in new["nodes"]}
    old_edges, new_edges = _by_place(old), _by_place(new)
    return {
        "moved": [node for node_id, node in after.items() if node_id in before and before[node_id] != node],
        "added": [node for node_id, node in after.items() if node_id not in before],
        "removed": [node_id for node_id in before if node_id not in after],
        "edges": {
            "changed": [edge for key, edge in new_edges.items() if old_edges.get(key) != edge],
            "removed": [_ends(edge) for key, edge in old_edges.items() if key not in new_edges],
        },
    }


def applied(old: Mapping[str, Any], change: Mapping[str, Any]) -> dict[str, Any]:
    """The layout after a change; nodes in the order of before, then the new ones."""
    gone = set(change["removed"])
    nodes = {node["node_id"]: node for node in old["nodes"] if node["node_id"] not in gone}
    nodes |= {node["node_id"]: node for node in (*change["moved"], *change["added"])}
    edges = _by_place(old)
    for end in change["edges"]["removed"]:
        edges.pop((end["from_node"], end["to_node"], end["n"]), None)
    for edge in change["edges"]["changed"]:
        edges[edge["from_node"], edge["to_node"], edge["n"]] = edge
    plain = [{key: value for key, value in edge.items() if key != "n"} for edge in edges.values()]
    return {"nodes": list(nodes.values()), "edges": plain}


def _by_place(layout: Mapping[str, Any]) -> dict[tuple[str, str, int], dict[str, Any]]:
    """Edges by their ends, and which of the edges between those they are (n)."""
    found: dict[tuple[str, str, int], dict[str, Any]] = {}
    for edge in layout["edges"]:
        n = 0
        while (edge["from_node"], edge["to_node"], n) in found:
            n += 1
        found[edge["from_node"], edge["to_node"], n] = {**edge, "n": n}
    return found


def _ends(edge: Mapping[str, Any]) -> dict[str, Any]:
    return {key: edge[key] for key in ("from_node", "to_node", "n")}
