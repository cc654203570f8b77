"""What COST_TRACKING_ENABLED and VERSIONING_ENABLED switch off, as a client sees it."""

from collections.abc import Iterator
from typing import Any

import pytest
from pytest_django import Settings
from rest_framework.test import APIClient

from graphs_app.models import Run
from graphs_app.services import execution
from refine_app.models import ModelCall
from sessions_app.models import User
from tests.graphs_app.cast import line, node
from tests.model_server import Behaviour, ModelServer
from tests.refine_app.one_endpoint import one_endpoint

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def staff(db: None) -> APIClient:
    client = APIClient()
    client.force_authenticate(User.objects.create(username="root", is_staff=True))
    return client


@pytest.fixture
def model(transactional_db: None, settings: Settings) -> Iterator[ModelServer]:
    with one_endpoint(settings) as server:
        yield server


def asked(client: APIClient, model: ModelServer) -> Any:
    """A question in a session of its own, with its run when it is over."""
    model.then(Behaviour(answer="It is x."))
    session = client.post("/v1/sessions", {"title": "x"}, format="json").json()["id"]
    body = {"intent": "ask", "instruction": "What is x?"}
    run_id = client.post(f"/v1/sessions/{session}/requests", body, format="json").json()["run"]["id"]
    going_on = execution.execute(run_id=Run.objects.get(pk=run_id).pk)
    assert going_on is not None
    going_on.result(timeout=60)
    return client.get(f"/v1/runs/{run_id}").json()


def test_without_cost_tracking_calls_are_counted_in_tokens_alone(
    staff: APIClient, model: ModelServer, settings: Settings
) -> None:
    assert asked(staff, model)["cost_usd"] is not None
    settings.COST_TRACKING_ENABLED = False
    run = asked(staff, model)
    assert (run["status"], run["cost_usd"]) == ("completed", None)
    assert run["tokens"]["completion"] > 0
    [call] = staff.get(f"/v1/model-calls?run={run['id']}").json()["results"]
    assert (call["cost_usd"], call["reserved_usd"]) == (None, None)


def test_without_cost_tracking_no_budget_is_set_and_one_in_force_is_not_overrun(
    staff: APIClient, model: ModelServer, settings: Settings
) -> None:
    budget = {"scope": "site", "period": "total", "limit_usd": "5"}
    assert staff.post("/v1/budgets", budget, format="json").status_code == 200
    settings.COST_TRACKING_ENABLED = False
    run = {"graph": "code_review", "initial_state": {"code": "x = 1\n"}, "budget_usd": "1"}
    for path, body in (("/v1/budgets", budget), ("/v1/runs", run)):
        refused = staff.post(path, body, format="json")
        assert (refused.status_code, refused.json()["code"]) == (409, "cost_tracking_off")
    failed = asked(staff, model)
    assert failed["status"] == "failed"
    assert "COST_TRACKING_ENABLED is off" in failed["error"]["message"]
    assert ModelCall.objects.count() == model.count == 0


def test_without_versioning_no_snapshot_is_kept_and_nothing_is_rolled_back(
    staff: APIClient, settings: Settings
) -> None:
    first, second = (line("One", node("a", "set_state", {"values": {"n": n}})) for n in (1, 2))
    graph = staff.post("/v1/graphs", first, format="json").json()["slug"]
    path = f"/v1/graphs/{graph}"
    assert "tools" in staff.get(f"{path}/versions/1/snapshot").json()
    settings.VERSIONING_ENABLED = False
    assert staff.post(f"{path}/versions", second, format="json").status_code == 201
    for refused in (
        staff.post(f"{path}/rollback", {"version": 1}, format="json"),
        staff.get(f"{path}/versions/2/snapshot"),
    ):
        assert (refused.status_code, refused.json()["code"]) == (409, "versioning_off")
    settings.VERSIONING_ENABLED = True
    assert "tools" not in staff.get(f"{path}/versions/2/snapshot").json()
    assert staff.post(f"{path}/rollback", {"version": 1}, format="json").status_code == 201
