"""A graph's definition as frozen values: what the JSON says, with every default filled in.

`parse` takes a definition that validate.problems has nothing against. Edges are known by their index: the drawn ones
in their order, and after them one edge of type "fallback" for each node that names a fallback, in the nodes' order.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

Join = Literal["all", "any", "first"]
OnError = Literal["fail_fast", "continue", "fallback"]
Route = Literal["first", "every"]
EdgeType = Literal["normal", "conditional", "fallback"]
ReducerName = Literal["replace", "append", "extend", "merge", "add"]

JOINS: tuple[str, ...] = get_args(Join)
ON_ERROR: tuple[str, ...] = get_args(OnError)
ROUTES: tuple[str, ...] = get_args(Route)
REDUCERS: tuple[str, ...] = get_args(ReducerName)
DRAWN_EDGE_TYPES = ("normal", "conditional")
MAX_ITERATIONS = 100


@dataclass(frozen=True, slots=True)
class Retry:
    """How often, and after how long, a failed attempt is made again."""

    max_attempts: int = 1
    backoff_s: float = 1.0
    backoff_max_s: float = 60.0
    jitter: bool = True


NO_RETRY = Retry()
RETRY_ATTEMPTS = 3
"""What `"retry": {}` means."""


@dataclass(frozen=True, slots=True)
class Node:
    node_id: str
    tool: str
    config: Mapping[str, Any] = field(default_factory=dict)
    timeout_s: float | None = None
    join: Join = "all"
    route: Route = "first"
    retry: Retry = NO_RETRY
    on_error: OnError = "fail_fast"
    fallback: str | None = None


@dataclass(frozen=True, slots=True)
class Edge:
    from_node: str
    to_node: str
    type: EdgeType = "normal"
    condition: str | None = None


@dataclass(frozen=True, slots=True)
class Definition:
    """A graph version."""

    name: str
    entry_node: str
    nodes: Sequence[Node]
    edges: Sequence[Edge]
    """Drawn edges, then fallback edges; NodeDone.edges_taken are indexes into this."""
    reducers: Mapping[str, ReducerName] = field(default_factory=dict)
    max_iterations: int = MAX_ITERATIONS

    def node_index(self) -> dict[str, int]:
        return {node.node_id: index for index, node in enumerate(self.nodes)}


def parse(definition: Mapping[str, Any]) -> Definition:
    """The values of a valid definition."""
    nodes = [_node(node) for node in definition["nodes"]]
    edges = [_edge(edge) for edge in definition.get("edges") or ()]
    edges += [Edge(node.node_id, node.fallback, "fallback") for node in nodes if node.fallback is not None]
    state = definition.get("state") or {}
    return Definition(
        name=definition.get("name") or "",
        entry_node=definition["entry_node"],
        nodes=tuple(nodes),
        edges=tuple(edges),
        reducers={key: rule.get("reducer") or "replace" for key, rule in state.items()},
        max_iterations=_given(definition, "max_iterations", MAX_ITERATIONS),
    )


def _node(node: Mapping[str, Any]) -> Node:
    on_error: OnError = node.get("on_error") or ("fallback" if node.get("fallback") else "fail_fast")
    return Node(
        node_id=node["node_id"],
        tool=node["tool"],
        config=node.get("config") or {},
        timeout_s=node.get("timeout_s"),
        join=node.get("join") or "all",
        route=node.get("route") or "first",
        retry=_retry(node.get("retry")),
        on_error=on_error,
        fallback=node.get("fallback") if on_error == "fallback" else None,
    )


def _retry(retry: Mapping[str, Any] | None) -> Retry:
    if retry is None:
        return NO_RETRY
    return Retry(
        max_attempts=_given(retry, "max_attempts", RETRY_ATTEMPTS),
        backoff_s=_given(retry, "backoff_s", NO_RETRY.backoff_s),
        backoff_max_s=_given(retry, "backoff_max_s", NO_RETRY.backoff_max_s),
        jitter=_given(retry, "jitter", NO_RETRY.jitter),
    )


def _edge(edge: Mapping[str, Any]) -> Edge:
    condition = edge.get("condition")
    return Edge(
        from_node=edge["from_node"],
        to_node=edge["to_node"],
        type=edge.get("type") or ("normal" if condition is None else "conditional"),
        condition=condition,
    )


def _given(values: Mapping[str, Any], key: str, default: Any) -> Any:
    value = values.get(key)
    return default if value is None else value


def alone(definition: Mapping[str, Any], node_id: str) -> dict[str, Any]:
    """The definition of a graph that is only one node of another: to run it by itself on a saved input.

    What it saw is replan.state_at(number=its seen). Raises KeyError for a node that is not there.
    """
    nodes = {node["node_id"]: node for node in definition["nodes"]}
    kept = {key: value for key, value in nodes[node_id].items() if key not in ("on_error", "fallback")}
    rest = {key: value for key, value in definition.items() if key not in ("nodes", "edges", "entry_node")}
    return {**rest, "entry_node": node_id, "nodes": [kept], "edges": []}
