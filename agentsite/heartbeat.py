"""A worker process shows that it lives from its start on, and not from its first run: readiness looks at that."""

from typing import Any

from celery import signals

from graphs_app import worker

RUNS_QUEUE = "runs"


def install() -> None:
    """Called once, when the app is ready."""
    signals.worker_ready.connect(begin, weak=False)


def begin(sender: Any, **kwargs: Any) -> None:
    """Of workers that take runs only: one for upkeep is no sign that runs get done."""
    if RUNS_QUEUE in sender.app.amqp.queues.consume_from:
        worker.current()
