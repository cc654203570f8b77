"""A few threads for many people's work: each person has a share of them, and those who wait are served in turn."""

from collections import Counter, OrderedDict, deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class FairThreads(Generic[T]):
    """Runs work in at most `threads` threads, at most `share` of them for one person at a time."""

    def __init__(self, threads: int, share: int, name: str) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix=name)
        self._free = threads
        self._share = share
        self._lock = Lock()
        self._running: Counter[str] = Counter()
        self._waiting: OrderedDict[str, deque[tuple[Future[T], Callable[[], T]]]] = OrderedDict()
        """By person; whose turn is next comes first."""

    def submit(self, person: str, work: Callable[[], T]) -> "Future[T]":
        future: Future[T] = Future()
        with self._lock:
            self._waiting.setdefault(person, deque()).append((future, work))
            self._start()
        return future

    def _start(self) -> None:
        while self._free and (person := self._next()) is not None:
            future, work = self._waiting[person].popleft()
            if self._waiting[person]:
                self._waiting.move_to_end(person)
            else:
                del self._waiting[person]
            if future.set_running_or_notify_cancel():
                self._free -= 1
                self._running[person] += 1
                self._pool.submit(self._run, person, future, work)

    def _next(self) -> str | None:
        return next((person for person in self._waiting if self._running[person] < self._share), None)

    def _run(self, person: str, future: "Future[T]", work: Callable[[], T]) -> None:
        try:
            result: Any = work()
        except BaseException as error:
            self._leave(person)
            future.set_exception(error)
        else:
            self._leave(person)
            future.set_result(result)

    def _leave(self, person: str) -> None:
        with self._lock:
            self._free += 1
            self._running[person] -= 1
            if not self._running[person]:
                del self._running[person]
            self._start()
