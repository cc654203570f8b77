"""What a run's first node needs of the state that it begins with, looked at before the run is queued."""

from collections.abc import Mapping
from typing import Any

from graphs_app.definitions import LoadedGraph
from graphs_app.engine.compiled import Step
from graphs_app.engine.schema import problems_with
from graphs_app.engine.schema_rules import escape
from graphs_app.errors import InvalidState
from sessions_app.errors import FieldProblem

MOST_TOLD = 20


def require(graph: LoadedGraph, state: Mapping[str, Any], pointer: str) -> None:
    """Raises InvalidState with every fault when the graph's entry would refuse this state, and nothing takes it up."""
    step = _entry(graph)
    if _goes_on_after_an_error(step) or step.check_inputs is None or step.check_inputs(state) is None:
        return
    found = _faults(step, state, pointer)[:MOST_TOLD]
    sample = (graph.definition.get("metadata") or {}).get("sample_input")
    example = f" The graph comes with an example that has {_names(sample)}." if isinstance(sample, dict) else ""
    raise InvalidState(
        f"Node {step.node.node_id!r}, where graph {graph.slug!r} begins, cannot run on this state: "
        f"{'; '.join(fault['message'] for fault in found)}. No run was started.{example}",
        errors=found,
    )


def _entry(graph: LoadedGraph) -> Step:
    definition = graph.compiled.definition
    return next(step for step in graph.compiled.steps if step.node.node_id == definition.entry_node)


def _goes_on_after_an_error(step: Step) -> bool:
    return step.fallback is not None or step.node.on_error == "continue"


def _faults(step: Step, state: Mapping[str, Any], pointer: str) -> list[FieldProblem]:
    required = step.tool.inputs.get("required") or ()
    missing = [key for key in required if key not in state]
    told = [
        FieldProblem(pointer=f"{pointer}/{escape(key)}", code="missing", message=f"{key!r} is missing")
        for key in missing
    ]
    for place, message in problems_with(dict(state), step.tool.inputs):
        if place or not missing:  # those of the whole state are the missing keys, told above by their names
            words = f"{place.removeprefix('/')}: {message}" if place else message
            told.append(FieldProblem(pointer=f"{pointer}{place}", code="unfit", message=words))
    return told


def _names(sample: Mapping[str, Any]) -> str:
    return " and ".join(", ".join(repr(key) for key in sample).rsplit(", ", 1)) or "no keys"
