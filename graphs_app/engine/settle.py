"""Where a run stands, and what a finished node run changes: writes, edges, the journal, and what starts next."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from math import inf
from typing import Any

from graphs_app.engine.checkpoint import (
    ENTRY_BYTES,
    Effect,
    Entry,
    History,
    Interrupted,
    Json,
    NodeDone,
    NodeFailed,
    NodeSkipped,
    RunEnd,
    RunEnded,
)
from graphs_app.engine.circles import Circles
from graphs_app.engine.compiled import Compiled
from graphs_app.engine.consumption import Consumption
from graphs_app.engine.context import Context
from graphs_app.engine.durability import Recorder
from graphs_app.engine.errors import (
    ConditionFailed,
    EngineError,
    LoopStuckError,
    NodeCancelled,
    ReducerMismatch,
    RunCancelled,
    StateTooLarge,
    error_json,
)
from graphs_app.engine.graph import MAX_ITERATIONS
from graphs_app.engine.node_run import NodeRun, Outcome
from graphs_app.engine.planner import Activation
from graphs_app.engine.registry import Clock
from graphs_app.engine.replay import loop_limit, replay
from graphs_app.engine.state import View, Writes, check_writes
from graphs_app.engine.values import text_size


class Progress:
    """One run's state, plan and number of checkpoints."""

    __slots__ = (
        "_circles",
        "_history",
        "_skipped",
        "asked",
        "clock",
        "compiled",
        "consumption",
        "failure",
        "number",
        "parked",
        "planner",
        "recorder",
        "run_id",
        "state",
    )

    def __init__(
        self,
        compiled: Compiled,
        initial_state: Mapping[str, Any],
        history: History,
        recorder: Recorder,
        clock: Clock,
        run_id: object,
        consumption: Consumption,
    ) -> None:
        replayed = replay(compiled, initial_state, history, consumption.limits.max_state_bytes)
        self.consumption = consumption
        self.compiled = compiled
        self.recorder = recorder
        self.clock = clock
        self.run_id = run_id
        self.state = replayed.state
        self.planner = replayed.planner
        self.number = replayed.number
        failure = replayed.failure or consumption.excess
        self.failure: Json | None = None if failure is None else self._json(failure)
        """The error that ends the run."""
        self.asked: dict[int, NodeRun] = {}
        """Node runs that wait for an answer, by activation."""
        # Not the history itself: all that was ever written would stay in memory beside the state.
        self._history = replace(history, done=())
        self._skipped = replayed.skipped
        """The nodes that what was replayed left behind; a fork has yet to write that down."""
        self.parked: dict[int, NodeRun] = {}
        """Node runs that wait for a sub-run that waits for a person, by activation."""
        # Fewer rounds are soon over, and then the count names the edge.
        many_rounds = compiled.topology.max_iterations > MAX_ITERATIONS
        self._circles = Circles() if many_rounds and any(compiled.topology.loops.inside) else None

    def begin(self) -> list[NodeRun]:
        """The node runs to start with: what was active and is not done."""
        ready = []
        for node in self._skipped:
            entry = self._skip(node)
            if entry.node_id not in self._history.skipped:
                self.recorder.note(entry)
        for activation in self.planner.active.values():
            number = activation.number
            node_run = self._node_run(activation, self._history.attempts.get(number, 0))
            if number in self._history.answers:
                node_run.answer = self._history.answers[number]
            elif number in self._history.interrupted:
                self.asked[number] = node_run
                continue
            else:
                self._take_up(node_run)
            ready.append(node_run)
        return ready

    def _take_up(self, node_run: NodeRun) -> None:
        """An attempt that rested when the run was let go is no attempt that failed: it goes on, or its wait does."""
        begun = self._history.begun.get(node_run.activation)
        if begun is None:
            return
        node_run.started_at, node_run.started = begun, self.clock.monotonic()
        rest = self._history.rests.get(node_run.activation)
        if rest is None or rest.attempt != node_run.attempt:
            node_run.goes_on = node_run.step.tool.rests
            if not node_run.goes_on:
                node_run.lost = self._history.saw.get(node_run.activation, 0)
            node_run.left_s = inf
            return
        node_run.next_at = rest.next_at
        node_run.goes_on = rest.next_at is None
        node_run.left_s = rest.left_s

    def look(self, node_run: NodeRun) -> View:
        """What a node run that starts now sees."""
        node_run.seen = self.number
        return self.state.look()

    def answered(self, activation: int, value: Any) -> NodeRun | None:
        """The node run that goes on with an answer."""
        asked = self.asked.pop(activation, None)
        if asked is None:
            return None
        node_run = NodeRun(self.run_id, activation, asked.step, asked.attempt)
        node_run.answer = value
        return node_run

    def woken(self, activation: int) -> NodeRun | None:
        """The node run that looks again at its sub-runs."""
        parked = self.parked.pop(activation, None)
        return None if parked is None else NodeRun(self.run_id, activation, parked.step, parked.attempt)

    async def settle(self, finished: list[tuple[NodeRun, Outcome]]) -> list[NodeRun]:
        """Takes in finished node runs, and returns what starts now, once it is as durable as was asked for."""
        ready: list[NodeRun] = []
        entries: list[Entry] = []
        for node_run, outcome in finished:
            self._take_in(node_run, outcome, entries, ready)
        for node in self.planner.skipped():
            entries.append(self._skip(node))
        if entries:
            last = entries.pop()
            for entry in entries:
                self.recorder.note(entry)
            # Nothing starts before the run's end, which is committed anyway.
            if self.failure is None and (ready or self.planner.active):
                await self.recorder.secure(last)
            else:
                self.recorder.note(last)
        return ready

    def _skip(self, node: int) -> NodeSkipped:
        step = self.compiled.steps[node]
        self.consumption.kept_bytes += NodeSkipped.size
        return NodeSkipped(node, step.node.node_id, step.tool.name, self.number, self.clock.now())

    @property
    def waits(self) -> bool:
        """Whether something is waited for, so that the run is not over when nothing is left to do."""
        return bool(self.asked or self.parked)

    async def end(self) -> RunEnded:
        """The end of a run in which nothing is left to do."""
        ended = self._ended("interrupted" if self.waits else "completed", None)
        await self.recorder.end(ended)
        return ended

    def _ended(self, status: RunEnd, error: Json | None) -> RunEnded:
        size = ENTRY_BYTES + self.state.size + (0 if error is None else text_size(error["message"]))
        self.consumption.kept_bytes += size
        return RunEnded(status, self.state.values(), self.clock.now(), error, size)

    async def end_early(
        self, cause: EngineError | None, finished: list[tuple[NodeRun, Outcome]], unstarted: Iterable[NodeRun]
    ) -> RunEnded:
        """The end of a run that failed or was cancelled. What completed all the same is kept."""
        node_failure = self.failure
        ready: list[NodeRun] = []
        entries: list[Entry] = []
        for node_run, outcome in finished:
            self._take_in(node_run, outcome, entries, ready)
        for entry in entries:
            self.recorder.note(entry)
        error = node_failure if cause is None else self._json(cause)
        ended = self._ended("cancelled" if isinstance(cause, RunCancelled) else "failed", error)
        await self.recorder.end(ended)
        return ended

    def _take_in(self, node_run: NodeRun, outcome: Outcome, entries: list[Entry], ready: list[NodeRun]) -> None:
        self.state.look_away(node_run.view)
        if outcome.writes is not None:
            try:
                self._done(node_run, outcome.writes, None, entries, ready)
            except (ReducerMismatch, StateTooLarge) as error:
                self._failed(node_run, type(error)(f"{error} ({node_run})"), entries, ready)
        elif outcome.status == "waiting":
            self._wait(node_run, outcome, entries)
        else:
            stopped = NodeCancelled(f"The node run was stopped because its run ended ({node_run})")
            self._failed(node_run, outcome.error or stopped, entries, ready)

    def _wait(self, node_run: NodeRun, outcome: Outcome, entries: list[Entry]) -> None:
        question = outcome.question
        if question is None:
            self.parked[node_run.activation] = node_run
            return
        self.asked[node_run.activation] = node_run
        held = 0 if node_run.context is None else node_run.context.held
        self.consumption.kept_bytes += (
            ENTRY_BYTES  # the start's; the question and its entry were taken when it was asked
        )
        entries.append(
            Interrupted(
                activation=node_run.activation,
                node_id=node_run.step.node.node_id,
                tool=node_run.step.tool.name,
                seen=node_run.seen,
                question=question.question,
                schema=question.schema,
                default=question.default,
                has_default=question.has_default,
                timeout_s=question.timeout_s,
                at=self.clock.now(),
                usage=None if node_run.context is None else node_run.context.usage,
                effects=() if node_run.context is None else node_run.context.effects_on_failure,
                size=ENTRY_BYTES + question.size + held,
            )
        )

    def _failed(self, node_run: NodeRun, error: BaseException, entries: list[Entry], ready: list[NodeRun]) -> None:
        node = node_run.step.node
        body = node_run.error_json(error)
        if node.on_error == "fail_fast" or node_run.stop == "stop":
            if self.failure is None:
                self.failure = body
            entries.append(self._node_failed(node_run, body))
            return
        writes: Json = {}
        if node.on_error == "continue":
            writes = self.compiled.error_writes(body, self.state.view)
        try:
            self._done(node_run, check_writes(writes), body, entries, ready)
        except (ReducerMismatch, StateTooLarge) as refused:
            self.failure = self.failure or node_run.error_json(refused)
            entries.append(self._node_failed(node_run, body))

    def _done(
        self, node_run: NodeRun, writes: Writes, error: Json | None, entries: list[Entry], ready: list[NodeRun]
    ) -> None:
        """A checkpoint."""
        step = node_run.step
        number = self.number + 1
        overwritten = self.state.apply(writes, number, node_run.seen)
        self.number = number
        edges = self._edges(node_run, error)
        finished_at = self.clock.now()
        context = node_run.context
        text = "" if context is None else context.text
        held = 0 if context is None else context.held
        size = ENTRY_BYTES + writes.size + held + (0 if error is None else text_size(error["message"]))
        entries.append(
            NodeDone(
                number,
                node_run.activation,
                step.node.node_id,
                step.tool.name,
                node_run.attempt,
                node_run.seen,
                "completed" if error is None else "failed",
                writes.values,
                edges,
                node_run.started_at,
                finished_at,
                (self.clock.monotonic() - node_run.started) * 1000,
                error,
                text,
                None if context is None else context.usage,
                _effects_of(context, error),
                overwritten,
                size,
            )
        )
        consumption = self.consumption
        consumption.steps += 1
        consumption.kept_bytes += size - held + ENTRY_BYTES  # the start is another entry of the same node run
        if consumption.kept_bytes > consumption.max_kept_bytes or consumption.steps > consumption.max_steps:
            self._stop_at_limit()
        steps = self.compiled.steps
        started = self.planner.complete(node_run.activation, edges)
        for activation in started:
            ready.append(NodeRun(self.run_id, activation.number, steps[activation.node], 0))
        if self.planner.exceeded is not None and self.failure is None:
            self.failure = self._json(loop_limit(self.compiled, self.planner.exceeded))
        if self._circles is not None:
            self._look_for_circles(self._circles, node_run, writes, error, started)

    def _stop_at_limit(self) -> None:
        excess = self.consumption.excess
        if excess is not None and self.failure is None:
            self.failure = self._json(excess)

    def _look_for_circles(
        self,
        circles: Circles,
        node_run: NodeRun,
        writes: Writes,
        error: Json | None,
        started: Sequence[Activation],
    ) -> None:
        reduced = self.compiled.reducers.keys() & writes.values.keys()  # such values grow in place
        if error is not None or reduced or not node_run.step.tool.deterministic:
            circles.doubt(self.number)
            return
        if len(started) != 1 or len(self.planner.active) != 1:
            return
        node = started[0].node
        before = circles.arrive(node, self.number, self.state.view)
        if before is not None and self.failure is None:
            node_id = self.compiled.steps[node].node.node_id
            self.failure = self._json(
                LoopStuckError(
                    f"Node {node_id!r} would start on the very same state as after checkpoint {before}, and no tool in "
                    "between does otherwise the next time: the loop changes nothing and has no end. Change what it "
                    "writes, or the condition that leads out of it; what was done before it can be forked."
                )
            )

    def _edges(self, node_run: NodeRun, error: Json | None) -> tuple[int, ...]:
        step = node_run.step
        if error is not None and step.node.on_error == "fallback":
            return () if step.fallback is None else (step.fallback,)
        try:
            return step.choose(self.state.view)
        except ConditionFailed as failed:
            # The node's work is kept; the run cannot know where to go on.
            self.failure = self.failure or self._json(failed, node_run.step.node.node_id)
            return ()

    def _node_failed(self, node_run: NodeRun, error: Json) -> NodeFailed:
        context = node_run.context
        text = "" if context is None else context.text
        held = 0 if context is None else context.held
        size = ENTRY_BYTES + held + text_size(error["message"])
        self.consumption.steps += 1
        self.consumption.kept_bytes += size - held + ENTRY_BYTES
        return NodeFailed(
            activation=node_run.activation,
            node_id=node_run.step.node.node_id,
            tool=node_run.step.tool.name,
            attempt=node_run.attempt,
            seen=node_run.seen,
            error=error,
            started_at=node_run.started_at,
            finished_at=self.clock.now(),
            duration_ms=(self.clock.monotonic() - node_run.started) * 1000,
            text=text,
            usage=None if context is None else context.usage,
            effects=() if context is None else context.effects_on_failure,
            size=size,
        )

    def _node_run(self, activation: Activation, attempt: int) -> NodeRun:
        return NodeRun(self.run_id, activation.number, self.compiled.steps[activation.node], attempt)

    def _json(self, error: EngineError, node_id: str | None = None) -> Json:
        return error_json(error, run_id=self.run_id, node_id=node_id)


def _effects_of(context: Context | None, error: Json | None) -> tuple[Effect, ...]:
    if context is None or not context.effects:
        return ()
    return tuple(context.effects) if error is None else context.effects_on_failure
