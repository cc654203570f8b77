"""What /v1/system/metrics tells is so, as a client sees it."""

import pytest
from django.db.models import F
from rest_framework.test import APIClient

from agentsite import health
from graphs_app.models import Run, RunStatus
from refine_app.services.built_in_graphs import install_built_in_graphs
from sessions_app.models import User

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def ana() -> APIClient:
    install_built_in_graphs()
    client = APIClient()
    client.force_authenticate(User.objects.create(username="ana"))
    return client


def made(client: APIClient, *, agent: str | None, status: str, priority: int = 0, days_ago: int = 0) -> None:
    task = client.post("/v1/agent/execute", {"task": "Write hello world"}, format="json").json()["task_id"]
    run = Run.objects.filter(pk=task)
    state = {"selected_agent": agent} if agent else {}
    run.update(status=status, priority=priority, state=state, created_at=F("created_at"))
    if days_ago:
        when = Run.objects.get(pk=task).created_at.replace(year=2020)
        run.update(created_at=when)


def test_the_queue_the_tasks_and_the_agents_are_counted(ana: APIClient) -> None:
    made(ana, agent=None, status=RunStatus.QUEUED, priority=7)
    made(ana, agent=None, status=RunStatus.QUEUED)
    made(ana, agent="CodeAgent", status=RunStatus.COMPLETED)
    made(ana, agent="CodeAgent", status=RunStatus.FAILED)
    made(ana, agent="TestAgent", status=RunStatus.COMPLETED, days_ago=1)
    told = ana.get("/v1/system/metrics").json()
    assert told["queue_length"] == 2
    assert told["queue_by_priority"] == {str(n): 0 for n in range(10)} | {"7": 1, "0": 1}
    assert told["tasks_today"] == {"queued": 2, "processing": 0, "completed": 1, "failed": 1, "total": 4}
    assert told["tasks_total"] == {"queued": 2, "processing": 0, "completed": 2, "failed": 1, "total": 5}
    assert told["agent_distribution"] == {"CodeAgent": 2, "TestAgent": 1}
    assert told["agent_distribution_today"] == {"CodeAgent": 2}


def test_every_part_is_told_and_one_that_is_not_well_is_told_as_such(
    ana: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = ana.get("/v1/system/metrics").json()
    parts = {"database", "broker", "channel_layer", "worker", "cache"}
    assert {check["name"] for check in told["checks"]} == parts
    assert [check for check in told["checks"] if not check["ok"] and check["name"] != "worker"] == []
    assert told["health"]["worker"] == "failed"  # there is none in this test
    assert told["health"]["model_endpoints"] >= 0
    lost = health.Look(lambda: health.Finding("broker", False, 1.0, "no answer"))
    monkeypatch.setitem(health.LOOKS, "broker", lost)
    told = ana.get("/v1/system/metrics").json()
    assert told["health"]["broker"] == "failed"
    assert {"name": "broker", "ok": False, "ms": 1.0, "detail": "no answer"} in told["checks"]


def test_a_cache_that_is_away_is_told_and_no_reason_to_be_unready(
    ana: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost = health.Look(lambda: health.Finding("cache", False, 1.0, "no answer"))
    monkeypatch.setitem(health.BESIDE, "cache", lost)
    assert ana.get("/v1/system/metrics").json()["health"]["cache"] == "failed"
    assert "cache" not in {finding.name for finding in health.findings()}
