"""What differs between two definitions: nodes and edges added, removed, changed and moved, and the graph's own keys.

Pure. Edges have no ids: one that keeps its ends is the same edge, the first between two nodes with the first, and so
on; what it says may have changed.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from graphs_app.engine.schema import escape
from graphs_app.layout import drawing  # by its package, which must be loaded first: they need each other

Json = dict[str, Any]
Bump = Literal["major", "minor", "patch"]
OWN_KEYS = ("node_id", "nodes", "edges", "metadata")
MISSING = object()


@dataclass(frozen=True, slots=True)
class Difference:
    """One value that is not what it was; what is missing is None."""

    pointer: str
    """Within the node, the edge or the graph."""
    old: Any
    new: Any


@dataclass(frozen=True, slots=True)
class ChangedNode:
    node_id: str
    differences: list[Difference]


@dataclass(frozen=True, slots=True)
class EdgeOf:
    """An edge by its ends, and which of the edges between them it is."""

    from_node: str
    to_node: str
    n: int
    condition: str | None
    differences: list[Difference] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Comparison:
    """All that differs; empty lists when nothing does."""

    nodes_added: list[str]
    nodes_removed: list[str]
    nodes_changed: list[ChangedNode]
    nodes_moved: list[str]
    edges_added: list[EdgeOf]
    edges_removed: list[EdgeOf]
    edges_changed: list[EdgeOf]
    graph: list[Difference]

    @property
    def same(self) -> bool:
        """Whether nothing differs but where nodes stand."""
        return not (self.nodes_added or self.nodes_removed or self.nodes_changed or self.edges or self.graph)

    @property
    def edges(self) -> list[EdgeOf]:
        return [*self.edges_added, *self.edges_removed, *self.edges_changed]

    @property
    def bump(self) -> Bump:
        """Which part of the number should rise: what is gone may break something, what is new adds, the rest mends."""
        if self.nodes_removed or any(one.pointer.startswith("/entry_node") for one in self.graph):
            return "major"
        return "minor" if self.nodes_added or self.edges_added or self.edges_removed else "patch"


def compare(old: Mapping[str, Any], new: Mapping[str, Any]) -> Comparison:
    """What leads from the old definition to the new."""
    before = {node["node_id"]: node for node in old.get("nodes") or ()}
    after = {node["node_id"]: node for node in new.get("nodes") or ()}
    old_edges, new_edges = _edges(old), _edges(new)
    pins, new_pins = drawing.pinned(old), drawing.pinned(new)
    return Comparison(
        nodes_added=[node_id for node_id in after if node_id not in before],
        nodes_removed=[node_id for node_id in before if node_id not in after],
        nodes_changed=[
            ChangedNode(node_id, found)
            for node_id in after
            if node_id in before and (found := list(differences(_own(before[node_id]), _own(after[node_id]))))
        ],
        nodes_moved=[one for one in after if one in before and pins.get(one) != new_pins.get(one)],
        edges_added=[_edge_of(key, edge) for key, edge in new_edges.items() if key not in old_edges],
        edges_removed=[_edge_of(key, edge) for key, edge in old_edges.items() if key not in new_edges],
        edges_changed=[
            _edge_of(key, edge, found)
            for key, edge in new_edges.items()
            if key in old_edges and (found := list(differences(old_edges[key], edge)))
        ],
        graph=list(differences(_own(old), _own(new))),
    )


def differences(old: Any, new: Any, pointer: str = "") -> Iterator[Difference]:
    """Every value that differs, at the deepest place where it does; lists are compared as a whole."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in [*old, *(key for key in new if key not in old)]:
            yield from differences(old.get(key, MISSING), new.get(key, MISSING), f"{pointer}/{escape(str(key))}")
    elif old is MISSING or new is MISSING or old != new or isinstance(old, bool) != isinstance(new, bool):
        yield Difference(pointer, None if old is MISSING else old, None if new is MISSING else new)


def union(old: Mapping[str, Any], new: Mapping[str, Any]) -> Json:
    """The new definition with what was removed from the old still in it: to draw both at once."""
    compared = compare(old, new)
    gone = set(compared.nodes_removed)
    old_edges = _edges(old)
    edges = [old_edges[edge.from_node, edge.to_node, edge.n] for edge in compared.edges_removed]
    nodes = [*(new.get("nodes") or ()), *(node for node in old.get("nodes") or () if node["node_id"] in gone)]
    return {**new, "nodes": nodes, "edges": [*(new.get("edges") or ()), *edges]}


def _own(value: Mapping[str, Any]) -> Json:
    return {key: one for key, one in value.items() if key not in OWN_KEYS and not (key == "config" and not one)}


def _edges(definition: Mapping[str, Any]) -> dict[tuple[str, str, int], Json]:
    found: dict[tuple[str, str, int], Json] = {}
    for edge in definition.get("edges") or ():
        n = 0
        while (edge["from_node"], edge["to_node"], n) in found:
            n += 1
        # Whether a type that follows from the condition is written down makes no difference.
        plain = {key: value for key, value in edge.items() if key != "type" and value is not None}
        found[edge["from_node"], edge["to_node"], n] = plain
    return found


def _edge_of(key: tuple[str, str, int], edge: Mapping[str, Any], found: list[Difference] | None = None) -> EdgeOf:
    return EdgeOf(*key, edge.get("condition"), found or [])
