"""The quotas of what this app makes: graphs of one's own, and runs that wait for a worker or have one."""

from collections.abc import Iterable
from time import monotonic

from django.db.models import Sum

from graphs_app.models import Graph, Run, RunStatus
from sessions_app.limits import quotas
from sessions_app.limits.quotas import Holder, Quota

BYTES_KNOWN_S = 5.0
MOST_KNOWN = 10_000
OPEN = (RunStatus.QUEUED, RunStatus.RUNNING)


def install() -> None:
    """Registers them; called once, when the app is ready."""
    quotas.register(GRAPHS)
    quotas.register(RUNS)
    quotas.register(RUN_BYTES)


def _graphs(holder: Holder) -> int:
    return Graph.objects.filter(**holder.owning("created_by"), built_in=False, deleted_at=None).count()


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
