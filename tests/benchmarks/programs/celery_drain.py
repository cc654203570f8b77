"""How fast a Celery worker drains a queue in Redis: of our runs of one node, or of tasks that do nothing.

Usage: python -m tests.benchmarks.programs.celery_drain runs|bare COUNT, with DATABASE_URL naming an empty database.
Both use the same pool, the same number of threads and the same broker; the time is from the first task to the last.
"""

import json
import os
import sys
import time
from typing import Any

from celery import Celery, signals

from tests.servers.redis_server import new_redis_database

ONE_NODE: dict[str, Any] = {
    "v": 1,
    "name": "One node",
    "entry_node": "only",
    "nodes": [{"node_id": "only", "tool": "set_state", "config": {"values": {"done": True}}}],
    "edges": [],
}


def our_app(count: int) -> Celery:
    """The site's own app, with that many runs in its queue."""
    import django

    django.setup()
    from django.core.management import call_command

    from agentsite.celery import app
    from graphs_app.services import graphs, runs
    from sessions_app.models import User

    call_command("migrate", verbosity=0)
    user = User.objects.create(username=f"bench-{time.time_ns()}")
    slug = graphs.create_graph(user=user, definition=ONE_NODE).slug
    for _ in range(count):
        runs.start_run(user=user, graph=slug, initial_state={})
    return app


def bare_app(count: int) -> Celery:
    """An app with one task that does nothing, configured as the site's is, and that many messages for it."""
    import django

    django.setup()
    from agentsite.celery import app as ours

    app = Celery("bare", broker=os.environ["BROKER_URL"])
    app.conf.update({name: ours.conf[name] for name in ALIKE})

    @app.task(name="bare.nothing", ignore_result=True)
    def nothing(run_id: str) -> None:
        """What a run costs when there is no run."""

    for number in range(count):
        app.send_task("bare.nothing", [str(number)], queue="runs", ignore_result=True)
    return app


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


def drain(app: Celery, count: int) -> float:
    """Seconds from the first task to the last."""
    times: list[float] = []
    worker = app.Worker(queues=["runs"], hostname="bench@localhost", loglevel="ERROR", without_gossip=True)

    def ended(**kwargs: Any) -> None:
        times.append(time.perf_counter())
        if len(times) == count:
            worker.stop()

    signals.task_postrun.connect(ended, weak=False)
    worker.start()
    return times[-1] - times[0]


def main(kind: str, count: int) -> None:
    redis = new_redis_database()
    # A thread waits while its run works; ten, the default, would wait more than they work.
    os.environ.setdefault("MAX_CONCURRENT_RUNS", "50")
    os.environ |= {"BROKER_URL": redis, "CACHE_URL": redis, "CHANNEL_LAYER_URL": redis}
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "agentsite.settings")
    took = drain(our_app(count) if kind == "runs" else bare_app(count), count)
    # Celery has taken sys.stdout for its log.
    print(json.dumps({"drained": (count - 1) / took}), file=sys.__stdout__, flush=True)
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
