"""From Celery's messages to runs under way, without a thread for each: the consumer hands over, one thread claims.

Where the processor time of a run through Celery goes, with one node and many runs waiting: Celery's own consumer and
broker more than half; the claim, the engine and the journal the rest. Celery's usual way would add a thread, a request
object and a trace for each run, which cost as much again, and fifty threads that take the interpreter from each other.

While several people want the slots, a message only says that there is work; `services.sharing` says whose turn it is.

A message is acknowledged when its run has ended or paused, or is not to be had; so how many runs a worker takes at
once is what the broker gives it unacknowledged (MAX_CONCURRENT_RUNS), and a worker's death gives them back.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from queue import Empty, SimpleQueue
from typing import Any
from uuid import UUID

from celery.exceptions import InvalidTaskError
from celery.worker import strategy as celery_strategy
from django.db import connection

from graphs_app import failpoints, worker
from graphs_app.ending import Ending
from graphs_app.services import claims, execution, sharing
from graphs_app.services.claiming import AT_ONCE

logger = logging.getLogger(__name__)

TRIES = 3
"""How often the queue is asked anew whose turn it is, when other workers were quicker."""
GATHER_S = 0.012
"""How long more messages are waited for when they come close together: a claim of ten costs a run a seventh."""


@dataclass(frozen=True, slots=True)
class Message:
    """A run that is to be executed, and what its broker waits for."""

    run_id: UUID
    acknowledge: Callable[[], object]
    give_back: Callable[[], object]
    """To the queue, for another worker."""


class Intake:
    """What was delivered and is not claimed yet, and the thread that claims it."""

    def __init__(self) -> None:
        self._queue: SimpleQueue[Message] = SimpleQueue()
        self._is_crowded = False
        """Whether the last batch was more than one message."""
        threading.Thread(target=self._work, name="intake", daemon=True).start()

    def put(self, message: Message) -> None:
        """Returns at once; from the consumer's thread."""
        self._queue.put(message)

    def _work(self) -> None:
        while True:
            batch = self._next_batch()
            try:
                start(batch)
            except Exception:
                # As a task's edge: the messages go, and the sweeper sends again what is queued all the same.
                logger.exception("runs %s could not be started", [str(message.run_id) for message in batch])
                for message in batch:
                    message.acknowledge()
            finally:
                connection.close()

    def _next_batch(self) -> list[Message]:
        batch = [self._queue.get()]
        if self._is_crowded:
            time.sleep(GATHER_S)
        while len(batch) < AT_ONCE:
            try:
                batch.append(self._queue.get_nowait())
            except Empty:
                break
        self._is_crowded = len(batch) > 1
        return batch


def start(batch: Sequence[Message]) -> None:
    """Starts the runs that are to be had; acknowledges each message when there is nothing left to do for it."""
    if worker.is_ending():
        # What was fetched before the process was told to stop belongs to another worker.
        for message in batch:
            message.give_back()
        return
    slots = worker.current().slots
    if slots.is_shared:
        # What lost its worker has had its turn, and is not in the queue.
        lost = claims.abandoned_among(message.run_id for message in batch)
        spare = [message for message in batch if message.run_id not in lost]
        spare += _start_named([message for message in batch if message.run_id in lost])
    else:
        spare = _start_named(batch)
    if spare and (slots.is_shared or slots.was_shared):
        spare = _start_next(spare)
    for message in spare:
        message.acknowledge()


def _start_named(batch: Sequence[Message]) -> list[Message]:
    """Starts the runs that the messages name; returns the messages whose runs are not to be had."""
    if not batch:
        return []
    endings = execution.execute_each(run_ids=list({message.run_id for message in batch}))
    spare = []
    for message in batch:
        # Of two messages for one run the second does nothing.
        ending = endings.pop(message.run_id, None)
        if ending is None:
            spare.append(message)
        else:
            ending.add_done_callback(partial(_over, message))
    return spare


def _start_next(batch: Sequence[Message]) -> list[Message]:
    """Starts as many runs as there are messages, those whose turn it is; returns the messages that are left over.

    A message is a slot here. The run that it names has its turn by another: each run in the queue has sent its own.
    """
    spare = list(batch)
    for _ in range(TRIES):
        endings = execution.execute_each(run_ids=sharing.pick(len(spare)))
        for ending in endings.values():
            ending.add_done_callback(partial(_over, spare.pop()))
        if not spare or not endings:
            break
    return spare


def _over(message: Message, ending: Ending) -> None:
    if ending.cancelled():
        logger.info("run %s was handed back", message.run_id)
    elif (error := ending.exception()) is not None:
        logger.error("run %s ended this worker's part by an error", message.run_id, exc_info=error)
    failpoints.reach("before_ack")
    message.acknowledge()


def strategy(task: Any, app: Any, consumer: Any) -> Callable[..., Any]:
    """What Celery's consumer calls with each message for the task (its Strategy)."""
    usual = celery_strategy.default(task, app, consumer)
    errors = consumer.connection_errors

    def take(message: Any, body: Any, ack: Any, reject: Any, callbacks: Any, **options: Any) -> None:
        run_id = _run_id_in(message, body)
        if run_id is None:
            # A message that we have not sent like this: delayed, with an end, or for no run. The task says more.
            try:
                usual(message, body, ack, reject, callbacks, **options)
            except (ValueError, TypeError, LookupError, AttributeError) as error:
                # The consumer logs and rejects it; any other error would end the worker.
                raise InvalidTaskError(f"a message for {task.name} is not of Celery's form: {error}") from error
            return
        current().put(Message(run_id, partial(ack, logger, errors), partial(reject, logger, errors, True)))

    return take


def _run_id_in(message: Any, body: Any) -> UUID | None:
    if body is not None or message.headers.get("eta") or message.headers.get("expires"):
        return None
    match message.payload:
        case [[], {"task_id": str(run_id)}, *_] | [[str(run_id)], *_]:  # and of releases before
            try:
                return UUID(run_id)
            except ValueError:
                return None
    return None


_current: Intake | None = None
_lock = threading.Lock()


def current() -> Intake:
    """This process's intake; made with its first message."""
    global _current
    with _lock:
        if _current is None:
            _current = Intake()
        return _current
