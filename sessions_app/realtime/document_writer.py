"""Group commit: the one thread of this process that stores what all its rooms have to store.

While one commit is on its way to the disk, what comes in waits together, and then shares the next. A batch that cannot
be stored must not take the others down, so after a failure each is tried alone.
"""

import asyncio
import logging
import queue
import threading
import time
from collections import deque
from collections.abc import Callable

from sessions_app.crdt.store import Batch, Outcome, StoreFailed, UpdateStore

log = logging.getLogger(__name__)

IDLE_S = 2.0
"""After this long without work the thread gives its database connection back."""

GATHER_S = 0.003
COMMITS = 20
COMMITS_WITHIN_S = 0.125
"""At more than 160 commits a second each waits a little for others to share it: one costs as much as ten."""

Waiting = tuple[Batch, "asyncio.Future[Outcome]"]


class Writer:
    """Takes batches from event loops, commits them in a thread, and answers on the loop that asked."""

    def __init__(self, store: UpdateStore, *, on_idle: Callable[[], None] = lambda: None) -> None:
        self._store = store
        self._on_idle = on_idle
        self._queue: queue.SimpleQueue[Waiting] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._began: deque[float] = deque(maxlen=COMMITS)
        """When the last commits began."""

    async def append(self, batch: Batch) -> Outcome:
        """Returns when the batch is on disk, or refused. Raises StoreFailed when it may or may not be stored."""
        answer: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        with self._lock:
            self._queue.put((batch, answer))
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="document-writer", daemon=True)
                self._thread.start()
        return await answer

    def _rest(self) -> None:
        """Gives the connection back; whatever that fails with, the thread has to live: rooms wait for its answers."""
        try:
            self._on_idle()
        except Exception:
            log.exception("the document writer could not give its connection back")

    def _run(self) -> None:
        while True:
            try:
                waiting = [self._queue.get(timeout=IDLE_S)]
            except queue.Empty:
                self._rest()
                with self._lock:
                    if self._queue.empty():
                        self._thread = None
                        return
                continue
            if self._is_busy(time.monotonic()):
                time.sleep(GATHER_S)
            while not self._queue.empty():
                waiting.append(self._queue.get())
            self._commit(waiting)

    def _is_busy(self, now: float) -> bool:
        """Whether commits follow each other so quickly that waiting for company costs less than going alone."""
        self._began.append(now)
        return len(self._began) == COMMITS and now - self._began[0] < COMMITS_WITHIN_S

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
        loops: dict[asyncio.AbstractEventLoop, list[tuple[asyncio.Future[Outcome], Outcome | StoreFailed]]] = {}
        for (_, answer), outcome in zip(waiting, outcomes, strict=True):
            loops.setdefault(answer.get_loop(), []).append((answer, outcome))
        for loop, answers in loops.items():
            try:
                loop.call_soon_threadsafe(_answer, answers)
            except RuntimeError:  # the loop was closed: nobody waits any more
                log.debug("%d batches were stored for a loop that is gone", len(answers))

    def _alone(self, batch: Batch) -> Outcome | StoreFailed:
        try:
            return self._store.append([batch])[0]
        except StoreFailed as error:
            return error


def _answer(answers: list[tuple["asyncio.Future[Outcome]", Outcome | StoreFailed]]) -> None:
    for answer, outcome in answers:
        if answer.done():
            continue
        if isinstance(outcome, StoreFailed):
            answer.set_exception(outcome)
        else:
            answer.set_result(outcome)
