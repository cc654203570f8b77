"""The registry of prompts over REST, and that runs use what is labelled."""

from typing import Any

import pytest
from rest_framework.test import APIClient

from refine_app.models import ModelCall, Prompt
from refine_app.services import prompts
from sessions_app.models import User
from tests.refine_app.cast import Cast, make_cast

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast(db: None) -> Cast:
    prompts._known.clear()
    prompts.install()
    return make_cast()


def signed_in(user: User) -> APIClient:
    client = APIClient()
    client.force_authenticate(user)
    return client


@pytest.fixture
def ana(cast: Cast) -> APIClient:
    return signed_in(cast.ana)


@pytest.fixture
def staff(cast: Cast) -> APIClient:
    return signed_in(User.objects.create_user(username="olga", name="Olga", is_staff=True))


def publish(staff: APIClient, content: str, name: str = "greeting", **more: Any) -> Any:
    body = {"content": content, "variables": {"name": {"type": "string"}}, **more}
    return staff.post(f"/v1/prompts/{name}/versions", body, format="json")


@pytest.fixture
def greeting(staff: APIClient) -> str:
    assert (
        staff.post("/v1/prompts", {"name": "greeting", "description": "Says hello"}, format="json").status_code == 201
    )
    assert publish(staff, "Hello {{ name }}.\n").json()["version"] == "1.0.0"
    return "/v1/prompts/greeting"


def test_the_products_prompts_are_there_in_production_and_installing_again_changes_nothing(ana: APIClient) -> None:
    shown = ana.get("/v1/prompts/refine_system").json()
    assert (shown["built_in"], shown["labels"], shown["latest"]) == (True, {"production": "1.0.0"}, "1.0.0")
    assert {one["name"] for one in ana.get("/v1/prompts?limit=200").json()["results"]} >= {"refine_user", "form_diff"}
    before = Prompt.objects.get(name="refine_system").versions.count()
    prompts.install()
    assert Prompt.objects.get(name="refine_system").versions.count() == before
    version = ana.get("/v1/prompts/refine_system/versions/production").json()
    assert set(version["variables"]) == {"mark", "form"}


def test_versions_count_on_by_what_changed_and_never_change(staff: APIClient, greeting: str) -> None:
    assert publish(staff, "Hi {{ name }}.\n").json()["version"] == "1.1.0"
    assert publish(staff, "Hi, {{ name }}.\n", bump="patch").json()["version"] == "1.1.1"
    assert publish(staff, "Bye {{ name }}.\n", bump="major").json()["version"] == "2.0.0"
    assert publish(staff, "x", version="2.0.0").json()["code"] == "prompt_taken"
    assert publish(staff, "x", version="two").json()["code"] == "prompt_invalid"
    assert [one["version"] for one in staff.get(f"{greeting}/versions").json()["results"]] == [
        "2.0.0", "1.1.1", "1.1.0", "1.0.0",
    ]  # fmt: skip
    assert staff.get(f"{greeting}/versions/1.0.0").json()["content"] == "Hello {{ name }}.\n"
    assert staff.get(f"{greeting}/versions/9.9.9").status_code == 404


def test_a_label_moves_and_rolls_back(staff: APIClient, greeting: str) -> None:
    publish(staff, "Hi {{ name }}.\n")
    for version in ("1.0.0", "1.1.0"):
        staff.post(f"{greeting}/labels", {"version": version}, format="json")
    assert staff.get(greeting).json()["labels"] == {"production": "1.1.0"}
    assert prompts.in_production(["greeting"])["greeting"].content == "Hi {{ name }}.\n"
    assert staff.post(f"{greeting}/rollback", {}, format="json").json()["labels"] == {"production": "1.0.0"}
    assert prompts.at_hand(["greeting"]) is None, "what was at hand is dropped when the label moves"
    assert prompts.in_production(["greeting"])["greeting"].label == "greeting@1.0.0"
    alone = staff.post(f"{greeting}/rollback", {"label": "candidate"}, format="json")
    assert (alone.status_code, alone.json()["code"]) == (409, "nothing_to_roll_back")
    assert staff.post(f"{greeting}/labels", {"label": "x", "version": "1.0.0"}, format="json").status_code == 422


def test_versions_are_compared_tried_and_followed_to_their_uses(cast: Cast, staff: APIClient, greeting: str) -> None:
    publish(staff, "Hi {{ name }}.\n")
    diff = staff.get(f"{greeting}/diff?from=1.0.0&to=1.1.0").json()["diff"]
    assert "-Hello {{ name }}.\n+Hi {{ name }}.\n" in diff
    tried = staff.post(f"{greeting}/render", {"version": "1.1.0", "values": {"name": "Ada"}}, format="json").json()
    assert tried["text"] == "Hi Ada.\n"
    draft = {"content": "{{ n }} times {{ name }}", "values": {"name": "Ada", "n": 2}}
    assert staff.post(f"{greeting}/render", draft, format="json").json()["text"] == "2 times Ada"
    ModelCall.objects.create(endpoint="x", outcome="completed", prompt_version="greeting@1.1.0", node_id="hello")
    [use] = staff.get(f"{greeting}/uses").json()["results"]
    assert (use["version"], use["node_id"], use["calls"]) == ("1.1.0", "hello", 1)


def test_a_text_that_may_not_run_or_that_nothing_fills_is_refused(staff: APIClient, greeting: str) -> None:
    for content in ("{{ ''.__class__ }}", "{% include 'x' %}", "{{ name", "{{ other }}"):
        refused = publish(staff, content)
        assert (refused.status_code, refused.json()["code"]) == (422, "prompt_invalid"), content
    unfilled = publish(staff, "{{ mark }} {{ secret }}", name="refine_system")
    assert "nothing fills the places ['secret']" in unfilled.json()["detail"]
    assert publish(staff, "Only {{ form }}", name="refine_system").status_code == 201
    bad = staff.post(f"{greeting}/render", {"content": "{{ x.__class__ }}", "values": {"x": "a"}}, format="json")
    assert bad.status_code == 422


def test_a_draft_that_burns_is_refused_with_its_line(staff: APIClient, greeting: str) -> None:
    content = "Hello.\n{% for a in x %}{% for b in x %}{% endfor %}{% endfor %}"
    asked = {"content": content, "values": {"x": "a" * 15_000}}
    refused = staff.post(f"{greeting}/render", asked, format="json")
    assert (refused.status_code, refused.json()["code"]) == (422, "prompt_invalid")
    assert "line 2, cannot be rendered: rendering takes more than 200000 steps" in refused.json()["detail"]


def test_only_staff_publishes_and_moves(ana: APIClient, staff: APIClient, greeting: str) -> None:
    assert publish(ana, "Mine").status_code == 403
    assert ana.post("/v1/prompts", {"name": "mine"}, format="json").status_code == 403
    assert ana.post(f"{greeting}/labels", {"version": "1.0.0"}, format="json").status_code == 403
    assert ana.post(f"{greeting}/rollback", {}, format="json").status_code == 403
