"""Celery's way in: one message is one run, which works on the worker's event loop.

A worker's consumer hands such messages to `intake`; the task itself is for who calls it, and for other messages.
"""

import logging
from concurrent.futures import CancelledError
from typing import Any
from uuid import UUID

from celery import Task, shared_task, signals
from celery.exceptions import Reject
from django.conf import settings
from django.db import connection

from graphs_app import failpoints, slots, worker
from graphs_app.services import execution, retention, sweeping

logger = logging.getLogger(__name__)


class RunTask(Task):  # type: ignore[type-arg]  # only the stubs know its parameters
    """A task whose messages need no thread each."""

    Strategy = "graphs_app.intake:strategy"


@shared_task(name="process_task", base=RunTask)
def process_task(task_id: str) -> None:
    """Executes a run unless somebody else does, or did: a message that comes twice does nothing the second time."""
    _execute(task_id)


@shared_task(name="graphs_app.tasks.execute_run", base=RunTask)
def execute_run(run_id: str) -> None:
    """What messages of releases before are called."""
    _execute(run_id)


def _execute(run_id: str) -> None:
    try:
        known = UUID(run_id)
    except (ValueError, TypeError, AttributeError):
        logger.error("a message names run %r, which is no run's id; it is dropped", run_id)
        return
    if worker.is_ending():
        # A message that was fetched before the process was told to stop belongs to another worker.
        raise Reject("this worker is stopping", requeue=True)
    future = execution.execute(run_id=known)
    if future is None:
        return
    # While this thread waits it must not keep a connection from others: there may be thousands of it.
    if not connection.in_atomic_block:
        connection.close()
    try:
        future.result()
    except CancelledError:
        logger.info("run %s was handed back", run_id)
    failpoints.reach("before_ack")


@shared_task(name="graphs_app.tasks.sweep_runs")
def sweep_runs() -> None:
    """Brings back what got lost on the way; two sweepers at once do no harm."""
    sweeping.sweep()


@shared_task(name="graphs_app.tasks.prune_runs")
def prune_runs() -> None:
    """Deletes runs outside sessions after their retention."""
    pruned = retention.prune_runs()
    if pruned:
        logger.info("deleted %d runs after their retention", pruned)


@signals.worker_ready.connect(weak=False)
def show_that_it_lives(sender: Any, **kwargs: Any) -> None:
    """From its start on, not from its first run: readiness looks at that. One for upkeep shows nothing of runs."""
    if settings.CELERY_TASK_DEFAULT_QUEUE in sender.app.amqp.queues.consume_from:
        slots.offer(getattr(sender, "initial_prefetch_count", 0) or settings.MAX_CONCURRENT_RUNS)
        worker.current()


@signals.worker_shutting_down.connect(weak=False)
def drain_on_shutdown(**kwargs: Any) -> None:
    """SIGTERM: no run is taken any more, and those that are here get their grace while Celery stops."""
    worker.begin_stop()


@signals.worker_shutdown.connect(weak=False)
def wait_for_runs(**kwargs: Any) -> None:
    """Celery has stopped, and would end the process; no task of its own has waited for the runs."""
    worker.finish_stop()
