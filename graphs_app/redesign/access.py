"""What a node reads and writes of the state, as its tool declares it; of the built-in tools, as its config says.

None stands for any key: a tool that declares nothing may read and write everything. What past runs saw a node write
counts beside what is declared.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from graphs_app.engine.compiled import ERRORS_KEY
from graphs_app.engine.conditions import parse
from graphs_app.engine.registry import Registry, Tool

Keys = frozenset[str] | None
NONE: frozenset[str] = frozenset()
OUTSIDE = ("sleep", "fail", "emit", "graph", "map", "ask_human")
"""Built-in tools that do more than write: they wait, fail, speak, ask, or run what may do anything."""


@dataclass(frozen=True, slots=True)
class Access:
    """One node's dealings with the state."""

    reads: Keys
    writes: Keys
    sure: frozenset[str]
    """What it writes whenever it completes and the run goes on."""
    acts: bool
    """Whether it does more than write: what comes before and after it stays so."""
    is_plain: bool
    """Whether writing is all that it does, and the same input gives the same writes."""


def access_of(node: Mapping[str, Any], registry: Registry, seen: Collection[str] = ()) -> Access:
    """`seen`: keys that it wrote in past runs."""
    tool = registry.get(node["tool"])
    config = node.get("config") or {}
    reads, writes, sure = _declared(tool, config)
    if node.get("on_error") == "continue":
        sure = NONE
        writes = None if writes is None else writes | {ERRORS_KEY}
    elif node.get("fallback") or node.get("on_error") == "fallback":
        sure = NONE
    if writes is not None:
        writes = writes | frozenset(seen)
    acts = tool.effects or (tool.name in OUTSIDE and not _does_nothing(tool.name, config))
    return Access(reads, writes, sure, acts, not acts and not asks_model(tool))


def _does_nothing(name: str, config: Mapping[str, Any]) -> bool:
    return (name == "sleep" and config.get("seconds") == 0) or (name == "emit" and config.get("text") == "")


def asks_model(tool: Tool) -> bool:
    """Whether its nodes choose an endpoint: the sign of a model, which may answer otherwise each time."""
    return "endpoint" in (tool.config.get("properties") or {})


def _declared(tool: Tool, config: Mapping[str, Any]) -> tuple[Keys, Keys, frozenset[str]]:
    match tool.name:
        case "set_state":
            keys = frozenset(config.get("values") or ())
            return NONE, keys, keys
        case "compute":
            expressions = config.get("set") or {}
            keys = frozenset(expressions)
            return names_in(expressions.values()), keys, keys
        case "sleep" | "fail" | "emit":
            return NONE, NONE, NONE
        case "ask_human":
            return NONE, frozenset({config["write"]}), NONE
        case "map":
            read = names_in([config["items"], *(config.get("input") or {}).values()])
            return read, frozenset({config["write"]}), NONE
        case "graph":
            given = config.get("input")
            return (
                None if given is None else names_in(given.values()),
                frozenset({config["write"]}) if config.get("write") else None,
                NONE,
            )
    return _keys(tool.inputs), _keys(tool.outputs), frozenset(tool.outputs.get("required") or ())


def _keys(schema: Mapping[str, Any]) -> Keys:
    return frozenset(schema["properties"]) if isinstance(schema.get("properties"), Mapping) else None


def names_in(expressions: Collection[str]) -> frozenset[str]:
    """The state keys that some expressions read."""
    return NONE.union(*(parse(one).names for one in expressions))


def meet(one: Keys, other: Keys) -> bool:
    """Whether two sets of keys have one in common; any key meets every set that is not empty."""
    if one is None:
        return other is None or bool(other)
    return bool(one) if other is None else bool(one & other)


def independent(one: Access, other: Access) -> bool:
    """Whether neither reads or writes what the other writes."""
    return not (meet(one.writes, other.writes) or meet(one.writes, other.reads) or meet(one.reads, other.writes))
