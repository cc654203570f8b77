"""Runs that take what they can get, on a real worker and database: what the process and the disk hold of them."""

import os
from collections.abc import Callable
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
from django.db import connection
from pytest_django import Settings

from graphs_app import quotas, selectors, worker
from graphs_app.models import NodeRun, Run, RunStatus
from graphs_app.services import execution, runs
from sessions_app.errors import QuotaExceeded
from sessions_app.limits.quotas import holders_of
from sessions_app.models import User
from tests.graphs_app import cast
from tests.graphs_app.cast import node, wait_until
from tests.sessions_app.conftest import make_user

MEGABYTE = 1_000_000


def endless(*nodes: dict[str, Any], rounds: int) -> dict[str, Any]:
    """A circle that ends only because something ends it."""
    ids = [one["node_id"] for one in nodes]
    edges = [
        {"from_node": one, "to_node": other, "type": "conditional", "condition": "n >= 0"}
        for one, other in zip(ids, [*ids[1:], ids[0]], strict=True)
    ]
    return {
        "v": 1,
        "name": "Endless",
        "entry_node": ids[0],
        "max_iterations": rounds,
        "nodes": list(nodes),
        "edges": edges,
    }


COUNT = node("count", "compute", {"set": {"n": "n + 1"}})


def rss() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def on_disk() -> int:
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SELECT pg_database_size(current_database())")
            size: int = cursor.fetchone()[0]
            return size
    name = str(connection.settings_dict["NAME"])
    return sum(path.stat().st_size for path in (Path(name), Path(f"{name}-wal")) if path.exists())


def grown(measure: Callable[[], int], run: Run, within_s: float = 200.0) -> int:
    """Executes the run; by how much it had grown at most."""
    before = most = measure()
    ending = execution.execute(run_id=run.pk)
    assert ending is not None

    def over() -> bool:
        nonlocal most
        most = max(most, measure())
        return ending.done()

    wait_until(over, within_s)
    run.refresh_from_db()
    return max(most, measure()) - before


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="the memory of a process is read from /proc")
@pytest.mark.parametrize("durability", ["exit", "async"])
def test_a_loop_of_a_million_rounds_ends_at_its_limit_and_not_in_the_memory(
    here: worker.Worker, ada: User, durability: str
) -> None:
    """It took 60 MB a second, and 1.6 GB after 25 s."""
    run = cast.start(ada, endless(COUNT, rounds=1_000_000), initial_state={"n": 0}, durability=durability)
    assert grown(rss, run) < 150 * MEGABYTE
    assert run.error is not None
    assert (run.status, run.error["code"]) in (
        (RunStatus.FAILED, "run_too_large"),
        (RunStatus.FAILED, "too_many_steps"),
    )
    assert f"{run.error['limit']:,}" in run.error["message"]
    assert f"{run.error['used']:,}" in run.error["message"]
    assert run.checkpoints > 50_000
    assert run.checkpoints == NodeRun.objects.filter(run=run, number__isnull=False).count()
    assert run.state == {"n": run.checkpoints}
    assert selectors.state_at(run, 777) == {"n": 777}


@pytest.mark.parametrize("durability", ["sync", "async", "exit"])
def test_a_loop_that_speaks_ends_before_it_has_filled_the_disk(
    here: worker.Worker, ada: User, settings: Settings, durability: str
) -> None:
    """0.9 MB a round were 338 MB after 6 s."""
    settings.RUN_MAX_BYTES = 10 * MEGABYTE
    words = os.urandom(450_000).hex()  # which no database compresses
    say = node("say", "emit", {"text": " ".join(words[at : at + 99] for at in range(0, len(words), 99))})
    run = cast.start(ada, endless(say, COUNT, rounds=10_000), initial_state={"n": 0}, durability=durability)
    assert grown(on_disk, run) < 40 * MEGABYTE
    assert run.error is not None
    assert (run.status, run.error["code"], run.error["limit"]) == ("failed", "run_too_large", 10 * MEGABYTE)
    assert run.kept_bytes < 12 * MEGABYTE
    assert sum(len(text) for text in NodeRun.objects.filter(run=run).values_list("text", flat=True)) < 12 * MEGABYTE


@pytest.mark.parametrize("durability", ["exit", "async", "sync"])
def test_a_busy_loop_hears_a_cancel_at_once_and_the_others_work_meanwhile(
    here: worker.Worker, ada: User, settings: Settings, durability: str
) -> None:
    """The cancel came after 28 s: the loop never let others have their turn, and then wrote down all that it had."""
    settings.RUN_MAX_STEPS, settings.RUN_MAX_BYTES = 10_000_000, 10_000 * MEGABYTE
    busy = cast.start(ada, endless(COUNT, rounds=1_000_000), initial_state={"n": 0}, durability=durability)
    ending = execution.execute(run_id=busy.pk)
    assert ending is not None
    wait_until(lambda: NodeRun.objects.filter(run=busy).exists())
    other = cast.execute(cast.start(ada, cast.SUM))
    assert other.status == RunStatus.COMPLETED
    assert not ending.done()
    asked_at = monotonic()
    runs.cancel_run(run=busy)
    ending.result(60)
    assert monotonic() - asked_at < 8  # one, on a machine that does nothing else
    busy.refresh_from_db()
    assert busy.status == RunStatus.CANCELLED
    assert busy.checkpoints == NodeRun.objects.filter(run=busy, number__isnull=False).count()


@pytest.mark.parametrize("durability", ["sync", "async", "exit"])
def test_runs_that_are_under_way_end_when_their_person_has_too_much(
    here: worker.Worker, ada: User, settings: Settings, durability: str
) -> None:
    """It was asked at their start alone: a hundred of them, each under its own limit, were thirty times the quota."""
    settings.QUOTA_RUN_BYTES, settings.RUN_MAX_BYTES = f"person {MEGABYTE}", 1_000 * MEGABYTE
    quotas.forget_bytes(holders_of(ada))
    say = node("say", "emit", {"text": "x" * 2_000})
    graph = endless(say, COUNT, rounds=1_000_000)
    many = [cast.start(ada, graph, initial_state={"n": 0}, durability=durability) for _ in range(3)]
    for ending in [execution.execute(run_id=run.pk) for run in many]:
        assert ending is not None
        wait_until(ending.done, 200.0)
    for run in many:
        run.refresh_from_db()
        assert run.error is not None
        assert (run.status, run.error["code"], run.error["limit"]) == ("failed", "run_too_large", MEGABYTE)
        assert f"All your runs together keep {run.error['used']:,} bytes" in run.error["message"]
        assert run.checkpoints > 10
    assert cast.start(make_user("ben"), cast.SUM).status == RunStatus.QUEUED
    quotas.forget_bytes(holders_of(ada))
    with pytest.raises(QuotaExceeded):
        cast.start(ada, cast.SUM)
