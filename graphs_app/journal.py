"""Group commit: one writer of a worker process makes durable what all its runs have to say, batch by batch.

Entries gather on the event loop until its current round is over, so that a hundred runs which step together are one
batch; while the writer commits one batch, the next one grows. After a batch of one run nobody is waited for. An entry
that nobody waits for lingers a few milliseconds: a node that ends by then costs one row and no commit of its own.

A batch that is one statement is sent from the loop itself (`line`); what needs a transaction, what went wrong before,
and everything on SQLite is written by a thread.

Where the processor time of a durable step goes (one run, on a machine that did other work too): the server's commit
130 µs, most of it the kernel's, its statement 50; here 70 and the socket, of which the engine 25. The statement was 85
with six checks and a foreign key to look at, and 20 more with two CTEs; here it was 110 with columns gone through by
their names, rows told that only needed counting, and futures that nobody waited for. Waiting for others a round of the
loop cost 15. The rest of the time that passes is the disk's.
"""

import asyncio
import logging
import threading
from collections.abc import Callable, Sequence
from functools import partial
from queue import SimpleQueue
from typing import Any

from django.db import DatabaseError, InterfaceError, connection

from graphs_app import failpoints
from graphs_app.batch import Call, Flushed, Part, Writing, fits_line, gather, in_order, take_answer
from graphs_app.errors import JournalClosed
from graphs_app.line import Answer, Line
from graphs_app.store import Store
from graphs_app.stores import store_for

logger = logging.getLogger(__name__)

LINGER_S = 0.003
ENOUGH = 50
"""Runs that a batch is handed over with at once: while it is written, the loop has time for the other runs."""
AT_ONCE = 250
"""Runs in one batch on the line at most: while the server writes it, the loop prepares the next one."""
LOOK_EVERY = 25
"""After how many more runs it is asked whether the batch on the line is answered, before the loop itself would ask."""


class Writer:
    """What waits to be written, and the two ways of writing it: the thread, and the line of the event loop.

    A batch that is one statement goes by the line, all others by the thread; never is something under way on both. All
    methods but _work and what it calls belong to the event loop.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._parts: list[Part] = []
        self._calls: list[Call] = []
        self._flush_is_due = False
        self._linger: asyncio.TimerHandle | None = None
        self._line: Line | None = None
        self._line_is_missing = True
        """Tells the thread to open one."""
        self._line_is_busy = False
        """Whether a batch on the line is not answered yet."""
        self._line_is_free: asyncio.Future[None] | None = None
        """Made by who waits for that answer, and done by it."""
        self._more_is_due = False
        """Whether what has gathered since is to follow it at once."""
        self._is_lonely = False
        """Whether the last batch on the line was one run's: then nobody is worth waiting for a round of the loop."""
        self._with_thread = 0
        """Batches that the thread has not answered yet."""
        self._queue: SimpleQueue[Flushed | None] = SimpleQueue()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._work, name="journal", daemon=True)
        self._thread.start()

    def add(self, part: Part) -> None:
        """Takes what a run begins to say; it is written at the next flush, a few milliseconds on at the latest."""
        if self._stopping.is_set():
            raise JournalClosed(f"the journal is closed; run {part.journal.run.pk} goes on elsewhere")
        self._parts.append(part)
        if self._linger is None:
            self._linger = self.loop.call_later(LINGER_S, self._linger_is_over)

    async def call(self, function: Callable[[], Any]) -> Any:
        """Runs the function in the writer's next transaction, behind a savepoint; returns what it returns."""
        if self._stopping.is_set():
            raise JournalClosed("the journal is closed")
        call = Call(function, self.loop.create_future())
        self._calls.append(call)
        self.flush_soon()
        return await call.done

    def flush_soon(self) -> None:
        """Hands over what has gathered once the loop's present round is over, or there is enough of it."""
        if self._is_lonely or len(self._parts) >= ENOUGH:
            self._hand_over()
        elif not self._flush_is_due:
            self._flush_is_due = True
            self.loop.call_soon(self._flush)

    def _linger_is_over(self) -> None:
        self._linger = None
        if self._parts:
            self._flush()

    def _flush(self) -> None:
        self._flush_is_due = False
        self._hand_over()

    def _hand_over(self) -> None:
        if not self._parts and not self._calls:
            return
        if self._line_is_busy:
            self._more_is_due = True
            self._look()
            return
        line = self._free_line()
        if line is not None and not self._calls:
            parts = self._detached(AT_ONCE)
            if fits_line(parts):
                self._is_lonely = len(parts) == 1
                # What is more than that follows as soon as this is answered.
                self._more_is_due = bool(self._parts)
                self._send(line, parts)
                return
        else:
            parts = []
        parts += self._detached(len(self._parts))
        calls, self._calls = self._calls, []
        self._give_to_thread(Flushed(parts, calls))

    def _detached(self, count: int) -> list[Part]:
        """Takes so many parts out; what their runs say from now on belongs to other ones."""
        if len(self._parts) <= count:
            parts, self._parts = self._parts, []
        else:
            parts, self._parts = self._parts[:count], self._parts[count:]
        for part in parts:
            part.journal.detach()
        return parts

    def _give_to_thread(self, flushed: Flushed) -> None:
        self._with_thread += 1
        self._queue.put(flushed)

    async def close(self) -> None:
        """Writes what has gathered, and ends the thread."""
        line, self._line = self._line, None
        if self._line_is_busy:
            self._line_is_free = self.loop.create_future()
            await self._line_is_free
        if line is not None:
            line.close()
        self._flush()
        self._stopping.set()
        self._queue.put(None)
        await self.loop.run_in_executor(None, self._thread.join)

    # By the line -----------------------------------------------------------------------------------

    def _look(self) -> None:
        """Asks for the answer in the middle of a long round of the loop, so that the server need not wait so long."""
        if self._line is not None and len(self._parts) % LOOK_EVERY == 0:
            self._line.look()

    def _free_line(self) -> Line | None:
        """The line, if it can take a batch; the thread opens another when it is lost."""
        if self._line is not None and not self._line.is_open:
            self._line = None
            self._line_is_missing = True
        return None if self._with_thread else self._line

    def _send(self, line: Line, parts: list[Part]) -> None:
        rows = in_order(parts)
        if failpoints.CRASH_AT and any(row.has_checkpoint for row in rows):
            failpoints.reach("before_checkpoint")
        self._line_is_busy = True
        line.write(rows, partial(self._answered, parts))

    def _answered(self, parts: list[Part], answer: Answer | None) -> None:
        """Tells which runs' rows are written; None when nobody knows, which the thread will find out."""
        self._line_is_busy = False
        if answer is None:
            self._give_to_thread(Flushed(parts, [], in_doubt=True))
        else:
            failpoints.reach("in_checkpoint")
            take_answer(parts, answer)
            failpoints.reach("after_checkpoint")
            self._settle(parts, ())
        if self._line_is_free is not None:
            self._line_is_free.set_result(None)
        if self._more_is_due:
            self._more_is_due = False
            self.flush_soon()

    def _take_line(self, line: Line) -> None:
        if self._stopping.is_set() or self._line is not None:
            line.close()
            return
        line.attach(self.loop)
        self._line = line

    # On the writer's thread ------------------------------------------------------------------------

    def _work(self) -> None:
        store = store_for(connection)
        writing = Writing(connection, store, self._stopping)
        try:
            while (flushed := self._queue.get()) is not None:
                flushed = gather(flushed, self._queue)
                writing.write(flushed.parts, flushed.calls, in_doubt=flushed.in_doubt)
                self._tell(self._take_back, flushed)
                if self._line_is_missing and not self._stopping.is_set():
                    self._line_is_missing = False
                    self._open_line(store)
        finally:
            connection.close()

    def _open_line(self, store: Store) -> None:
        """Tried again after the next batch; until then the thread writes everything."""
        try:
            line = store.open_line()
        except (DatabaseError, InterfaceError) as error:
            logger.warning("journal: no connection for the event loop: %s", error)
            self._line_is_missing = True
            return
        if line is not None and not self._tell(self._take_line, line):
            line.close()

    def _tell(self, function: Callable[..., None], *arguments: Any) -> bool:
        try:
            self.loop.call_soon_threadsafe(function, *arguments)
        except RuntimeError:
            # The loop was closed under us: nobody is left to be told, and what was written is written.
            logger.warning("journal: the event loop is closed; %s is told to nobody", function.__name__)
            return False
        return True

    # On the event loop again -----------------------------------------------------------------------

    def _take_back(self, flushed: Flushed) -> None:
        self._with_thread -= flushed.count
        self._settle(flushed.parts, flushed.calls)

    def _settle(self, parts: Sequence[Part], calls: Sequence[Call]) -> None:
        for part in parts:
            part.settle()
        for call in calls:
            call.settle()
