"""A definition made ready to run: tools looked up, conditions parsed, joins prepared. Share it among runs."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from graphs_app.engine.checkpoint import Json
from graphs_app.engine.conditions import Expression
from graphs_app.engine.conditions import parse as parse_condition
from graphs_app.engine.errors import ConditionFailed, DefinitionInvalid
from graphs_app.engine.graph import Definition, Node, ReducerName, parse
from graphs_app.engine.registry import Registry, Tool
from graphs_app.engine.schema import Check, compile_check
from graphs_app.engine.topology import Topology, progress_total, topology
from graphs_app.engine.validate import problems

ERRORS_KEY = "errors"
"""The state key in which on_error continue records errors."""


@dataclass(frozen=True, slots=True)
class Step:
    """A node with what it takes to run it."""

    index: int
    node: Node
    tool: Tool
    check_inputs: Check | None
    check_outputs: Check | None
    conditional: tuple[tuple[int, Expression], ...]
    """Edge and condition, in the definition's order."""
    normal: tuple[int, ...]
    fallback: int | None

    def choose(self, state: Mapping[str, Any]) -> tuple[int, ...]:
        """The edges that a completed node takes. Raises ConditionFailed, which names the edge."""
        conditional = self.conditional
        if not conditional:
            return self.normal
        every = self.node.route == "every"
        taken: list[int] = []
        for edge, condition in conditional:
            try:
                holds = condition.holds(state)
            except ConditionFailed as error:
                raise ConditionFailed(
                    f"The condition {condition.text!r} of edge {edge}, which leaves node {self.node.node_id!r}, cannot "
                    f"be decided: {error}"
                ) from None
            if holds:
                if not every:
                    return (edge,)
                taken.append(edge)
        return tuple(taken) or self.normal


@dataclass(frozen=True, slots=True)
class Compiled:
    """A graph version, ready to run."""

    definition: Definition
    steps: tuple[Step, ...]
    """By node index."""
    reducers: Mapping[str, ReducerName]
    topology: Topology
    progress_total: int
    """How many node runs a run has that goes round no loop twice; for progress bars."""

    def edge_name(self, edge: int) -> str:
        one = self.definition.edges[edge]
        return f"{one.from_node!r} -> {one.to_node!r}"

    def error_writes(self, error: Json, state: Mapping[str, Any]) -> Json:
        """The write by which on_error continue records an error, in the words of the key's reducer."""
        reducer = self.reducers.get(ERRORS_KEY)
        if reducer == "append":
            return {ERRORS_KEY: error}
        if reducer == "extend":
            return {ERRORS_KEY: [error]}
        known = state.get(ERRORS_KEY)
        return {ERRORS_KEY: [*(known if isinstance(known, list) else ()), error]}


def compile_definition(definition: Any, registry: Registry) -> Compiled:
    """Takes the JSON form; raises DefinitionInvalid with every problem."""
    found = problems(definition, registry)
    if found:
        raise DefinitionInvalid(found)
    return compile_valid(parse(definition), registry)


def compile_valid(definition: Definition, registry: Registry) -> Compiled:
    """For a definition that is known to be valid."""
    reducers = dict(definition.reducers)
    if ERRORS_KEY not in reducers and any(node.on_error == "continue" for node in definition.nodes):
        reducers[ERRORS_KEY] = "append"
    return Compiled(
        definition=replace(definition, reducers=reducers),
        steps=_steps(definition, registry),
        reducers=reducers,
        topology=topology(definition),
        progress_total=progress_total(definition),
    )


def _steps(definition: Definition, registry: Registry) -> tuple[Step, ...]:
    conditional: dict[str, list[tuple[int, Expression]]] = {}
    normal: dict[str, list[int]] = {}
    fallback: dict[str, int] = {}
    for index, edge in enumerate(definition.edges):
        if edge.type == "fallback":
            fallback[edge.from_node] = index
        elif edge.type == "conditional":
            conditional.setdefault(edge.from_node, []).append((index, parse_condition(edge.condition or "")))
        else:
            normal.setdefault(edge.from_node, []).append(index)
    checks: dict[str, tuple[Check | None, Check | None]] = {}
    steps = []
    for index, node in enumerate(definition.nodes):
        tool = registry.get(node.tool)
        if tool.name not in checks:
            checks[tool.name] = (compile_check(tool.inputs), compile_check(tool.outputs))
        check_inputs, check_outputs = checks[tool.name]
        steps.append(
            Step(
                index=index,
                node=node,
                tool=tool,
                check_inputs=check_inputs,
                check_outputs=check_outputs,
                conditional=tuple(conditional.get(node.node_id, ())),
                normal=tuple(normal.get(node.node_id, ())),
                fallback=fallback.get(node.node_id),
            )
        )
    return tuple(steps)
