"""How a command ends by Ctrl-C or SIGTERM, at whatever moment it comes: with 128 + the signal's number, no traceback.

Nothing is raised into the code that happens to run, as KeyboardInterrupt is: finalizers, callbacks and libraries
swallow that, and others are left half done by it. A thread reads the signals instead, also while the main thread is in
compiled code. It ends the process at once, but for a command that has something to put away: that one is told, and has
a time for it, which a second signal makes short; a third one ends it at once.
"""

import os
import select
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from math import inf
from types import FrameType
from typing import NoReturn

SIGNALS = (signal.SIGINT, signal.SIGTERM)
TIDY_WITHIN_S = 15.0
TIDY_AT_ONCE_S = 1.0
"""After a second signal."""


class Stop:
    """For a command that is to put something away: whether it was told to end, and whether it still can."""

    def __init__(self) -> None:
        self._told = threading.Event()  # set by the thread that reads signals, so its lock is never taken twice
        self._lock = threading.Lock()
        self.is_past = False
        """What was to be done is done, or is brought to its end."""
        self.number = 0

    def is_told(self) -> bool:
        return self._told.is_set()

    def wait(self, timeout_s: float) -> bool:
        """Whether it was told by then."""
        return self._told.wait(timeout_s)

    @property
    def exit_code(self) -> int:
        return 128 + self.number

    def pass_no_return(self) -> bool:
        """False when it was told; if not, what comes now is brought to its end, and a signal no longer undoes it."""
        with self._lock:
            self.is_past = not self.is_told()
            return self.is_past

    def tell(self, number: int) -> None:
        with self._lock:
            if not self.is_past and not self.number:
                self.number = number
                self._told.set()


class _Watch:
    """Reads signals from the descriptor that the interpreter writes them to."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.stop: Stop | None = None
        """While a command has something to put away."""
        self._count = 0
        self._number = 0
        self._until = inf

    def start(self) -> None:
        ours, theirs = os.pipe()
        os.set_blocking(theirs, False)
        threading.Thread(target=self._read, args=(ours,), name="signals", daemon=True).start()
        signal.set_wakeup_fd(theirs, warn_on_full_buffer=False)

    def _read(self, descriptor: int) -> None:
        while True:
            left_s = None if self._until == inf else max(0.0, self._until - time.monotonic())
            if not select.select([descriptor], [], [], left_s)[0]:
                end(self._number)
            for number in os.read(descriptor, 64):
                if number in SIGNALS:
                    self._take(number)

    def _take(self, number: int) -> None:
        with self.lock:
            if self.stop is None:
                end(number)
            self._count += 1
            self._number = self._number or number
            self.stop.tell(number)
        if self._count > 2:
            end(self._number)
        within_s = TIDY_WITHIN_S if self._count == 1 else TIDY_AT_ONCE_S
        self._until = min(self._until, time.monotonic() + within_s)


_watch: _Watch | None = None


def install() -> None:
    """For a process that is a command, before it imports anything else. What its parent ignores stays ignored."""
    global _watch
    _watch = _Watch()
    _watch.start()
    for number in SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _nothing)


def leave() -> None:
    """Others take the signals from now on; their handlers have to be there already, so that none is lost."""
    global _watch
    if _watch is not None:
        signal.set_wakeup_fd(-1)
        _watch = None


def as_python_does() -> None:
    """Gives Ctrl-C back to Django's own commands, some of which wait for its exception."""
    for number, handler in ((signal.SIGINT, signal.default_int_handler), (signal.SIGTERM, signal.SIG_DFL)):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, handler)
    leave()


@contextmanager
def tidily() -> Iterator[Stop]:
    """While this is open, a signal tells the command, which puts away what it has and ends by itself."""
    stop, watch = Stop(), _watch
    if watch is None:
        yield stop  # somebody else's process, such as a test's
        return
    with watch.lock:
        watch.stop = stop
    try:
        yield stop
    finally:
        with watch.lock:
            if not stop.is_told() and not stop.is_past:
                watch.stop = None  # nothing is left to be put away


def end(number: int) -> NoReturn:
    """Ends the process here and now. Output that is buffered is lost, as the buffers may be in use."""
    with suppress(OSError):
        os.write(2, b"Stopped.\n")
    os._exit(128 + number)


def end_if_told() -> None:
    """For the last line of a command that was told and has put everything away: a signal that comes yet is late."""
    watch = _watch
    if watch is not None and watch.stop is not None and watch.stop.is_told():
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError):
                stream.flush()
        os._exit(watch.stop.exit_code)


def _nothing(number: int, frame: FrameType | None) -> None:
    """Python writes a signal to the descriptor only if it has a handler."""
