"""Sees when a tool keeps an event loop from working, and says which: a thread that expects a sign of life.

A tool that computes without awaiting holds up every run of its worker. It cannot be stopped from outside; but it can
be named at once in the log, with its stack, and its node fails when it returns (limits.max_blocked_s).
"""

import asyncio
import logging
import sys
import threading
import traceback
from time import monotonic

from graphs_app.engine.executor import node_run_of

logger = logging.getLogger(__name__)


class Watchdog:
    """Watches one event loop: `start` it on the loop, `stop` it at the end."""

    def __init__(self, *, warn_after_s: float = 1.0, beat_s: float = 0.2) -> None:
        self._warn_after_s = warn_after_s
        self._beat_s = beat_s
        self._beaten = monotonic()
        self._stopped = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._loop_thread = 0
        self._timer: asyncio.TimerHandle | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._loop_thread = threading.get_ident()
        self._beat()
        self._thread = threading.Thread(target=self._watch, name="event loop watchdog", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()
        if self._timer is not None:
            self._timer.cancel()
        if self._thread is not None:
            self._thread.join()

    def _beat(self) -> None:
        self._beaten = monotonic()
        if self._loop is not None:
            self._timer = self._loop.call_later(self._beat_s, self._beat)

    def _watch(self) -> None:
        told_at = 0.0
        while not self._stopped.wait(self._beat_s):
            beaten = self._beaten
            blocked_s = monotonic() - beaten - self._beat_s
            if blocked_s < self._warn_after_s:
                continue
            task = None if self._loop is None else asyncio.current_task(self._loop)
            node_run = None if task is None else node_run_of(task)
            if node_run is not None:
                node_run.blocked_s = max(node_run.blocked_s, blocked_s)
            if told_at != beaten:
                told_at = beaten
                frame = sys._current_frames().get(self._loop_thread)
                stack = "".join(traceback.format_stack(frame)[-6:]) if frame is not None else ""
                logger.error(
                    "The event loop has been blocked for %.1f s by %s\n%s", blocked_s, node_run or "no node", stack
                )
