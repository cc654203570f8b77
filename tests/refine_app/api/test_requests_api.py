from typing import Any
from uuid import uuid4

import pytest
from rest_framework.test import APIClient

from graphs_app.models import Run, RunStatus
from refine_app.models import Request
from sessions_app.models import User
from tests.graphs_app.cast import keep, line, node
from tests.refine_app.cast import BOTH_ENDS_CHANGED, Cast, make_cast

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast(db: None) -> Cast:
    return make_cast()


def signed_in(user: User) -> APIClient:
    client = APIClient()
    client.force_authenticate(user)
    return client


@pytest.fixture
def ana(cast: Cast) -> APIClient:
    return signed_in(cast.ana)


def ask(client: APIClient, cast: Cast, body: dict[str, Any], **headers: str) -> Any:
    path = f"/v1/sessions/{cast.session.pk}/requests"
    return client.post(path, body, format="json", headers=headers or None)


def test_a_request_is_accepted_with_its_run_and_where_to_read_it(cast: Cast, ana: APIClient) -> None:
    answer = ask(ana, cast, {"intent": "refine_code", "instruction": "use words"})
    shown = answer.json()
    assert (answer.status_code, answer["Location"]) == (202, f"/v1/requests/{shown['id']}")
    assert set(shown) >= {"id", "session", "intent", "instruction", "parent", "created_at", "run"}
    assert (shown["session"], shown["intent"], shown["instruction"]) == (
        str(cast.session.pk),
        "refine_code",
        "use words",
    )
    assert (shown["parent"], shown["by"]["name"], shown["base_revision"]) == (None, "Ana", 1)
    run = shown["run"]
    assert (run["status"], run["graph"], run["session"], run["state"]) == (
        "queued",
        "refine_code",
        str(cast.session.pk),
        None,
    )
    assert run["initial_state"]["instruction"] == "use words"
    assert ana.get(answer["Location"]).json() == shown


def test_the_intent_may_be_left_to_the_router(cast: Cast, ana: APIClient) -> None:
    shown = ask(ana, cast, {"instruction": "please review this"}).json()
    assert shown["intent"] == shown["run"]["graph"] == "code_review"
    assert "'review' asks for a review" in shown["routing_reason"]


def test_a_redesign_may_be_left_to_the_router_too(cast: Cast, ana: APIClient) -> None:
    named = ask(ana, cast, {"intent": "auto", "instruction": "Do something", "graph": "code_review"}).json()
    assert (named["intent"], named["run"]["initial_state"]["graph"]) == ("redesign_graph", "code_review")
    keep(cast.ana, line("Mine", node("a", "set_state", {"values": {"n": 1}})))
    own = ask(ana, cast, {"instruction": "Redesign my graph so it is faster"}).json()
    assert (own["intent"], own["run"]["initial_state"]["graph"]) == ("redesign_graph", "mine")
    assert "'Redesign my graph' asks for another graph" in own["routing_reason"]


@pytest.mark.parametrize(
    "instruction", ["Optimize the graph traversal in walk()", "Redesign the graph class", "Fix it"]
)
def test_words_about_a_graph_in_the_code_ask_for_no_redesign(cast: Cast, ana: APIClient, instruction: str) -> None:
    keep(cast.ana, line("Mine", node("a", "set_state", {"values": {"n": 1}})))
    assert ask(ana, cast, {"instruction": instruction}).json()["intent"] == "refine_code"


def test_the_same_key_starts_one_run(cast: Cast, ana: APIClient) -> None:
    body = {"intent": "refine_code", "instruction": "use words"}
    first = ask(ana, cast, body, **{"Idempotency-Key": "k1"})
    again = ask(ana, cast, body, **{"Idempotency-Key": "k1"})
    assert (again.status_code, again.json(), again["Location"]) == (202, first.json(), first["Location"])
    assert Run.objects.count() == 1
    other = ask(ana, cast, body | {"instruction": "something else"}, **{"Idempotency-Key": "k1"})
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({}, 422, "invalid"),
        ({"instruction": ""}, 422, "instruction_empty"),
        ({"instruction": "x" * 10_001}, 422, "instruction_too_long"),
        ({"instruction": "x", "intent": "make_coffee"}, 422, "unknown_intent"),
        ({"instruction": "x", "parent": str(uuid4())}, 422, "parent_not_in_session"),
        ({"instruction": "x", "parent": "me"}, 422, "invalid"),
        ({"instruction": "x", "intent": "ask", "graph": "code_review"}, 422, "graph_not_expected"),
        ({"instruction": "x", "graph": "no_such_graph"}, 404, "graph_not_found"),
        ({"instruction": "Redesign my graph so it is faster"}, 422, "graph_needed"),
        ({"instruction": ["x"]}, 422, "invalid"),
        ({"instruction": "a\0b"}, 422, "invalid_text"),
    ],
)
def test_what_cannot_be_done_is_a_problem_with_a_code(
    cast: Cast, ana: APIClient, body: dict[str, Any], status: int, code: str
) -> None:
    answer = ask(ana, cast, body)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer["Content-Type"].startswith("application/problem+json")
    assert (Request.objects.count(), Run.objects.count()) == (0, 0)


def test_an_empty_document_is_a_problem_with_a_code(cast: Cast, ana: APIClient) -> None:
    cast.write("")
    answer = ask(ana, cast, {"instruction": "use words"})
    assert (answer.status_code, answer.json()["code"]) == (422, "empty_document")


def test_a_viewer_may_not_ask_and_a_stranger_finds_no_session(cast: Cast) -> None:
    for user, status in ((cast.vera, 403), (cast.sam, 404)):
        assert ask(signed_in(user), cast, {"instruction": "use words"}).status_code == status


def test_requests_are_listed_newest_first_without_the_states_of_their_runs(cast: Cast, ana: APIClient) -> None:
    first = cast.asked("one", status=RunStatus.COMPLETED, state={"code": BOTH_ENDS_CHANGED})
    second = cast.asked("two", parent=first)
    listed = ana.get(f"/v1/sessions/{cast.session.pk}/requests").json()["results"]
    assert [(shown["id"], shown["parent"]) for shown in listed] == [
        (str(second.pk), str(first.pk)),
        (str(first.pk), None),
    ]
    assert [shown["run"]["status"] for shown in listed] == ["running", "completed"]
    assert not {"state", "initial_state"} & set(listed[0]["run"])


def test_listing_many_requests_takes_as_many_queries_as_listing_one(
    cast: Cast, ana: APIClient, django_assert_max_num_queries: Any
) -> None:
    for n in range(10):
        cast.asked(f"{n}", status=RunStatus.COMPLETED)
    with django_assert_max_num_queries(8):
        ana.get(f"/v1/sessions/{cast.session.pk}/requests")
