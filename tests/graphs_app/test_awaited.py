"""What waits for something to become free holds no slot, goes on as soon as there is room, and loses no attempt."""

from collections.abc import Collection, Iterator, Mapping
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from graphs_app import awaited, slots, worker
from graphs_app.api.serializers import RunShape
from graphs_app.engine.registry import REGISTRY, ToolContext, make_tool
from graphs_app.models import NodeRun, Run, RunStatus
from graphs_app.services import execution, parking, sweeping
from sessions_app.models import User
from tests.graphs_app.cast import execute, keep, line, node, start, wait_until

BERTHS: dict[str, int] = {}
"""How many may go on, by which."""
PATIENCE_S = 1500.0


async def moor(context: ToolContext, state: Mapping[str, Any]) -> dict[str, Any]:
    """Says something first, if it is told to; then waits for a berth of its own and takes it."""
    context.emit_text(context.config.get("says", ""))
    which = context.config["berth"]
    began = context.clock.monotonic() - context.rested_s
    while BERTHS.get(which, 0) <= 0:
        left_s = PATIENCE_S - (context.clock.monotonic() - began)
        if left_s <= 0:
            return {"moored": False}
        with context.waits([f"berth:{which}"], left_s):
            await context.clock.sleep(0.05)
    BERTHS[which] -= 1
    return {"moored": True, "rested": context.rested_s > 0}


def room_of(which: Collection[str]) -> Mapping[str, int]:
    return {one: BERTHS[one] for one in which if one in BERTHS}


@pytest.fixture(autouse=True)
def harbour(here: worker.Worker, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As in a worker that Celery has started, with berths to wait for."""
    monkeypatch.setattr(slots, "_slots", 10)
    monkeypatch.setattr(slots, "PARK_AFTER_S", 0.1)
    monkeypatch.setitem(awaited._kinds, "berth", room_of)
    monkeypatch.setitem(REGISTRY._tools, "moor", make_tool("moor", moor))
    BERTHS.clear()
    BERTHS.update(one=0, two=0)
    yield
    BERTHS.clear()


def let_wait(run: Run) -> Run:
    """Executes until the run is parked."""
    work = execution.execute(run_id=run.pk)
    assert work is not None
    assert work.wait(30)
    assert work.cancelled()
    run.refresh_from_db()
    assert (run.status, run.lease_owner, run.lease_until) == (RunStatus.RUNNING, "", None), run.error
    return run


def moors(berth: str = "one", **config: Any) -> dict[str, Any]:
    return line(f"Moor {berth}", node("moor", "moor", {"berth": berth, **config}))


def is_queued(run: Run) -> bool:
    return Run.objects.get(pk=run.pk).status == RunStatus.QUEUED


def test_who_waits_is_parked_says_for_what_and_goes_on_in_the_same_attempt_when_there_is_room(
    here: worker.Worker, ada: User
) -> None:
    run = let_wait(start(ada, moors()))
    shown = RunShape(run).data
    assert (shown["status"], shown["waits_for"]) == ("running", ["berth:one"])
    assert run.wake_at is not None
    assert run.wake_at - timezone.now() > timedelta(minutes=20)
    BERTHS["one"] = 1
    wait_until(lambda: is_queued(run))
    done = execute(run)
    assert done.state == {"moored": True, "rested": True}
    assert (done.awaits, RunShape(done).data["waits_for"]) == ("", [])
    assert NodeRun.objects.get(run=run).attempt == 1
    assert done.worked_ms < 60_000


def test_as_many_go_on_as_there_is_room_for_first_who_waits_longest(here: worker.Worker, ada: User) -> None:
    waiting = [let_wait(start(ada, moors())) for _ in range(3)]
    elsewhere = let_wait(start(ada, moors("two")))
    BERTHS["one"] = 2
    assert parking.wake_awaited() in (2, 4)  # the worker looks, too
    wait_until(lambda: is_queued(waiting[1]))
    BERTHS["one"] = 0
    assert [is_queued(run) for run in [*waiting, elsewhere]] == [True, True, False, False]


def test_the_sweeper_wakes_those_of_a_dead_worker(
    here: worker.Worker, ada: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = let_wait(start(ada, moors()))
    wait_until(lambda: here.slots._await_room)
    monkeypatch.setattr(here.slots, "_await_room", False)
    BERTHS["one"] = 1
    sweeping.sweep()
    assert is_queued(run)


def test_room_that_came_while_a_run_was_being_parked_is_not_missed(here: worker.Worker, ada: User) -> None:
    """How things stand is looked at, not what has happened: nobody tells of the room after it is there."""
    run = let_wait(start(ada, moors()))
    Run.objects.filter(pk=run.pk).update(awaits="berth:unknown")
    wait_until(lambda: is_queued(run))


def test_what_was_waited_counts_over_all_claims_and_the_wait_ends_in_the_tool(here: worker.Worker, ada: User) -> None:
    run = let_wait(start(ada, moors()))
    long_ago = timezone.now() - timedelta(hours=2)
    NodeRun.objects.filter(run=run).update(started_at=long_ago)
    Run.objects.filter(pk=run.pk).update(wake_at=long_ago)
    assert parking.wake_due() == 1
    assert execute(run).state == {"moored": False}


def test_a_tree_of_runs_waits_as_one_for_all_that_it_waits_for(here: worker.Worker, ada: User) -> None:
    keep(ada, {**moors("two"), "name": "Inner"})
    split = node("s", "set_state", {"values": {}})
    both = [node("call", "graph", {"graph": "inner"}), node("moor", "moor", {"berth": "one"})]
    edges = [{"from_node": "s", "to_node": one["node_id"]} for one in both]
    outer = {"v": 1, "name": "Outer", "entry_node": "s", "nodes": [split, *both], "edges": edges}
    run = let_wait(start(ada, outer))
    assert run.awaits == "berth:one berth:two"
    assert run.sub_runs.get().awaits == ""
    BERTHS["two"] = 1
    wait_until(lambda: is_queued(run))
    BERTHS["one"] = 1
    assert execute(run).status == "completed"
    assert set(NodeRun.objects.filter(tool__in=("moor", "graph")).values_list("attempt", flat=True)) == {1}


def test_what_has_said_something_is_not_called_again_but_waits_here(here: worker.Worker, ada: User) -> None:
    run = start(ada, moors(says="Ahoy! "))
    work = execution.execute(run_id=run.pk)
    assert work is not None
    assert not work.wait(1.5)
    BERTHS["one"] = 1
    assert work.wait(30)
    run.refresh_from_db()
    assert (run.status, run.attempt) == ("completed", 1)
    assert NodeRun.objects.get(run=run).text == "Ahoy! "
