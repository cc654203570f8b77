"""Some nodes of a graph become a sub-graph that one node runs, and a sub-graph's nodes come back in its node's place.

Pure. What comes out computes the same: so only what has one way in and one way out can be grouped, and nothing whose
keys add up, since a sub-graph hands back whole values.
"""

from collections.abc import Collection, Mapping
from typing import Any

from graphs_app.redesign.wiring import Json, Wiring, arrow, is_conditional

SUB_GRAPH = "graph"


class NotGroupable(Exception):
    """Raised when nodes cannot become a sub-graph, or a node is none that can be taken apart; says why."""


def grouped(definition: Mapping[str, Any], chosen: Collection[str], name: str) -> tuple[Json, str, str]:
    """The definition of the sub-graph, the node by which it is entered, and the one by which it is left."""
    wiring = Wiring(definition)
    inside = {node_id for node_id in wiring.nodes if node_id in set(chosen)}
    if len(inside) < 2:
        raise NotGroupable("choose two nodes or more")
    if any((rule.get("reducer") or "replace") != "replace" for rule in (wiring.rest.get("state") or {}).values()):
        raise NotGroupable("this graph has keys whose writes add up, and a sub-graph would add all of theirs again")
    first, last = _way_in(wiring, inside), _way_out(wiring, inside)
    for node_id, node in wiring.nodes.items():
        if node.get("fallback") and (node["fallback"] in inside) != (node_id in inside):
            raise NotGroupable(f"the error path of {node_id!r} would cross the group's border")
    edges = [edge for edge in wiring.edges if edge["from_node"] in inside and edge["to_node"] in inside]
    whole: Json = {
        "v": 1,
        "name": name,
        "entry_node": first,
        "nodes": [node for node_id, node in wiring.nodes.items() if node_id in inside],
        "edges": edges,
    }
    if wiring.rest.get("max_iterations") is not None:
        whole["max_iterations"] = wiring.rest["max_iterations"]
    return whole, first, last


def _way_in(wiring: Wiring, inside: set[str]) -> str:
    entries = {
        edge["to_node"] for edge in wiring.edges if edge["to_node"] in inside and edge["from_node"] not in inside
    }
    entries |= {wiring.entry} & inside
    if len(entries) != 1:
        raise NotGroupable(f"one node must lead into the group, there are {len(entries)}: {', '.join(sorted(entries))}")
    first: str = entries.pop()
    if (wiring.nodes[first].get("join") or "all") != "all":
        raise NotGroupable(f"{first!r} starts for each that comes")
    return first


def _way_out(wiring: Wiring, inside: set[str]) -> str:
    ends = {node_id for node_id in inside if not any(edge["to_node"] in inside for edge in wiring.outs(node_id))}
    leaving = {
        edge["from_node"] for edge in wiring.edges if edge["from_node"] in inside and edge["to_node"] not in inside
    }
    if leaving - ends:
        raise NotGroupable(f"{', '.join(sorted(leaving - ends))} leads out of the group and within it")
    if leaving and len(ends) != 1:
        raise NotGroupable(f"the group must end in one node, it ends in {len(ends)}: {', '.join(sorted(ends))}")
    return sorted(leaving or ends)[0] if ends else sorted(inside)[0]


def replaced(definition: Mapping[str, Any], sub: Mapping[str, Any], first: str, last: str, slug: str) -> Json:
    """The definition with one node that runs the sub-graph in place of its nodes."""
    wiring = Wiring(definition)
    inside = {node["node_id"] for node in sub["nodes"]}
    name = wiring.free_name(slug)
    node: Json = {"node_id": name, "tool": SUB_GRAPH, "config": {"graph": slug}}
    if wiring.nodes[last].get("route"):
        node["route"] = wiring.nodes[last]["route"]
    ins = [edge for edge in wiring.ins(first) if edge["from_node"] not in inside]
    outs = [edge for edge in wiring.outs(last) if edge["to_node"] not in inside]
    edges = [arrow(edge["from_node"], name, edge) for edge in ins] + [
        arrow(name, edge["to_node"], edge) for edge in outs
    ]
    nodes = [
        node if node_id == first else one
        for node_id, one in wiring.nodes.items()
        if node_id == first or node_id not in inside
    ]
    wiring.drop(inside)
    wiring.nodes = {one["node_id"]: one for one in nodes}
    wiring.edges += edges
    if wiring.entry == first:
        wiring.entry = name
    return wiring.definition()


def ungrouped(definition: Mapping[str, Any], node_id: str, sub: Mapping[str, Any]) -> Json:
    """The definition with the nodes of a sub-graph in the place of the node that runs it."""
    wiring, inner = Wiring(definition), Wiring(sub)
    node = wiring.nodes.get(node_id)
    if node is None or node["tool"] != SUB_GRAPH:
        raise NotGroupable(f"{node_id!r} is not a node that runs a graph")
    config = node.get("config") or {}
    if config.get("input") is not None or config.get("write"):
        raise NotGroupable(f"{node_id!r} gives its graph an input of its own, or keeps its state under a key")
    if any((rule.get("reducer") or "replace") != "replace" for rule in (inner.rest.get("state") or {}).values()):
        raise NotGroupable("the sub-graph has keys whose writes add up")
    if node.get("fallback") or node.get("on_error") not in (None, "fail_fast") or wiring.is_fallback(node_id):
        raise NotGroupable(f"{node_id!r} is part of an error path")
    outs = wiring.outs(node_id)
    ends = [one for one in inner.nodes if not inner.outs(one)]
    if outs and (not ends or (len(ends) > 1 and any(map(is_conditional, outs)))):
        raise NotGroupable("the sub-graph does not end in one node from which its ways would go on")
    if outs and any(inner.nodes[one].get("fallback") for one in inner.nodes):
        raise NotGroupable("the sub-graph has error paths that would go on as its end does")
    return _inlined(wiring, inner, node_id, ends)


def _inlined(wiring: Wiring, inner: Wiring, node_id: str, ends: list[str]) -> Json:
    ins, outs, node = wiring.ins(node_id), wiring.outs(node_id), wiring.nodes[node_id]
    order = list(wiring.nodes)
    wiring.drop([node_id])
    names: dict[str, str] = {}
    for one in inner.nodes:
        names[one] = wiring.free_name(one)
        wiring.nodes[names[one]] = {**inner.nodes[one], "node_id": names[one]}
    for one in names.values():
        fallback = wiring.nodes[one].get("fallback")
        if fallback in names:
            wiring.nodes[one]["fallback"] = names[fallback]
    first = names[inner.entry]
    wiring.edges += [arrow(edge["from_node"], first, edge) for edge in ins if edge["from_node"] != node_id]
    wiring.edges += [arrow(names[edge["from_node"]], names[edge["to_node"]], edge) for edge in inner.edges]
    for end in ends if outs else ():
        if node.get("route"):
            wiring.nodes[names[end]]["route"] = node["route"]
        wiring.edges += [
            arrow(names[end], first if edge["to_node"] == node_id else edge["to_node"], edge) for edge in outs
        ]
    if wiring.entry == node_id:
        wiring.entry = first
    at = order.index(node_id)
    place = {one: (at, n) for n, one in enumerate(names.values())}
    wiring.nodes = dict(sorted(wiring.nodes.items(), key=lambda item: place.get(item[0], (_index(order, item[0]), 0))))
    return wiring.definition()


def _index(order: list[str], node_id: str) -> int:
    return order.index(node_id) if node_id in order else len(order)
