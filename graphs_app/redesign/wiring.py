"""A definition's nodes and edges, open to change: bypassed, taken out, reordered, and written back as JSON."""

from collections.abc import Iterable, Mapping
from typing import Any

Json = dict[str, Any]


def is_conditional(edge: Mapping[str, Any]) -> bool:
    return edge.get("condition") is not None


def arrow(from_node: str, to_node: str, like: Mapping[str, Any] | None = None) -> Json:
    """An edge between two nodes that says what another one says."""
    return {**(like or {"type": "normal"}), "from_node": from_node, "to_node": to_node}


class Wiring:
    """One definition under change. Nodes and edges are copies; what lies in them is shared, and never changed."""

    def __init__(self, definition: Mapping[str, Any]) -> None:
        self.nodes: dict[str, Json] = {node["node_id"]: dict(node) for node in definition["nodes"]}
        self.edges: list[Json] = [dict(edge) for edge in definition.get("edges") or ()]
        self.entry: str = definition["entry_node"]
        self.rest: Json = {key: one for key, one in definition.items() if key not in ("nodes", "edges", "entry_node")}

    def definition(self) -> Json:
        """What it is now, as JSON; pins of nodes that are gone are left out, and an edge that is there twice is one."""
        rest, metadata = self.rest, self.rest.get("metadata")
        if isinstance(metadata, dict) and isinstance(metadata.get("pinned"), dict):
            pinned = {key: place for key, place in metadata["pinned"].items() if key in self.nodes}
            rest = {**rest, "metadata": {**metadata, "pinned": pinned}}
        edges: dict[tuple[str, str, str | None], Json] = {}
        for edge in self.edges:
            edges.setdefault((edge["from_node"], edge["to_node"], edge.get("condition")), edge)
        return {**rest, "entry_node": self.entry, "nodes": list(self.nodes.values()), "edges": list(edges.values())}

    # Who is beside whom

    def outs(self, node_id: str) -> list[Json]:
        return [edge for edge in self.edges if edge["from_node"] == node_id]

    def ins(self, node_id: str) -> list[Json]:
        return [edge for edge in self.edges if edge["to_node"] == node_id]

    def is_fallback(self, node_id: str) -> bool:
        """Whether a node runs when another fails."""
        return any(node.get("fallback") == node_id for node in self.nodes.values())

    def next_of(self, node_id: str) -> str | None:
        """The only node that follows, by a normal edge."""
        outs = self.outs(node_id)
        return outs[0]["to_node"] if len(outs) == 1 and not is_conditional(outs[0]) else None

    def successors(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {node_id: [] for node_id in self.nodes}
        for edge in self.edges:
            found[edge["from_node"]].append(edge["to_node"])
        for node_id, node in self.nodes.items():
            if node.get("fallback") in self.nodes:
                found[node_id].append(node["fallback"])
        return found

    def reach(self) -> dict[str, set[str]]:
        """By node: those that one edge or more lead to."""
        successors = self.successors()
        found: dict[str, set[str]] = {}
        for start in self.nodes:
            seen: set[str] = set()
            work = list(successors[start])
            while work:
                node = work.pop()
                if node not in seen:
                    seen.add(node)
                    work += successors[node]
            found[start] = seen
        return found

    def chains(self) -> list[list[str]]:
        """The longest lines of two nodes or more in which each node has the next as its only successor, and the next
        has no other way to it: when one is done, the next starts, whatever else is going on."""
        follows: dict[str, str] = {}
        for node_id in self.nodes:
            after = self.next_of(node_id)
            if after is None or after in (self.entry, node_id) or self.is_fallback(after):
                continue
            # A fallback of the first would be a second way on from within the line.
            if len(self.ins(after)) == 1 and not self.nodes[node_id].get("fallback"):
                follows[node_id] = after
        heads = [node_id for node_id in self.nodes if node_id in follows and node_id not in follows.values()]
        lines = []
        for head in heads:
            line = [head]
            while line[-1] in follows:
                line.append(follows[line[-1]])
            lines.append(line)
        return lines

    # Changes

    def drop(self, node_ids: Iterable[str]) -> None:
        """Takes nodes out, and every edge of theirs."""
        gone = set(node_ids)
        for node_id in gone:
            self.nodes.pop(node_id, None)
        self.edges = [one for one in self.edges if one["from_node"] not in gone and one["to_node"] not in gone]

    def bypass(self, node_id: str) -> None:
        """Takes a node out; what led to it leads to the only node that followed it, or nowhere if none did."""
        after = self.next_of(node_id)
        if after is not None:
            for edge in self.ins(node_id):
                edge["to_node"] = after
            if self.entry == node_id:
                self.entry = after
        self.drop([node_id])

    def free_name(self, base: str) -> str:
        name, number = base, 2
        while name in self.nodes:
            name, number = f"{base}_{number}", number + 1
        return name
