"""Who of this process's threads may write to a SQLite database next.

SQLite has one writer at a time, and lets the others look again after ever longer pauses, up to a tenth of a second:
under load, who has just come wins over who has waited for seconds. Here they stand in line.
"""

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

PATIENCE_S = 20.0
"""As long as SQLite itself waits for another process (busy_timeout)."""


class Turns:
    """A lock that is handed on to whoever has waited longest."""

    def __init__(self) -> None:
        self._mutex = threading.Lock()
        self._is_taken = False
        self._waiting: deque[threading.Lock] = deque()

    def take(self, timeout_s: float = PATIENCE_S) -> bool:
        """Waits for its turn; False when it did not come in time."""
        with self._mutex:
            if not self._is_taken:
                self._is_taken = True
                return True
            gate = threading.Lock()
            gate.acquire()
            self._waiting.append(gate)
        if gate.acquire(timeout=timeout_s):
            return True
        with self._mutex:
            if gate in self._waiting:
                self._waiting.remove(gate)
                return False
        return True  # it came while we gave up

    def give_on(self) -> None:
        """Ends one's turn."""
        with self._mutex:
            if self._waiting:
                self._waiting.popleft().release()
            else:
                self._is_taken = False


_of: dict[str, Turns] = {}


def of(database: str) -> Turns:
    """The line before one database file."""
    return _of.setdefault(database, Turns())


@contextmanager
def taken(turns: Turns) -> Iterator[bool]:
    """A turn for one statement; without one in time, SQLite's own waiting decides."""
    mine = turns.take()
    try:
        yield mine
    finally:
        if mine:
            turns.give_on()
