"""A version that is named, or that a rollback brought back, asks with the prompts of its snapshot, not of today."""

from collections.abc import Iterator
from typing import Any

import pytest
from rest_framework.test import APIClient

from graphs_app.models import Run, RunStatus
from graphs_app.services import execution
from refine_app.models import ModelCall
from refine_app.services import prompts
from sessions_app.models import User
from tests.model_server import Behaviour, ModelServer
from tests.refine_app.test_money import model, one_model

__all__ = ("model", "one_model")

pytestmark = pytest.mark.django_db(transaction=True)

ASK = {
    "v": 1,
    "name": "Quiz",
    "entry_node": "ask",
    "nodes": [{"node_id": "ask", "tool": "answer_question"}],
    "edges": [],
}
ABOVE = {
    "v": 1,
    "name": "Above",
    "entry_node": "below",
    "nodes": [{"node_id": "below", "tool": "graph", "config": {"graph": "quiz"}}],
    "edges": [],
}


@pytest.fixture
def staff(model: ModelServer) -> Iterator[APIClient]:
    model.default = Behaviour(answer="Yes.")
    client = APIClient()
    client.force_authenticate(User.objects.create(username="staff", is_staff=True))
    yield client
    prompts._known.clear()


def sent(client: APIClient, path: str, body: Any, status: int = 201) -> Any:
    answer = client.post(path, body, format="json")
    assert answer.status_code == status, answer.content
    return answer.json()


def improve(client: APIClient) -> str:
    """Puts another version of the prompt into production; its number."""
    now = client.get("/v1/prompts/answer_question/versions/production").json()
    better = {"content": now["content"] + "\nBe brief.", "variables": now["variables"]}
    made: str = sent(client, "/v1/prompts/answer_question/versions", better)["version"]
    sent(client, "/v1/prompts/answer_question/labels", {"label": "production", "version": made}, 200)
    assert prompts.in_production(["answer_question"])["answer_question"].version == made
    return made


def asked_with(client: APIClient, graph: str = "quiz", **given: Any) -> str:
    """The version of the prompt that the ledger has of a run."""
    started = sent(client, "/v1/runs", {"graph": graph, "initial_state": {"instruction": "Well?"}, **given}, 202)
    going_on = execution.execute(run_id=Run.objects.get(pk=started["id"]).pk)
    assert going_on is not None
    going_on.result(timeout=60)
    assert Run.objects.get(pk=started["id"]).status == RunStatus.COMPLETED
    return ModelCall.objects.order_by("-pk")[0].prompt_version.partition("@")[2]


def test_a_rollback_brings_the_prompts_back_with_the_version(staff: APIClient) -> None:
    sent(staff, "/v1/graphs", ASK)
    old = asked_with(staff)
    new = improve(staff)
    assert asked_with(staff) == new
    assert asked_with(staff, version=1) == old
    back = sent(staff, "/v1/graphs/quiz/rollback", {"version": 1})
    assert (back["version"], back["restored_from"]) == (2, 1)
    assert asked_with(staff) == old
    again = sent(staff, "/v1/graphs/quiz/rollback", {"version": 1}, 409)
    assert again["code"] == "nothing_to_publish"


def test_a_rollback_names_a_snapshot_and_an_unknown_one_is_refused(staff: APIClient) -> None:
    sent(staff, "/v1/graphs", ASK)
    [first] = staff.get("/v1/graphs/quiz/versions").json()["results"]
    old, new = asked_with(staff), improve(staff)
    changed = {**ASK, "nodes": [{**ASK["nodes"][0], "timeout_s": 50}]}  # type: ignore[index]
    assert staff.put("/v1/graphs/quiz/draft", {"definition": changed}, format="json").status_code == 200
    published = sent(staff, "/v1/graphs/quiz/publish", {})
    assert published["snapshot_id"] != first["snapshot_id"]
    assert asked_with(staff) == new
    back = sent(staff, "/v1/graphs/quiz/rollback", {"snapshot_id": first["snapshot_id"]})
    assert (back["restored_from"], back["snapshot_id"]) == (1, first["snapshot_id"])
    assert back["definition"]["nodes"] == ASK["nodes"]
    assert asked_with(staff) == old
    assert sent(staff, "/v1/graphs/quiz/rollback", {"snapshot_id": "0" * 64}, 404)["code"] == "snapshot_not_found"
    sent(staff, "/v1/graphs/quiz/rollback", {"snapshot_id": first["snapshot_id"], "version": 1}, 422)


def test_sub_graphs_are_those_of_the_snapshot_too(staff: APIClient) -> None:
    sent(staff, "/v1/graphs", ASK)
    sent(staff, "/v1/graphs", ABOVE)
    old, new = asked_with(staff, "above"), improve(staff)
    other = {**ASK, "nodes": [{"node_id": "ask", "tool": "fail", "config": {"message": "worse"}}]}
    assert staff.put("/v1/graphs/quiz/draft", {"definition": other}, format="json").status_code == 200
    sent(staff, "/v1/graphs/quiz/publish", {})
    assert asked_with(staff, "above", version=1) == old != new


def test_latest_names_a_prompts_newest_version_whatever_is_in_production(staff: APIClient) -> None:
    made = improve(staff)
    latest = staff.get("/v1/prompts/answer_question/versions/latest").json()
    assert latest["version"] == made
    sent(staff, "/v1/prompts/answer_question/rollback", {}, 200)
    assert staff.get("/v1/prompts/answer_question/versions/latest").json()["version"] == made
    assert staff.get("/v1/prompts/unknown/versions/latest").status_code == 404
