"""Everything that is wrong with a definition, all at once, each with a JSON pointer and a stable code."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any

from graphs_app.engine import graph
from graphs_app.engine.conditions import ConditionInvalid
from graphs_app.engine.conditions import parse as parse_condition
from graphs_app.engine.limits import MAX_DEFINITION_BYTES, MAX_DEPTH, MAX_EDGES, MAX_NAME, MAX_NODES
from graphs_app.engine.registry import Registry
from graphs_app.engine.schema import escape, problems_with
from graphs_app.engine.shape import endless_cycles, unreachable
from graphs_app.engine.values import is_text
from sessions_app.invisible_characters import find, label_of, name_of


@dataclass(frozen=True, slots=True)
class Problem:
    """One fault of a definition."""

    pointer: str
    """RFC 6901, such as /nodes/0/tool; the empty string is the whole."""
    code: str
    message: str


MAX_ATTEMPTS = 100
MAX_SECONDS = 7 * 24 * 3600
MAX_ITERATIONS = 1_000_000
GRAPH_KEYS = {"v", "name", "description", "entry_node", "max_iterations", "state", "nodes", "edges", "metadata"}
NODE_KEYS = {
    "node_id",
    "tool",
    "config",
    "timeout_s",
    "join",
    "route",
    "retry",
    "on_error",
    "fallback",
    "label",
    "description",
}
EDGE_KEYS = {"from_node", "to_node", "type", "condition", "label", "description"}
RETRY_KEYS = {"max_attempts", "backoff_s", "backoff_max_s", "jitter"}
RULE_KEYS = {"reducer", "description"}


def problems(definition: Any, registry: Registry) -> list[Problem]:
    """Every fault, in the definition's order; an empty list means that it can be compiled and run."""
    if not isinstance(definition, dict):
        return [Problem("", "not_an_object", f"A definition is an object, not {_kind(definition)}")]
    too_large = _too_large(definition)
    if too_large:
        return too_large
    return _Checks(definition, registry).all()


def _too_large(definition: Mapping[str, Any]) -> list[Problem]:
    """What must not be looked at any further."""
    for key, most, code in (("nodes", MAX_NODES, "too_many_nodes"), ("edges", MAX_EDGES, "too_many_edges")):
        some = definition.get(key)
        if isinstance(some, list) and len(some) > most:
            return [Problem(f"/{key}", code, f"There are {len(some)} {key}; at most {most} are allowed")]
    size = 0
    level: list[tuple[str, Any]] = [("", definition)]
    for _ in range(MAX_DEPTH):
        for pointer, value in level:
            size += _own_size(value)
            fault = _not_json(pointer, value)
            if fault is not None:
                return [fault]
        if size > MAX_DEFINITION_BYTES:
            message = f"The definition is larger than {MAX_DEFINITION_BYTES} bytes"
            return [Problem("", "definition_too_large", message)]
        level = [inner for pointer, value in level for inner in _inside(pointer, value)]
        if not level:
            return []
    return [Problem(level[0][0], "nested_too_deep", f"The definition is nested deeper than {MAX_DEPTH}")]


def _inside(pointer: str, value: Any) -> Iterable[tuple[str, Any]]:
    if isinstance(value, dict):
        return [(f"{pointer}/{escape(str(key))}", one) for key, one in value.items()]
    if isinstance(value, list):
        return [(f"{pointer}/{index}", one) for index, one in enumerate(value)]
    return ()


def _own_size(value: Any) -> int:
    if isinstance(value, dict):
        return 2 + sum(len(str(key)) + 3 for key in value)
    return 2 + len(value) if isinstance(value, str) else 2


def _not_json(pointer: str, value: Any) -> Problem | None:
    if isinstance(value, str):
        fits = is_text(value)
    elif isinstance(value, dict):
        fits = all(isinstance(key, str) and is_text(key) for key in value)
    elif isinstance(value, float):
        return None if isfinite(value) else Problem(pointer, "not_a_number", f"{value} is not a JSON number")
    else:
        fits = value is None or isinstance(value, bool | int | list)
    return (
        None if fits else Problem(pointer, "not_text", "There is a NUL, half of a surrogate pair, or what is not JSON")
    )


class _Checks:
    """One definition under examination."""

    def __init__(self, definition: Mapping[str, Any], registry: Registry) -> None:
        self.definition = definition
        self.registry = registry
        self.found: list[Problem] = []
        self.ids: dict[str, int] = {}
        """Node ids that are there, by index."""

    def add(self, pointer: str, code: str, message: str) -> None:
        self.found.append(Problem(pointer, code, message))

    def all(self) -> list[Problem]:
        definition = self.definition
        self.keys("", definition, GRAPH_KEYS)
        if definition.get("v", 1) != 1 or isinstance(definition.get("v"), bool):
            self.add("/v", "version_unsupported", f"Definitions of version 1 are understood, not {definition['v']!r}")
        self.name("/name", definition.get("name", ""), empty=True)
        self.number("/max_iterations", definition.get("max_iterations"), 1, MAX_ITERATIONS, whole=True)
        self.state(definition.get("state"))
        nodes = definition.get("nodes")
        if not isinstance(nodes, list) or not nodes:
            self.add("/nodes", "nodes_missing", "A graph has a list of one node or more")
            nodes = []
        self.collect_ids(nodes)
        self.entry(definition.get("entry_node"))
        for index, node in enumerate(nodes):
            if isinstance(node, dict):
                self.node(f"/nodes/{index}", node)
        self.edges(definition.get("edges"))
        self.shape(nodes, definition.get("edges"))
        return self.found

    # Parts

    def state(self, state: Any) -> None:
        if state is None:
            return
        if not isinstance(state, dict):
            self.add("/state", "wrong_type", f"The state's rules are an object, not {_kind(state)}")
            return
        for key, rule in state.items():
            pointer = f"/state/{escape(str(key))}"
            self.name(pointer, key)
            if not isinstance(rule, dict):
                self.add(
                    pointer, "wrong_type", f'A rule is an object such as {{"reducer": "append"}}, not {_kind(rule)}'
                )
                continue
            self.keys(pointer, rule, RULE_KEYS)
            self.one_of(f"{pointer}/reducer", rule.get("reducer"), graph.REDUCERS, "reducer_unknown")

    def collect_ids(self, nodes: list[Any]) -> None:
        for index, node in enumerate(nodes):
            pointer = f"/nodes/{index}"
            if not isinstance(node, dict):
                self.add(pointer, "wrong_type", f"A node is an object, not {_kind(node)}")
                continue
            node_id = node.get("node_id")
            if not self.name(f"{pointer}/node_id", node_id) or not isinstance(node_id, str):
                continue
            if node_id in self.ids:
                first = self.ids[node_id]
                self.add(f"{pointer}/node_id", "node_twice", f"Node {node_id!r} is there already, at /nodes/{first}")
            else:
                self.ids[node_id] = index

    def entry(self, entry: Any) -> None:
        if entry is None:
            self.add("/entry_node", "entry_node_missing", "A graph names the node it starts with as its entry_node")
        elif not isinstance(entry, str) or entry not in self.ids:
            self.add("/entry_node", "node_unknown", f"The entry node {entry!r:.200} is not one of the nodes")

    def node(self, pointer: str, node: Mapping[str, Any]) -> None:
        self.keys(pointer, node, NODE_KEYS)
        config = node.get("config")
        if config is not None and not isinstance(config, dict):
            self.add(f"{pointer}/config", "wrong_type", f"A config is an object, not {_kind(config)}")
            config = None
        tool = node.get("tool")
        if not isinstance(tool, str) or not tool:
            self.add(f"{pointer}/tool", "tool_missing", f"A node names its tool; {_kind(tool)} was found")
        elif tool not in self.registry:
            self.add(
                f"{pointer}/tool", "tool_unknown", f"There is no tool {tool!r:.200}{_nearest(tool, self.registry)}"
            )
        elif config is not None or node.get("config") is None:
            self.config(f"{pointer}/config", tool, config or {})
        self.number(f"{pointer}/timeout_s", node.get("timeout_s"), 0, MAX_SECONDS, above=True)
        self.one_of(f"{pointer}/join", node.get("join"), graph.JOINS, "join_unknown")
        self.one_of(f"{pointer}/route", node.get("route"), graph.ROUTES, "route_unknown")
        self.retry(f"{pointer}/retry", node.get("retry"))
        self.on_error(pointer, node)

    def config(self, pointer: str, name: str, config: Mapping[str, Any]) -> None:
        tool = self.registry.get(name)
        before = len(self.found)
        if tool.config:
            for inner, message in problems_with(config, tool.config):
                self.add(pointer + inner, "config_invalid", f"The config does not fit tool {name!r}: {message}")
        if tool.config_check is not None and len(self.found) == before:
            for inner, code, message in tool.config_check(config):
                self.add(pointer + inner, code, message)

    def retry(self, pointer: str, retry: Any) -> None:
        if retry is None:
            return
        if not isinstance(retry, dict):
            self.add(pointer, "wrong_type", f"retry is an object, not {_kind(retry)}")
            return
        self.keys(pointer, retry, RETRY_KEYS)
        self.number(f"{pointer}/max_attempts", retry.get("max_attempts"), 1, MAX_ATTEMPTS, whole=True)
        self.number(f"{pointer}/backoff_s", retry.get("backoff_s"), 0, MAX_SECONDS)
        self.number(f"{pointer}/backoff_max_s", retry.get("backoff_max_s"), 0, MAX_SECONDS)
        jitter = retry.get("jitter")
        if jitter is not None and not isinstance(jitter, bool):
            self.add(f"{pointer}/jitter", "wrong_type", f"jitter is true or false, not {_kind(jitter)}")

    def on_error(self, pointer: str, node: Mapping[str, Any]) -> None:
        on_error, fallback = node.get("on_error"), node.get("fallback")
        self.one_of(f"{pointer}/on_error", on_error, graph.ON_ERROR, "on_error_unknown")
        if fallback is None:
            if on_error == "fallback":
                self.add(f"{pointer}/fallback", "fallback_missing", "on_error is fallback, but no node is named")
            return
        if not isinstance(fallback, str) or fallback not in self.ids:
            self.add(f"{pointer}/fallback", "node_unknown", f"The fallback {fallback!r:.200} is not one of the nodes")
        elif on_error not in (None, "fallback"):
            message = f"A fallback is named, but on_error is {on_error!r:.40}; make it fallback"
            self.add(f"{pointer}/fallback", "fallback_unused", message)

    def edges(self, edges: Any) -> None:
        if edges is None:
            return
        if not isinstance(edges, list):
            self.add("/edges", "wrong_type", f"edges are a list, not {_kind(edges)}")
            return
        seen: dict[tuple[Any, ...], int] = {}
        for index, edge in enumerate(edges):
            pointer = f"/edges/{index}"
            if not isinstance(edge, dict):
                self.add(pointer, "wrong_type", f"An edge is an object, not {_kind(edge)}")
                continue
            self.edge(pointer, edge)
            same = tuple(str(edge.get(key)) for key in ("from_node", "to_node", "condition"))
            if same in seen:
                self.add(pointer, "edge_twice", f"The same edge is there already, at /edges/{seen[same]}")
            seen.setdefault(same, index)

    def edge(self, pointer: str, edge: Mapping[str, Any]) -> None:
        self.keys(pointer, edge, EDGE_KEYS)
        for key in ("from_node", "to_node"):
            end = edge.get(key)
            if end is None:
                self.add(f"{pointer}/{key}", "edge_end_missing", f"An edge names its {key}")
            elif not isinstance(end, str) or end not in self.ids:
                self.add(f"{pointer}/{key}", "node_unknown", f"The edge's {key} {end!r:.200} is not one of the nodes")
        kind, condition = edge.get("type"), edge.get("condition")
        self.one_of(f"{pointer}/type", kind, graph.DRAWN_EDGE_TYPES, "edge_type_unknown")
        if condition is None:
            if kind == "conditional":
                self.add(f"{pointer}/condition", "condition_missing", "A conditional edge has a condition")
        elif not isinstance(condition, str):
            self.add(f"{pointer}/condition", "wrong_type", f"A condition is a string, not {_kind(condition)}")
        elif kind == "normal":
            message = "A normal edge has no condition; make its type conditional"
            self.add(f"{pointer}/condition", "condition_unused", message)
        else:
            self.condition(f"{pointer}/condition", condition)

    def condition(self, pointer: str, condition: str) -> None:
        try:
            parse_condition(condition)
        except ConditionInvalid as error:
            self.add(pointer, "condition_invalid", f"The condition does not parse: {error}")

    def shape(self, nodes: list[Any], edges: Any) -> None:
        """What only shows in the whole, as far as its parts are right."""
        places = list(self.ids.values())
        drawn: list[graph.Edge] = []
        edge_places: list[int] = []
        for index, edge in enumerate(edges if isinstance(edges, list) else ()):
            if (
                isinstance(edge, dict)
                and _is_one(edge.get("from_node"), self.ids)
                and _is_one(edge.get("to_node"), self.ids)
            ):
                drawn.append(_outline(edge))
                edge_places.append(index)
        for node_id, place in self.ids.items():
            fallback = nodes[place].get("fallback")
            if _is_one(fallback, self.ids):
                drawn.append(graph.Edge(node_id, fallback, "fallback"))
        outline = [graph.Node(node_id, "") for node_id in self.ids]
        entry = self.definition.get("entry_node")
        if isinstance(entry, str) and entry in self.ids:
            for index in unreachable(graph.Definition("", entry, outline, drawn)):
                message = f"No way leads from the entry node to node {outline[index].node_id!r}"
                self.add(f"/nodes/{places[index]}", "node_unreachable", message)
        for edge, ring in endless_cycles(graph.Definition("", "", outline, drawn)):
            way = " -> ".join(repr(node) for node in [*ring[:8], *(["…"] if len(ring) > 8 else []), ring[0]])
            message = f"The cycle {way} cannot end; a conditional edge must lead out of it or round it"
            self.add(f"/edges/{edge_places[edge]}", "cycle_endless", message)

    # Kinds of values

    def keys(self, pointer: str, value: Mapping[str, Any], known: Iterable[str]) -> None:
        for key in value:
            if key not in known:
                message = f"The key {key!r:.200} is not known{_nearest(str(key), known)}"
                self.add(f"{pointer}/{escape(str(key))}", "key_unknown", message)

    def name(self, pointer: str, value: Any, *, empty: bool = False) -> bool:
        if not isinstance(value, str):
            self.add(pointer, "name_missing", f"A name is a string of 1 to {MAX_NAME} characters, not {_kind(value)}")
        elif not value and not empty:
            self.add(pointer, "name_missing", f"A name has 1 to {MAX_NAME} characters; this one is empty")
        elif len(value) > MAX_NAME:
            self.add(pointer, "name_too_long", f"A name has at most {MAX_NAME} characters, this one has {len(value)}")
        elif (hidden := next(find(value), None)) is not None:
            named = f"{label_of(hidden.character)} {name_of(hidden.character)}"
            self.add(
                pointer, "hidden_character", f"A name has no hidden characters; this one has {named} at {hidden.at}"
            )
        else:
            return True
        return False

    def one_of(self, pointer: str, value: Any, allowed: Iterable[str], code: str) -> None:
        if value is not None and value not in tuple(allowed):
            self.add(pointer, code, f"{value!r:.200} is none of {', '.join(allowed)}")

    def number(
        self, pointer: str, value: Any, least: float, most: float, *, whole: bool = False, above: bool = False
    ) -> None:
        if value is None:
            return
        kinds = int if whole else (int, float)
        kind = "whole number" if whole else "number"
        words = f"a {kind} above {least}, up to {most}" if above else f"a {kind} from {least} to {most}"
        fits = isinstance(value, kinds) and not isinstance(value, bool) and least <= value <= most
        if not fits or (above and value == least):
            self.add(pointer, "number_out_of_range", f"This must be {words}; {value!r:.80} was found")


def _is_one(value: Any, ids: Mapping[str, int]) -> bool:
    return isinstance(value, str) and value in ids


def _outline(edge: Mapping[str, Any]) -> graph.Edge:
    """The edge as far as the shape is concerned; one whose condition cannot be read may hold or not."""
    condition = edge.get("condition")
    if condition is None and edge.get("type") != "conditional":
        return graph.Edge(edge["from_node"], edge["to_node"])
    try:
        readable = isinstance(condition, str) and bool(parse_condition(condition))
    except ConditionInvalid:
        readable = False
    return graph.Edge(edge["from_node"], edge["to_node"], "conditional", condition if readable else "unknown")


def _kind(value: Any) -> str:
    if value is None:
        return "nothing"
    names = ((bool, "a boolean"), ((int, float), "a number"), (str, "a string"), (list, "a list"), (dict, "an object"))
    return next((name for kind, name in names if isinstance(value, kind)), type(value).__name__)


def _nearest(name: str, known: Iterable[Any]) -> str:
    """A hint at what may have been meant. Bounded: there may be thousands of faults."""
    names = [str(getattr(one, "name", one)) for one in known]
    near = [one for one in names if len(name) < 60 and one[:3].lower() == name[:3].lower()]
    return f"; did you mean {near[0]!r}?" if near else ""
