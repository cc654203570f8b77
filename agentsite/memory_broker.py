"""Celery's in-process broker, woken instead of polled.

kombu's own memory transport sleeps between looks at its queues: a short sleep burns a core's time while nothing
happens, a long one delays every task. Here whoever puts a message, or makes room for one by acknowledging, rings a
bell that the consumer waits on. Neither does kombu's know priorities; here 0 is the most urgent, as with Redis.
"""

import threading
import time
from itertools import count
from queue import Empty, PriorityQueue
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


class ByUrgency(PriorityQueue[tuple[int, int, Any]]):
    """Messages of one queue: the most urgent first, and of those the first."""

    def __init__(self) -> None:
        super().__init__()
        self._numbers = count()

    def add(self, priority: int, message: Any) -> None:
        self.put((priority, next(self._numbers), message))


class Channel(memory.Channel):
    queues: dict[str, ByUrgency]  # type: ignore[assignment]  # they are made here only

    def _queue_for(self, queue: str) -> ByUrgency:
        return self.queues.setdefault(queue, ByUrgency())

    def _new_queue(self, queue: str, **kwargs: Any) -> None:
        self._queue_for(queue)

    def _get(self, queue: str, timeout: float | None = None) -> Any:
        return self._queue_for(queue).get(block=False)[2]

    def _put(self, queue: str, message: Any, **kwargs: Any) -> None:
        self._queue_for(queue).add(self._get_message_priority(message, reverse=False), message)
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
