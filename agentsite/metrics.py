"""What Prometheus reads: requests are counted as they are answered, runs and sockets looked up now and then.

What one wants to see of an outage must be seen in it: the database is asked beside, and without its answer everything
else is told, with agentsite_up 0 for what is away.
"""

import logging
import threading
import time
from collections.abc import Iterable

from django.db import DatabaseError, InterfaceError
from django.db.models import Count, Sum
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from agentsite import health
from graphs_app.models import Run, RunStatus, WorkerHeartbeat
from sessions_app.models import Connection

logger = logging.getLogger(__name__)

LOOKED_UP_EVERY_S = 5.0

registry = CollectorRegistry()
requests_total = Counter(
    "agentsite_http_requests", "Requests answered.", ("method", "route", "status"), registry=registry
)
request_seconds = Histogram(
    "agentsite_http_request_seconds",
    "From the first middleware to the response.",
    ("method", "route"),
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
    registry=registry,
)
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def observe_request(method: str, route: str, status: int, duration_s: float) -> None:
    known = method if method in METHODS else "other"  # anybody can invent methods; a label for each would fill memory
    requests_total.labels(known, route, str(status)).inc()
    request_seconds.labels(known, route).observe(duration_s)


class SiteCollector(Collector):
    """What is up, and gauges from the database, the only place that knows of every process; kept for some seconds."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: list[Metric] = []
        self._kept_until = 0.0
        self._rows = health.Look(self._from_database)

    def describe(self) -> Iterable[Metric]:
        return []  # nothing is asked of the database when the registry is made

    def collect(self) -> Iterable[Metric]:
        with self._lock:
            if time.monotonic() >= self._kept_until:
                self._kept = self._look_up()
                self._kept_until = time.monotonic() + LOOKED_UP_EVERY_S
            return self._kept

    def _look_up(self) -> list[Metric]:
        deadline = time.monotonic() + health.ANSWERS_WITHIN_S
        begun = self._rows.begin()
        up = GaugeMetricFamily(
            "agentsite_up", "Whether what the site needs answers, by dependency.", labels=["dependency"]
        )
        for finding in health.findings():
            up.add_metric([finding.name], float(finding.ok))
        return [up, *(self._rows.wait(begun, deadline) or ())]

    def _from_database(self) -> list[Metric]:
        try:
            return self._counted()
        except (DatabaseError, InterfaceError) as error:
            logger.warning("metrics: the database was not counted: %s", error)
            return []

    def _counted(self) -> list[Metric]:
        rows = Run.objects.order_by().values_list("status").annotate(Count("pk"), Sum("checkpoints"))
        by_status = {status: (runs, journaled or 0) for status, runs, journaled in rows}
        runs = GaugeMetricFamily("agentsite_runs", "Runs by status.", labels=["status"])
        for status in RunStatus.values:
            runs.add_metric([status], by_status.get(status, (0, 0))[0])
        return [
            runs,
            GaugeMetricFamily(
                "agentsite_queue_depth", "Runs that wait for a worker.", by_status.get(RunStatus.QUEUED, (0, 0))[0]
            ),
            GaugeMetricFamily(
                "agentsite_node_runs", "Node runs in the journal.", sum(found[1] for found in by_status.values())
            ),
            GaugeMetricFamily("agentsite_sockets", "Session sockets open now.", Connection.objects.count()),
            GaugeMetricFamily("agentsite_workers", "Workers with a heartbeat.", WorkerHeartbeat.objects.count()),
        ]


registry.register(SiteCollector())


def exposition() -> bytes:
    return generate_latest(registry)
