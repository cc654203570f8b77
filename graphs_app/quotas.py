"""The quotas of what this app makes: graphs of one's own, what they hold, and runs that wait or have a worker."""

from collections.abc import Iterable
from time import monotonic
from typing import Any

from django.db.models import F, Sum

from graphs_app import jsontext
from graphs_app.models import Graph, Run, RunStatus
from sessions_app.limits import quotas
from sessions_app.limits.quotas import Holder, Quota

BYTES_KNOWN_S = 5.0
MOST_KNOWN = 10_000
OPEN = (RunStatus.QUEUED, RunStatus.RUNNING)


def install() -> None:
    """Registers them; called once, when the app is ready."""
    quotas.register(GRAPHS)
    quotas.register(GRAPH_BYTES)
    quotas.register(RUNS)
    quotas.register(RUN_BYTES)


def _graphs(holder: Holder) -> int:
    return Graph.objects.filter(**holder.owning("created_by"), built_in=False, deleted_at=None).count()


def _graph_bytes(holder: Holder) -> int:
    """Deleted ones that have run are kept for those runs, and count."""
    own = Graph.objects.filter(**holder.owning("created_by"), built_in=False)
    return int(own.aggregate(held=Sum("kept_bytes"))["held"] or 0)


def size_of(*values: Any) -> int:
    """Bytes of some JSON values as they are kept; what is not there has none."""
    return sum(len(jsontext.dump(value)) for value in values if value)


def hold_graph_bytes(graph: Graph, more: int, *, refuses: bool = True) -> None:
    """Counts what is written for a graph, or with less than nothing what goes. Whoever made the graph holds it,
    whoever writes. Raises QuotaExceeded. Not exact to the byte when two write at once: neither waits for the other."""
    if refuses and more > 0 and not graph.built_in and graph.created_by is not None:
        too_much = quotas.exceeded(GRAPH_BYTES.name, quotas.holders_of(graph.created_by), adding=more)
        if too_much is not None:
            raise too_much
    Graph.objects.filter(pk=graph.pk).update(kept_bytes=F("kept_bytes") + more)


def _runs(holder: Holder) -> int:
    return Run.objects.filter(**holder.owning("user"), parent=None, status__in=OPEN).count()


def _run_bytes(holder: Holder) -> int:
    """Asked at every start of a run, and sums all of somebody's: what was found lately is near enough."""
    now = monotonic()
    known = _bytes_found.get(holder)
    if known is None or now - known[0] > BYTES_KNOWN_S:
        if len(_bytes_found) > MOST_KNOWN:
            _bytes_found.clear()
        known = now, Run.objects.filter(**holder.owning("user")).aggregate(held=Sum("kept_bytes"))["held"] or 0
        _bytes_found[holder] = known
    return known[1]


def forget_bytes(holders: Iterable[Holder]) -> None:
    """Much was written at once: the next who asks is told what there is now."""
    for holder in holders:
        _bytes_found.pop(holder, None)


_bytes_found: dict[Holder, tuple[float, int]] = {}

GRAPHS = Quota(
    name="graphs",
    what="graphs of yours",
    setting="QUOTA_GRAPHS",
    used=_graphs,
    advice="Delete one that you no longer need.",
)
GRAPH_BYTES = Quota(
    name="graph_bytes",
    what="bytes in the versions, drafts and redesigns of all graphs by whoever made this one",
    setting="QUOTA_GRAPH_BYTES",
    used=_graph_bytes,
    advice="Delete a graph that is no longer needed; one that has run is kept for its runs.",
)
RUNS = Quota(
    name="runs",
    what="runs of yours that are queued or running",
    setting="QUOTA_RUNS",
    used=_runs,
    advice="Wait until one has ended, or cancel one.",
)
RUN_BYTES = Quota(
    name="run_bytes",
    what="bytes that your runs keep",
    setting="QUOTA_RUN_BYTES",
    used=_run_bytes,
    advice="Delete sessions that you no longer need; runs outside sessions are deleted after their retention.",
)
