"""What of a run's history serves on: for a fork from a checkpoint, and for a retry on a mended graph version. Pure.

A retry replays the old run on the old graph and, beside it, what of it still holds on the new one. A done node run is
reused when its node has the same tool and config and was led to by node runs that are reused themselves. Where the
edges that leave a node have changed, they are chosen anew.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from sys import maxsize
from typing import Any, Literal

from graphs_app.engine.checkpoint import Done, History, Json
from graphs_app.engine.compiled import Compiled, Step
from graphs_app.engine.errors import ConditionFailed, HistoryMismatch, ReducerMismatch, StateTooLarge
from graphs_app.engine.limits import MAX_STATE_BYTES
from graphs_app.engine.planner import Activation, Planner
from graphs_app.engine.replay import replay, replay_each
from graphs_app.engine.state import State, check_writes
from graphs_app.engine.values import thawed

Action = Literal["reuse", "run_again", "drop", "blocked"]


@dataclass(frozen=True, slots=True)
class PlannedNode:
    """What becomes of one done node run of the old run."""

    activation: int
    """In the old run."""
    node_id: str
    action: Action
    """drop: the new graph does not lead there any more. blocked: it would have to run again, and must not."""
    why: str
    new_activation: int | None = None
    """Of a reused node run, in the new run."""
    new_number: int | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """How a retry goes on."""

    nodes: tuple[PlannedNode, ...]
    """Every done node run of the old run, in its order."""
    starts: tuple[str, ...]
    """The nodes that start next."""
    history: History
    """From which the new run goes on."""

    @property
    def blocked(self) -> bool:
        return any(node.action == "blocked" for node in self.nodes)


def fork(
    *,
    compiled: Compiled,
    initial_state: Mapping[str, Any],
    history: History,
    number: int,
    edit: Json,
    max_state_bytes: int = MAX_STATE_BYTES,
) -> History:
    """The history of a new run that goes on after checkpoint `number` (0: the start), with `edit` set in its state.

    Raises HistoryMismatch when there is no such checkpoint, and what State raises for an edit that does not fit.
    """
    forked = _until(history, number)
    if edit:
        forked.edits[number] = {**forked.edits.get(number, {}), **edit}
    replay(compiled, initial_state, forked, max_state_bytes)
    return forked


def state_at(*, compiled: Compiled, initial_state: Mapping[str, Any], history: History, number: int) -> Json:
    """The whole state after checkpoint `number` (0: at the start)."""
    return replay(compiled, initial_state, _until(history, number)).state.values()


def states_at(
    *, compiled: Compiled, initial_state: Mapping[str, Any], history: History, numbers: Iterable[int]
) -> dict[int, Json]:
    """The whole states after several checkpoints, in one pass."""
    wanted = set(numbers)
    until = _until(history, max(wanted, default=0))
    return states_of(
        compiled=compiled, initial_state=initial_state, checkpoints=until.done, edits=until.edits, numbers=wanted
    )


def states_of(
    *,
    compiled: Compiled,
    initial_state: Mapping[str, Any],
    checkpoints: Iterable[Done],
    edits: Mapping[int, Json],
    numbers: Collection[int],
    most_bytes: int = maxsize,
) -> dict[int, Json]:
    """The same of checkpoints that come one by one, the last one wanted at the end. Those that would make it more than
    most_bytes are left out; the first is always there."""
    states: dict[int, Json] = {}
    left = most_bytes

    def see(number: int, state: State) -> None:
        nonlocal left
        if number in numbers and (not states or state.size <= left):
            left -= state.size
            # Thawed: the state goes on growing in place.
            states[number] = {key: thawed(value) for key, value in state.view.items()}

    replay_each(compiled, initial_state, checkpoints, edits, see=see)
    return states


def _until(history: History, number: int) -> History:
    if not 0 <= number <= len(history.done):
        raise HistoryMismatch(f"There is no checkpoint {number}; there are {len(history.done)}")
    edits = {at: dict(edit) for at, edit in history.edits.items() if at <= number}
    return History(done=tuple(history.done[:number]), edits=edits)


def plan_retry(*, old: Compiled, new: Compiled, initial_state: Mapping[str, Any], history: History) -> Plan:
    """What is reused, run again, dropped or blocked, and why, when `new` goes on where a run of `old` failed."""
    return _Replan(old, new, initial_state, history).plan()


@dataclass(slots=True)
class _Side:
    """One of the two graphs, and where its run stands."""

    compiled: Compiled
    planner: Planner
    index: dict[str, int]
    unmatched: list[Activation] = field(default_factory=list)

    def node_id(self, activation: Activation) -> str:
        return self.compiled.steps[activation.node].node.node_id

    def step(self, node_id: str) -> Step | None:
        index = self.index.get(node_id)
        return None if index is None else self.compiled.steps[index]


class _Replan:
    def __init__(self, old: Compiled, new: Compiled, initial_state: Mapping[str, Any], history: History) -> None:
        self.old = _Side(old, Planner(old.topology), old.definition.node_index())
        self.new = _Side(new, Planner(new.topology), new.definition.node_index())
        self.history = history
        self.state = State(initial_state, new.reducers, maxsize)
        self.reducers_changed = dict(old.reducers) != dict(new.reducers)
        self.matched: dict[int, int] = {}
        """Old activations by which new ones are the same node run so far."""
        self.reused: dict[int, int] = {}
        """The same for those that are done and reused."""
        self.causes: dict[int, Activation] = {}
        self.done: list[Done] = []
        self.edits: dict[int, Json] = {}
        self.nodes: list[PlannedNode] = []

    def plan(self) -> Plan:
        self._edit(0)
        self._became_ready(self.old.planner.start(), self.new.planner.start())
        for done in self.history.done:
            self._consider(done)
        active = self.new.planner.active.values()
        starts = tuple(self.new.node_id(activation) for activation in active)
        return Plan(tuple(self.nodes), starts, History(done=tuple(self.done), edits=self.edits))

    def _consider(self, done: Done) -> None:
        activation = self.old.planner.active.get(done.activation)
        if activation is None or self.old.node_id(activation) != done.node_id:
            raise HistoryMismatch(f"Checkpoint {done.number} does not belong to the old graph")
        new_activation = self.matched.get(done.activation)
        edges: tuple[int, ...] = ()
        action, why = self._verdict(done, activation)
        if action == "reuse" and new_activation is not None:
            action, why, edges = self._reuse(done, why)
        new_ready: list[Activation] = []
        number = None
        if action == "reuse" and new_activation is not None:
            number = len(self.done) + 1
            self.done.append(Done(number, new_activation, done.node_id, done.writes, edges))
            self.reused[done.activation] = new_activation
            new_ready = self.new.planner.complete(new_activation, edges)
        self._edit(done.number)
        self.nodes.append(
            PlannedNode(done.activation, done.node_id, action, why, new_activation if number else None, number)
        )
        self._became_ready(self.old.planner.complete(done.activation, done.edges_taken), new_ready)

    def _verdict(self, done: Done, activation: Activation) -> tuple[Action, str]:
        old_step, new_step = self.old.step(done.node_id), self.new.step(done.node_id)
        if new_step is None or old_step is None:
            return "drop", "The new graph has no such node"
        lost = [cause for cause in activation.causes if cause not in self.reused]
        if lost:
            name = self.old.node_id(self.causes[lost[0]])
            return self._again(new_step, f"It comes after node {name!r}, which is not reused")
        if done.activation not in self.matched:
            return "drop", "The new graph does not lead there at this point"
        changes = [name for name in ("tool", "config") if getattr(old_step.node, name) != getattr(new_step.node, name)]
        if changes:
            return self._again(new_step, f"Its {' and '.join(changes)} changed")
        return "reuse", "Its node is the same, and so is all that led to it"

    def _again(self, step: Step, why: str) -> tuple[Action, str]:
        if step.tool.effects:
            return "blocked", f"{why}; but its tool {step.tool.name!r} writes outside the run, and did so already"
        return "run_again", why

    def _reuse(self, done: Done, why: str) -> tuple[Action, str, tuple[int, ...]]:
        """Applies the writes and finds the edges in the new graph."""
        old_step, new_step = self.old.step(done.node_id), self.new.step(done.node_id)
        if old_step is None or new_step is None:
            return "drop", "The new graph has no such node", ()
        if old_step.fallback is not None and old_step.fallback in done.edges_taken and new_step.fallback is None:
            return *self._again(new_step, "It failed, and the new graph has no fallback for it"), ()
        number = len(self.done) + 1
        try:
            self.state.apply(check_writes(done.writes), number, number)
            edges, chosen_anew = self._edges(done, old_step, new_step)
        except (ReducerMismatch, StateTooLarge, ConditionFailed) as error:
            return "blocked", f"What it did does not fit the new graph: {error}", ()
        return "reuse", f"{why}; its edges are chosen anew" if chosen_anew else why, edges

    def _edges(self, done: Done, old_step: Step, new_step: Step) -> tuple[tuple[int, ...], bool]:
        if old_step.fallback is not None and old_step.fallback in done.edges_taken:
            return (() if new_step.fallback is None else (new_step.fallback,)), False
        leaving = self._leaving(self.old.compiled, old_step), self._leaving(self.new.compiled, new_step)
        same = leaving[0].keys() == leaving[1].keys() and old_step.node.route == new_step.node.route
        # A run that could not decide a condition kept its node's work without any edges.
        if same and done.edges_taken and not self.reducers_changed:
            by_index = {index: key for key, index in leaving[0].items()}
            return tuple(leaving[1][by_index[index]] for index in done.edges_taken), False
        edges = new_step.choose(self.state.view)
        return edges, not same

    @staticmethod
    def _leaving(compiled: Compiled, step: Step) -> dict[tuple[str, str, str | None], int]:
        """The edges that leave a node, in their order, by what they say."""
        indexes = sorted([*(index for index, _ in step.conditional), *step.normal])
        edges = compiled.definition.edges
        return {(edges[index].to_node, edges[index].type, edges[index].condition): index for index in indexes}

    def _edit(self, number: int) -> None:
        """Edits of a fork stay in force after whatever is reused of what came before them."""
        edit = self.history.edits.get(number)
        if edit:
            at = len(self.done)
            self.edits[at] = {**self.edits.get(at, {}), **edit}
            self.state.edit(edit)

    def _became_ready(self, old: list[Activation], new: list[Activation]) -> None:
        """Finds which activations of the two graphs are the same: same node, led to by the same node runs."""
        for activation in old:
            self.causes[activation.number] = activation
        self.old.unmatched += old
        self.new.unmatched += new
        for one in list(self.old.unmatched):
            if any(cause not in self.reused for cause in one.causes):
                continue
            causes = sorted(self.reused[cause] for cause in one.causes)
            for other in self.new.unmatched:
                if self.new.node_id(other) == self.old.node_id(one) and sorted(other.causes) == causes:
                    self.matched[one.number] = other.number
                    self.old.unmatched.remove(one)
                    self.new.unmatched.remove(other)
                    break
