"""A run's steps as short rows, from any place on, and each with all that it saw."""

import pytest
from rest_framework.test import APIClient

from graphs_app.worker import Worker
from sessions_app.models import User
from tests.graphs_app import cast


@pytest.fixture
def api(ada: User) -> APIClient:
    client = APIClient()
    client.force_authenticate(ada)
    return client


def test_steps_come_in_order_in_pages_with_the_edges_that_they_took(api: APIClient, ada: User, here: Worker) -> None:
    run = cast.execute(cast.start(ada, cast.SUM))
    first = api.get(f"/v1/runs/{run.pk}/timeline?limit=4").json()
    assert (len(first["steps"]), first["more"]) == (4, True)
    rest = api.get(f"/v1/runs/{run.pk}/timeline?start={first['steps'][-1]['activation'] + 1}").json()
    steps = first["steps"] + rest["steps"]
    assert rest["more"] is False
    assert [step["node_id"] for step in steps] == ["start"] + ["add"] * 5
    assert [step["edges"] for step in steps] == [[["start", "add"]], *[[["add", "add"]]] * 4, []]
    assert {step["status"] for step in steps} == {"completed"}
    whole = api.get(f"/v1/runs/{run.pk}/steps/{steps[2]['activation']}").json()
    assert (whole["input"], whole["output"]) == ({"n": 1}, {"n": 2})


def test_what_is_not_there_or_not_ones_own_is_not_found(api: APIClient, ada: User, here: Worker) -> None:
    run = cast.execute(cast.start(ada, cast.SUM))
    assert api.get(f"/v1/runs/{run.pk}/steps/99").status_code == 404
    assert api.get(f"/v1/runs/{run.pk}/timeline?limit=0").status_code == 422
    eve = APIClient()
    eve.force_authenticate(User.objects.create(username="eve"))
    for path in ("timeline", "steps/0"):
        assert eve.get(f"/v1/runs/{run.pk}/{path}").status_code == 404


def test_a_step_that_its_runs_end_stopped_says_so(api: APIClient, ada: User, here: Worker) -> None:
    run = cast.execute(
        cast.start(ada, cast.line("Ask", cast.node("ask", "ask_human", {"question": "?", "write": "n"})))
    )
    [step] = api.get(f"/v1/runs/{run.pk}/timeline").json()["steps"]
    assert (step["status"], step["error_code"]) == ("started", None)
    assert api.post(f"/v1/runs/{run.pk}/cancel").json()["status"] == "cancelled"
    [step] = api.get(f"/v1/runs/{run.pk}/timeline").json()["steps"]
    assert (step["status"], step["error_code"]) == ("failed", "node_cancelled")
    assert step["finished_at"] is not None
    [node_run] = api.get(f"/v1/runs/{run.pk}/node-runs").json()["results"]
    assert (node_run["status"], node_run["error"]["code"]) == ("failed", "node_cancelled")
