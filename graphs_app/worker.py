"""A worker process's event loop, on which all its runs work: their leases, their cancellation, and an orderly end.

One exists per process, made on first use (`current()`). Celery's threads hand it runs and wait; the loop's own thread
never touches the database: the journal's writer does, and one thread for upkeep.
"""

import asyncio
import logging
import os
import socket
import threading
import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from functools import partial
from time import monotonic
from typing import Any, cast
from uuid import UUID

import uvloop
from django.conf import settings
from django.db import DatabaseError, InterfaceError

from graphs_app import failpoints, garbage, process_log, run_limits, time_limits
from graphs_app.definitions import LoadedGraph
from graphs_app.ending import Ending, hand_over
from graphs_app.engine import loop as engine
from graphs_app.engine.checkpoint import History, RunEnded
from graphs_app.engine.consumption import Consumption
from graphs_app.engine.durability import Durability
from graphs_app.engine.errors import LeaseLost, error_json
from graphs_app.engine.host import Control
from graphs_app.engine.node_run import NodeRun
from graphs_app.engine.watchdog import Watchdog
from graphs_app.errors import JournalClosed
from graphs_app.host import HostOf
from graphs_app.journal import Writer
from graphs_app.models import Run
from graphs_app.run_journal import JournalOf
from graphs_app.services import claims
from graphs_app.services.blocked import leave_runs
from graphs_app.services.claiming import Claiming
from graphs_app.slots import Slots
from graphs_app.stop_bell import StopBell
from graphs_app.streams import TextStreams
from graphs_app.under_way import Active, Work
from graphs_app.upkeep import say_goodbye, with_fresh_connection
from sessions_app import behalf, log_context

logger = logging.getLogger(__name__)

LOOK_FOR_PEOPLE_S = 0.5
COUNT_AFTER_BYTES = 256 * 1024
"""When a run has taken so much more, it is asked whether its person's runs may keep as much together."""
BEATS_AGAIN_S = 1.0
"""After how long a heartbeat that the database did not take is tried again: others count a worker's absence."""


class Worker:
    """The loop, the writer and the runs. Methods say on which side they are called."""

    def __init__(self) -> None:
        self.name = f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"
        self.loop = uvloop.new_event_loop()
        self.is_draining = False
        self._is_over = False
        self.claiming = Claiming(self.name)
        self.slots = Slots(self)
        self._active: dict[UUID, Active] = {}
        self._upkeep = ThreadPoolExecutor(max_workers=1, thread_name_prefix="upkeep")
        self._watchdog = Watchdog(
            warn_after_s=settings.LOOP_BLOCKED_WARN_S,
            end_after_s=settings.LOOP_BLOCKED_MAX_S,
            starts_for_s=settings.LOOP_STARTS_FOR_S,
            last_words=self._leave_runs,
        )
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run_loop, name="runs", daemon=True)
        self.writer: Writer
        self._thread.start()
        self._ready.wait()

    def _run_loop(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.writer = Writer(self.loop)
        self.loop.call_soon(self._watchdog.start)
        keeping = self.loop.create_task(self._keep_leases())
        watching = self.loop.create_task(self._watch_for_people())
        self.loop.call_soon(self._ready.set)
        try:
            while not self._is_over:
                self._turn()
        finally:
            self._watchdog.stop()
            for task in (keeping, watching):
                task.cancel()
            self.loop.run_until_complete(asyncio.gather(keeping, watching, return_exceptions=True))
            self.loop.run_until_complete(self.loop.shutdown_default_executor())
            self.loop.close()

    def _turn(self) -> None:
        """Runs the loop until it stops, which a tool can bring about: asyncio lets SystemExit and KeyboardInterrupt
        out of the loop when a task or a callback that a tool has made raises one. The other runs must go on."""
        try:
            self.loop.run_forever()
        except (SystemExit, KeyboardInterrupt):
            logger.exception("worker %s: something that a tool had started wanted to end the process", self.name)

    # From any thread -------------------------------------------------------------------------------

    def submit(self, works: Sequence[Work]) -> list[Ending]:
        """Starts claimed runs on the loop, which is woken once for all of them."""
        endings = [Ending() for _ in works]
        self.loop.call_soon_threadsafe(self._begin, works, endings)
        return endings

    @property
    def running(self) -> int:
        """How many runs, sub-runs among them, are under way here."""
        return len(self._active)

    def cancel(self, run_id: UUID) -> None:
        """Cancels a run if it is under way here; the same process need not wait for the next poll."""
        self.loop.call_soon_threadsafe(self._cancel, run_id)

    def set_budget(self, run_id: UUID, budget_usd: Decimal) -> None:
        """Tells a run that is under way here of its new budget."""
        active = self._active.get(run_id)
        if active is not None:
            active.run.budget_usd = budget_usd

    def drain(self, grace_s: float | None = None) -> None:
        """Takes no more runs, lets running nodes finish for a while, gives the leases back, and stops. Blocks."""
        self.is_draining = True
        if self.loop.is_closed():
            return
        grace = settings.RUN_DRAIN_S if grace_s is None else grace_s
        asyncio.run_coroutine_threadsafe(self._drain(grace), self.loop).result()
        self._is_over = True
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self._upkeep.submit(say_goodbye, self.name)
        self._upkeep.shutdown(wait=True)

    @property
    def takes_runs(self) -> bool:
        """Not while it stops, nor while its loop is blocked: it could not keep a lease."""
        return not self.is_draining and self._watchdog.blocked_s < settings.RUN_LEASE_S / 3

    def _leave_runs(self, node_run: NodeRun | None) -> None:
        """Called by the watchdog when this process is about to end, since a node blocks the loop."""
        self.is_draining = True
        active = None if node_run is None else self._active.get(cast(UUID, node_run.run_id))
        leave_runs(owner=self.name, blamed=None if active is None else active.root)

    # On the loop -----------------------------------------------------------------------------------

    def _begin(self, works: Sequence[Work], endings: Sequence[Ending]) -> None:
        for work, ending in zip(works, endings, strict=True):
            task = self.loop.create_task(self.execute(work.run, work.graph, work.history, work.consumption))
            task.add_done_callback(partial(hand_over, ending))

    def gives_back(self, run_id: UUID) -> bool:
        """Whether this run is being handed to another worker, so that nothing of it may be ended here."""
        active = self._active.get(run_id)
        if active is None:
            return self.is_draining
        return self.is_draining or active.is_lost or active.yields or active.parked is not None

    async def execute(
        self,
        run: Run,
        graph: LoadedGraph,
        history: History,
        consumption: Consumption,
        *,
        control: Control | None = None,
        depth: int = 0,
        root: UUID | None = None,
    ) -> RunEnded | None:
        """Executes a claimed run until it ends or pauses; None when it did neither here."""
        with log_context.bound(**process_log.belonging(run, graph)), behalf.of(run.user_id):
            ended = await self._execute(run, graph, history, consumption, control or Control(), depth, root)
            if ended is not None and depth == 0:
                process_log.tell_end(run, graph, ended)
        return ended

    async def _execute(
        self,
        run: Run,
        graph: LoadedGraph,
        history: History,
        consumption: Consumption,
        control: Control,
        depth: int,
        root: UUID | None,
    ) -> RunEnded | None:
        streams = TextStreams(self.loop, self._upkeep, run)
        active = self._enter(run, graph, history, control, streams, root or run.pk, consumption)
        try:
            ended = await engine.run(
                compiled=graph.compiled,
                initial_state=run.initial_state,
                journal=active.journal,
                host=HostOf(self, run, streams, depth, control, active.root, consumption),
                history=history,
                control=control,
                durability=cast("Durability", run.durability),
                timeout_s=time_limits.of_run(run),
                worked_s=run.worked_ms / 1000,
                consumption=consumption,
            )
        except (LeaseLost, JournalClosed, asyncio.CancelledError) as error:
            await self._leave(active, error)
            if isinstance(error, asyncio.CancelledError):
                raise
            return None
        except Exception as error:
            logger.exception("run %s (graph %s) ended by an error outside its nodes", run.pk, graph.slug)
            await self.in_upkeep(claims.fail_run, run=run, error=error_json(error, run_id=run.pk))
            return None
        finally:
            streams.close()
            self._active.pop(run.pk, None)
            self.claiming.clear(run.pk)
        failpoints.reach("after_commit")
        return ended

    def _enter(
        self,
        run: Run,
        graph: LoadedGraph,
        history: History,
        control: Control,
        streams: TextStreams,
        root: UUID,
        consumption: Consumption,
    ) -> Active:
        """From now on the present task works on the run."""
        journal = JournalOf(
            self.writer,
            run,
            graph,
            with_rows={*history.attempts, *history.answers, *history.interrupted},
            on_node_end=streams.end,
            on_node_stored=streams.forget,
        )
        active = Active(run, journal, control, asyncio.current_task(), monotonic(), root, consumption)
        above = self._active.get(active.root)
        active.yields = above is not None and above.yields
        journal.draining = self.is_draining or active.yields
        self._active[run.pk] = active
        if run.cancel_requested_at is not None:
            control.cancel("cancelled by a person")
        return active

    async def _leave(self, active: Active, error: BaseException) -> None:
        """Gives the lease back, unless it is another's already."""
        run = active.run
        if active.is_lost or (isinstance(error, LeaseLost) and not active.journal.draining):
            logger.warning("run %s belongs to another worker now; it is left alone here", run.pk)
            return
        if active.parked is not None and not self.is_draining:
            await asyncio.shield(self.slots.park(active, active.parked))
            return
        logger.info("run %s is given back to the queue", run.pk)
        await asyncio.shield(self.in_upkeep(claims.release_lease, run=run, **active.journal.how_far))

    def _cancel(self, run_id: UUID) -> None:
        active = self._active.get(run_id)
        if active is not None:
            active.control.cancel("cancelled by a person")

    async def _drain(self, grace_s: float) -> None:
        for active in self._active.values():
            active.journal.draining = True
            active.control.drain()
        if tasks := self._tasks():
            await asyncio.wait(tasks, timeout=grace_s)
        for task in (tasks := self._tasks()):
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        await self.writer.close()

    def _tasks(self) -> "list[asyncio.Task[Any]]":
        return [active.task for active in self._active.values() if active.task is not None]

    async def _keep_leases(self) -> None:
        """Renews all leases by one UPDATE, three times in a lease's length."""
        while True:
            try:
                await self.in_upkeep(claims.beat, name=self.name, running=self.running, draining=self.is_draining)
                if self._active:
                    known = list(self._active.values())
                    run_ids = [active.run.pk for active in known]
                    self._compare(known, await self.in_upkeep(claims.renew_leases, owner=self.name, run_ids=run_ids))
            except (DatabaseError, InterfaceError) as error:
                logger.warning("worker %s could not renew its leases: %s", self.name, error)
                await asyncio.sleep(min(BEATS_AGAIN_S, settings.RUN_LEASE_S / 3))
                continue
            await asyncio.sleep(settings.RUN_LEASE_S / 3)

    def _compare(self, known: list[Active], renewed: claims.Renewed) -> None:
        """Stops what has become another worker's, and cancels what somebody asked to cancel.

        A run whose end is under way may have given its lease back already; if it has lost it, the journal says so.
        """
        for active in known:
            if active.run.pk in renewed.held or active.journal.is_ending or active.parked is not None:
                continue
            if self._active.get(active.run.pk) is active:
                active.is_lost = True
                if active.task is not None:
                    active.task.cancel()
        for run_id in renewed.cancelled:
            self._cancel(run_id)

    async def _watch_for_people(self) -> None:
        """Asks for cancellations and answers, which other processes can only write into the database."""
        while True:
            await asyncio.sleep(LOOK_FOR_PEOPLE_S)
            try:
                await self.slots.wake_awaited()
            except (DatabaseError, InterfaceError) as error:
                logger.warning("worker %s could not look what parked runs wait for: %s", self.name, error)
            if not self._active:
                continue
            self.slots.let_go_who_rests(self._active.values())
            for run_id, active in self._active.items():
                if active.journal.checkpoints > active.run.claimed_checkpoints:
                    self.claiming.clear(run_id)
            try:
                await self.slots.make_room(self._active)
                for run_id in await self.in_upkeep(claims.cancel_requests, owner=self.name):
                    self._cancel(run_id)
                await self._pass_on_answers()
                await self._hold_to_quotas()
            except (DatabaseError, InterfaceError) as error:
                logger.warning("worker %s could not read what people want: %s", self.name, error)

    async def _hold_to_quotas(self) -> None:
        """Ends runs whose person's runs keep too much by now: at their start nobody knew how much they would."""
        grown = [it for it in self._active.values() if it.consumption.kept_bytes > it.counted_bytes + COUNT_AFTER_BYTES]
        if not grown:
            return
        user_ids = {active.run.user_id for active in grown if active.run.user_id is not None}
        over = await self.in_upkeep(run_limits.over_quota, user_ids=user_ids)
        for active in grown:
            active.counted_bytes = active.consumption.kept_bytes
            if active.run.user_id in over:
                active.consumption.refuse(over[active.run.user_id])

    async def _pass_on_answers(self) -> None:
        """Gives runs that still work on other branches the answers to what they, or runs below, asked in this claim."""
        parked = [run_id for run_id, active in self._active.items() if active.control.waits_below]
        if parked:
            for run_id, activation, key in await self.in_upkeep(claims.answered_below, run_ids=parked):
                if (waiting := self._active.get(run_id)) is not None:
                    waiting.control.wake(activation, key)
        asking = [run_id for run_id, active in self._active.items() if active.journal.asked]
        if not asking:
            return
        for run_id, activation, value in await self.in_upkeep(claims.answers_for, run_ids=asking):
            active = self._active.get(run_id)
            if active is not None and activation in active.journal.asked:
                active.journal.asked -= {activation}
                active.control.answer(activation, value)

    async def in_upkeep(self, function: Callable[..., Any], **arguments: Any) -> Any:
        """Calls a function that uses the database, off the loop."""
        return await self.loop.run_in_executor(self._upkeep, with_fresh_connection, function, arguments)


_current: Worker | None = None
_lock = threading.Lock()
_stopping = threading.Lock()
"""Held while a worker is drained: who asks for the same meanwhile waits until it is done."""


def current() -> Worker:
    """This process's worker; made when it is first asked for, and again after it was stopped or the process forked."""
    global _current
    with _lock:
        if _current is None or not _current._thread.is_alive():
            garbage.collect_less_often()
            _current = Worker()
            _bell.listen()
        return _current


def known() -> Worker | None:
    """This process's worker, if there is one."""
    return _current


def begin_stop() -> None:
    """Starts to drain this process's worker and returns; for signal handlers, which must neither wait nor lock.

    The process takes no runs from then on: a task that Celery had fetched before must not make a worker again.
    """
    _bell.ring()
    if (worker := _current) is not None:
        worker.is_draining = True


def finish_stop() -> None:
    """Waits until what begin_stop() began is done: after its main thread's end a process starts no work any more."""
    begin_stop()
    stop()


def is_ending() -> bool:
    """Whether this process was told to stop."""
    return _bell.is_rung


def stop(grace_s: float | None = None) -> None:
    """Drains this process's worker, if there is one; the next current() makes a new one."""
    global _current
    with _stopping:
        with _lock:
            worker, _current = _current, None
        if worker is not None:
            worker.drain(grace_s)


_bell = StopBell(stop)
