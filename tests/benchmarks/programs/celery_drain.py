"""How fast a Celery worker drains a queue in Redis: of our runs of one node, or of tasks that do nothing.

Usage: python -m tests.benchmarks.programs.celery_drain runs|bare COUNT, with DATABASE_URL naming an empty database.
Both use the same pool, the same number at once and the same broker; the time is from the first end to the last.
"""

import json
import os
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from celery import Celery, signals
from celery.worker import state

from tests.servers.redis_server import new_redis_database

LOOK_EVERY_S = 0.25
ONE_NODE: dict[str, Any] = {
    "v": 1,
    "name": "One node",
    "entry_node": "only",
    "nodes": [{"node_id": "only", "tool": "set_state", "config": {"values": {"done": True}}}],
    "edges": [],
}
ALIKE = (
    "worker_pool",
    "worker_concurrency",
    "worker_prefetch_multiplier",
    "task_acks_late",
    "task_queues",
    "task_default_queue",
    "broker_transport_options",
    "worker_hijack_root_logger",
)


def drain_runs(count: int) -> float:
    """Runs a second of the site's own worker, by the times in their rows."""
    import django

    django.setup()
    from django.core.management import call_command
    from django.db import connection
    from django.db.models import Max, Min

    from agentsite.celery import app
    from graphs_app.models import Run, RunStatus
    from graphs_app.services import graphs, runs
    from sessions_app.models import User

    call_command("migrate", verbosity=0)
    user = User.objects.create(username=f"bench-{time.time_ns()}")
    slug = graphs.create_graph(user=user, definition=ONE_NODE).slug
    for _ in range(count):
        runs.start_run(user=user, graph=slug, initial_state={})
    done = Run.objects.filter(status=RunStatus.COMPLETED, checkpoints=1)

    def are_done() -> bool:
        try:
            return done.count() == count
        finally:
            connection.close()

    work(app, are_done)
    ended = done.aggregate(first=Min("finished_at"), last=Max("finished_at"))
    return (count - 1) / (ended["last"] - ended["first"]).total_seconds()


def drain_bare(count: int) -> float:
    """Tasks a second of an app with one task that does nothing, configured as the site's is."""
    import django

    django.setup()
    from agentsite.celery import app as ours

    app = Celery("bare", broker=os.environ["BROKER_URL"])
    app.conf.update({name: ours.conf[name] for name in ALIKE})

    @app.task(name="bare.nothing", ignore_result=True)
    def nothing(run_id: str) -> None:
        """What a run costs when there is no run."""

    for number in range(count):
        app.send_task("bare.nothing", [str(number)], queue="agent_tasks", ignore_result=True)
    times: list[float] = []
    signals.task_postrun.connect(lambda **_: times.append(time.perf_counter()), weak=False)
    work(app, lambda: len(times) == count)
    return (count - 1) / (times[-1] - times[0])


def work(app: Celery, is_done: Callable[[], bool]) -> None:
    """A worker in this thread until all is done."""
    worker = app.Worker(queues=["agent_tasks"], hostname="bench@localhost", loglevel="ERROR", without_gossip=True)

    def watch() -> None:
        while not is_done():
            time.sleep(LOOK_EVERY_S)
        state.should_stop = 0  # type: ignore[assignment]  # an exit code; the stubs know only its None

    threading.Thread(target=watch, daemon=True).start()
    worker.start()


def main(kind: str, count: int) -> None:
    redis = new_redis_database()
    # A thread waits while its task works; ten, the default, would wait more than they work.
    os.environ.setdefault("MAX_CONCURRENT_RUNS", "50")
    os.environ["QUOTA_RUNS"] = "off"  # one person queues them all
    os.environ |= {"BROKER_URL": redis, "CACHE_URL": redis, "CHANNEL_LAYER_URL": redis}
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "agentsite.settings")
    figure = drain_runs(count) if kind == "runs" else drain_bare(count)
    # Celery has taken sys.stdout for its log.
    print(json.dumps({"drained": figure}), file=sys.__stdout__, flush=True)
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
