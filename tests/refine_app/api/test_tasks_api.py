"""Tasks in natural language over their own paths, executed on this process's worker with a real model server."""

import json
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from pytest_django import Settings
from rest_framework.test import APIClient

from graphs_app import worker
from graphs_app.models import Run
from graphs_app.services import execution, runs
from refine_app.models import Endpoint, ModelCall
from refine_app.services.built_in_graphs import install_built_in_graphs
from sessions_app.models import Session, User
from tests.model_server import Behaviour, ModelServer
from tests.refine_app.cast import Cast, make_cast

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(scope="module")
def one_model() -> Iterator[ModelServer]:
    with ModelServer() as server:
        yield server


@pytest.fixture
def model(one_model: ModelServer, transactional_db: None, settings: Settings) -> Iterator[ModelServer]:
    one_model.script.clear()
    one_model.requests.clear()
    one_model.default = Behaviour()
    settings.MODEL_ENDPOINT_URL = settings.HF_TOKEN = ""
    settings.PRIVATE_ENDPOINTS_ALLOWED = True
    install_built_in_graphs()
    Endpoint.objects.all().delete()
    Endpoint.objects.create(slug="mine", model="stand-in", url=one_model.url, input_usd=1, output_usd=1)
    yield one_model
    worker.stop(grace_s=0)


@pytest.fixture
def cast(model: ModelServer) -> Cast:
    return make_cast()


def signed_in(user: User) -> APIClient:
    client = APIClient()
    client.force_authenticate(user)
    return client


@pytest.fixture
def ana(cast: Cast) -> APIClient:
    return signed_in(cast.ana)


def execute(client: APIClient, task: str = "Write hello world", **more: Any) -> Any:
    return client.post("/v1/agent/execute", {"task": task, **more}, format="json")


def work(task_id: str) -> None:
    going_on = execution.execute(run_id=Run.objects.get(pk=task_id).pk)
    assert going_on is not None
    going_on.result(timeout=60)


def chosen(name: str) -> Behaviour:
    return Behaviour(answer=json.dumps({"agent_name": name, "confidence": 0.9, "reasoning": "It asks for code."}))


def test_a_task_is_accepted_in_a_session_of_its_own(ana: APIClient) -> None:
    answer = execute(ana)
    accepted = answer.json()
    assert (answer.status_code, answer["Location"]) == (202, f"/v1/tasks/{accepted['task_id']}")
    assert set(accepted) == {"task_id", "session_id", "status", "queued_at", "message", "api_version"}
    assert (accepted["status"], accepted["message"], accepted["api_version"]) == (
        "queued",
        "Task accepted and queued.",
        "v1",
    )
    assert Session.objects.filter(pk=accepted["session_id"], members__user__username="ana").exists()
    run = Run.objects.get(pk=accepted["task_id"])
    assert {"ip", "user_agent", "request_id", "environment"} <= run.metadata.keys()


def test_a_task_is_done_and_told_with_its_agent_its_tokens_and_its_cost(ana: APIClient, model: ModelServer) -> None:
    model.then(chosen("CodeAgent"), Behaviour(answer="Sure.\n\n```python\nprint(1)\n```\n"))
    task_id = execute(ana).json()["task_id"]
    work(task_id)
    task = ana.get(f"/v1/tasks/{task_id}").json()
    assert (task["status"], task["agent_type"], task["selected_agent"]) == ("completed", "CodeAgent", "CodeAgent")
    assert (task["peer_routing_reason"], task["confidence"], task["error"]) == ("It asks for code.", 0.9, None)
    assert task["result"] == {
        "summary": "Sure.", "raw_output": "Sure.\n\n```python\nprint(1)\n```\n", "code_language": "python",
        "citations": [],
    }  # fmt: skip
    calls = ModelCall.objects.all()
    assert task["tokens"]["completion"] == sum(call.completion_tokens for call in calls)
    assert {call.agent for call in calls} == {"PeerAgent", "CodeAgent"}
    assert task["cost_usd"] is not None
    metrics = ana.get("/v1/system/metrics").json()
    assert (metrics["tasks_today"]["completed"], metrics["agent_distribution"]) == (1, {"CodeAgent": 1})


def test_a_follow_up_in_the_session_knows_what_was_done(ana: APIClient, model: ModelServer) -> None:
    model.then(chosen("CodeAgent"), Behaviour(answer="The word is heliotrope."))
    first = execute(ana).json()
    work(first["task_id"])
    model.then(chosen("CodeAgent"), Behaviour(answer="Again."))
    second = execute(ana, "And once more", session_id=first["session_id"]).json()
    work(second["task_id"])
    assert second["session_id"] == first["session_id"]
    assert "heliotrope" in model.requests[-1].text


def test_a_task_that_nobody_is_responsible_for_has_failed_with_its_type(ana: APIClient, model: ModelServer) -> None:
    model.then(chosen("unknown"))
    task_id = execute(ana).json()["task_id"]
    work(task_id)
    task = ana.get(f"/v1/tasks/{task_id}").json()
    assert (task["status"], task["error"]["type"], task["result"]) == ("failed", "UNKNOWN_TASK_TYPE", None)


def test_tasks_are_listed_by_status_agent_and_date_and_only_ones_own(
    cast: Cast, ana: APIClient, model: ModelServer
) -> None:
    model.then(chosen("TestAgent"), Behaviour(answer="ok"))
    done, waiting = execute(ana).json()["task_id"], execute(ana).json()["task_id"]
    work(done)

    def listed(query: str, client: APIClient = ana) -> list[str]:
        return [task["task_id"] for task in client.get(f"/v1/tasks?{query}").json()["results"]]

    assert listed("") == [waiting, done]
    assert listed("status=queued") == [waiting]
    assert listed("agent_type=TestAgent") == [done]
    assert listed("agent_type=CodeAgent") == []
    assert listed("until=2001-01-01T00:00:00Z") == []
    assert listed("since=2001-01-01T00:00:00Z&status=completed") == [done]
    assert listed("", signed_in(cast.sam)) == []
    assert signed_in(cast.sam).get(f"/v1/tasks/{done}").status_code == 404
    runs.cancel_run(run=Run.objects.get(pk=waiting))
    task = ana.get(f"/v1/tasks/{waiting}").json()
    assert (task["status"], task["error"]["type"]) == ("failed", "CANCELLED")


def test_an_empty_task_and_a_session_of_others_are_refused(cast: Cast, ana: APIClient) -> None:
    assert execute(ana, "  ").json()["code"] == "instruction_empty"
    assert execute(ana, session_id=str(uuid4())).status_code == 404
    assert execute(signed_in(cast.vera), session_id=str(cast.session.pk)).status_code == 403
    assert Run.objects.count() == 0


def test_a_query_is_the_same_in_one_field(ana: APIClient) -> None:
    answer = ana.post("/runs", {"query": "Write hello world"}, format="json")
    assert answer.status_code == 202
    assert Run.objects.get().pk == Run.objects.get(pk=answer.json()["run_id"]).pk


def test_who_starts_too_many_tasks_is_told_to_wait(ana: APIClient, settings: Settings) -> None:
    settings.RATE_LIMIT_TASKS = "person 2/1m"
    answers = [execute(ana) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [202, 202, 429]
    assert int(answers[-1]["Retry-After"]) > 0
