"""Writes one batch of many runs: fence, rows, effects, interrupts and events in one transaction, or nothing of it.

What a batch may meet, in the order in which it is handled:
1. A run whose lease is another's: its part is dropped with LeaseLost, the others are written.
2. An entry that the database refuses: the batch is written again a run at a time, and only that run is refused.
3. A deadlock or a serialization failure: again, at most three times.
4. A connection that goes while it commits: the writer reconnects, and reads how far each run's journal has come. A
   batch is all or nothing, so a run's `journaled`, or the node runs that were written with it, tell what became of it.
"""

import asyncio
import logging
import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from itertools import count
from operator import attrgetter
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db import DatabaseError, InterfaceError, OperationalError, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from graphs_app import aftermath, failpoints, wakeups
from graphs_app.engine.checkpoint import Entry, Interrupted, NodeDone, NodeFailed, NodeRetried
from graphs_app.errors import EffectFailed, JournalClosed, JournalRefused, UnknownEffect
from graphs_app.line import Answer, first_column
from graphs_app.models import NodeRun, node_run_id
from graphs_app.rows import RunRow
from graphs_app.store import Fenced, Store
from graphs_app.telling import events_of
from sessions_app.conflicts import AGAIN_AT_MOST, is_conflict
from sessions_app.events import Event
from sessions_app.services import events

if TYPE_CHECKING:
    from graphs_app.run_journal import JournalOf

logger = logging.getLogger(__name__)

WITH_EFFECTS = (NodeDone, NodeFailed, NodeRetried, Interrupted)
ROW_ID = attrgetter("id")
LINE_BYTES = 100_000
"""Of one run in a batch on the line."""
BACKOFF_S = (0.05, 0.1, 0.25, 0.5, 1.0, 2.0)


class Part:
    """What one run says in one batch, and who waits for it."""

    __slots__ = ("entries", "failure", "journal", "row", "size", "told", "waiting")

    def __init__(self, journal: "JournalOf") -> None:
        self.journal = journal
        self.entries: list[Entry] = []
        self.size = 0
        """Of the entries, in bytes."""
        self.waiting: list[asyncio.Future[None]] = []
        self.failure: BaseException | None = None
        self.row: RunRow | None = None
        self.told: list[Event] = []
        """What effects gave the session to be told."""

    def join(self, later: "Part") -> None:
        """Takes over what the same run said after this part."""
        self.row = None
        self.entries += later.entries
        self.size += later.size
        self.waiting += later.waiting

    def settle(self) -> None:
        """Tells the run what became of it. Called on the event loop."""
        if self.failure is not None:
            self.journal.failure = self.failure
        for future in self.waiting:
            if future.done():
                continue
            if self.failure is None:
                future.set_result(None)
            else:
                future.set_exception(self.failure)

    def is_stored(self) -> None:
        """All of it is durable now."""
        self.journal.stored(self.fold())

    def fold(self) -> RunRow:
        """The part as rows; folded once, however often the batch is tried."""
        if self.row is None:
            row = self.journal.new_row(len(self.entries), self.size)
            row.take_all(self.entries)
            row.is_fresh = self.journal.with_rows.isdisjoint(row.nodes)
            self.row = row
        return self.row


class Call:
    """A function that runs in the writer's transaction, and the future of what it returns."""

    __slots__ = ("done", "failure", "function", "value")

    def __init__(self, function: Callable[[], Any], done: "asyncio.Future[Any]") -> None:
        self.function = function
        self.done = done
        self.value: Any = None
        self.failure: BaseException | None = None

    def settle(self) -> None:
        if self.done.done():
            return
        if self.failure is None:
            self.done.set_result(self.value)
        else:
            self.done.set_exception(self.failure)


@dataclass(slots=True)
class Flushed:
    """What is given to the thread at once."""

    parts: list[Part]
    calls: list[Call]
    in_doubt: bool = False
    """Whether it was tried already, and may have been written."""
    count: int = 1
    """How often something was given that is one batch now."""


def gather(first: Flushed, queue: SimpleQueue[Flushed | None]) -> Flushed:
    """All that came while the last batch was written, as one batch; a run has one part in it."""
    if first.in_doubt or queue.empty():
        return first
    parts = {part.journal: part for part in first.parts}
    gathered = Flushed([], list(first.calls), count=first.count)
    while not queue.empty():
        flushed = queue.get()
        if flushed is None:
            queue.put(None)
            break
        for part in flushed.parts:
            if parts.setdefault(part.journal, part) is not part:
                parts[part.journal].join(part)
        gathered.calls.extend(flushed.calls)
        gathered.count += flushed.count
    gathered.parts = list(parts.values())
    return gathered


class Writing:
    """Writes batches over one connection, for as long as it takes. Belongs to the writer's thread."""

    def __init__(self, connection: BaseDatabaseWrapper, store: Store, stopping: threading.Event) -> None:
        self._connection = connection
        self._store = store
        self._stopping = stopping
        self._raw: object = None
        """The connection that was prepared; another one needs preparing again."""

    def write(self, parts: Sequence[Part], calls: Sequence[Call], *, in_doubt: bool = False) -> None:
        """Makes the batch durable, or says in each part and call why it is not.

        In doubt is what was tried already, and may have been written.
        """
        foldable = [part for part in parts if self._folds(part)]
        try:
            self._write_stubbornly(foldable, calls, in_doubt=in_doubt)
        except DatabaseError as error:
            self._one_by_one(foldable, calls, error)
        except Exception as error:
            # The writer's own edge: were its thread to die, every run of this process would wait for ever.
            logger.exception("journal: a batch of %d runs could not be written", len(parts))
            self._refuse(foldable, calls, error)
        for part in parts:
            if part.failure is None:
                part.is_stored()
        failpoints.reach("after_checkpoint")

    def _refuse(self, parts: Sequence[Part], calls: Sequence[Call], error: Exception) -> None:
        for part in parts:
            part.failure = part.failure or JournalRefused(f"run {part.journal.run.pk} could not be written: {error!r}")
        for call in calls:
            call.failure = call.failure or error

    def _folds(self, part: Part) -> bool:
        try:
            part.fold()
        except (ValueError, TypeError, RecursionError) as error:
            part.failure = JournalRefused(
                f"run {part.journal.run.pk}: an entry is not JSON that can be stored ({error}); a tool returned it"
            )
        return part.failure is None

    def _one_by_one(self, parts: Sequence[Part], calls: Sequence[Call], error: DatabaseError) -> None:
        """Something in the batch is refused by the database: only whose it is shall suffer."""
        logger.warning("journal: a batch of %d runs was refused (%s); writing them one by one", len(parts), error)
        for part in parts:
            part.told = []
            part.fold().is_fresh = False
            try:
                self._write_stubbornly([part], ())
            except DatabaseError as refusal:
                logger.error("journal: run %s is refused by the database: %s", part.journal.run.pk, refusal)
                part.failure = JournalRefused(f"run {part.journal.run.pk}: the database refuses its entries: {refusal}")
        for call in calls:
            try:
                self._write_stubbornly((), [call])
            except DatabaseError as refusal:
                call.failure = refusal

    def _write_stubbornly(self, parts: Sequence[Part], calls: Sequence[Call], *, in_doubt: bool = False) -> None:
        """Tries until the batch is written or refused; a lost connection alone never loses it."""
        conflicts = 0
        for attempt in count():
            try:
                self._prepare()
                self._write_once(self._still_open(parts) if in_doubt else parts, calls)
                return
            except (OperationalError, InterfaceError) as error:
                if is_conflict(error):
                    conflicts += 1
                    if conflicts > AGAIN_AT_MOST:
                        raise
                in_doubt = True
                self._pause(attempt, parts, error)

    def _pause(self, attempt: int, parts: Sequence[Part], error: Exception) -> None:
        """Waits for the database to come back, on a new connection if the old one is gone."""
        if not self._connection.in_atomic_block and not (is_conflict(error) and self._connection.is_usable()):
            self._connection.close()
        delay = BACKOFF_S[min(attempt, len(BACKOFF_S) - 1)]
        logger.warning("journal: %d runs wait for the database, again in %s s: %s", len(parts), delay, error)
        if self._stopping.wait(delay) and attempt > len(BACKOFF_S):
            raise JournalClosed("the worker stops while the database is away; another goes on from the journal")

    def _prepare(self) -> None:
        self._connection.ensure_connection()
        if self._raw is not self._connection.connection:
            self._store.prepare()
            self._raw = self._connection.connection

    def _still_open(self, parts: Sequence[Part]) -> list[Part]:
        """The parts that the transaction we lost sight of did not write."""
        with transaction.atomic():
            standings = self._store.standing([part.journal.run.pk for part in parts])
        still_open = []
        for part in parts:
            standing = standings.get(part.journal.run.pk)
            row = part.fold()
            if standing is None or standing.lease_epoch != row.lease_epoch:
                part.failure = aftermath.lease_lost(part.journal.run.pk)
            elif standing.journaled < row.journaled and not (row.is_plain and _has_rows(row)):
                part.told = []
                still_open.append(part)
        return still_open

    def _write_once(self, parts: Sequence[Part], calls: Sequence[Call]) -> None:
        has_checkpoint = any(part.fold().has_checkpoint for part in parts)
        if has_checkpoint:
            failpoints.reach("before_checkpoint")
        alone = not calls and is_one_statement(parts) and self._store.writes_at_once([part.fold() for part in parts])
        with self._turn() if alone else transaction.atomic():
            for call in calls:
                self._call(call)
            able = self._apply_effects(parts)
            fenced = self._store.write(in_order(able)) if able else {}
            self._after_fence(able, fenced)
            if has_checkpoint:
                failpoints.reach("in_checkpoint")

    def _turn(self) -> AbstractContextManager[None]:
        """SQLite has one writer at a time; its threads stand in line."""
        write_turn = getattr(self._connection, "write_turn", None)
        turn: AbstractContextManager[None] = nullcontext() if write_turn is None else write_turn()
        return turn

    def _call(self, call: Call) -> None:
        call.failure = None
        try:
            with transaction.atomic():
                call.value = call.function()
        except (OperationalError, InterfaceError):
            raise
        except Exception as error:
            call.failure = error

    def _apply_effects(self, parts: Sequence[Part]) -> list[Part]:
        """The parts whose effects are applied, or that have none; the fence is locked before the first effect."""
        asking = [part for part in parts if part.fold().has_effects]
        if not asking:
            return list(parts)
        standings = self._store.standing([part.journal.run.pk for part in asking])
        for part in asking:
            standing, run = standings.get(part.journal.run.pk), part.journal.run
            if standing is None or (standing.lease_epoch, standing.lease_owner) != (run.lease_epoch, run.lease_owner):
                part.failure = aftermath.lease_lost(part.journal.run.pk)
                continue
            part.told = []
            part.failure = self._effects_of(part)
        return [part for part in parts if part.failure is None]

    def _effects_of(self, part: Part) -> BaseException | None:
        run = part.journal.run
        try:
            with transaction.atomic():
                for entry in part.entries:
                    if isinstance(entry, WITH_EFFECTS):
                        node_run = node_run_id(run.pk, entry.activation)
                        for effect in entry.effects:
                            part.told += aftermath.apply_effect(run, node_run, effect)
        except (OperationalError, InterfaceError):
            raise
        except UnknownEffect as error:
            return error
        except Exception as error:
            logger.exception("journal: an effect of run %s failed", run.pk)
            return EffectFailed(f"run {run.pk}: {error}")
        return None

    def _after_fence(self, parts: Sequence[Part], fenced: dict[UUID, Fenced]) -> None:
        told: dict[UUID, list[Event]] = {}
        for part in parts:
            run = part.journal.run
            outcome = fenced.get(run.pk)
            if outcome is None:
                part.failure = aftermath.lease_lost(part.journal.run.pk)
                continue
            if part.fold().has_more:
                outcome, stopped = aftermath.settle(part.entries, run, outcome)
                part.told += stopped
            wakeups.wake_on_commit(run)
            if run.session_id is not None:
                told.setdefault(run.session_id, []).extend(events_of(part, outcome))
        # In one order for all, so that two batches never lock two sessions crosswise.
        for session_id in sorted(told):
            if told[session_id]:
                events.append(session_id, told[session_id])


def _has_rows(row: RunRow) -> bool:
    """Whether the node runs of a part are there as it would have written them; all of them are, or none."""
    node = next(iter(row.nodes.values()))
    same = NodeRun.objects.filter(pk=node.id, status=node.status, attempt=node.attempt, number=node.number)
    return same.exists()


def is_one_statement(parts: Sequence[Part]) -> bool:
    """Whether nothing is to be written but rows: no session is told, no effect happens, no end concerns others."""
    # A loop: for the batch of one, a generator takes as long as all else here.
    for part in parts:  # noqa: SIM110
        if part.journal.is_in_session or part.fold().has_more:
            return False
    return True


def fits_line(parts: Sequence[Part]) -> bool:
    """Whether a batch is one statement. What cannot be folded into rows is the thread's to refuse, and so is what is
    so large that encoding it would keep the event loop from the other runs."""
    if any(part.size > LINE_BYTES for part in parts):
        return False
    try:
        return is_one_statement(parts)
    except (ValueError, TypeError, RecursionError):
        return False


def in_order(parts: Sequence[Part]) -> list[RunRow]:
    """The rows by the ids of their runs, as everybody locks runs: whatever crosses it would deadlock."""
    rows = [part.fold() for part in parts]
    if len(rows) > 1:
        rows.sort(key=ROW_ID)
    return rows


def take_answer(parts: Sequence[Part], answer: Answer) -> None:
    """What a line's answer means for each run: its rows are written, or it is another worker's now."""
    # The rows of the answer, or of an INSERT that returns none: one for each run that is still held.
    held = None if answer.command_tuples == len(parts) else {UUID(run_id) for run_id in first_column(answer)}
    for part in parts:
        run = part.journal.run
        if held is None or run.id in held:
            part.is_stored()
            wakeups.wake(run)
        else:
            part.failure = aftermath.lease_lost(run.id)
