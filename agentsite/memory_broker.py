"""Celery's in-process broker, woken instead of polled.

kombu's own memory transport sleeps between looks at its queues: a short sleep burns a core's time while nothing
happens, a long one delays every task. Here whoever puts a message, or makes room for one by acknowledging, rings a
bell that the consumer waits on.
"""

import threading
import time
from queue import Empty
from typing import Any

from kombu.transport import memory


class Bell:
    """Wakes who waits; a ring between looking and waiting is not missed."""

    def __init__(self) -> None:
        self._rung = threading.Condition()
        self.rings = 0

    def ring(self) -> None:
        with self._rung:
            self.rings += 1
            self._rung.notify_all()

    def wait(self, seen: int, timeout: float | None) -> None:
        """Returns when the bell has rung more often than `seen` times, or after the timeout."""
        with self._rung:
            self._rung.wait_for(lambda: self.rings != seen, timeout)


bell = Bell()


class Channel(memory.Channel):
    def _put(self, queue: str, message: Any, **kwargs: Any) -> None:
        super()._put(queue, message, **kwargs)
        bell.ring()

    def basic_ack(self, delivery_tag: Any, multiple: bool = False) -> None:
        super().basic_ack(delivery_tag, multiple)
        bell.ring()

    def basic_reject(self, delivery_tag: Any, requeue: bool = False) -> None:
        super().basic_reject(delivery_tag, requeue)
        bell.ring()


class Transport(memory.Transport):
    Channel = Channel

    cycle: Any

    def drain_events(self, connection: Any, timeout: float | None = None, **kwargs: Any) -> None:
        """Delivers one message, or raises TimeoutError; also when woken for nothing, so that the worker looks round."""
        deadline = None if timeout is None else time.monotonic() + timeout
        seen = bell.rings
        try:
            self.cycle.get(self._deliver, timeout=timeout)
        except Empty:
            bell.wait(seen, None if deadline is None else deadline - time.monotonic())
        else:
            return
        try:
            self.cycle.get(self._deliver, timeout=timeout)
        except Empty:
            raise TimeoutError from None
