"""What only waits holds no slot of a real worker, outlives it, and is not waited for twice."""

import signal
from typing import Any

import pytest

from tests.faults.field import HEALTHY, Field, wait_until
from tests.model_server import Behaviour, ModelServer

pytestmark = [pytest.mark.once, pytest.mark.timeout(300)]

SLOTS = {"MAX_CONCURRENT_RUNS": "10"}


def single(user: str, tool: str, runs: int, **more: Any) -> dict[str, Any]:
    return {"user": user, "tool": tool, "runs": runs, "config": {}, **more}


def test_ten_sleepers_leave_all_slots_to_others(field: Field) -> None:
    sleepers = single("mallory", "sleep", 10, config={"seconds": 3000}, priority=9)
    field.start(runs=0, singles=[sleepers])
    field.worker("worker", **HEALTHY, **SLOTS)
    asleep = "SELECT count(*) FROM graphs_app_run WHERE wake_at IS NOT NULL AND lease_owner = '' AND status = 'running'"
    wait_until(lambda: field.rows(asleep)[0]["count"] == 10, "ten runs asleep")
    field.start(runs=0, singles=[single("victim", "record", 5)])
    wait_until(lambda: field.statuses(field.singles[0]) == {"completed": 5}, "the victim's runs", 60)
    assert field.rows(asleep)[0]["count"] == 10


RESTS_FOR_AN_HOUR = """
INSERT INTO refine_app_endpointstate (slug, failures, opened_at, probe_until, forced, last_error, quirks)
VALUES ('environment', 5, now(), now() + interval '1 hour', '', 'it was down', '{}')
ON CONFLICT (slug) DO UPDATE SET failures = 5, opened_at = now(), probe_until = now() + interval '1 hour'"""
CLOSED = "UPDATE refine_app_endpointstate SET failures = 0, opened_at = NULL, probe_until = NULL"
WAITS = """SELECT count(*) FROM graphs_app_run
WHERE wake_at IS NOT NULL AND lease_owner = '' AND awaits = 'endpoint:environment'"""


def asks(user: str, runs: int) -> dict[str, Any]:
    state = {"instruction": "What does it do?", "code": "x is None"}
    return single(user, "answer_question", runs, initial_state=state)


def test_ten_runs_that_wait_for_a_resting_endpoint_leave_all_slots_to_others_and_outlive_their_worker(
    field: Field,
) -> None:
    with ModelServer(default=Behaviour(answer="It compares by identity.\n")) as model:
        models = {"MODEL_ENDPOINT_URL": model.url, "MODEL_ENDPOINT_MODEL": "stand-in", "MODEL_QUEUE_S": "600"}
        field.execute(RESTS_FOR_AN_HOUR)
        field.start(runs=0, singles=[asks("mallory", 10)])
        (waiting,) = field.singles
        worker = field.worker("worker", **HEALTHY, **SLOTS, **models)
        wait_until(lambda: field.rows(WAITS)[0]["count"] == 10, "ten runs that wait")
        field.start(runs=0, singles=[single("victim", "record", 5)])
        wait_until(lambda: field.statuses(field.singles[0]) == {"completed": 5}, "the victim's runs", 60)
        assert field.rows(WAITS)[0]["count"] == 10
        field.send(worker, signal.SIGKILL)
        worker.wait()
        field.worker("heir", sweeps=True, **HEALTHY, **SLOTS, **models)
        field.execute(CLOSED)
        wait_until(lambda: field.statuses(waiting) == {"completed": 10}, "those who waited", 60)
        node_runs = field.rows("SELECT attempt FROM graphs_app_noderun WHERE run_id = ANY(%s::uuid[])", waiting)
        assert [row["attempt"] for row in node_runs] == [1] * 10
        assert len(model.requests) == 10


def test_a_sleep_outlives_the_worker_that_was_killed_and_is_not_slept_twice(field: Field) -> None:
    field.start(runs=0, singles=[single("ada", "sleep", 1, config={"seconds": 12})])
    ((run,),) = field.singles
    victim = field.worker("victim", **SLOTS)
    sql = "SELECT status, lease_owner, wake_at, crashes FROM graphs_app_run WHERE id = %s"
    wait_until(lambda: field.rows(sql, run)[0]["wake_at"] is not None, "the run's rest")
    field.send(victim, signal.SIGKILL)
    victim.wait()
    field.worker("heir", sweeps=True, **HEALTHY, **SLOTS)
    wait_until(lambda: field.statuses([run]) == {"completed": 1}, "the end of the sleep", 90)
    (slept,) = field.rows("SELECT attempt, duration_ms FROM graphs_app_noderun WHERE run_id = %s", run)
    assert slept["attempt"] == 1
    assert slept["duration_ms"] >= 12_000
    assert field.rows(sql, run)[0]["crashes"] == 0


def test_a_sleep_in_whose_middle_its_worker_is_killed_goes_on_where_it_was(field: Field) -> None:
    """Killed before the run could be parked: what the journal has of the node's beginning is enough."""
    field.start(runs=0, singles=[single("ada", "sleep", 1, config={"seconds": 15})])
    ((run,),) = field.singles
    victim = field.worker("victim", **SLOTS)
    begun = "SELECT started_at, attempt, number, duration_ms FROM graphs_app_noderun WHERE run_id = %s"
    wait_until(lambda: bool(field.rows(begun, run)), "the sleep's beginning")
    field.send(victim, signal.SIGKILL)
    victim.wait()
    (before,) = field.rows(begun, run)
    field.worker("heir", sweeps=True, **HEALTHY, **SLOTS)
    wait_until(lambda: field.statuses([run]) == {"completed": 1}, "the end of the sleep", 120)
    (after,) = field.rows(begun, run)
    assert (after["started_at"], after["attempt"]) == (before["started_at"], 1)


def test_a_flood_of_urgent_runs_that_take_all_slots_makes_room_for_another_person(field: Field) -> None:
    flood = single("mallory", "record", 200, config={"seconds": 0.2}, rounds=1000, priority=9, timeout_s=600)
    field.start(runs=0, singles=[flood])
    (runs,) = field.singles
    field.worker("worker", sweeps=True, **HEALTHY, **SLOTS)
    wait_until(lambda: field.statuses(runs)["running"] == 10, "the flood")
    field.start(runs=0, singles=[single("victim", "record", 7, config={"seconds": 0.2}, rounds=5)])
    wait_until(lambda: field.statuses(field.singles[0]) == {"completed": 7}, "the victim's runs", 60)
    wait_until(lambda: field.statuses(runs)["running"] == 10, "the flood's return to the free slots")
    assert field.statuses(runs) == {"running": 10, "queued": 190}
    assert set(field.executions().values()) == {1}, "handing a run back repeats no node"
