"""A run that only waits holds no slot, no lease and no task; it goes on when its time has come, wherever that is."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from graphs_app import in_sessions, slots, worker
from graphs_app.api.serializers import RunShape
from graphs_app.ending import Ending
from graphs_app.models import Interrupt, NodeRun, Run, RunStatus
from graphs_app.services import claims, execution, parking, runs, sweeping
from sessions_app.models import User
from tests.graphs_app import cast
from tests.graphs_app.cast import execute, keep, line, node, start, wait_until

LONG = {"seconds": 1500}
AFTER = node("after", "set_state", {"values": {"woke": True}})


@pytest.fixture(autouse=True)
def parks(here: worker.Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a worker that Celery has started."""
    monkeypatch.setattr(slots, "_slots", 10)


def let_rest(run: Run) -> Run:
    """Executes until the run is parked."""
    work = execution.execute(run_id=run.pk)
    assert work is not None
    return parked(run, work)


def parked(run: Run, work: Ending | None) -> Run:
    assert work is not None
    assert work.wait(30)
    assert work.cancelled()
    run.refresh_from_db()
    assert (run.status, run.lease_owner, run.lease_until) == (RunStatus.RUNNING, "", None), run.error
    assert run.wake_at is not None
    return run


def its_time_has_come(run: Run) -> None:
    """As if all that the run waits for had been begun longer ago."""
    before = timedelta(hours=2)
    for one in Run.objects.filter(pk__in=[run.pk, *run.sub_runs.values_list("pk", flat=True)]):
        rests = {
            key: {**rest, "next_at": rest["next_at"] and (timezone.now() - before).isoformat()}
            for key, rest in one.rests.items()
        }
        Run.objects.filter(pk=one.pk).update(wake_at=timezone.now() - before, rests=rests)
        for node_run in NodeRun.objects.filter(run=one, number__isnull=True):
            NodeRun.objects.filter(pk=node_run.pk).update(started_at=node_run.started_at - before)  # type: ignore[operator]
    assert parking.wake_due() == 1


def test_a_run_that_sleeps_for_an_hour_holds_no_slot_and_wakes_with_what_it_had_done(
    here: worker.Worker, ada: User
) -> None:
    session = cast.make_session(ada)
    nap = line("Nap", node("before", "set_state", {"values": {"n": 1}}), node("nap", "sleep", LONG), AFTER)
    run = let_rest(start(ada, nap, session_id=session.pk))
    wait_until(lambda: here.running == 0)
    assert run.wake_at is not None
    assert timedelta(minutes=24) < run.wake_at - timezone.now() < timedelta(minutes=26)
    assert run.checkpoints == 1
    shown = RunShape(run).data
    assert (shown["status"], shown["sleeps_until"] is not None) == ("running", True)
    assert execution.execute(run_id=run.pk) is None
    assert parking.wake_due() == 0
    its_time_has_come(run)
    done = execute(run)
    assert (done.status, done.state, done.crashes) == ("completed", {"n": 1, "woke": True}, 0)
    slept = NodeRun.objects.get(run=run, node_id="nap")
    assert slept.attempt == 1
    assert slept.duration_ms is not None
    assert slept.duration_ms > 7_000_000
    types = cast.types_of(session)
    assert types.count("node.started") == types.count("node.completed") == 3


@pytest.mark.parametrize("durability", ["sync", "async", "exit"])
def test_what_was_done_before_the_rest_is_kept_however_durable_the_run_is(
    here: worker.Worker, ada: User, durability: str
) -> None:
    count = node("count", "compute", {"set": {"n": "n + 1"}})
    run = start(ada, line("N", count, node("nap", "sleep", LONG)), initial_state={"n": 0}, durability=durability)
    let_rest(run)
    assert NodeRun.objects.filter(run=run, node_id="count", number=1).exists()
    its_time_has_come(run)
    assert execute(run).state == {"n": 1}


def test_a_short_sleep_is_slept_here(here: worker.Worker, ada: User) -> None:
    run = execute(start(ada, line("Short", node("nap", "sleep", {"seconds": 0.6}), AFTER)))
    assert (run.status, run.attempt) == ("completed", 1)


def test_a_run_wakes_by_itself_when_its_time_has_come(
    here: worker.Worker, ada: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slots, "PARK_AFTER_S", 0.1)
    run = let_rest(start(ada, line("Short", node("nap", "sleep", {"seconds": 2}), AFTER)))
    began = timezone.now()
    wait_until(lambda: Run.objects.get(pk=run.pk).status == RunStatus.QUEUED)
    assert timezone.now() - began < timedelta(seconds=15)
    assert execute(run).status == "completed"


def test_a_retry_that_waits_for_long_holds_no_slot_and_is_made_when_it_is_due(here: worker.Worker, ada: User) -> None:
    retry = {"max_attempts": 2, "backoff_s": 1500, "backoff_max_s": 1500, "jitter": False}
    run = let_rest(start(ada, line("Again", node("try", "fail", {"times": 1}, retry=retry), AFTER)))
    assert run.rests["1"]["attempt"] == 1
    # Woken early, it waits on.
    assert parking.wake_early(run_id=run.pk)
    run = let_rest(run)
    its_time_has_come(run)
    assert execute(run).status == "completed"
    assert NodeRun.objects.get(run=run, node_id="try").attempt == 2


def test_the_time_that_a_parked_run_sleeps_counts(here: worker.Worker, ada: User) -> None:
    run = let_rest(start(ada, line("Nap", node("nap", "sleep", {"seconds": 5000}), AFTER), timeout_s=3600))
    assert run.wake_at is not None
    assert run.wake_at - timezone.now() < timedelta(seconds=3601)
    assert 3_598_000 < run.worked_ms < 3_602_000
    Run.objects.filter(pk=run.pk).update(wake_at=timezone.now())
    assert parking.wake_due() == 1
    failed = execute(run)
    assert failed.error is not None
    assert (failed.status, failed.error["code"]) == ("failed", "run_timeout")


def test_time_that_was_not_slept_does_not_count(here: worker.Worker, ada: User) -> None:
    run = let_rest(start(ada, line("Nap", node("nap", "sleep", LONG))))
    assert parking.wake_early(run_id=run.pk)
    run.refresh_from_db()
    assert run.worked_ms < 60_000


def test_a_nodes_own_time_ends_its_sleep(here: worker.Worker, ada: User) -> None:
    retry = {"max_attempts": 1}
    run = let_rest(start(ada, line("Nap", node("nap", "sleep", {"seconds": 5000}, timeout_s=1000, retry=retry))))
    assert run.wake_at is not None
    assert run.wake_at - timezone.now() < timedelta(seconds=1001)
    its_time_has_come(run)
    failed = execute(run)
    assert failed.error is not None
    assert failed.error["code"] == "node_timeout"


def test_time_in_the_queue_after_a_sleep_is_not_the_nodes(here: worker.Worker, ada: User) -> None:
    keep(ada, line("Inner", node("nap", "sleep", LONG)))
    retry = {"max_attempts": 1}
    run = let_rest(start(ada, line("Outer", node("call", "graph", {"graph": "inner"}, timeout_s=1600, retry=retry))))
    assert 90 < run.rests["1"]["left_s"] < 110
    its_time_has_come(run)  # two hours late
    assert execute(run).status == "completed"


def test_a_run_that_makes_room_while_it_waits_is_queued_at_once_and_waits_no_longer_than_it_had_to(
    here: worker.Worker, ada: User
) -> None:
    run = start(ada, branches(node("nap", "sleep", {"seconds": 1.9}), node("other", "sleep", {"seconds": 1.8})))
    work = execution.execute(run_id=run.pk)
    wait_until(lambda: NodeRun.objects.filter(run=run, tool="sleep").count() == 2)
    here.loop.call_soon_threadsafe(lambda: here.slots._yield(here._active[run.pk], here._active))
    assert work is not None
    assert work.wait(30)
    run.refresh_from_db()
    assert (run.status, run.wake_at, run.lease_owner) == (RunStatus.QUEUED, None, "")
    began = dict(NodeRun.objects.filter(run=run, tool="sleep").values_list("node_id", "started_at"))
    done = execute(run)
    assert done.status == "completed"
    assert dict(NodeRun.objects.filter(run=run, tool="sleep").values_list("node_id", "started_at")) == began


def test_a_tree_that_makes_room_goes_back_at_the_end_of_its_nodes_and_repeats_none(
    here: worker.Worker, ada: User
) -> None:
    count = node("n", "compute", {"set": {"n": "n + 1"}})
    pause = node("p", "sleep", {"seconds": 0.05})
    inner = {**line("Inner", count, pause), "max_iterations": 1000}
    inner["edges"].append({"from_node": "p", "to_node": "n", "type": "conditional", "condition": "n < 60"})
    keep(ada, inner)
    run = start(ada, line("Outer", node("call", "graph", {"graph": "inner"}), AFTER), initial_state={"n": 0})
    work = execution.execute(run_id=run.pk)
    wait_until(lambda: NodeRun.objects.filter(run__parent=run, number__gte=3).exists())
    here.loop.call_soon_threadsafe(lambda: here.slots._yield(here._active[run.pk], here._active))
    assert work is not None
    assert work.wait(30)
    run.refresh_from_db()
    assert (run.status, run.sub_runs.get().status) == (RunStatus.QUEUED, RunStatus.QUEUED)
    done = execute(run)
    assert done.state == {"n": 60, "woke": True}
    assert NodeRun.objects.filter(run__parent=run, node_id="n").count() == 60
    assert NodeRun.objects.get(run=run, node_id="call").attempt == 1


def test_a_parked_run_is_cancelled_at_once_with_all_below_it(here: worker.Worker, ada: User) -> None:
    session = cast.make_session(ada)
    keep(ada, line("Inner", node("nap", "sleep", LONG)))
    outer = line("Outer", node("call", "graph", {"graph": "inner"}), AFTER)
    run = let_rest(start(ada, outer, session_id=session.pk))
    below = run.sub_runs.get()
    assert (below.status, below.wake_at is not None) == (RunStatus.RUNNING, True)
    assert runs.cancel_run(run=run).status == RunStatus.CANCELLED
    assert set(Run.objects.values_list("status", "wake_at")) == {(RunStatus.CANCELLED, None)}
    assert cast.types_of(session)[-3:] == ["run.cancel_requested", "node.failed", "run.cancelled"]
    assert parking.wake_due() == 0


def test_a_sub_run_that_sleeps_lets_its_whole_tree_go_and_all_go_on_after_it(here: worker.Worker, ada: User) -> None:
    keep(ada, line("Inner", node("n", "compute", {"set": {"n": "n + 1"}}), node("nap", "sleep", LONG)))
    config = {"items": "all", "as": "n", "graph": "inner", "collect": "n", "write": "sums", "max_parallel": 2}
    retry = {"max_attempts": 1}
    run = start(ada, line("Outer", node("each", "map", config, retry=retry)), initial_state={"all": [1, 2, 3]})
    let_rest(run)
    assert run.sub_runs.count() == 2
    its_time_has_come(run)
    let_rest(run)
    assert sorted(run.sub_runs.values_list("status", flat=True)) == ["completed", "completed", "running"]
    its_time_has_come(run)
    done = execute(run)
    assert done.state is not None
    assert done.state["sums"] == [2, 3, 4]
    assert NodeRun.objects.get(run=run).attempt == 1
    assert NodeRun.objects.filter(run__parent=run, node_id="n").count() == 3


def branches(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """Two nodes at once; after the other of them comes one more."""
    split = node("s", "set_state", {"values": {}})
    arrows = [("s", one["node_id"]), ("s", other["node_id"]), (other["node_id"], "after")]
    edges = [{"from_node": begin, "to_node": end} for begin, end in arrows]
    return {"v": 1, "name": "Both", "entry_node": "s", "nodes": [split, one, other, AFTER], "edges": edges}


def test_a_branch_that_works_keeps_the_run_here(here: worker.Worker, ada: User) -> None:
    both = branches(node("long", "sleep", LONG), node("short", "sleep", {"seconds": 2.5}))
    # The shorter sleep is what is waited for first.
    run = start(ada, both)
    let_rest(run)
    assert run.wake_at is not None
    assert run.wake_at - timezone.now() < timedelta(seconds=4)
    wait_until(lambda: Run.objects.get(pk=run.pk).status == RunStatus.QUEUED)
    let_rest(run)
    assert NodeRun.objects.filter(run=run, node_id="after", number__isnull=False).exists()
    assert run.wake_at - timezone.now() > timedelta(minutes=20)


def asks_and_sleeps(ask: dict[str, Any]) -> dict[str, Any]:
    return branches(node("nap", "sleep", LONG), node("ask", "ask_human", {"question": "?", "write": "x", **ask}))


def test_an_answer_wakes_a_run_whose_other_branch_sleeps_and_the_sleep_is_not_slept_twice(
    here: worker.Worker, ada: User
) -> None:
    run = let_rest(start(ada, asks_and_sleeps({})))
    slept_from = NodeRun.objects.get(run=run, node_id="nap").started_at
    runs.resume_run(user=ada, run=run, interrupt_id=Interrupt.objects.get(run=run).pk, value="yes")
    run.refresh_from_db()
    assert (run.status, run.wake_at) == (RunStatus.QUEUED, None)
    let_rest(run)
    assert NodeRun.objects.filter(run=run, node_id="after", number__isnull=False).exists()
    nap = NodeRun.objects.get(run=run, node_id="nap")
    assert (nap.started_at, nap.attempt) == (slept_from, 1)
    its_time_has_come(run)
    assert execute(run).state == {"x": "yes", "woke": True}


def test_a_default_whose_time_has_come_wakes_a_run_whose_other_branch_sleeps(here: worker.Worker, ada: User) -> None:
    run = let_rest(start(ada, asks_and_sleeps({"timeout_s": 60, "default": "no"})))
    Interrupt.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    sweeping.sweep()
    run.refresh_from_db()
    assert run.status == RunStatus.QUEUED


def test_a_crash_in_a_sleep_does_not_make_it_longer(here: worker.Worker, ada: User) -> None:
    run = start(ada, line("Nap", node("nap", "sleep", LONG), AFTER))
    claimed = claims.claim_run(run_id=run.pk, owner="dead")
    assert claimed is not None
    began = timezone.now() - timedelta(seconds=1499.5)
    NodeRun.objects.create(run=run, activation=1, node_id="nap", tool="sleep", attempt=1, started_at=began)
    Run.objects.filter(pk=run.pk).update(lease_until=timezone.now() - timedelta(seconds=1))
    done = execute(run)
    assert (done.status, NodeRun.objects.get(run=run, node_id="nap").attempt) == ("completed", 1)


def test_a_run_that_was_cancelled_while_it_was_let_go_is_queued_to_end(ada: User) -> None:
    run = start(ada, line("Nap", node("nap", "sleep", LONG)))
    claimed = claims.claim_run(run_id=run.pk, owner="w1")
    assert claimed is not None
    runs.cancel_run(run=run)
    assert parking.park_run(run=claimed, wake_in_s=3600, rests={}, worked_ms=0, checkpoints=0)
    run.refresh_from_db()
    assert (run.status, run.wake_at) == (RunStatus.QUEUED, None)


def test_who_lost_the_lease_parks_nothing(ada: User) -> None:
    run = start(ada, line("Nap", node("nap", "sleep", LONG)))
    claimed = claims.claim_run(run_id=run.pk, owner="w1")
    assert claimed is not None
    Run.objects.filter(pk=run.pk).update(lease_until=timezone.now() - timedelta(seconds=1))
    assert claims.claim_run(run_id=run.pk, owner="w2") is not None
    assert not parking.park_run(run=claimed, wake_in_s=3600, rests={}, worked_ms=0, checkpoints=0)
    assert Run.objects.get(pk=run.pk).lease_owner == "w2"


def test_a_parked_run_keeps_no_session_alive(here: worker.Worker, ada: User) -> None:
    session = cast.make_session(ada)
    run = start(ada, line("Nap", node("nap", "sleep", LONG)), session_id=session.pk)
    assert in_sessions.with_work([session.pk]) == {session.pk}
    let_rest(run)
    assert in_sessions.with_work([session.pk]) == set()
    assert runs.cancel_runs_of_session(session_id=session.pk) == 1


def test_a_command_that_runs_a_graph_by_itself_waits_for_it(
    here: worker.Worker, ada: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slots, "_slots", 0)
    monkeypatch.setattr(slots, "PARK_AFTER_S", 0.1)
    assert execute(start(ada, line("Nap", node("nap", "sleep", {"seconds": 1.2})))).attempt == 1
