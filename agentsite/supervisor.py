"""Keeps the site running: a small process that starts `manage.py serve` as its child, and again when that dies.

What holds the interpreter's lock for good holds HTTP, sockets and the embedded workers together, and ends by the alarm
of graphs_app.engine.watchdog. Then, and after a crash in compiled code, somebody must start the site again. It does not
load Django. Signals are passed on; when this process dies, its child ends at once.
"""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from types import FrameType

from sessions_app import stopping
from sessions_app.plurals import counted

CHILD = "SERVE_SUPERVISOR_FD"
"""In the child's environment: the socket on which it says that it answers, and which ends when its parent does."""
SETTING = "SERVE_RESTARTS"
NO = ("false", "no", "off", "0", "")
READY = b"1"
READY_ONCE = b"0"
"""It answers, and is not to be started again: SERVE_RESTARTS is off in the file of settings."""
LONG_S = 60.0
"""A child that lived for so long did not die of how it was started."""
WAIT_MAX_S = 10.0
LOOK_AGAIN_S = 0.1
GIVE_UP_AFTER = 5
"""Starts in a row that came to nothing."""
PASSED_ON = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)


def is_wanted(environment: Mapping[str, str]) -> bool:
    """Whether this process is to be a supervisor, and not the site itself."""
    return CHILD not in environment and environment.get(SETTING, "yes").strip().lower() not in NO


def supervise(command: Sequence[str], *, sleep: Callable[[float], object] | None = None) -> int:
    """Runs the command until it ends by itself or is told to; its exit status."""
    site = _Site(command)
    for number in PASSED_ON:
        signal.signal(number, site.pass_on)
    stopping.leave()
    quick = failed = 0
    while True:
        began = time.monotonic()
        code, answered, is_once = site.run()
        if code == 0 or site.is_stopping or is_once or not (answered or quick):
            return code if code >= 0 else 128 + (site.told_by or -code)
        quick = 1 if time.monotonic() - began > LONG_S else quick + 1
        failed = 0 if answered else failed + 1
        how = f"with status {code}" if code >= 0 else f"by {signal.Signals(-code).name}"
        if failed >= GIVE_UP_AFTER:
            _tell(
                f"The site ended {how} and does not start again after {counted(failed, 'attempt')}; see the log above."
            )
            return code if code >= 0 else 128 - code
        wait_s = min(WAIT_MAX_S, 0.25 * 2 ** (quick - 1))
        _tell(f"The site ended {how}; see the log above. It starts again in {wait_s:g} s, nothing stored is lost.")
        (sleep or site.wait)(wait_s)
        if site.is_stopping:
            return 0


class _Site:
    """One child after the other."""

    def __init__(self, command: Sequence[str]) -> None:
        self._command = list(command)
        self._process: subprocess.Popen[bytes] | None = None
        self.told_by = 0
        """A number and no event: the handler would wait for a lock that the code below it holds."""

    @property
    def is_stopping(self) -> bool:
        return self.told_by != 0

    def wait(self, wait_s: float) -> None:
        until = time.monotonic() + wait_s
        while not self.is_stopping and (left_s := until - time.monotonic()) > 0:
            time.sleep(min(LOOK_AGAIN_S, left_s))

    def run(self) -> tuple[int, bool, bool]:
        """Its exit status, whether it ever answered, and whether it is not to be started again."""
        ours, theirs = socket.socketpair()
        with ours, theirs:
            ours.setblocking(False)
            # A process group of its own: Ctrl-C comes here, and once to the child.
            self._process = subprocess.Popen(  # noqa: S603 -- the command is the one that this process was started by
                self._command,
                env=os.environ | {CHILD: str(theirs.fileno())},
                pass_fds=[theirs.fileno()],
                process_group=0,
            )
            theirs.close()
            if self.is_stopping:
                self._process.terminate()  # it was told so while it began
            code = self._process.wait()
            try:
                said = ours.recv(10)
            except (BlockingIOError, ConnectionError):
                said = b""
        return code, bool(said), READY_ONCE in said

    def pass_on(self, number: int, frame: FrameType | None) -> None:
        self.told_by = self.told_by or number
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM if number == signal.SIGHUP else number)


def say_ready(*, restarts: bool) -> None:
    """For the child: it answers now, and dies with its parent from now on."""
    given = os.environ.get(CHILD)
    if given is None:
        return
    parent = socket.socket(fileno=int(given))
    parent.set_inheritable(False)
    parent.sendall(READY if restarts else READY_ONCE)
    threading.Thread(target=_end_with, args=(parent,), name="supervisor", daemon=True).start()


def _end_with(parent: socket.socket) -> None:
    with suppress(OSError):
        parent.recv(1)
    _tell("The process that watches over the site is gone, so the site ends.")
    os._exit(1)


def _tell(words: str) -> None:
    sys.stderr.write(f"{words}\n")
    sys.stderr.flush()
