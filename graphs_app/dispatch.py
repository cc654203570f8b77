"""Hands run ids to the broker. Losing one costs time, not work: the sweeper sends again what is queued.

Who starts a run never waits for a broker in another process: one thread sends, from a backlog that is bounded, and
while the broker is away nothing is put there.
"""

import atexit
import logging
import os
import threading
import time
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any, Protocol
from uuid import UUID

import kombu.exceptions as broker_errors
from django.conf import settings
from django.db import transaction

logger = logging.getLogger(__name__)

EXECUTE = "process_task"
BACKLOG = 10_000
FLUSHED_WITHIN_S = 1.0
"""How long a process that ends waits for what it has not sent yet."""


class Broker(Protocol):
    """A module with a Celery application, which is loaded when the first run is sent."""

    app: Any


_broker: Broker | None = None
_publisher: "Publisher | None" = None


def through(broker: Broker, *, in_background: bool = False) -> None:
    """By which application runs are sent; the composition root says so when it is ready."""
    global _broker, _publisher
    _broker = broker
    _publisher = Publisher(_send_now) if in_background else None


def send(run_id: UUID, priority: int = 0) -> bool:
    """Sends the run to a worker; False when the broker cannot be reached, which the sweeper makes good."""
    if _publisher is not None:
        return _publisher.put(run_id, priority)
    try:
        _send_now(run_id, priority)
    except (broker_errors.OperationalError, OSError) as error:
        logger.warning(
            "run %s is queued, but the broker does not take it (%s); the sweeper will send it", run_id, error
        )
        return False
    return True


def send_on_commit(run_id: UUID, priority: int = 0) -> None:
    """Sends the run once the transaction that queues it is committed."""
    transaction.on_commit(partial(send, run_id, priority))


def urgency(priority: int) -> int:
    """A run's priority in the broker's terms: the highest number is the most urgent of queues that are declared with
    one, as AMQP's are, and 0 of kombu's Redis and memory."""
    return priority if settings.CELERY_TASK_QUEUE_MAX_PRIORITY else settings.HIGHEST_PRIORITY - priority


def _send_now(run_id: UUID, priority: int) -> None:
    if _broker is None:
        raise RuntimeError("Nobody has said by dispatch.through() how runs are sent")
    _broker.app.send_task(
        EXECUTE,
        kwargs={"task_id": str(run_id)},
        priority=urgency(priority),
        retry=False,
        ignore_result=True,
    )


class Publisher:
    """One thread that sends; made with its first run."""

    def __init__(self, send: Callable[[UUID, int], None]) -> None:
        self._send = send
        self._waiting: deque[tuple[UUID, int]] = deque()
        self._changed = threading.Condition()
        self._is_sending = False
        self._thread: threading.Thread | None = None
        self._away_until = 0.0
        self._dropped = 0
        """How many runs the sweeper has to send, of the present outage."""

    def put(self, run_id: UUID, priority: int) -> bool:
        """Returns at once; False when the broker is away or too slow."""
        with self._changed:
            if time.monotonic() < self._away_until or len(self._waiting) >= BACKLOG:
                self._dropped += 1
                return False
            self._waiting.append((run_id, priority))
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="dispatch", daemon=True)
                self._thread.start()
                atexit.register(self.flush, FLUSHED_WITHIN_S)
            self._changed.notify_all()
        return True

    def flush(self, within_s: float) -> bool:
        """Waits until everything is sent, or was tried; False when that takes longer."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._waiting and not self._is_sending, within_s)

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting)
                run_id, priority = self._waiting.popleft()
                self._is_sending = True
            try:
                self._send(run_id, priority)
            except Exception as error:  # a task's edge: whatever a broker's driver raises, the next run is sent
                self._failed(error)
            else:
                self._sent()

    def _failed(self, error: Exception) -> None:
        with self._changed:
            is_new = not self._dropped
            self._dropped += 1 + len(self._waiting)
            self._waiting.clear()
            self._away_until = time.monotonic() + settings.DEPENDENCY_RETRY_S
            self._is_sending = False
            self._changed.notify_all()
        if is_new:
            logger.warning("the broker does not take runs (%s); they are queued, and the sweeper will send them", error)

    def _sent(self) -> None:
        with self._changed:
            dropped, self._dropped = self._dropped, 0
            self._is_sending = False
            self._changed.notify_all()
        if dropped:
            logger.warning("the broker takes runs again; the sweeper sends %d that were queued meanwhile", dropped)


def _start_afresh() -> None:
    """A forked process has no threads."""
    global _publisher
    if _publisher is not None:
        _publisher = Publisher(_send_now)


os.register_at_fork(after_in_child=_start_afresh)
