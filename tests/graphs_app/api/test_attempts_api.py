"""Each attempt of a node is a record that stays, and so is each node that nothing reached, wherever a run is read."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from graphs_app.models import NodeAttempt, NodeRun, Run, node_run_id
from graphs_app.worker import Worker
from sessions_app.models import User
from tests.graphs_app import cast
from tests.graphs_app.cast import line, node

PATIENT = {"max_attempts": 3, "backoff_s": 0}
FLAKY = line(
    "Flaky",
    node("begin", "set_state", {"values": {"n": 1}}),
    node("flaky", "fail", {"message": "not yet", "times": 2}, retry=PATIENT),
)
BRANCHES: dict[str, Any] = {
    "v": 1,
    "name": "Branches",
    "entry_node": "begin",
    "nodes": [
        node("begin", "set_state", {"values": {"n": 1}}),
        node("many", "set_state", {"values": {"m": 1}}),
        node("more", "set_state", {"values": {"m": 2}}),
        node("few", "set_state", {"values": {"m": 0}}),
    ],
    "edges": [
        {"from_node": "begin", "to_node": "many", "type": "conditional", "condition": "n > 5"},
        {"from_node": "many", "to_node": "more"},
        {"from_node": "begin", "to_node": "few"},
    ],
}


@pytest.fixture
def api(ada: User) -> APIClient:
    client = APIClient()
    client.force_authenticate(ada)
    return client


def records(api: APIClient, run: Run) -> list[dict[str, Any]]:
    logs: list[dict[str, Any]] = api.get(f"/executions/result/{run.pk}").json()["result"]["logs"]
    return logs


def test_each_attempt_has_input_error_and_times_in_the_log(api: APIClient, ada: User, here: Worker) -> None:
    run = cast.execute(cast.start(ada, FLAKY))
    assert run.status == "completed"
    tries = [one for one in records(api, run) if one["node_id"] == "flaky"]
    assert [(one["attempt"], one["status"]) for one in tries] == [(1, "failed"), (2, "failed"), (3, "completed")]
    assert [one["input"] for one in tries] == [{"n": 1}] * 3
    assert [one["error"] and one["error"]["message"] for one in tries] == ["not yet", "not yet", None]
    assert [one["error"]["attempt"] for one in tries[:2]] == [1, 2]
    assert all(one["duration_ms"] is not None for one in tries)
    begun = [one["timestamp"] for one in tries]
    assert begun == sorted(set(begun))


def test_node_runs_timeline_and_step_have_the_attempts_before_the_last(api: APIClient, ada: User, here: Worker) -> None:
    run = cast.execute(cast.start(ada, FLAKY))
    row = api.get(f"/v1/runs/{run.pk}/node-runs").json()["results"][1]
    step = api.get(f"/v1/runs/{run.pk}/timeline").json()["steps"][1]
    whole = api.get(f"/v1/runs/{run.pk}/steps/{row['activation']}").json()
    for shown in (row, step, whole):
        assert (shown["node_id"], shown["attempt"]) == ("flaky", 3)
        assert [one["attempt"] for one in shown["earlier_attempts"]] == [1, 2]
        assert [one["error"]["message"] for one in shown["earlier_attempts"]] == ["not yet"] * 2
        for one in shown["earlier_attempts"]:
            assert one["started_at"] <= one["finished_at"]
            assert one["duration_ms"] >= 0
    assert [one["input"] for one in row["earlier_attempts"]] == [{"n": 1}] * 2


def test_the_last_failure_has_its_error_in_the_log(api: APIClient, ada: User, here: Worker) -> None:
    definition = line("Broken", node("broken", "fail", {"message": "never"}, retry={**PATIENT, "max_attempts": 2}))
    run = cast.execute(cast.start(ada, definition))
    assert run.status == "failed"
    logs = records(api, run)
    assert [(one["attempt"], one["status"], one["error"]["message"]) for one in logs] == [
        (1, "failed", "never"),
        (2, "failed", "never"),
    ]


def test_attempts_of_a_run_that_is_written_down_at_its_end_are_kept_too(
    api: APIClient, ada: User, here: Worker
) -> None:
    run = cast.execute(cast.start(ada, FLAKY, durability="exit"))
    assert [(one["node_id"], one["attempt"]) for one in records(api, run)] == [
        ("begin", 1),
        ("flaky", 1),
        ("flaky", 2),
        ("flaky", 3),
    ]


def test_nodes_that_nothing_reaches_are_in_every_account_of_the_run(api: APIClient, ada: User, here: Worker) -> None:
    run = cast.execute(cast.start(ada, BRANCHES))
    rows = api.get(f"/v1/runs/{run.pk}/node-runs").json()["results"]
    steps = api.get(f"/v1/runs/{run.pk}/timeline").json()["steps"]
    for shown in (rows, steps, records(api, run)):
        assert [(one["node_id"], one["status"]) for one in shown] == [
            ("begin", "completed"),
            ("few", "completed"),
            ("many", "skipped"),
            ("more", "skipped"),
        ]
        assert (shown[2]["attempt"], shown[2]["duration_ms"]) == (0, None)
    assert (rows[2]["input"], rows[2]["output"], rows[2]["tool"]) == ({"n": 1}, None, "set_state")
    assert records(api, run)[2]["timestamp"]


def test_a_fork_knows_what_was_skipped_before_its_checkpoint(api: APIClient, ada: User, here: Worker) -> None:
    run = cast.execute(cast.start(ada, BRANCHES))
    forked = api.post(f"/v1/runs/{run.pk}/fork", {"checkpoint": 1}, format="json").json()
    new = cast.execute(Run.objects.get(pk=forked["id"]))
    assert [(one["node_id"], one["status"]) for one in records(api, new)][2:] == [
        ("many", "skipped"),
        ("more", "skipped"),
    ]


def test_an_attempt_that_was_lost_with_its_worker_is_a_record_too(api: APIClient, ada: User, here: Worker) -> None:
    run = cast.start(ada, line("One", node("only", "set_state", {"values": {"n": 1}})))
    long_ago = timezone.now() - timedelta(hours=1)
    Run.objects.filter(pk=run.pk).update(
        status="running", attempt=1, lease_owner="gone", lease_until=long_ago, started_at=long_ago
    )
    NodeRun.objects.create(
        id=node_run_id(run.pk, 1), run=run, activation=1, node_id="only", tool="set_state", started_at=long_ago
    )
    assert cast.execute(run).status == "completed"
    lost, last = records(api, run)
    assert (lost["attempt"], lost["status"], lost["error"]["code"]) == (1, "failed", "attempt_lost")
    assert (lost["input"], lost["output"], lost["duration_ms"]) == ({}, None, None)
    assert lost["timestamp"] == long_ago.isoformat().replace("+00:00", "Z")
    assert (last["attempt"], last["status"], last["error"]) == (2, "completed", None)


def test_attempts_go_when_their_run_goes(ada: User, here: Worker) -> None:
    run = cast.execute(cast.start(ada, FLAKY))
    assert NodeAttempt.objects.filter(run=run).count() == 2
    run.delete()
    assert not NodeAttempt.objects.exists()
