"""Rebuilds where a run stood from its history. Pure; costs O(what was written)."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from sys import maxsize
from typing import Any

from graphs_app.engine.checkpoint import Done, History, Json
from graphs_app.engine.compiled import Compiled
from graphs_app.engine.errors import ConditionFailed, EngineError, HistoryMismatch, LoopLimitError
from graphs_app.engine.planner import Planner
from graphs_app.engine.state import State, check_writes


def _see_nothing(number: int, state: State) -> None:
    """Most only want the end."""


@dataclass(slots=True)
class Replayed:
    state: State
    planner: Planner
    number: int
    """Of the last checkpoint."""
    failure: EngineError | None
    """What the crash kept the run from ending with."""
    skipped: list[int]
    """The nodes that nothing could reach any more."""


def replay(
    compiled: Compiled,
    initial_state: Mapping[str, Any],
    history: History,
    max_state_bytes: int = maxsize,
    see: Callable[[int, State], None] = _see_nothing,
) -> Replayed:
    """Raises HistoryMismatch for a history of another graph, and what State raises for an initial state or an edit.

    `see` is shown the state after each checkpoint (0: at the start). What is only read has no limit: it is there,
    whatever the limits are now.
    """
    return replay_each(compiled, initial_state, history.done, history.edits, max_state_bytes, see)


def replay_each(
    compiled: Compiled,
    initial_state: Mapping[str, Any],
    checkpoints: Iterable[Done],
    edits: Mapping[int, Json],
    max_state_bytes: int = maxsize,
    see: Callable[[int, State], None] = _see_nothing,
) -> Replayed:
    """The same of checkpoints that come one by one: a run's journal is larger than its state, and need not be held."""
    state = State(initial_state, compiled.reducers, max_state_bytes)
    planner = Planner(compiled.topology)
    planner.start()
    number = 0
    last: Done | None = None
    _edit(state, edits, 0)
    see(0, state)
    for done in checkpoints:
        if done.number != number + 1:
            raise HistoryMismatch(f"Checkpoint {number + 1} is missing; the next one has number {done.number}")
        activation = planner.active.get(done.activation)
        if activation is None or compiled.steps[activation.node].node.node_id != done.node_id:
            raise HistoryMismatch(
                f"Checkpoint {done.number} says that activation {done.activation} is of node {done.node_id!r}; in this "
                f"graph it {'is not active' if activation is None else 'is of another node'} at that point"
            )
        number, last = done.number, done
        state.apply(check_writes(done.writes), number, number)
        planner.complete(done.activation, done.edges_taken)
        _edit(state, edits, number)
        see(number, state)
    failure = _unfinished_failure(compiled, state, planner, last, edits)
    return Replayed(state, planner, number, failure, planner.skipped())


def _edit(state: State, edits: Mapping[int, Json], number: int) -> None:
    edit = edits.get(number)
    if edit:
        state.edit(edit)


def _unfinished_failure(
    compiled: Compiled, state: State, planner: Planner, last: Done | None, edits: Mapping[int, Json]
) -> EngineError | None:
    """A failure that came with the last checkpoint, and was lost when the process died before the run's end."""
    if planner.exceeded is not None:
        return loop_limit(compiled, planner.exceeded)
    if last is not None and not last.edges_taken and last.number not in edits:
        index = compiled.definition.node_index()[last.node_id]
        try:
            compiled.steps[index].choose(state.view)
        except ConditionFailed as error:
            return error
    return None


def loop_limit(compiled: Compiled, edge: int) -> LoopLimitError:
    most = compiled.definition.max_iterations
    return LoopLimitError(
        f"Edge {compiled.edge_name(edge)} was taken more than {most} times; raise max_iterations or mend its condition"
    )
