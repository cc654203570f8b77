"""A whole request on this process's worker with a real model server: what it costs, and what comes when money ends."""

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from pytest_django import Settings
from rest_framework.test import APIClient

from graphs_app import worker
from graphs_app.models import Graph, Interrupt, Run, RunStatus
from graphs_app.services import execution, runs, sweeping
from graphs_app.services.graphs import create_graph
from refine_app.models import Endpoint, ModelCall, Proposal, Request
from refine_app.services.built_in_graphs import install_built_in_graphs
from refine_app.services.requests import make_request
from sessions_app.models import User
from tests.graphs_app.cast import wait_until
from tests.model_server import Behaviour, ModelServer
from tests.refine_app.cast import Cast, make_cast

pytestmark = pytest.mark.django_db(transaction=True)

CODE = "def same(a):\n    return a == None\n"


@pytest.fixture(scope="module")
def one_model() -> Iterator[ModelServer]:
    with ModelServer() as server:
        yield server


@pytest.fixture
def model(one_model: ModelServer, transactional_db: None, settings: Settings) -> Iterator[ModelServer]:
    one_model.script.clear()
    one_model.requests.clear()
    one_model.default = Behaviour()
    settings.PRIVATE_ENDPOINTS_ALLOWED = True
    settings.MODEL_ENDPOINT_URL = settings.HF_TOKEN = ""
    install_built_in_graphs()
    Endpoint.objects.all().delete()
    add("mine", one_model, input_usd=1, output_usd=1)
    yield one_model
    worker.stop(grace_s=0)


def add(slug: str, model: ModelServer | None = None, **fields: Any) -> Endpoint:
    url = model.url if model is not None else "http://127.0.0.1:9/v1"
    values: dict[str, Any] = {"slug": slug, "model": "stand-in", "url": url, "idle_timeout_s": 5.0}
    return Endpoint.objects.create(**(values | fields))


def ask(cast: Cast, *, budget: str | None = None, **run: Any) -> Request:
    request = make_request(
        user=cast.ana, session_id=cast.session.pk, intent="refine_code", instruction="tidy", now=cast.later()
    )
    Run.objects.filter(pk=request.run_id).update(budget_usd=budget and Decimal(budget), **run)
    return request


def work(request: Request) -> Run:
    """Executes the request's run until it ends or pauses."""
    going_on = execution.execute(run_id=request.run_id)
    assert going_on is not None
    going_on.result(timeout=60)
    return Run.objects.get(pk=request.run_id)


def answered(request: Request, value: Any) -> None:
    """A person's answer to what the run asks, over REST."""
    [asked] = read(f"/v1/runs/{request.run_id}", request.user).json()["interrupts"]
    said = client_of(request.user).post(
        f"/v1/runs/{request.run_id}/resume", {"interrupt": asked["id"], "value": value}, format="json"
    )
    assert said.status_code == 202, said.content


def test_the_ledger_and_the_run_agree_to_the_token_with_the_server(model: ModelServer) -> None:
    cast = make_cast(CODE)
    run = work(ask(cast))
    assert run.status == RunStatus.COMPLETED
    call = ModelCall.objects.get()
    assert (call.outcome, call.endpoint, call.agent, call.accounted) == ("completed", "mine", "refiner", True)
    assert (run.prompt_tokens, run.completion_tokens) == (call.prompt_tokens, call.completion_tokens)
    assert call.completion_tokens == len(str(run.state and proposal_text(model))) // 4
    assert run.cost_usd == call.cost_usd == Decimal(call.prompt_tokens + call.completion_tokens) / 1_000_000
    assert "low complexity" in call.reason
    assert "at most $" in call.reason
    shown = read(f"/v1/runs/{run.pk}/node-runs/{call.node_run}/model-calls", cast.ana).json()["model_calls"]
    assert [(one["prompt"], one["reply"]) for one in shown] == [
        (model.requests[-1].body["messages"], proposal_text(model))
    ]
    assert (shown[0]["id"], shown[0]["truncated"], shown[0]["kept"]) == (str(call.pk), False, True)


def read(path: str, user: User | None) -> Any:
    return client_of(user).get(path)


def client_of(user: User | None) -> APIClient:
    client = APIClient()
    client.force_authenticate(user)
    return client


def proposal_text(model: ModelServer) -> str:
    """What the server said."""
    return str(model.default.answer(model.requests[-1].body["messages"]) if callable(model.default.answer) else "")


def test_attempts_that_fail_have_their_rows_and_are_paid(model: ModelServer) -> None:
    model.then(Behaviour(hang_up_after=2, chunk=10))
    cast = make_cast(CODE)
    run = work(ask(cast))
    assert run.status == RunStatus.COMPLETED
    broken, whole = ModelCall.objects.order_by("pk")
    assert (broken.outcome, broken.discarded, broken.attempt) == ("stream_broken", 20, 1)
    assert (whole.outcome, whole.discarded, whole.attempt, whole.duplicate) == ("completed", 0, 2, False)
    assert run.prompt_tokens == broken.prompt_tokens + whole.prompt_tokens
    assert run.completion_tokens == broken.completion_tokens + whole.completion_tokens


def test_an_endpoint_that_does_not_answer_gives_way_to_the_next(model: ModelServer) -> None:
    Endpoint.objects.all().delete()
    add("away", None, tier="fast", input_usd=0, output_usd=0)
    add("there", model, tier="strong", input_usd=1, output_usd=1)
    run = work(ask(make_cast(CODE)))
    assert run.status == RunStatus.COMPLETED
    first, second = ModelCall.objects.order_by("pk")
    assert (first.endpoint, first.outcome, first.attempt) == ("away", "endpoint_unavailable", 1)
    assert (second.endpoint, second.outcome, second.attempt) == ("there", "completed", 1)
    assert "after EndpointUnavailable" in second.reason
    assert Proposal.objects.get().endpoint == "there"


def test_a_run_at_the_end_of_its_budget_waits_and_goes_on_when_it_is_raised(model: ModelServer) -> None:
    request = ask(make_cast(CODE), budget="0.0001")
    run = work(request)
    assert (run.status, model.count) == (RunStatus.INTERRUPTED, 0)
    question = Interrupt.objects.get()
    assert "Nothing was asked" in question.question
    assert question.schema["properties"]["choice"]["enum"] == ["raise", "cheaper", "stop"]
    assert ModelCall.objects.count() == 0
    answered(request, {"choice": "raise", "budget_usd": 1})
    run = work(request)
    assert (run.status, run.budget_usd, model.count) == (RunStatus.COMPLETED, Decimal(1), 1)
    assert Proposal.objects.count() == 1


def test_at_the_end_of_a_budget_a_cheaper_model_can_be_taken(model: ModelServer) -> None:
    Endpoint.objects.update(input_usd=1000, output_usd=1000)
    request = ask(make_cast(CODE), budget="0.05")
    assert work(request).status == RunStatus.INTERRUPTED
    add("cheap", model, input_usd=1, output_usd=1)
    answered(request, {"choice": "cheaper"})
    assert work(request).status == RunStatus.COMPLETED
    assert [call.endpoint for call in ModelCall.objects.all()] == ["cheap"]


def test_at_the_end_of_a_budget_a_run_can_stop_with_what_there_is(model: ModelServer) -> None:
    request = ask(make_cast(CODE), budget="0.0001")
    work(request)
    answered(request, {"choice": "stop"})
    run = work(request)
    assert (run.status, run.error["code"] if run.error else "") == (RunStatus.FAILED, "budget_exhausted")
    assert model.count == 0
    assert run.checkpoints == 2


def test_nobody_answers_and_the_run_stops_by_itself_with_what_there_is(model: ModelServer, settings: Settings) -> None:
    settings.BUDGET_QUESTION_S = 0.001
    request = ask(make_cast(CODE), budget="0.0001")
    assert work(request).status == RunStatus.INTERRUPTED
    asked = Interrupt.objects.get()
    assert (asked.has_default, asked.default) == (True, {"choice": "stop"})
    wait_until(lambda: sweeping.expire_interrupts() == 1, within_s=10)
    run = work(request)
    assert (run.status, run.error and run.error["code"]) == (RunStatus.FAILED, "budget_exhausted")
    assert (model.count, run.checkpoints) == (0, 2)
    assert run.state
    assert run.state["code"] == CODE


def started_by_program(cast: Cast, graph: Graph, **given: Any) -> Run:
    body = {"graph": graph.slug, "session": str(cast.session.pk), "initial_state": {"instruction": "Is it good?"}}
    answer = client_of(cast.ana).post("/v1/runs", body | given, format="json")
    assert answer.status_code == 202, answer.content
    run = Run.objects.get(pk=answer.json()["id"])
    going_on = execution.execute(run_id=run.pk)
    assert going_on is not None
    going_on.result(timeout=60)
    run.refresh_from_db()
    return run


def test_a_run_that_was_told_so_from_the_start_ends_at_its_budget_without_asking(model: ModelServer) -> None:
    cast = make_cast(CODE)
    graph = create_graph(user=cast.ana, definition=ROUND)
    run = started_by_program(cast, graph, budget_usd="0.000001", at_budget="stop")
    assert (run.status, run.error and run.error["code"]) == (RunStatus.FAILED, "budget_exhausted")
    assert (Interrupt.objects.count(), model.count, run.checkpoints) == (0, 0, 1)
    assert len(cast.told("budget.exceeded")) == 1
    shown = read(f"/v1/runs/{run.pk}", cast.ana).json()
    assert (shown["at_budget"], Decimal(shown["budget_usd"])) == ("stop", Decimal("0.000001"))
    body = {"graph": graph.slug, "at_budget": "wait"}
    assert client_of(cast.ana).post("/v1/runs", body, format="json").status_code == 422


def test_a_graphs_budget_holds_for_all_of_its_runs_and_no_others(model: ModelServer) -> None:
    model.default = Behaviour(answer="enough")
    cast = make_cast(CODE)
    graph = create_graph(user=cast.ana, definition=ROUND)
    other = create_graph(user=cast.ana, definition=ROUND | {"name": "Another"})
    budget = {"scope": "graph", "subject": str(graph.pk), "limit_usd": "0.01"}
    assert client_of(cast.sam).post("/v1/budgets", budget, format="json").status_code == 404
    assert client_of(cast.ana).post("/v1/budgets", budget, format="json").status_code == 200
    assert [one["scope"] for one in read("/v1/budgets", cast.ana).json()["results"]] == ["graph"]
    assert started_by_program(cast, graph).status == RunStatus.COMPLETED
    ModelCall.objects.update(cost_usd=Decimal("0.0099"))
    run = started_by_program(cast, graph, at_budget="stop")
    assert (run.status, model.count) == (RunStatus.FAILED, 1)
    assert run.error
    assert "The budget of its graph is $0.01" in run.error["message"]
    held = read(f"/v1/runs/{run.pk}/budget", cast.ana).json()["budgets"]
    assert [(one["name"], Decimal(one["spent_usd"])) for one in held] == [("graph", Decimal("0.0099"))]
    assert started_by_program(cast, other, at_budget="stop").status == RunStatus.COMPLETED


def test_a_runaway_loop_is_stopped_by_its_budget_before_the_call_that_would_pass_it(model: ModelServer) -> None:
    """A model that is never satisfied: each round is paid, until the next could pass the budget."""
    model.default = Behaviour(answer="```python\ndef same(:\n```\n")
    request = ask(make_cast(CODE), budget="0.0035")
    run = work(request)
    spent = sum(call.cost_usd or 0 for call in ModelCall.objects.all())
    assert run.status == RunStatus.INTERRUPTED
    assert 1 <= model.count < 4
    assert 0 < spent <= Decimal("0.0035")
    assert run.cost_usd == spent


def test_no_token_of_an_endpoint_is_in_anything_that_is_kept(
    model: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MINE_API_KEY", "sk-CANARY")
    Endpoint.objects.update(secret="MINE_API_KEY")
    run = work(ask(make_cast(CODE)))
    assert model.requests[0].headers["authorization"] == "Bearer sk-CANARY"
    kept = [run.state, run.error, run.metadata, *ModelCall.objects.values(), *run.node_runs.values()]
    assert "CANARY" not in json.dumps(kept, default=str)
    assert "CANARY" not in json.dumps(model.requests[0].body)


ROUND: dict[str, Any] = {
    "v": 1,
    "name": "Round and round",
    "entry_node": "begin",
    "nodes": [
        {"node_id": "begin", "tool": "compute", "config": {"set": {"begun": "True"}}},
        {"node_id": "ask", "tool": "answer_question"},
        {"node_id": "judge", "tool": "compute", "config": {"set": {"judged": "True"}}},
        {"node_id": "end", "tool": "compute", "config": {"set": {"ended": "True"}}},
    ],
    "edges": [
        {"from_node": "begin", "to_node": "ask"},
        {"from_node": "ask", "to_node": "judge"},
        {"from_node": "judge", "to_node": "ask", "type": "conditional", "condition": "answer != 'enough'"},
        {"from_node": "judge", "to_node": "end"},
    ],
}


def round_and_round(cast: Cast) -> Run:
    graph = create_graph(user=cast.ana, definition=ROUND)
    started = runs.start_run(
        user=cast.ana, graph=graph.slug, session_id=cast.session.pk, initial_state={"instruction": "Is it good?"}
    )
    going_on = execution.execute(run_id=started.pk)
    assert going_on is not None
    going_on.result(timeout=60)
    return Run.objects.get(pk=started.pk)


def test_a_run_that_turns_in_circles_is_taken_back_to_before_its_loop(model: ModelServer) -> None:
    model.then(*[Behaviour(answer="again")] * 2, Behaviour(answer="enough"))
    cast = make_cast(CODE)
    stuck = round_and_round(cast)
    assert (stuck.status, stuck.error["code"] if stuck.error else "") == (RunStatus.FAILED, "run_stuck")
    assert "the very same 2 times, in the very same state" in str(stuck.error)
    [told] = cast.told("run.rolled_back")
    successor = Run.objects.get(forked_from=stuck)
    assert (told["run"], told["successor"]) == (stuck.pk, str(successor.pk))
    assert (told["node_id"], told["checkpoint"], successor.checkpoints) == ("ask", 1, 1)
    again = execution.execute(run_id=successor.pk)
    assert again is None or again.result(timeout=60) is not None
    successor.refresh_from_db()
    assert (successor.status, successor.state["ended"] if successor.state else None) == (RunStatus.COMPLETED, True)
    assert [request.body["temperature"] for request in model.requests] == [0.2, 0.2, 0.7]
    assert successor.metadata["rolled_back"]["run"] == str(stuck.pk)


def test_a_run_that_turns_in_circles_again_is_left_as_it_is(model: ModelServer) -> None:
    model.default = Behaviour(answer="again")
    stuck = round_and_round(make_cast(CODE))
    successor = Run.objects.get(forked_from=stuck)
    again = execution.execute(run_id=successor.pk)
    assert again is None or again.result(timeout=60) is not None
    successor.refresh_from_db()
    assert (successor.status, Run.objects.count(), model.count) == (RunStatus.FAILED, 2, 4)
