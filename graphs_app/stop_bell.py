"""How a process is told to stop by a signal handler, which may interrupt any line, also one that holds a lock.

So the handler takes no lock and starts no thread: it sets a flag and writes a byte, and a thread that waits for that
byte does the rest.
"""

import os
import threading
from collections.abc import Callable
from contextlib import suppress


class StopBell:
    """Rung at most once; what is to be done then runs in a thread that the process waits for at its end."""

    def __init__(self, on_ring: Callable[[], None]) -> None:
        self._on_ring = on_ring
        self._rope: int | None = None
        self._lock = threading.Lock()
        self.is_rung = False

    def listen(self) -> None:
        """Has a thread wait for the bell; once in a process, and not from a signal handler."""
        with self._lock:
            if self._rope is not None:
                return
            ours, rope = os.pipe()
            os.set_blocking(rope, False)
            threading.Thread(target=self._wait, args=(ours,), name="stop bell", daemon=True).start()
            self._rope = rope
        if self.is_rung:
            self._pull(self._rope)  # it was rung while nobody listened

    def ring(self) -> None:
        """From anywhere, also from a signal handler. Never waits."""
        if self.is_rung:
            return
        self.is_rung = True
        if self._rope is not None:
            self._pull(self._rope)

    def _pull(self, rope: int) -> None:
        with suppress(OSError):  # it is full: it was rung
            os.write(rope, b"!")

    def _wait(self, ours: int) -> None:
        os.read(ours, 1)
        with suppress(RuntimeError):  # the interpreter ends already
            threading.Thread(target=self._on_ring, name="drain").start()
