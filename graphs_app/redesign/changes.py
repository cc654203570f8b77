"""A single change to a graph: what it is, why, and doing it, again and again checked against the graph as it then is.

A change is kept as what it does, not as a patch: so it can be done where others before it were rejected, and it says
so where it cannot. Whatever is accepted of what the rules find, what comes out computes the same.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from graphs_app.engine.registry import Registry
from graphs_app.redesign.access import Access, Keys, access_of, names_in
from graphs_app.redesign.estimates import NO_PAST, Past, node_ms
from graphs_app.redesign.wiring import Json, Wiring, is_conditional


class ChangeDoesNotApply(Exception):
    """Raised when a graph is not, or no longer, one that a change can be made to."""


@dataclass(frozen=True, slots=True)
class Change:
    """One change of a proposal."""

    kind: str
    params: Json
    """What it does, in the words of its kind."""
    title: str
    reason: str
    nodes: list[str]
    """Which nodes it is about."""
    drops: list[str] = field(default_factory=list)
    """State keys that some ways through the graph no longer write, since nothing on them reads these."""
    n: int = 0
    needs: list[int] = field(default_factory=list)
    """Numbers of the changes without which it cannot be made."""
    evidence: Json = field(default_factory=dict)
    by: str = ""
    """Who suggested it; empty for what the rules have found."""

    def as_json(self) -> Json:
        return {key: getattr(self, key) for key in FIELDS}


FIELDS = ("n", "kind", "params", "title", "reason", "nodes", "drops", "needs", "evidence", "by")


def from_json(kept: Mapping[str, Any]) -> Change:
    return Change(**{key: kept[key] for key in FIELDS if key in kept})


class Ground:
    """A definition, and what is known of its nodes."""

    def __init__(self, definition: Mapping[str, Any], registry: Registry, past: Past = NO_PAST) -> None:
        self.wiring = Wiring(definition)
        self.registry = registry
        self.past = past
        state = definition.get("state") or {}
        self.combined = frozenset(key for key, rule in state.items() if (rule.get("reducer") or "replace") != "replace")
        """Keys whose writes add up: each of them counts."""
        self._access: dict[str, Access] = {}
        self._reach: dict[str, set[str]] | None = None

    def access(self, node_id: str) -> Access:
        if node_id not in self._access:
            node = self.wiring.nodes[node_id]
            self._access[node_id] = access_of(node, self.registry, self.past.wrote(node))
        return self._access[node_id]

    def took_ms(self, node_id: str) -> float:
        return node_ms(self.wiring.nodes[node_id], self.registry, self.past)

    def looks_at(self, node_id: str) -> Keys:
        """What a node reads, and the conditions on the edges that leave it."""
        reads = self.access(node_id).reads
        conditions = [edge["condition"] for edge in self.wiring.outs(node_id) if is_conditional(edge)]
        return None if reads is None else reads | names_in(conditions)

    def beside(self, node_id: str) -> list[str]:
        """The nodes that may run while this one does: neither comes only after the other."""
        reach = self.reach
        return [
            other
            for other in self.wiring.nodes
            if other != node_id and (other in reach[node_id]) == (node_id in reach[other])
        ]

    @property
    def reach(self) -> dict[str, set[str]]:
        if self._reach is None:
            self._reach = self.wiring.reach()
        return self._reach

    def joins_all(self, *node_ids: str) -> bool:
        return all((self.wiring.nodes[one].get("join") or "all") == "all" for one in node_ids)

    @property
    def has_races(self) -> bool:
        """Whether some node starts for the first that comes: then who comes first must not change."""
        return any(node.get("join") == "first" for node in self.wiring.nodes.values())

    def node(self, node_id: Any) -> Json:
        if node_id not in self.wiring.nodes:
            raise ChangeDoesNotApply(f"there is no node {node_id!r} any more")
        return self.wiring.nodes[node_id]


class Rule(Protocol):
    """One kind of change: finds where it can be made, and makes it."""

    kind: str

    def find(self, ground: Ground) -> Iterator[Change]:
        """Changes that can be made to the graph as it is; after each that is made, it is asked anew."""

    def apply(self, ground: Ground, params: Mapping[str, Any]) -> None:
        """Changes ground.wiring. Raises ChangeDoesNotApply."""


def apply_all(
    definition: Mapping[str, Any],
    changes: Iterable[Change],
    *,
    rules: Mapping[str, Rule],
    registry: Registry,
    past: Past = NO_PAST,
) -> Json:
    """The definition after some changes, in their order. Raises ChangeDoesNotApply."""
    result: Json = dict(definition)
    for change in changes:
        result = apply_one(result, change, rules=rules, registry=registry, past=past)
    return result


def apply_one(
    definition: Mapping[str, Any], change: Change, *, rules: Mapping[str, Rule], registry: Registry, past: Past
) -> Json:
    ground = Ground(definition, registry, past)
    rules[change.kind].apply(ground, change.params)
    return ground.wiring.definition()


def listed(names: Sequence[str], most: int = 6) -> str:
    """Names in a sentence."""
    shown = [f"'{name}'" for name in names[:most]]
    if len(names) > most:
        shown.append(f"{len(names) - most} more")
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"
