"""How long a graph takes along its longest way, and what it costs: from past runs where there are any, else from what
its tools' kinds take by default. An estimate says which."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from graphs_app.engine.registry import Registry
from graphs_app.engine.topology import strong_components
from graphs_app.redesign.access import asks_model
from graphs_app.redesign.wiring import Wiring

DEFAULT_MS = {"set_state": 1.0, "compute": 1.0, "emit": 1.0, "fail": 1.0, "graph": 10_000.0, "map": 30_000.0}
ASKS_A_PERSON_MS = 60_000.0
MODEL_MS = 10_000.0
OTHER_MS = 200.0


@dataclass(frozen=True, slots=True)
class Measured:
    """One node in past runs."""

    tool: str
    runs: int
    """In how many runs it ran."""
    duration_ms: float
    """The mean of its node runs."""
    slowest_ms: float
    visits: float = 1.0
    """How often it ran in a run in which it ran."""
    cost_usd: Decimal | None = None
    """The mean of a node run; None where no price is known."""
    tokens: float = 0.0
    failures: int = 0
    """Of its attempts."""
    wrote: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Past:
    """What is known of past runs, by node."""

    runs: int = 0
    nodes: Mapping[str, Measured] = field(default_factory=dict)

    def of(self, node: Mapping[str, Any]) -> Measured | None:
        """What is known of a node, if it ran with the tool that it has now."""
        known = self.nodes.get(node["node_id"])
        return known if known is not None and known.tool == node["tool"] else None

    def still_of(self, base: Mapping[str, Any], changed: Mapping[str, Any]) -> "Past":
        """Without what was measured of nodes that have another config now than they had then."""
        before = {node["node_id"]: node.get("config") or {} for node in base["nodes"]}
        other = {
            node["node_id"]
            for node in changed["nodes"]
            if (node.get("config") or {}) != before.get(node["node_id"], node.get("config") or {})
        }
        return Past(self.runs, {name: one for name, one in self.nodes.items() if name not in other}) if other else self

    def wrote(self, node: Mapping[str, Any]) -> frozenset[str]:
        known = self.of(node)
        return frozenset() if known is None else known.wrote


NO_PAST = Past()


@dataclass(frozen=True, slots=True)
class Estimate:
    """A graph's time and money."""

    critical_path_ms: float
    critical_path: list[str]
    """The nodes of its longest way."""
    steps: int
    """Nodes on its longest way."""
    nodes: int
    cost_usd: Decimal | None
    measured: int
    """How many of its nodes past runs have measured; the others count with the default of their tool's kind."""

    def as_json(self) -> dict[str, Any]:
        return {
            "critical_path_ms": round(self.critical_path_ms, 3),
            "critical_path": self.critical_path,
            "steps": self.steps,
            "nodes": self.nodes,
            "cost_usd": None if self.cost_usd is None else str(self.cost_usd),
            "measured": self.measured,
        }


def node_ms(node: Mapping[str, Any], registry: Registry, past: Past) -> float:
    """How long a node takes in a run, all its visits together."""
    known = past.of(node)
    if known is not None:
        return known.duration_ms * known.visits
    name = node["tool"]
    if name == "sleep":
        return float((node.get("config") or {}).get("seconds", 0)) * 1000
    if name == "ask_human":
        return ASKS_A_PERSON_MS
    if name in DEFAULT_MS:
        return DEFAULT_MS[name]
    return MODEL_MS if asks_model(registry.get(name)) else OTHER_MS


def estimate(definition: Mapping[str, Any], registry: Registry, past: Past = NO_PAST) -> Estimate:
    """Of the longest way from the entry; a loop counts as often as it was gone round in past runs, else once."""
    wiring = Wiring(definition)
    ids = list(wiring.nodes)
    index = {node_id: at for at, node_id in enumerate(ids)}
    by_id = wiring.successors()
    successors = [[index[after] for after in by_id[node_id]] for node_id in ids]
    took = [node_ms(wiring.nodes[node_id], registry, past) for node_id in ids]
    length, ways = _longest(successors, took, index[wiring.entry])
    alive = _reached(successors, index[wiring.entry])
    known = [past.of(wiring.nodes[ids[one]]) for one in alive]
    return Estimate(
        critical_path_ms=length,
        critical_path=[ids[one] for one in ways],
        steps=len(ways),
        nodes=len(ids),
        cost_usd=_cost([wiring.nodes[ids[one]] for one in alive], registry, past),
        measured=sum(one is not None for one in known),
    )


def _longest(successors: list[list[int]], took: list[float], entry: int) -> tuple[float, list[int]]:
    components = strong_components(successors)
    number_of = {node: number for number, nodes in enumerate(components) for node in nodes}
    lengths: list[float] = []
    nexts: list[int] = []
    for number, nodes in enumerate(components):
        after = {number_of[target] for node in nodes for target in successors[node]} - {number}
        best = max(after, key=lambda one: (lengths[one], -one), default=-1)
        lengths.append(sum(took[node] for node in nodes) + (lengths[best] if best >= 0 else 0.0))
        nexts.append(best)
    way, at = list[int](), number_of[entry]
    while at >= 0:
        way += sorted(components[at])
        at = nexts[at]
    return lengths[number_of[entry]], way


def _reached(successors: list[list[int]], entry: int) -> list[int]:
    seen, work = {entry}, [entry]
    while work:
        for target in successors[work.pop()]:
            if target not in seen:
                seen.add(target)
                work.append(target)
    return sorted(seen)


def _cost(nodes: list[dict[str, Any]], registry: Registry, past: Past) -> Decimal | None:
    """None as soon as one node's price is not known: unknown is not free."""
    total = Decimal(0)
    for node in nodes:
        known = past.of(node)
        if known is None:
            if asks_model(registry.get(node["tool"])) or node["tool"] in ("graph", "map"):
                return None
        elif known.cost_usd is not None:
            total += known.cost_usd * Decimal(str(known.visits))
        elif known.tokens:
            return None
    return total
