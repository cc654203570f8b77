"""Runs over HTTP, in the shapes that programs rely on."""

import json
import time
from typing import Any
from uuid import uuid4

import pytest
from rest_framework.test import APIClient

from graphs_app import definitions, worker
from graphs_app.models import Interrupt, Run
from sessions_app.models import User
from tests.graphs_app import cast
from tests.graphs_app.cast import line, node

RUN_FIELDS = {
    "id", "session", "graph", "graph_version", "status", "priority", "durability", "initial_state", "state", "error",
    "created_at", "started_at", "finished_at", "duration_ms", "progress", "attempt", "forked_from", "interrupts",
    "cost_usd", "tokens", "api_version",
}  # fmt: skip
NODE_RUN_FIELDS = {
    "id", "node_id", "tool", "status", "attempt", "input", "output", "error", "started_at", "finished_at",
    "duration_ms", "endpoint", "tokens", "cost_usd",
}  # fmt: skip


@pytest.fixture
def api(ada: User) -> APIClient:
    client = APIClient()
    client.force_authenticate(ada)
    return client


def client_of(user: User) -> APIClient:
    client = APIClient()
    client.force_authenticate(user)
    return client


def post(api: APIClient, path: str, body: Any = None, **headers: str) -> Any:
    return api.post(path, body if body is not None else {}, format="json", headers=headers)


def begin(api: APIClient, user: User, definition: dict[str, Any] | None = None, **given: Any) -> dict[str, Any]:
    graph = cast.keep(user, definition or cast.SUM)
    answer = post(api, "/v1/runs", {"graph": graph.slug, "initial_state": {}, **given})
    assert answer.status_code == 202, answer.json()
    body: dict[str, Any] = answer.json()
    assert answer.headers["Location"] == f"/v1/runs/{body['id']}"
    return body


def finish(run: dict[str, Any]) -> Run:
    return cast.execute(Run.objects.get(pk=run["id"]))


def test_a_run_is_started_and_read_to_its_end(here: worker.Worker, api: APIClient, ada: User) -> None:
    begun = begin(api, ada, initial_state={"seed": 1}, priority=5)
    assert set(begun) >= RUN_FIELDS
    assert (begun["status"], begun["state"], begun["priority"], begun["progress"]["done"]) == ("queued", None, 5, 0)
    finish(begun)
    run = api.get(f"/v1/runs/{begun['id']}").json()
    assert (run["status"], run["state"], run["attempt"]) == ("completed", {"seed": 1, "n": 5}, 1)
    assert (run["progress"]["done"], run["tokens"], run["cost_usd"]) == (6, {"prompt": 0, "completion": 0}, None)
    assert run["duration_ms"] >= 0
    assert run["started_at"].endswith("Z")
    assert run["api_version"] == "v1"


def test_node_runs_tell_what_each_node_saw_and_wrote(here: worker.Worker, api: APIClient, ada: User) -> None:
    begun = begin(api, ada)
    finish(begun)
    results = api.get(f"/v1/runs/{begun['id']}/node-runs").json()["results"]
    assert set(results[0]) >= NODE_RUN_FIELDS
    assert [(one["node_id"], one["input"], one["output"]) for one in results][:3] == [
        ("start", {}, {"n": 0}),
        ("add", {"n": 0}, {"n": 1}),
        ("add", {"n": 1}, {"n": 2}),
    ]


def test_checkpoints_are_deltas_and_one_shows_the_whole_state(here: worker.Worker, api: APIClient, ada: User) -> None:
    begun = begin(api, ada, initial_state={"seed": 1})
    finish(begun)
    results = api.get(f"/v1/runs/{begun['id']}/checkpoints?limit=2").json()
    assert [(one["number"], one["writes"]) for one in results["results"]] == [(1, {"n": 0}), (2, {"n": 1})]
    assert results["results"][0]["edges_taken"] == [["start", "add"]]
    assert results["next"]
    checkpoint = api.get(f"/v1/runs/{begun['id']}/checkpoints/3").json()
    assert (checkpoint["number"], checkpoint["state"]) == (3, {"seed": 1, "n": 2})
    missing = api.get(f"/v1/runs/{begun['id']}/checkpoints/99")
    assert (missing.status_code, missing.json()["code"]) == (404, "checkpoint_not_found")


def test_the_same_post_again_starts_no_second_run(api: APIClient, ada: User) -> None:
    cast.keep(ada, cast.SUM)
    body = {"graph": "sum", "initial_state": {}}
    first, second = (post(api, "/v1/runs", body, **{"Idempotency-Key": "k1"}) for _ in range(2))
    assert first.json() == second.json()
    assert Run.objects.count() == 1
    other = post(api, "/v1/runs", {**body, "priority": 1}, **{"Idempotency-Key": "k1"})
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")


def test_cancel_is_accepted_once_it_can_be_and_refused_after_the_end(
    here: worker.Worker, api: APIClient, ada: User
) -> None:
    begun = begin(api, ada)
    cancelled = post(api, f"/v1/runs/{begun['id']}/cancel")
    assert (cancelled.status_code, cancelled.json()["status"]) == (202, "cancelled")
    again = post(api, f"/v1/runs/{begun['id']}/cancel")
    assert (again.status_code, again.json()["code"]) == (409, "run_finished")


def test_an_interrupt_is_shown_answered_and_refused_the_second_time(
    here: worker.Worker, api: APIClient, ada: User
) -> None:
    ask = line("Ask", node("ask", "ask_human", {"question": "How many?", "schema": {"type": "integer"}, "write": "n"}))
    begun = begin(api, ada, ask)
    finish(begun)
    path = f"/v1/runs/{begun['id']}"
    run = api.get(path).json()
    assert run["status"] == "interrupted"
    [interrupt] = run["interrupts"]
    assert set(interrupt) == {"id", "node_id", "question", "schema", "default", "expires_at"}
    wrong = post(api, f"{path}/resume", {"interrupt": interrupt["id"], "value": "x"})
    assert (wrong.status_code, wrong.json()["errors"][0]["pointer"]) == (422, "/value")
    assert post(api, f"{path}/resume", {"interrupt": str(uuid4()), "value": 1}).status_code == 404
    resumed = post(api, f"{path}/resume", {"interrupt": interrupt["id"], "value": 3})
    assert (resumed.status_code, resumed.json()["status"]) == (202, "queued")
    again = post(api, f"{path}/resume", {"interrupt": interrupt["id"], "value": 3})
    assert (again.status_code, again.json()["code"]) == (409, "interrupt_answered")
    assert finish(begun).state == {"n": 3}


def test_a_question_is_shown_also_while_its_run_is_queued_for_the_answer_to_another(
    here: worker.Worker, api: APIClient, ada: User
) -> None:
    asks = [node(name, "ask_human", {"question": name, "write": name}) for name in ("one", "two")]
    edges = [{"from_node": "s", "to_node": name} for name in ("one", "two")]
    begun = begin(
        api,
        ada,
        {"v": 1, "name": "Two", "entry_node": "s", "nodes": [node("s", "emit", {"text": "s"}), *asks], "edges": edges},
    )
    assert begun["interrupts"] == []
    finish(begun)
    path = f"/v1/runs/{begun['id']}"
    ids = {one["node_id"]: one["id"] for one in api.get(path).json()["interrupts"]}
    first = post(api, f"{path}/resume", {"interrupt": ids["two"], "value": 2}).json()
    assert (first["status"], [one["node_id"] for one in first["interrupts"]]) == ("queued", ["one"])
    second = post(api, f"{path}/resume", {"interrupt": ids["one"], "value": 1}).json()
    assert (second["status"], second["interrupts"]) == ("queued", [])
    assert finish(begun).state == {"one": 1, "two": 2}


def test_a_failed_runs_error_names_run_node_and_attempt(here: worker.Worker, api: APIClient, ada: User) -> None:
    retry = {"max_attempts": 2, "backoff_s": 0}
    begun = begin(api, ada, line("Bad", node("bad", "fail", {"message": "no paper"}, retry=retry)))
    finish(begun)
    assert api.get(f"/v1/runs/{begun['id']}").json()["error"] == {
        "type": "ToolError",
        "message": "no paper",
        "code": "tool_error",
        "node_id": "bad",
        "attempt": 2,
        "run_id": begun["id"],
    }


def test_fork_and_retry_make_new_runs(here: worker.Worker, api: APIClient, ada: User) -> None:
    begun = begin(api, ada)
    finish(begun)
    fork = post(api, f"/v1/runs/{begun['id']}/fork", {"checkpoint": 2, "state": {"n": 3}})
    assert (fork.status_code, fork.json()["forked_from"]) == (202, begun["id"])
    assert finish(fork.json()).state == {"n": 5}
    assert set(fork.json()["metadata"]) == {"edited_by"}
    assert post(api, f"/v1/runs/{begun['id']}/fork", {"checkpoint": 77}).status_code == 404
    assert post(api, f"/v1/runs/{begun['id']}/fork", {"checkpoint": 1, "state": []}).status_code == 422
    assert post(api, f"/v1/runs/{begun['id']}/retry").json()["code"] == "run_not_failed"
    bad = begin(api, ada, line("Bad", node("bad", "fail", {"message": "x", "times": 1})))
    finish(bad)
    plan = api.get(f"/v1/runs/{bad['id']}/retry").json()
    assert plan == {"version": 1, "blocked": False, "nodes": [], "starts": ["bad"], "api_version": "v1"}
    assert post(api, f"/v1/runs/{bad['id']}/retry").status_code == 202


def test_runs_are_listed_newest_first_and_narrowed_down(here: worker.Worker, api: APIClient, ada: User) -> None:
    first, second = begin(api, ada), begin(api, ada)
    finish(first)
    assert [one["id"] for one in api.get("/v1/runs").json()["results"]] == [second["id"], first["id"]]
    assert [one["id"] for one in api.get("/v1/runs?status=completed").json()["results"]] == [first["id"]]
    assert api.get(f"/v1/runs?graph={second['graph']}").json()["results"][0]["id"] == second["id"]
    assert api.get(f"/v1/runs?session={uuid4()}").json()["results"] == []
    assert api.get("/v1/runs?status=sleeping").status_code in (400, 422)


def test_another_persons_run_is_not_there(api: APIClient, ada: User) -> None:
    begun = begin(api, ada)
    eve = client_of(User.objects.create(username="eve"))
    path = f"/v1/runs/{begun['id']}"
    for sub in ("", "/node-runs", "/checkpoints", "/checkpoints/1", "/retry"):
        assert eve.get(path + sub).status_code == 404
    for sub, body in (
        ("/cancel", {}),
        ("/resume", {"interrupt": str(uuid4()), "value": 1}),
        ("/fork", {"checkpoint": 0}),
        ("/retry", {}),
    ):
        assert post(eve, path + sub, body).status_code == 404
    assert eve.get(f"/executions/result/{begun['id']}").status_code == 404
    assert eve.get("/v1/runs").json()["results"] == []


def test_a_viewer_of_the_session_reads_its_runs_and_changes_none(api: APIClient, ada: User) -> None:
    session = cast.make_session(ada)
    vic = User.objects.create(username="vic")
    session.members.create(user=vic, role="viewer")
    begun = begin(api, ada, session=str(session.pk))
    viewer = client_of(vic)
    assert viewer.get(f"/v1/runs/{begun['id']}").json()["session"] == str(session.pk)
    assert post(viewer, f"/v1/runs/{begun['id']}/cancel").status_code == 403
    cast.make_version("house", cast.SUM)
    denied = post(viewer, "/v1/runs", {"graph": "house", "initial_state": {}, "session": str(session.pk)})
    assert denied.status_code == 403


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"graph": "sum", "initial_state": []},
        {"graph": "sum", "initial_state": "x"},
        {"graph": "sum", "durability": "never"},
        {"graph": "sum", "priority": 99},
        {"graph": "sum", "budget_usd": "-1"},
        {"graph": "sum", "timeout_s": 0},
        {"graph": "sum", "timeout_s": 604_800},
        {"graph": "sum", "session": "x"},
    ],
)
def test_a_run_that_is_asked_for_wrongly_is_refused_with_problems(
    api: APIClient, ada: User, body: dict[str, Any]
) -> None:
    cast.keep(ada, cast.SUM)
    refused = post(api, "/v1/runs", body)
    assert refused.status_code in (400, 422)
    assert refused.headers["Content-Type"].startswith("application/problem+json")
    assert not Run.objects.exists()


def test_a_run_that_asks_for_a_week_is_told_the_limit(api: APIClient, ada: User) -> None:
    cast.keep(ada, cast.SUM)
    refused = post(api, "/v1/runs", {"graph": "sum", "timeout_s": 604_800})
    assert (refused.status_code, refused.json()["code"]) == (422, "run_time_too_long")
    assert refused.json()["errors"][0]["pointer"] == "/timeout_s"
    assert "86400" in refused.json()["detail"]


def test_what_cannot_be_stored_in_a_state_is_pointed_at(api: APIClient, ada: User) -> None:
    cast.keep(ada, cast.SUM)
    body = json.dumps({"graph": "sum", "initial_state": {"text": "a\x00b"}})
    refused = api.post("/v1/runs", body, content_type="application/json")
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/initial_state/text")


def test_the_documents_own_paths_do_the_same(here: worker.Worker, api: APIClient, ada: User) -> None:
    graph = post(api, "/graphs/create", cast.SUM)
    assert graph.status_code == 201
    started = post(api, "/executions/run", {"graph_id": graph.json()["id"], "initial_state": {"code": "x"}})
    assert started.status_code == 202
    run_id = started.json()["run_id"]
    cast.execute(Run.objects.get(pk=run_id))
    result = api.get(f"/executions/result/{run_id}").json()
    assert (result["run_id"], result["status"], result["result"]["state"]) == (
        run_id,
        "completed",
        {"code": "x", "n": 5},
    )
    assert result["result"]["execution_time"] >= 0
    log = result["result"]["logs"]
    assert set(log[0]) == {"node_id", "status", "attempt", "input", "output", "error", "timestamp", "duration_ms"}
    assert (log[0]["input"], log[0]["output"], len(log)) == ({"code": "x"}, {"n": 0}, 6)


def test_one_step_is_run_again_alone_and_says_where_it_came_from(
    here: worker.Worker, api: APIClient, ada: User
) -> None:
    begun = begin(api, ada, initial_state={"seed": 1})
    finish(begun)
    step = api.get(f"/v1/runs/{begun['id']}/node-runs").json()["results"][2]
    path = f"/v1/runs/{begun['id']}/steps/{step['activation']}/alone"
    answer = post(api, path, {"dry_run": True, "state": {"n": 7}}, **{"Idempotency-Key": "alone"})
    alone = answer.json()
    assert (answer.status_code, answer.headers["Location"]) == (202, f"/v1/runs/{alone['id']}")
    assert (alone["only_node"], alone["from_node_run"], alone["dry_run"]) == ("add", step["id"], True)
    assert (alone["forked_from"], alone["initial_state"]) == (begun["id"], {"seed": 1, "n": 7})
    assert post(api, path, {"dry_run": True, "state": {"n": 7}}, **{"Idempotency-Key": "alone"}).json() == alone
    assert finish(alone).state == {"seed": 1, "n": 8}
    assert set(alone["metadata"]) == {"edited_by"}
    [only] = api.get(f"/v1/runs/{alone['id']}/checkpoints").json()["results"]
    assert (only["node_id"], only["edges_taken"]) == ("add", [])
    assert api.get(f"/v1/runs/{begun['id']}").json()["only_node"] is None
    assert post(api, f"/v1/runs/{begun['id']}/steps/99/alone").status_code == 404
    assert post(api, path, {"state": []}).status_code == 422


def test_a_runs_totals_include_what_its_sub_runs_spent(api: APIClient, ada: User) -> None:
    version = cast.make_version(user=ada)
    top = Run.objects.create(graph_version=version, user=ada, prompt_tokens=1, completion_tokens=2, cost_usd="0.5")
    below = Run.objects.create(graph_version=version, user=ada, parent=top, parent_key="1:", prompt_tokens=10)
    Run.objects.create(
        graph_version=version, user=ada, parent=below, parent_key="1:", completion_tokens=100, cost_usd="0.25"
    )
    free = Run.objects.create(graph_version=version, user=ada)
    totals = {"tokens": {"prompt": 11, "completion": 102}, "cost_usd": "0.75000000"}
    shown = api.get(f"/v1/runs/{top.pk}").json()
    assert {name: shown[name] for name in totals} == totals
    listed = {one["id"]: one for one in api.get("/v1/runs").json()["results"]}
    assert {name: listed[str(top.pk)][name] for name in totals} == totals
    assert (listed[str(free.pk)]["cost_usd"], listed[str(free.pk)]["tokens"]["prompt"]) == (None, 0)
    assert api.get(f"/v1/runs/{below.pk}").json()["tokens"] == {"prompt": 10, "completion": 100}


def test_the_plan_of_a_retry_is_read_before_it_is_made(here: worker.Worker, api: APIClient, ada: User) -> None:
    steps = [node(name, "set_state", {"values": {name: 1}}) for name in ("kept", "changed", "after")]
    bad = begin(api, ada, line("Bad", *steps, node("bad", "fail", {"message": "x"})))
    finish(bad)
    steps[1] = node("changed", "set_state", {"values": {"changed": 2}})
    post(api, f"/v1/graphs/{bad['graph']}/versions", line("Bad", *steps))
    plan = api.get(f"/v1/runs/{bad['id']}/retry").json()
    assert (plan["version"], plan["blocked"], plan["starts"]) == (2, False, ["changed"])
    assert [(one["node_id"], one["action"]) for one in plan["nodes"]] == [
        ("kept", "reuse"),
        ("changed", "run_again"),
        ("after", "run_again"),
    ]
    assert all(one["why"] for one in plan["nodes"])
    assert api.get(f"/v1/runs/{bad['id']}/retry?version=1").json()["starts"] == ["bad"]
    assert Run.objects.count() == 1


# Schemas that people gave -------------------------------------------------------------------------


def asking(schema: Any, **config: Any) -> dict[str, Any]:
    return line("Ask", node("ask", "ask_human", {"question": "?", "schema": schema, "write": "n", **config}))


def burdened(run: Run, schema: Any) -> None:
    """A run that asks, as it was before schemas were looked at."""
    Interrupt.objects.filter(run=run).update(schema=schema)


@pytest.mark.parametrize(
    "schema", [{"$ref": "http://127.0.0.1:9/"}, {"$ref": "file:///etc/hostname"}, {"$ref": "#"}, {"$ref": "#/no"}]
)
def test_a_graph_whose_schema_is_not_of_itself_is_not_saved(api: APIClient, schema: Any) -> None:
    answer = post(api, "/v1/graphs", asking(schema))
    assert answer.status_code == 422
    assert [one["pointer"] for one in answer.json()["errors"]] == ["/nodes/0/config/schema/$ref"]


@pytest.mark.parametrize(
    "schema", [{"$ref": "http://127.0.0.1:9/"}, {"$ref": "#"}, {"$ref": "#/no"}, {"pattern": "(a)\\1"}, {"type": "no"}]
)
def test_an_answer_to_a_question_from_before_the_rule_is_refused_in_words(
    here: worker.Worker, api: APIClient, ada: User, schema: Any
) -> None:
    run = finish(begin(api, ada, asking({"type": "string"})))
    burdened(run, schema)
    [question] = Interrupt.objects.filter(run=run)
    answer = post(api, f"/v1/runs/{run.pk}/resume", {"interrupt": str(question.pk), "value": "x"})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_answer")
    assert "no answer can be checked" in answer.json()["detail"]
    assert "cancel the run" in answer.json()["detail"]


def test_a_pattern_that_burns_others_is_answered_at_once(here: worker.Worker, api: APIClient, ada: User) -> None:
    run = finish(begin(api, ada, asking({"type": "string", "pattern": "^(a+)+$"})))
    [question] = Interrupt.objects.filter(run=run)
    begun = time.process_time()
    answer = post(api, f"/v1/runs/{run.pk}/resume", {"interrupt": str(question.pk), "value": "a" * 50_000 + "!"})
    assert time.process_time() - begun < 5
    assert answer.status_code == 422
    assert [one["code"] for one in answer.json()["errors"]] == ["pattern"]


def test_a_version_from_before_a_rule_is_not_run_and_its_old_runs_can_be_looked_at(
    here: worker.Worker, api: APIClient, ada: User
) -> None:
    run = finish(begin(api, ada))
    run.graph_version.definition["nodes"].append(asking({"$ref": "http://127.0.0.1:9/"})["nodes"][0])
    last = run.graph_version.definition["nodes"][-2]["node_id"]
    run.graph_version.definition["edges"].append({"from_node": last, "to_node": "ask"})
    run.graph_version.save()
    definitions.load.cache_clear()
    answer = post(api, "/v1/runs", {"graph": run.graph_version.graph.slug, "initial_state": {}})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_graph")
    assert "can be run no more" in answer.json()["detail"]
    assert any(one["pointer"].endswith("/config/schema/$ref") for one in answer.json()["errors"])
    assert api.get(f"/v1/runs/{run.pk}").status_code == 200
    assert api.get(f"/v1/runs/{run.pk}/timeline").status_code == 200
    assert api.get(f"/v1/runs/{run.pk}/checkpoints").status_code == 200
    for path in (f"/v1/runs/{run.pk}/checkpoints/1", f"/v1/runs/{run.pk}/nodes"):
        assert api.get(path).status_code < 500, path
