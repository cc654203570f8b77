"""How a run that was started here ends: a future that costs next to nothing, since a worker has thousands of them.

One of concurrent.futures brings a condition, a lock and a queue of waiters, two kilobytes; these share one lock, and
only who really waits gets something to wait on.
"""

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import CancelledError

from graphs_app.engine.checkpoint import RunEnded

_lock = threading.Lock()


class Ending:
    """Over once it is settled or cancelled. Any thread may ask."""

    __slots__ = ("_callbacks", "_error", "_is_cancelled", "_is_over", "_result")

    def __init__(self) -> None:
        self._is_over = self._is_cancelled = False
        self._result: RunEnded | None = None
        self._error: BaseException | None = None
        self._callbacks: tuple[Callable[[Ending], object], ...] = ()

    def settle(self, result: RunEnded | None, error: BaseException | None = None) -> None:
        """For the worker: what became of the run; None when it goes on elsewhere."""
        self._result, self._error = result, error
        self._finish()

    def cancel(self) -> None:
        """For the worker: the run was handed back."""
        self._is_cancelled = True
        self._finish()

    def _finish(self) -> None:
        with _lock:
            self._is_over = True
            callbacks, self._callbacks = self._callbacks, ()
        for callback in callbacks:
            callback(self)

    def add_done_callback(self, callback: "Callable[[Ending], object]") -> None:
        """Called when it is over, by whoever ends it; at once if it is over already."""
        with _lock:
            if not self._is_over:
                self._callbacks += (callback,)
                return
        callback(self)

    def done(self) -> bool:
        return self._is_over

    def cancelled(self) -> bool:
        return self._is_cancelled

    def wait(self, timeout: float | None = None) -> bool:
        """Whether it is over by then."""
        if not self._is_over:
            over = threading.Event()
            self.add_done_callback(lambda _: over.set())
            over.wait(timeout)
        return self._is_over

    def exception(self, timeout: float | None = None) -> BaseException | None:
        """What ended this worker's part of the run, if not the run itself."""
        if not self.wait(timeout):
            raise TimeoutError
        if self._is_cancelled:
            raise CancelledError
        return self._error

    def result(self, timeout: float | None = None) -> RunEnded | None:
        """How the run ended; None when it goes on elsewhere."""
        if (error := self.exception(timeout)) is not None:
            raise error
        return self._result


def look_again(work: Ending | None, after_s: float) -> None:
    """Returns when a run is over here, or after so long: where it is not worked on here, another worker has it, and
    only the database tells of it."""
    if work is None:
        time.sleep(after_s)
    else:
        work.wait(after_s)


def hand_over(ending: Ending, task: "asyncio.Task[RunEnded | None]") -> None:
    """Tells the thread that waits what became of its run."""
    if task.cancelled():
        ending.cancel()
    else:
        error = task.exception()
        ending.settle(None if error is not None else task.result(), error)
