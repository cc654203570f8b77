"""Endpoints, budgets and the ledger's sums over REST, with a real model server where one is asked."""

import json
from collections.abc import Iterator
from decimal import Decimal
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from pytest_django import Settings
from rest_framework.test import APIClient

from graphs_app.models import Run, RunStatus
from refine_app.models import Budget, Endpoint, ModelCall
from refine_app.services import ready_made
from sessions_app.models import User
from tests.model_server import Behaviour, ModelServer
from tests.refine_app.cast import NOON, Cast, make_cast

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast(db: None, settings: Settings) -> Cast:
    settings.PRIVATE_ENDPOINTS_ALLOWED = True
    ready_made.install()
    return make_cast()


@pytest.fixture(scope="module")
def model() -> Iterator[ModelServer]:
    with ModelServer() as server:
        yield server


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


def add(staff: APIClient, **fields: Any) -> Any:
    body = {"slug": "mine", "model": "stand-in", "url": "http://127.0.0.1:9/v1", **fields}
    return staff.post("/v1/endpoints", body, format="json")


def test_ready_made_endpoints_are_there_and_off_until_their_token_is(
    ana: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = {one["slug"]: one for one in ana.get("/v1/endpoints").json()["results"]}
    assert {"hf-deepseek", "hf-mistral", "deepseek", "mistral", "gemini"} <= shown.keys()
    assert not any(one["available"] for one in shown.values())
    monkeypatch.setenv("MISTRAL_API_KEY", "canary-1234")
    answer = ana.get("/v1/endpoints")
    assert [one["slug"] for one in answer.json()["results"] if one["available"]] == ["mistral"]
    assert "canary" not in answer.content.decode()


def test_the_environment_alone_makes_endpoints_which_nobody_changes_here(
    ana: APIClient, staff: APIClient, settings: Settings
) -> None:
    settings.MODEL_ENDPOINT_URL, settings.MODEL_ENDPOINT_MODEL = "http://127.0.0.1:9/v1", "mine"
    settings.HF_TOKEN = "hf_CANARY"
    results = ana.get("/v1/endpoints").json()["results"]
    assert [(one["slug"], one["given"], one["available"]) for one in results[:2]] == [
        ("environment", True, True),
        ("huggingface", True, True),
    ]
    assert {one["slug"] for one in results if one["available"]} >= {"hf-deepseek", "hf-mistral"}
    assert ana.get("/v1/endpoints/environment").json()["url"] == "", "where it is is staff's matter"
    seen = staff.get("/v1/endpoints/environment").json()
    assert seen["url"] == "http://127.0.0.1:9/v1"
    assert "CANARY" not in json.dumps(staff.get("/v1/endpoints").json())
    refused = staff.patch("/v1/endpoints/environment", {"tier": "fast"}, format="json")
    assert (refused.status_code, refused.json()["code"]) == (409, "endpoint_is_given")


def test_staff_adds_changes_and_deletes_an_endpoint_and_others_do_not(ana: APIClient, staff: APIClient) -> None:
    assert add(ana).status_code == 403
    made = add(staff, input_usd="0.5", output_usd="1.5", tier="fast")
    assert (made.status_code, made["Location"]) == (201, "/v1/endpoints/mine")
    assert (made.json()["input_usd"], made.json()["available"]) == ("0.500000", True)
    assert add(staff).json()["code"] == "endpoint_taken"
    changed = staff.patch("/v1/endpoints/mine", {"enabled": False, "max_concurrency": 3}, format="json").json()
    assert (changed["available"], changed["why_off"], changed["max_concurrency"]) == (False, "it is switched off", 3)
    assert ana.patch("/v1/endpoints/mine", {"enabled": True}, format="json").status_code == 403
    assert ana.delete("/v1/endpoints/mine").status_code == 403
    assert staff.delete("/v1/endpoints/mine").status_code == 204
    assert staff.get("/v1/endpoints/mine").status_code == 404


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"url": "ftp://models.example/v1"}, "/url"),
        ({"url": "http://me:secret@models.example/v1"}, "/url"),
        ({"url": "http://169.254.169.254/latest"}, "/url"),
        ({"url": "http://[::ffff:a9fe:a9fe]/"}, "/url"),
        ({"kind": "hugging_face", "url": ""} | {"model": ""}, "/model"),
        ({"secret": "SECRET_KEY"}, "/secret"),
        ({"secret": "DATABASE_URL"}, "/secret"),
        ({"secret": "HF_TOKEN"}, "/secret"),
        ({"secret": "MODEL_ENDPOINT_TOKEN"}, "/secret"),
    ],
)
def test_an_endpoint_that_could_leak_or_reach_inside_is_refused(
    staff: APIClient, fields: dict[str, Any], pointer: str
) -> None:
    refused = add(staff, **fields)
    assert (refused.status_code, refused.json()["code"]) == (422, "endpoint_invalid")
    assert refused.json()["errors"][0]["pointer"] == pointer
    assert not Endpoint.objects.filter(slug="mine").exists()


def test_addresses_inside_the_network_need_the_operators_word(staff: APIClient, settings: Settings) -> None:
    settings.PRIVATE_ENDPOINTS_ALLOWED = False
    for url in ("http://127.0.0.1/v1", "http://0x7f.1/v1", "http://localhost./v1", "http://10.0.0.1/", "http://[::1]/"):
        assert add(staff, url=url).status_code == 422, url
    assert add(staff, url="https://models.example/v1").status_code == 201


def test_a_test_tells_the_status_the_latency_and_the_model_and_is_in_the_ledger(
    staff: APIClient, model: ModelServer
) -> None:
    add(staff, url=model.url, input_usd="1", output_usd="1")
    model.then(Behaviour(answer="ready"))
    told = staff.post("/v1/endpoints/mine/test").json()
    assert (told["ok"], told["status"], told["model"], told["answer"]) == (True, "completed", "stand-in", "ready")
    assert told["latency_ms"] > 0
    call = ModelCall.objects.get()
    assert (call.endpoint, call.agent, call.outcome, call.user) == ("mine", "test", "completed", User.objects.last())
    assert call.cost_usd


@pytest.mark.parametrize(
    ("fault", "status", "words"),
    [
        (Behaviour(status=401), "unauthorized", "Check the endpoint's token"),
        (Behaviour(status=503), "endpoint_loading", "503"),
        (Behaviour(raw=b"data: {not json\n\n"), "invalid_output", "chat protocol"),
    ],
)
def test_a_test_that_fails_says_why_in_words(
    staff: APIClient, model: ModelServer, fault: Behaviour, status: str, words: str
) -> None:
    add(staff, url=model.url)
    model.then(fault)
    answer = staff.post("/v1/endpoints/mine/test")
    told = answer.json()
    assert (answer.status_code, told["ok"], told["status"]) == (200, False, status)
    assert words in told["reason"]


def test_a_test_of_an_endpoint_without_its_token_says_which_is_missing(staff: APIClient, ana: APIClient) -> None:
    told = staff.post("/v1/endpoints/gemini/test").json()
    assert (told["status"], told["reason"]) == ("unauthorized", "There is no GEMINI_API_KEY in the environment.")
    assert ana.post("/v1/endpoints/gemini/test").status_code == 403


def test_the_command_tests_every_endpoint_that_can_be_called(staff: APIClient, model: ModelServer) -> None:
    add(staff, url=model.url)
    model.then(Behaviour(answer="ready"), Behaviour(status=401))
    out = StringIO()
    call_command("check_endpoints", stdout=out)
    assert "mine" in out.getvalue()
    assert "gemini" not in out.getvalue()
    with pytest.raises(SystemExit):
        call_command("check_endpoints", "mine", json=True, stdout=out)
    assert '"status": "unauthorized"' in out.getvalue()


def test_an_operator_sees_and_sets_the_breaker(staff: APIClient, ana: APIClient) -> None:
    add(staff)
    opened = staff.post("/v1/endpoints/mine/breaker", {"state": "open"}, format="json").json()
    assert (opened["health"]["breaker"], opened["health"]["forced"]) == ("open", "open")
    closed = staff.post("/v1/endpoints/mine/breaker", {"state": "auto"}, format="json").json()
    assert closed["health"]["breaker"] == "closed"
    assert ana.post("/v1/endpoints/mine/breaker", {"state": "open"}, format="json").status_code == 403


# Money --------------------------------------------------------------------------------------------


def call(cast: Cast, run: Run, node: str, cost: str | None, **more: Any) -> ModelCall:
    fields = {
        "user": cast.ana, "session": cast.session, "run": run, "root_run": run.pk, "node_id": node, "agent": "refiner",
        "endpoint": "mine", "prompt_tokens": 10, "completion_tokens": 5, "outcome": "completed", "created_at": NOON,
        "cost_usd": None if cost is None else Decimal(cost),
    }  # fmt: skip
    return ModelCall.objects.create(**(fields | more))


def test_the_ledger_is_summed_by_whatever_is_asked(cast: Cast, ana: APIClient) -> None:
    run = cast.asked().run
    call(cast, run, "rewrite", "0.02")
    call(cast, run, "rewrite", "0.01", outcome="stream_broken", tokens_estimated=True)
    call(cast, run, "judge", None)
    total = ana.get("/v1/model-calls/sums").json()["results"]
    assert [(one["calls"], one["completed"], one["cost_usd"], one["unpriced_calls"]) for one in total] == [
        (3, 2, "0.03000000", 1)
    ]
    by_node = ana.get(f"/v1/model-calls/sums?by=node&run={run.pk}").json()["results"]
    assert [(one["key"], one["prompt_tokens"], one["cost_usd"]) for one in by_node] == [
        ("rewrite", 20, "0.03000000"),
        ("judge", 10, None),
    ]
    for by in ("run", "agent", "workflow", "user", "day", "endpoint", "session", "model", "prompt", "outcome"):
        assert ana.get(f"/v1/model-calls/sums?by={by}").json()["results"][0]["calls"] >= 1, by
    assert ana.get("/v1/model-calls/sums?by=day").json()["results"][0]["key"] == "2030-01-01"


def test_nobody_sees_what_others_spent_but_in_a_session_they_share(cast: Cast, staff: APIClient) -> None:
    call(cast, cast.asked().run, "rewrite", "0.02")
    ben, sam = signed_in(cast.ben), signed_in(cast.sam)
    assert ben.get(f"/v1/model-calls/sums?session={cast.session.pk}").json()["results"][0]["calls"] == 1
    assert ben.get("/v1/model-calls/sums").json()["results"][0]["calls"] == 0
    assert sam.get(f"/v1/model-calls/sums?session={cast.session.pk}").status_code == 404
    assert staff.get("/v1/model-calls/sums?by=user").json()["results"][0]["key"] == str(cast.ana.pk)


def test_budgets_are_set_by_staff_and_by_the_owner_of_a_session(cast: Cast, ana: APIClient, staff: APIClient) -> None:
    day = {"scope": "user", "period": "day", "limit_usd": "2.50"}
    assert ana.post("/v1/budgets", day, format="json").status_code == 403
    made = staff.post("/v1/budgets", day, format="json").json()
    again = staff.post("/v1/budgets", day | {"limit_usd": "3"}, format="json").json()
    assert (made["id"], again["limit_usd"]) == (again["id"], "3.000000")
    own = {"scope": "session", "subject": str(cast.session.pk), "limit_usd": "1"}
    assert ana.post("/v1/budgets", own, format="json").status_code == 200
    assert signed_in(cast.ben).post("/v1/budgets", own, format="json").status_code == 403
    assert [one["scope"] for one in ana.get("/v1/budgets").json()["results"]] == ["session"]
    assert len(staff.get("/v1/budgets").json()["results"]) == 2
    assert staff.delete(f"/v1/budgets/{made['id']}").status_code == 204
    assert Budget.objects.count() == 1


def test_a_runs_budget_is_shown_and_only_ever_raised(cast: Cast, ana: APIClient) -> None:
    run = cast.asked(budget_usd=Decimal("0.05")).run
    call(cast, run, "rewrite", "0.02")
    shown = ana.get(f"/v1/runs/{run.pk}/budget").json()
    assert [(one["name"], Decimal(one["left_usd"])) for one in shown["budgets"]] == [("run", Decimal("0.03"))]
    raised = ana.post(f"/v1/runs/{run.pk}/budget", {"budget_usd": "0.10"}, format="json").json()
    assert Decimal(raised["budget_usd"]) == Decimal("0.1")
    lower = ana.post(f"/v1/runs/{run.pk}/budget", {"budget_usd": "0.01"}, format="json")
    assert (lower.status_code, lower.json()["code"]) == (422, "amount_invalid")
    assert signed_in(cast.vera).post(f"/v1/runs/{run.pk}/budget", {"budget_usd": "1"}, format="json").status_code == 403
    assert signed_in(cast.sam).post(f"/v1/runs/{run.pk}/budget", {"budget_usd": "1"}, format="json").status_code == 404


def test_an_estimate_comes_from_history_scaled_by_the_text(cast: Cast, ana: APIClient) -> None:
    path = f"/v1/sessions/{cast.session.pk}/estimate"
    body = {"intent": "refine_code", "instruction": "tidy"}
    first = ana.post(path, body, format="json").json()
    assert (first["graph"], first["basis"], first["cost_usd"]) == ("refine_code", "text", None)
    text = cast.document.text
    for n in range(1, 6):
        run = cast.asked(status=RunStatus.COMPLETED, initial_state={"code": text}).run
        Run.objects.filter(pk=run.pk).update(prompt_tokens=100 * n, completion_tokens=50, cost_usd=Decimal(n) / 100)
    told = ana.post(path, body, format="json").json()
    assert (told["basis"], told["runs"]) == ("history", 5)
    assert (told["prompt_tokens"]["middle"], told["cost_usd"]["middle"]) == ("300", "0.030000")
    assert Decimal(told["cost_usd"]["low"]) <= Decimal("0.02") <= Decimal(told["cost_usd"]["high"])
