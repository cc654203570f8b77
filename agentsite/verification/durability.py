"""A run whose process dies of SIGKILL in its middle, and which another process goes on with."""

from collections import Counter
from typing import Any

from agentsite.verification.groundwork import Checks, is_killed_at, setting, someone, work
from graphs_app.models import NodeRun, NodeRunStatus, Run, RunStatus
from graphs_app.services import graphs, runs

STEPS = 6
DIES_AFTER = 3


def checks() -> Checks:
    yield (
        "a process died of SIGKILL in the middle of a run",
        is_killed_at(f"after_checkpoint:{DIES_AFTER}", "durability"),
    )
    run = Run.objects.get()
    before = _completed(run)
    yield f"the journal has the {len(before)} nodes that it completed", 0 < len(before) < STEPS
    runs.release_run(run=run)
    work(run)
    yield "another process went on with the run to its end", run.status == RunStatus.COMPLETED
    after = _completed(run)
    yield "no node that was completed ran again", all(after.get(pk) == ended for pk, ended in before.items())
    often = Counter(NodeRun.objects.filter(run=run, status=NodeRunStatus.COMPLETED).values_list("node_id", flat=True))
    yield f"each of {STEPS} nodes was completed once", sorted(often.values()) == [1] * STEPS
    yield (
        "its state has what all of them wrote",
        [(run.state or {}).get(f"step_{at}") for at in range(1, STEPS + 1)] == [*range(STEPS)],
    )


def victim() -> None:
    """In the process that dies of it."""
    user = someone()
    graph = graphs.create_graph(user=user, definition=setting([*range(STEPS)]))
    work(runs.start_run(user=user, graph=graph.slug, initial_state={}))


def _completed(run: Run) -> dict[Any, Any]:
    return dict(NodeRun.objects.filter(run=run, status=NodeRunStatus.COMPLETED).values_list("pk", "finished_at"))
