"""Group commit: what all rooms of an event loop have to store, on its own connection or by one thread.

The loop's own connection, where the database offers one, takes what is plain; while the disk is slow, a second thread
waits for it there. Everything else is the thread's. What else has to be written about documents is done by that thread
between two commits: two threads that write at once would wait for each other in the database, and some databases make
them wait much longer than they have to. While one commit is on its way to the disk, what comes in waits together, and
then shares the next. A batch that cannot be stored must not take the others down, so after a failure each is tried
alone.
"""

import asyncio
import logging
import queue
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from sessions_app.crdt.store import Batch, Outcome, Stored, StoreFailed, UpdateStore
from sessions_app.update_line import Line

log = logging.getLogger(__name__)

IDLE_S = 2.0
"""After this long without work the thread gives its database connection back."""

GATHER_S = 0.008
BATCHES = 20
BATCHES_WITHIN_S = 0.2
"""At more than a hundred batches a second a commit waits a little for others to share it: one costs as much as ten."""

SLOW_S = 0.005
SLOW_FOR_S = 1.0
"""A commit that took the loop so long is the last one that it waits for itself: nothing else happens there meanwhile.
The disk is taken for slow for a while."""

Waiting = tuple[Batch, "asyncio.Future[Outcome]"]
Answer = tuple["asyncio.Future[Any]", Any]
"""Who waits, and the result or the error."""
Job = tuple[Callable[[], None], "asyncio.Future[None]"]


class Writer:
    """Takes the batches of one event loop, commits them there or in a thread, and answers on the loop."""

    def __init__(
        self,
        store: UpdateStore,
        *,
        on_idle: Callable[[], None] = lambda: None,
        open_line: Callable[[], Line | None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._on_idle = on_idle
        self._open_line = open_line
        self._clock = clock
        self._line: Line | None = None
        """The loop's connection; it is opened by the thread after its first commit."""
        self._wants_line = True
        self._rests = False
        """Nobody has stored anything since it was told to rest."""
        self._line_leaves: Line | None = None
        """One that is given back when what it is doing is done."""
        self._disk_is_slow_until = float("-inf")
        self._disk: ThreadPoolExecutor | None = None
        """Waits for the disk while it is slow; not the thread above, which may itself be waiting for what is written
        here."""
        self._at_disk = False
        """The loop's connection is in use there."""
        self._gathered: list[Waiting] = []
        """What waits for company on the loop."""
        self._waiting: deque[Waiting] = deque()
        self._jobs: deque[Job] = deque()
        self._is_asleep = True
        """The thread waits for the bell, or there is none; else it looks by itself, and ringing would only cost."""
        self._bell: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._came: deque[float] = deque(maxlen=BATCHES)
        """When the last batches came."""

    async def append(self, batch: Batch) -> Outcome:
        """Returns when the batch is on disk, or refused. Raises StoreFailed when it may or may not be stored."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Outcome] = loop.create_future()
        now = self._clock()
        self._came.append(now)
        self._rests = False
        if self._line is None:
            self._hand_over([(batch, answer)])
        else:
            self._gathered.append((batch, answer))
            if not self._is_busy(now):
                self._commit_here()
            elif len(self._gathered) == 1:
                loop.call_later(GATHER_S, self._commit_here)
        return await answer

    def rest(self) -> None:
        """Nobody is there any more: the loop's connection is given back, until there is something to store again."""
        self._wants_line = self._rests = True
        line, self._line = self._line, None
        if line is None:
            return
        if self._at_disk:
            self._line_leaves = line
        else:
            line.close()

    async def between_commits(self, work: Callable[[], None]) -> None:
        """Returns when some blocking work was done, at most one piece of it after each commit."""
        answer: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._jobs.append((work, answer))
        self._wake()
        await answer

    def _commit_here(self) -> None:
        """Stores what was gathered, on the loop; the thread takes what cannot be stored without waiting or asking."""
        if self._at_disk or not self._gathered:
            return
        taken, self._gathered = self._gathered, []
        began = self._clock()
        stored = self._line.write([batch for batch, _ in taken]) if self._line is not None else None
        if stored is None or self._line is None:
            self._hand_over(taken)
            return
        if began < self._disk_is_slow_until:
            self._go_to_disk(self._line.commit, partial(self._committed, taken, stored, began))
            return
        error: StoreFailed | None = None
        try:
            self._line.commit()
        except StoreFailed as failed:
            error = failed
        self._committed(taken, stored, began, error)
        self._tidy()

    def _tidy(self) -> None:
        if self._line is not None and self._line.is_log_long() and not self._at_disk:
            self._go_to_disk(self._line.move_log, lambda error: None)

    def _committed(self, taken: list[Waiting], stored: list[Stored], began: float, error: StoreFailed | None) -> None:
        if (now := self._clock()) - began > SLOW_S:
            self._disk_is_slow_until = now + SLOW_FOR_S
        if error is not None:
            self.rest()
        _answer([(answer, error or outcome) for (_, answer), outcome in zip(taken, stored, strict=True)])

    def _go_to_disk(self, work: Callable[[], None], done: Callable[[StoreFailed | None], None]) -> None:
        """Has the loop's connection do something that takes long; what is to be stored meanwhile is gathered."""
        if self._disk is None:
            self._disk = ThreadPoolExecutor(1, thread_name_prefix="document-disk")
        self._at_disk = True
        loop = asyncio.get_running_loop()

        def came_back(working: "asyncio.Future[None]") -> None:
            error = working.exception()
            self._at_disk = False
            if self._line_leaves is not None:
                self._line_leaves.close()
                self._line_leaves = None
            done(error if error is None or isinstance(error, StoreFailed) else StoreFailed(repr(error)))
            self._tidy()
            if self._is_busy(self._clock()):  # whoever is there by then shares the commit
                loop.call_later(GATHER_S, self._commit_here)
            else:
                self._commit_here()

        loop.run_in_executor(self._disk, work).add_done_callback(came_back)

    def _hand_over(self, waiting: list[Waiting]) -> None:
        self._waiting.extend(waiting)
        self._wake()

    def _take_line(self, line: Line) -> None:
        if self._line is None and not self._rests:
            self._line = line
            return
        line.close()
        if self._rests:  # it was opened for somebody who has left meanwhile
            self._wants_line = True

    def _wake(self) -> None:
        """What was put there before this is seen: by who falls asleep, after saying so, or by who is woken."""
        if not self._is_asleep:
            return
        with self._lock:
            self._is_asleep = False
            self._bell.put(None)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="document-writer", daemon=True)
                self._thread.start()

    def _rest(self) -> None:
        """Gives the connection back; whatever that fails with, the thread has to live: rooms wait for its answers."""
        try:
            self._on_idle()
        except Exception:
            log.exception("the document writer could not give its connection back")

    def _run(self) -> None:
        while self._has_work():
            if self._waiting:
                if self._is_busy(self._clock()):
                    time.sleep(GATHER_S)
                taken = [self._waiting.popleft() for _ in range(len(self._waiting))]
                self._commit(taken)
                self._offer_line(taken[0][1].get_loop())
            if self._jobs:
                self._do(*self._jobs.popleft())

    def _offer_line(self, loop: asyncio.AbstractEventLoop) -> None:
        """Opens a connection for the loop, once; without it the thread stores everything."""
        if not self._wants_line:
            return
        self._wants_line = False
        try:
            line = self._open_line()
        except StoreFailed as error:
            log.warning("no connection for the event loop: %s", error)
            return
        if line is None:
            return
        try:
            loop.call_soon_threadsafe(self._take_line, line)
        except RuntimeError:  # the loop was closed
            line.close()

    def _has_work(self) -> bool:
        """Waits for something to do; False when there was nothing for so long that the thread ends."""
        while True:
            self._is_asleep = True
            if self._waiting or self._jobs:
                self._is_asleep = False
                return True
            try:
                self._bell.get(timeout=IDLE_S)
            except queue.Empty:
                self._rest()
                with self._lock:
                    if self._bell.empty() and not self._waiting and not self._jobs:
                        self._thread = None
                        return False

    def _do(self, work: Callable[[], None], answer: "asyncio.Future[None]") -> None:
        error: Exception | None = None
        try:
            work()
        except Exception as failed:  # the outer edge of this thread: whoever asked for it is told
            error = failed
            self._rest()
        self._tell(answer.get_loop(), [(answer, error)])

    def _is_busy(self, now: float) -> bool:
        """Whether batches follow each other so quickly that waiting for company costs less than going alone."""
        return len(self._came) == BATCHES and now - self._came[0] < BATCHES_WITHIN_S

    def _commit(self, waiting: list[Waiting]) -> None:
        """Stores as many as can go together: a document has one batch under way at a time, so mostly all."""
        batches = [batch for batch, _ in waiting]
        try:
            outcomes: list[Outcome | StoreFailed] = list(self._store.append(batches))
        except StoreFailed as error:
            self._rest()  # the connection may be what failed
            outcomes = [error] if len(batches) == 1 else [self._alone(batch) for batch in batches]
        except Exception as error:  # the outer edge of this thread: rooms wait for an answer
            log.exception("the store failed over %d batches", len(batches))
            self._rest()
            outcomes = [StoreFailed(repr(error))] * len(batches)
        loops: dict[asyncio.AbstractEventLoop, list[Answer]] = {}
        for (_, answer), outcome in zip(waiting, outcomes, strict=True):
            loops.setdefault(answer.get_loop(), []).append((answer, outcome))
        for loop, answers in loops.items():
            self._tell(loop, answers)

    def _tell(self, loop: asyncio.AbstractEventLoop, answers: "list[Answer]") -> None:
        try:
            loop.call_soon_threadsafe(_answer, answers)
        except RuntimeError:  # the loop was closed: nobody waits any more
            log.debug("%d pieces of work were done for a loop that is gone", len(answers))

    def _alone(self, batch: Batch) -> Outcome | StoreFailed:
        try:
            return self._store.append([batch])[0]
        except StoreFailed as error:
            return error


def _answer(answers: "list[Answer]") -> None:
    for answer, outcome in answers:
        if answer.done():
            continue
        if isinstance(outcome, Exception):
            answer.set_exception(outcome)
        else:
            answer.set_result(outcome)
