"""One run under way: what is ready is started, what is finished is settled, without a barrier between steps.

A driver task starts what is ready, takes in what is finished (`settle`), and secures it in the journal.
A single ready node runs inside the driver task itself, which gives way to others every few milliseconds: tools that
wait for nothing would keep the loop for themselves. Several nodes run in tasks of their own. A tool that ignores its
cancellation is left behind; if it has the driver task, a new driver takes over.
"""

import asyncio
from collections.abc import Iterator
from math import inf
from random import Random
from time import monotonic

from graphs_app.engine.checkpoint import RunEnded
from graphs_app.engine.errors import (
    EngineError,
    LeaseLost,
    RunCancelled,
    RunTimeout,
)
from graphs_app.engine.executor import Executor, left_behind
from graphs_app.engine.host import Control, Host
from graphs_app.engine.limits import Limits
from graphs_app.engine.node_run import HELD, STOPPED, NodeRun, Outcome, occupants
from graphs_app.engine.registry import Clock
from graphs_app.engine.resting import LoopRest
from graphs_app.engine.settle import Progress

TURN_S = 0.005
"""How long a run may keep the event loop without a pause."""

_left_behind: set[asyncio.Task[None]] = set()
"""Tasks of tools that did not stop: kept so that they are not collected while they run."""


class Loop:
    """One call of `loop.run`."""

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
        self.control.resting = LoopRest(self)
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
        for node_run in list(self.under_way()):
            task = node_run.task if node_run.task is not None else self.driver
            if node_run.is_at_rest and not node_run.stop and task is not None:
                node_run.stop = "hold"
                task.cancel()

    def under_way(self) -> Iterator[NodeRun]:
        """The node runs that have begun here and are not over."""
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
