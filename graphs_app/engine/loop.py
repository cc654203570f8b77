"""Runs a graph: plan, execute, journal, and again, without a barrier between steps.

A host calls `run` once for each claim of a run, on its event loop:

    compiled = compile_definition(definition_json, registry)      # cache it by graph version
    ended = await run(compiled=compiled, initial_state=..., history=History(...), journal=..., host=..., control=...)

What it hands to the journal, in this order: RunStarted; then for each attempt NodeStarted, NodeRetried...; for each
node run NodeDone followed by the NodeSkipped that it caused; Interrupted; NodeFailed; at last exactly one RunEnded,
which is also returned. `sync`: NodeDone and Interrupted are committed before their successors start; `async`: they are
noted; `exit`: all but RunStarted is handed over at the end, when RunEnded is committed; `async` and `exit` commit also
whenever so much is not durable yet that it would fill the memory. RunEnded is always committed.
When the journal raises (LeaseLost, say), nodes are stopped and `run` raises the same; when the task that awaits `run`
is cancelled, nodes are stopped, nothing more is written and CancelledError is raised: another claim goes on.

How it works: a driver task starts what is ready, takes in what is finished (`settle`), and secures it in the journal.
A single ready node runs inside the driver task itself, which gives way to others every few milliseconds: tools that
wait for nothing would keep the loop for themselves. Several nodes run in tasks of their own. A tool that ignores its
cancellation is left behind; if it has the driver task, a new driver takes over.

Where the time of a step goes (linear graph of 1,000, in memory, 14.5 µs of processor time): planning 1.5; checking and
freezing what the tool returned 1.2; the state 1; what the tool is given 0.9; its outcome 0.9; the times 0.9; the two
entries 0.7; the other half is the sixty calls between them. A task of its own adds 4, a condition 0.5; a run as such
costs 140. Making the entries frozen cost 6 more, a barrier between rounds would cost a turn of the event loop each.
"""

import asyncio
from collections.abc import Collection, Iterator, Mapping
from math import inf
from random import Random
from time import monotonic
from typing import Any

from graphs_app.engine.checkpoint import History, Journal, Rest, RunEnded, RunStarted
from graphs_app.engine.clock import SystemClock
from graphs_app.engine.compiled import Compiled
from graphs_app.engine.consumption import Consumption
from graphs_app.engine.durability import RECORDERS, Durability
from graphs_app.engine.errors import (
    EngineError,
    LeaseLost,
    ReducerMismatch,
    RunCancelled,
    RunTimeout,
    StateTooLarge,
    WritesInvalid,
    error_json,
)
from graphs_app.engine.executor import Executor, left_behind
from graphs_app.engine.host import Control, Host
from graphs_app.engine.limits import DEFAULT_LIMITS, Limits
from graphs_app.engine.node_run import HELD, STOPPED, NodeRun, Outcome, occupants
from graphs_app.engine.registry import Clock
from graphs_app.engine.settle import Progress

TURN_S = 0.005
"""How long a run may keep the event loop without a pause."""
NO_HISTORY = History()
SYSTEM_CLOCK = SystemClock()
CHANCE = Random()  # noqa: S311 (spreads retries out; protects nothing)

_left_behind: set[asyncio.Task[None]] = set()
"""Tasks of tools that did not stop: kept so that they are not collected while they run."""


async def run(
    *,
    compiled: Compiled,
    initial_state: Mapping[str, Any],
    journal: Journal,
    host: Host,
    history: History = NO_HISTORY,
    control: Control | None = None,
    clock: Clock = SYSTEM_CLOCK,
    random: Random = CHANCE,
    durability: Durability = "sync",
    timeout_s: float | None = None,
    worked_s: float = 0.0,
    limits: Limits = DEFAULT_LIMITS,
    consumption: Consumption | None = None,
) -> RunEnded:
    """Runs to the end, or until only people's answers are missing.

    `timeout_s` is the run's time over all its claims, `worked_s` what those before this one took of it. `consumption`
    is what the run that it is part of, or claims before this one, have taken of its limits, which are then its own.
    """
    consumption = consumption or Consumption(limits)
    limits = consumption.limits
    resumed = bool(history.done or history.attempts or history.answers or history.interrupted)
    journal.note(RunStarted(clock.now(), resumed))
    recorder = RECORDERS[durability](journal, limits.max_pending_bytes)
    try:
        progress = Progress(compiled, initial_state, history, recorder, clock, host.run_id, consumption)
    except (WritesInvalid, StateTooLarge, ReducerMismatch) as error:
        state = dict(initial_state) if isinstance(error, StateTooLarge) else {}
        ended = RunEnded("failed", state, clock.now(), error_json(error, run_id=host.run_id))
        await recorder.end(ended)
        return ended
    del history  # what was ever written would stay in memory as long as the run
    loop = _Loop(progress, host, control or Control(), clock, random, limits)
    return await loop.run(timeout_s, worked_s)


class _Loop:
    """One call of `run`."""

    __slots__ = (
        "clock",
        "control",
        "deadline",
        "driver",
        "executor",
        "failure",
        "finished",
        "held",
        "host",
        "inline",
        "let_go",
        "limits",
        "owner",
        "progress",
        "ready",
        "result",
        "running",
        "timeout_s",
        "turn_ends",
        "wake",
    )

    def __init__(
        self, progress: Progress, host: Host, control: Control, clock: Clock, random: Random, limits: Limits
    ) -> None:
        self.progress = progress
        self.control = control
        self.clock = clock
        self.limits = limits
        self.host = host
        self.owner = asyncio.current_task()
        self.executor = Executor(
            host=host,
            note=progress.recorder.note,
            clock=clock,
            random=random,
            limits=limits,
            consumption=progress.consumption,
            owner=self,
        )
        control.parked = progress.parked.keys()
        self.ready: list[NodeRun] = progress.begin()
        """Short, as a rule; an empty deque is as large as all else that a waiting run has here."""
        self.running: dict[NodeRun, None] = {}
        """Node runs in tasks of their own, in the order in which they were started."""
        self.finished: list[tuple[NodeRun, Outcome]] = []
        self.held: list[NodeRun] = []
        """Node runs whose next attempt is made elsewhere, since this worker is stopping."""
        self.inline: NodeRun | None = None
        """The node run inside the driver task."""
        self.driver: asyncio.Task[None] | None = None
        self.wake: asyncio.Future[None] | None = None
        self.result: asyncio.Future[RunEnded] = asyncio.get_running_loop().create_future()
        self.failure: EngineError | None = None
        """Why the run is to end early, if not by a node's failure."""
        self.let_go = False
        self.timeout_s: float | None = None
        self.deadline = inf
        """The end of timeout_s by the monotonic clock."""
        self.turn_ends = monotonic() + TURN_S

    async def run(self, timeout_s: float | None, worked_s: float) -> RunEnded:
        timer = None
        if timeout_s is not None:
            self.timeout_s = timeout_s
            left_s = max(0.0, timeout_s - worked_s)
            self.deadline = self.clock.monotonic() + left_s
            timer = self.clock.call_later(left_s, self._run_out)
        self.control.watch(self._on_control)
        self.control.resting = self
        self._spawn_driver(None)
        try:
            # Not shielded: when the owner is cancelled the result is too, and nobody sets it any more.
            return await self.result
        finally:
            self.control.watch(None)
            self.control.resting = None
            if timer is not None:
                timer.cancel()
            if not self.result.done() or self.result.cancelled() or self.result.exception() is not None:
                await self._let_go()
            # The two know each other; what is over is to be freed at once, not by a search through all other runs.
            del self.executor

    # The driver

    def _spawn_driver(self, finished: tuple[NodeRun, Outcome] | None) -> None:
        self.driver = asyncio.get_running_loop().create_task(self._guard(finished))

    @property
    def current(self) -> NodeRun | None:
        return self.inline

    async def _guard(self, finished: tuple[NodeRun, Outcome] | None) -> None:
        me = self.driver
        if me is None:
            raise RuntimeError("A driver has a task")
        occupants[me] = self
        try:
            ended = await self._drive(finished)
        except asyncio.CancelledError:
            if not self.let_go and self.driver is me and not self.result.done():
                self.result.cancel()
            raise
        except BaseException as error:
            if self.driver is me and not self.result.done():
                self.result.set_exception(error)
            return
        finally:
            del occupants[me]
        if ended is not None and not self.result.done():
            self.result.set_result(ended)

    async def _drive(self, taken_over: tuple[NodeRun, Outcome] | None) -> RunEnded | None:
        """To the end; None when another driver has taken over."""
        progress = self.progress
        if taken_over is not None:
            await self._settle([taken_over])
        while True:
            if self.failure is not None or progress.failure is not None:
                return await self._end_early()
            if self.control.draining and (self.ready or self.held):
                await self._drain()
                continue
            if len(self.ready) == 1 and not self.running and not progress.waits:
                node_run = self.ready.pop(0)
                outcome = await self._run_inline(node_run)
                if outcome is None:
                    return None
                await self._settle([(node_run, outcome)])
                continue
            while self.ready and len(self.running) < self.limits.max_parallel:
                self._spawn_node(self.ready.pop(0))
            if not self.running and not self.finished:
                return await self._end()
            if not self.finished:
                await self._sleep_until_woken()
            finished, self.finished = self.finished, []
            await self._settle(finished)

    async def _settle(self, finished: list[tuple[NodeRun, Outcome]]) -> None:
        if self.control.draining:
            self.held += [node_run for node_run, outcome in finished if outcome is HELD]
            finished = [one for one in finished if one[1] is not HELD]
        self.ready.extend(await self.progress.settle(finished))

    async def _run_inline(self, node_run: NodeRun) -> Outcome | None:
        me = self.driver
        self.inline = node_run
        node_run.view = self.progress.look(node_run)
        outcome = await self.executor.execute(node_run)
        if node_run.abandoned or self.driver is not me:
            return None
        self.inline = None
        if monotonic() >= self.turn_ends:
            await asyncio.sleep(0)
            self.turn_ends = monotonic() + TURN_S
        return outcome

    def _spawn_node(self, node_run: NodeRun) -> None:
        node_run.view = self.progress.look(node_run)
        self.running[node_run] = None
        node_run.task = asyncio.get_running_loop().create_task(self._run_in_task(node_run))

    async def _run_in_task(self, node_run: NodeRun) -> None:
        task = node_run.task
        if task is None:
            raise RuntimeError("A spawned node run has a task")
        occupants[task] = node_run
        try:
            outcome = await self.executor.execute(node_run)
        except asyncio.CancelledError:
            raise
        except BaseException as error:
            # The journal refused: the run is another's now, or cannot be stored.
            if not self.result.done():
                self.result.set_exception(error)
            return
        finally:
            del occupants[task]
        self._finish(node_run, outcome)

    def _finish(self, node_run: NodeRun, outcome: Outcome) -> None:
        if node_run in self.running:
            del self.running[node_run]
            self.finished.append((node_run, outcome))
            self._wake()

    async def _sleep_until_woken(self) -> None:
        self.wake = asyncio.get_running_loop().create_future()
        try:
            await self.wake
        finally:
            self.wake = None

    def _wake(self) -> None:
        if self.wake is not None and not self.wake.done():
            self.wake.set_result(None)

    async def _drain(self) -> None:
        """Lets what runs come to its end, and writes it down; what would start now starts elsewhere."""
        while self.running or self.finished:
            if not self.finished:
                await self._sleep_until_woken()
            finished, self.finished = self.finished, []
            await self._settle(finished)
            if self.failure is not None or self.progress.failure is not None:
                return
        raise self._stopping()

    async def _end(self) -> RunEnded:
        """Nothing is left to do here; if it waits for a person, or a sub-run that stopped, another worker finds out."""
        if self.control.draining and self.progress.waits:
            raise self._stopping()
        return await self.progress.end()

    def _stopping(self) -> LeaseLost:
        return LeaseLost(f"run {self.host.run_id}: the worker is stopping, so what comes next starts elsewhere")

    # Ends

    async def _end_early(self) -> RunEnded:
        """Stops what runs, journals what comes of it, and ends the run."""
        for node_run in list(self.running):
            self._stop(node_run, "stop")
        while self.running:
            await self._sleep_until_woken()
        finished, self.finished = self.finished, []
        finished = [(node_run, STOPPED if outcome is HELD else outcome) for node_run, outcome in finished]
        finished += [(node_run, STOPPED) for node_run in self.held]
        for node_run, outcome in finished:
            if outcome is STOPPED:
                node_run.stop = "stop"
        return await self.progress.end_early(self.failure, finished, list(self.ready))

    def _stop(self, node_run: NodeRun, why: str) -> None:
        """Cancels a node's tool, and leaves it behind if it does not stop in time."""
        task = node_run.task if node_run.task is not None else self.driver
        if node_run.stop == "stop" or task is None:
            return
        node_run.stop = why
        task.cancel()
        attempt = node_run.attempt
        self.clock.call_later(self.limits.cancel_grace_s, lambda: self._leave_behind(node_run, attempt))

    def _leave_behind(self, node_run: NodeRun, attempt: int) -> None:
        if node_run.attempt != attempt or not node_run.stop or self.result.done():
            return
        if node_run in self.running:
            if node_run.task is not None:
                _keep(node_run.task)
            self._finish(node_run, left_behind(node_run, self.limits.cancel_grace_s))
        elif node_run is self.inline and self.driver is not None:
            _keep(self.driver)
            self.inline = None
            self._spawn_driver((node_run, left_behind(node_run, self.limits.cancel_grace_s)))

    def expire(self, node_run: NodeRun) -> None:
        """The node's timeout_s is over."""
        if node_run is self.inline or node_run in self.running:
            self._stop(node_run, "timeout")

    def _run_out(self) -> None:
        self._fail(RunTimeout(f"Run {self.host.run_id} took longer than its {self.timeout_s} s"))

    def _on_control(self) -> None:
        if self.control.draining:
            self._hold_those_at_rest()
            self._wake()
        if self.control.cancelled:
            reason = f": {self.control.cancel_reason}" if self.control.cancel_reason else ""
            self._fail(RunCancelled(f"Run {self.host.run_id} was cancelled{reason}"))
        for activation, value in self.control.take_answers().items():
            node_run = self.progress.answered(activation, value)
            if node_run is not None:
                self.ready.append(node_run)
                self._wake()
        for activation in self.control.take_woken():
            node_run = self.progress.woken(activation)
            if node_run is not None:
                self.ready.append(node_run)
                self._wake()

    def _hold_those_at_rest(self) -> None:
        """Ends the waiting of node runs for their next attempt, which another worker makes."""
        for node_run in list(self._under_way()):
            task = node_run.task if node_run.task is not None else self.driver
            if node_run.is_at_rest and not node_run.stop and task is not None:
                node_run.stop = "hold"
                task.cancel()

    # Rest

    def rests_until(self) -> float | None:
        """See Resting."""
        if self.finished or (self.inline is None and self.wake is None):
            return None
        if self.ready and not self.control.draining:  # then what is ready starts elsewhere
            return None
        if self.failure is not None or self.progress.failure is not None:
            return None
        due = self.deadline
        for node_run in self._under_way():
            until = self._rests(node_run)
            if until is None:
                return None
            due = min(due, until)
        return due

    def _rests(self, node_run: NodeRun) -> float | None:
        context = node_run.context
        if node_run.stop:
            return None
        if node_run.is_at_rest:
            return node_run.rests_until
        if context is None:
            return None
        if context.rests_until is not None:
            return min(context.rests_until, node_run.expires)
        if context.sub_runs and context.sub_runs == self.control.below.get(node_run.activation, 0):
            return node_run.expires
        return None

    def awaits(self) -> Collection[str]:
        """See Resting."""
        contexts = [node_run.context for node_run in self._under_way() if node_run.context is not None]
        return {name for context in contexts for name in context.awaits}

    def asks(self) -> Collection[int]:
        """See Resting."""
        return list(self.progress.asked)

    def take_rests(self, wakes_at: float) -> dict[int, Rest]:
        """See Resting."""
        self.progress.recorder.hand_over()
        rests = {}
        for one in self._under_way():
            left_s = 0.0 if one.expires == inf else max(0.0, one.expires - wakes_at)
            rests[one.activation] = Rest(one.attempt, one.next_at, left_s)
        return rests

    def _under_way(self) -> Iterator[NodeRun]:
        yield from self.running
        if self.inline is not None:
            yield self.inline

    def _fail(self, error: EngineError) -> None:
        if self.failure is None:
            self.failure = error
            if self.inline is not None:
                self._stop(self.inline, "stop")
            self._wake()

    def is_draining(self) -> bool:
        return self.control.draining

    def is_let_go(self) -> bool:
        return self.let_go or (self.owner is not None and self.owner.cancelling() > 0)

    async def _let_go(self) -> None:
        """Stops every task of this run; nothing more is written."""
        self.let_go = self.control.let_go = True
        tasks = {node_run.task for node_run in self.running if node_run.task is not None}
        if self.driver is not None:
            tasks.add(self.driver)
        pending = {task for task in tasks if not task.done()}
        for task in pending:
            task.cancel()
        if pending:
            _, ignoring = await asyncio.wait(pending, timeout=self.limits.cancel_grace_s)
            for task in ignoring:
                _keep(task)


def _keep(task: asyncio.Task[None]) -> None:
    _left_behind.add(task)
    task.add_done_callback(_left_behind.discard)
