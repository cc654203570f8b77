"""The quotas of what this app makes: graphs of one's own, and runs that wait for a worker or have one."""

from graphs_app.models import Graph, Run, RunStatus
from sessions_app.limits import quotas
from sessions_app.limits.quotas import Holder, Quota

OPEN = (RunStatus.QUEUED, RunStatus.RUNNING)


def install() -> None:
    """Registers them; called once, when the app is ready."""
    quotas.register(GRAPHS)
    quotas.register(RUNS)


def _graphs(holder: Holder) -> int:
    return Graph.objects.filter(**holder.owning("created_by"), built_in=False, deleted_at=None).count()


def _runs(holder: Holder) -> int:
    return Run.objects.filter(**holder.owning("user"), parent=None, status__in=OPEN).count()


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
