"""What a graph version is made of besides its definition, written down when it is published: fingerprints of its tools,
the versions of its sub-graphs, and parts that apps above add (such as prompts) by functions that they register."""

import hashlib
import inspect
import json
from collections.abc import Callable, Mapping
from typing import Any

from graphs_app.engine.registry import REGISTRY, Registry, Tool
from graphs_app.models import GraphVersion

Json = dict[str, Any]
SUB_GRAPH_TOOLS = ("graph", "map")
SNAPSHOT = "snapshot"
"""In a run's metadata: the id of the graph version by whose snapshot it goes, for prompts and sub-graphs. Others go by
what is in production."""
Part = Callable[[Mapping[str, Any]], Json]
"""Takes a definition, answers what of this kind it uses, as JSON."""

_parts: dict[str, Part] = {}


def register_part(name: str, part: Part) -> None:
    """Adds a part to every snapshot that is made from now on; the last one of a name stands."""
    _parts[name] = part


def snapshot_of(definition: Mapping[str, Any], sub_graphs: Mapping[str, Json], registry: Registry = REGISTRY) -> Json:
    """A snapshot; its sha256 is over everything else in it."""
    names = sorted({str(node["tool"]) for node in definition["nodes"]})
    made: Json = {
        "v": 1,
        "definition": dict(definition),
        "tools": {name: tool_facts(registry.get(name)) for name in names if name in registry},
        "sub_graphs": dict(sub_graphs),
        **{name: part(definition) for name, part in sorted(_parts.items())},
    }
    return {**made, "sha256": digest(made)}


def besides_code(snapshot: Mapping[str, Any]) -> Json:
    """What of a snapshot a run can go by again: all but the definition, which its version has, and the tools' code."""
    return {name: snapshot.get(name) or {} for name in ("sub_graphs", *sorted(_parts))}


def changed_tools(snapshot: Mapping[str, Any], registry: Registry = REGISTRY) -> list[str]:
    """The tools whose code or promises are no longer what they were."""
    kept: Mapping[str, Json] = snapshot.get("tools") or {}
    return [
        name
        for name, facts in sorted(kept.items())
        if name not in registry or tool_facts(registry.get(name))["fingerprint"] != facts.get("fingerprint")
    ]


def goes_by(version: GraphVersion, *, is_named: bool) -> dict[str, str]:
    """The metadata of a run of this version: one that was named, or that a rollback brought back, is as it was."""
    return {SNAPSHOT: str(version.pk)} if is_named or version.restored_from is not None else {}


def tool_facts(tool: Tool) -> Json:
    """What a tool promises, and a fingerprint that changes when its promises or its source do."""
    facts: Json = {
        "description": tool.description,
        "inputs": tool.inputs,
        "outputs": tool.outputs,
        "config": tool.config,
        "effects": tool.effects,
    }
    return {**facts, "fingerprint": digest({**facts, "source": _source(tool)})}


def used_sub_graphs(definition: Mapping[str, Any]) -> dict[str, int | None]:
    """The slugs of graphs that nodes run, each with the version that is named, if one is."""
    found: dict[str, int | None] = {}
    for node in definition["nodes"]:
        config = node.get("config") or {}
        if node.get("tool") in SUB_GRAPH_TOOLS and isinstance(config.get("graph"), str):
            found[config["graph"]] = config.get("version")
    return found


def digest(value: Any) -> str:
    """SHA-256 over JSON in one way of writing it."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _source(tool: Tool) -> str:
    """The tool's source text; its name where there is none to read, as for what is compiled."""
    function = tool.function
    if inspect.isfunction(function):
        # A tool that names the keys it reads is wrapped by the registry; what tells tools apart is what it wraps.
        function = inspect.getclosurevars(function).nonlocals.get("function", function)
    try:
        return inspect.getsource(inspect.unwrap(function))
    except (OSError, TypeError):
        return f"{getattr(tool.function, '__module__', '')}.{getattr(tool.function, '__qualname__', tool.name)}"
