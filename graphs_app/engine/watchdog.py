"""Sees when something keeps an event loop from working, says what, and ends the process when it does not stop.

What computes without awaiting holds up everybody on its loop, and cannot be stopped from outside. A thread expects a
sign of life of the loop: it names the node in the log, with its stack, and the node fails when it returns
(limits.max_blocked_s). After `end_after_s` it leaves last words and ends the process: others go on with its runs.
What keeps the interpreter's lock keeps that thread from working as well; for this there is an alarm of faulthandler's,
which needs no lock: it writes every thread's stack to stderr, and ends the process with status 1.
"""

import asyncio
import faulthandler
import logging
import os
import sys
import threading
import traceback
from collections.abc import Callable
from contextlib import suppress
from time import monotonic

from graphs_app.engine.node_run import NodeRun, node_run_of

logger = logging.getLogger(__name__)

EXIT_BLOCKED = 70
LAST_WORDS_S = 5.0
PUT_OFF_S = 1.0
"""How often the alarm is put off: each time takes a new thread."""


def end_process() -> None:
    logging.shutdown()
    os._exit(EXIT_BLOCKED)


class Watchdog:
    """Watches one event loop: `start` it on the loop, `stop` it at the end."""

    def __init__(
        self,
        *,
        warn_after_s: float = 0.5,
        beat_s: float = 0.2,
        end_after_s: float = 0.0,
        starts_for_s: float = 0.0,
        last_words: Callable[[NodeRun | None], None] | None = None,
        end: Callable[[], None] = end_process,
    ) -> None:
        """end_after_s: 0 never ends the process. last_words: called before it ends, with what is at work.

        starts_for_s: for so long after the start a loop may be held up by what is loaded, or by others at work on the
        machine: that is told once, without a stack.
        """
        self._warn_after_s = warn_after_s
        self._beat_s = min(beat_s, warn_after_s)
        self._end_after_s = end_after_s
        self._starts_for_s = starts_for_s
        self._started = 0.0
        self._told_of_start = False
        self._last_words = last_words
        self._end = end
        self._beaten = monotonic()
        self._stopped = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._loop_thread = 0
        self._timer: asyncio.TimerHandle | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._loop_thread = threading.get_ident()
        self._started = monotonic()
        self._beat()
        self._thread = threading.Thread(target=self._watch, name="event loop watchdog", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()
        if self._timer is not None:
            self._timer.cancel()
        if self._thread is not None:
            self._thread.join()

    @property
    def blocked_s(self) -> float:
        """How long the loop has not worked; 0 before it was started."""
        return 0.0 if self._thread is None else max(0.0, monotonic() - self._beaten - self._beat_s)

    def _beat(self) -> None:
        self._beaten = monotonic()
        if self._loop is not None:
            self._timer = self._loop.call_later(self._beat_s, self._beat)

    def _watch(self) -> None:
        told_at = blocked_here_s = 0.0
        woken = monotonic()
        try:
            while not self._stopped.wait(self._beat_s):
                _alarm.put_off(self, self._end_after_s)
                since, woken = woken, monotonic()
                beaten = self._beaten
                blocked_s = woken - beaten - self._beat_s
                if blocked_s < self._warn_after_s:
                    blocked_here_s = 0.0
                    continue
                node_run = self._blame(blocked_s)
                if told_at != beaten:
                    told_at = beaten
                    self._tell(node_run, blocked_s)
                # A process that was stopped as a whole, and wakes, has not blocked itself.
                blocked_here_s += min(woken - since, 2 * self._beat_s)
                if 0 < self._end_after_s <= blocked_here_s:
                    self._give_up(node_run, blocked_s)
                    return
        finally:
            _alarm.leave(self)

    def _blame(self, blocked_s: float) -> NodeRun | None:
        task = None if self._loop is None else asyncio.current_task(self._loop)
        node_run = None if task is None else node_run_of(task)
        if node_run is not None:
            node_run.blocked_s = max(node_run.blocked_s, blocked_s)
        return node_run

    def _tell(self, node_run: NodeRun | None, blocked_s: float) -> None:
        if node_run is None and monotonic() - self._started - blocked_s < self._starts_for_s:
            if not self._told_of_start:
                self._told_of_start = True
                logger.warning(
                    "The event loop was held up for %.1f s while this process starts, as happens on a busy machine.",
                    blocked_s,
                )
            return
        frame = sys._current_frames().get(self._loop_thread)
        stack = "".join(traceback.format_stack(frame)[-6:]) if frame is not None else ""
        tool = "no node" if node_run is None else f"tool {node_run.step.tool.name!r} of {node_run}"
        logger.error("The event loop has been blocked for %.1f s by %s\n%s", blocked_s, tool, stack)

    def _give_up(self, node_run: NodeRun | None, blocked_s: float) -> None:
        logger.critical(
            "The event loop was blocked for %.1f s by %s; this process ends, and what it worked on goes on elsewhere",
            blocked_s,
            node_run or "no node",
        )
        if self._last_words is not None:
            speaking = threading.Thread(target=self._last_words, args=(node_run,), name="last words", daemon=True)
            speaking.start()
            speaking.join(LAST_WORDS_S)
        self._end()


class _Alarm:
    """The one timer of faulthandler that a process has, put off by all watchdogs as long as they can work."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._watching: set[Watchdog] = set()
        self._put_off_at = 0.0

    def put_off(self, watchdog: Watchdog, end_after_s: float) -> None:
        if end_after_s <= 0 or sys.__stderr__ is None:
            return
        with self._lock:
            self._watching.add(watchdog)
            if monotonic() - self._put_off_at >= min(PUT_OFF_S, end_after_s / 4):
                self._put_off_at = monotonic()
                with suppress(OSError, ValueError):  # stderr may be no file
                    faulthandler.dump_traceback_later(end_after_s, exit=True, file=sys.__stderr__)

    def leave(self, watchdog: Watchdog) -> None:
        with self._lock:
            if watchdog in self._watching:
                self._watching.discard(watchdog)
                if not self._watching:
                    self._put_off_at = 0.0
                    faulthandler.cancel_dump_traceback_later()


_alarm = _Alarm()
