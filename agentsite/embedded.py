"""The workers and the beat as threads of the web process: what makes `make run` one process.

Two workers, because they must not wait for each other: one for runs, whose threads are taken as long as runs last,
and one for upkeep (the sweeper that brings runs back, the end of sessions), which would starve behind them.
"""

import logging
import threading
from typing import Any

from celery import Celery, signals
from celery.beat import Service
from celery.worker import WorkController, state
from django.conf import settings

from agentsite.celery import app as runs_app
from agentsite.memory_broker import bell
from graphs_app import worker as runs

logger = logging.getLogger(__name__)

UPKEEP_THREADS = 2


class EmbeddedWorker(WorkController):
    """A Celery worker that owns no signal handler and no log, and says when it is ready like any other."""

    hostname: str
    consumes: threading.Event

    def on_before_init(self, **kwargs: Any) -> None:
        self.consumes = threading.Event()

    def on_consumer_ready(self, consumer: Any) -> None:
        signals.worker_ready.send(sender=consumer)
        self.consumes.set()


class EmbeddedCelery:
    """Starts the threads and ends them."""

    def __init__(self) -> None:
        self.workers = [
            _worker(runs_app, settings.CELERY_TASK_DEFAULT_QUEUE, settings.MAX_CONCURRENT_RUNS),
            _worker(_upkeep_app(), "upkeep", UPKEEP_THREADS),
        ]
        self.beat = Service(runs_app, max_interval=1, scheduler_cls="celery.beat:Scheduler", remote_control=False)  # type: ignore[arg-type,call-arg]  # the stubs know neither the name of a class nor this switch
        self.threads = [
            *(threading.Thread(target=worker.start, name=worker.hostname, daemon=True) for worker in self.workers),
            threading.Thread(target=self.beat.start, name="beat", daemon=True),
        ]

    def start(self, within_s: float) -> bool:
        """Starts them; False when a worker does not consume within that time."""
        for thread in self.threads:
            thread.start()
        return all(worker.consumes.wait(within_s) for worker in self.workers)

    def stop(self, within_s: float) -> None:
        """Takes no more tasks, lets those that run finish, and ends the threads."""
        self.beat.stop()
        for worker in self.workers:
            signals.worker_shutting_down.send(sender=worker.hostname, sig="SIGTERM", how="Warm", exitcode=0)
        state.should_stop = 0  # type: ignore[assignment]  # an exit code; the stubs know only its None
        bell.ring()
        runs.stop(within_s)
        for thread in self.threads[: len(self.workers)]:
            thread.join(within_s)
            if thread.is_alive():
                logger.warning("%s has tasks after %.0f s; the next start goes on with them", thread.name, within_s)
        runs.stop(0)  # a task that had just begun may have asked for it again


def _upkeep_app() -> Celery:
    """A second application with the same tasks: which queues are consumed is a property of the application."""
    app = Celery("agentsite-upkeep", set_as_current=False)
    app.config_from_object("django.conf:settings", namespace="CELERY")
    app.autodiscover_tasks()
    return app


def _worker(app: Celery, queue: str, threads: int) -> EmbeddedWorker:
    return EmbeddedWorker(
        app=app,
        hostname=f"{queue}@embedded",
        queues=[queue],
        pool="threads",
        concurrency=threads,
        without_heartbeat=True,
        without_mingle=True,
        without_gossip=True,
    )
