"""Tasks in natural language over their own paths, executed on this process's worker with a real model server."""

import io
import json
import zipfile
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from pytest_django import Settings
from rest_framework.test import APIClient

from agentsite import limit_settings
from agentsite.environment import Environment
from graphs_app import worker
from graphs_app.models import Run
from graphs_app.services import execution, runs
from refine_app.agents.toolbox import Toolbox, ToolNotAllowed
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
    assert run.metadata["task"] == "Write hello world"


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


def test_the_router_is_told_what_was_asked_before_and_who_answered(ana: APIClient, model: ModelServer) -> None:
    model.then(chosen("ContentAgent"), need(), Behaviour(answer="Moss grows slowly on the north side."))
    first = execute(ana, "Write about moss").json()
    work(first["task_id"])
    model.then(chosen("ContentAgent"), need(), Behaviour(answer="Moss grows."))
    second = execute(ana, "make it shorter", session_id=first["session_id"]).json()
    work(second["task_id"])
    routed = model.requests[3].text
    assert "Request: Write about moss" in routed
    assert "Answer by ContentAgent: Moss grows slowly" in routed


def need(search: str = "") -> Behaviour:
    return Behaviour(answer=json.dumps({"needs_search": bool(search), "query": search, "known": "nothing"}))


@pytest.mark.parametrize(("agent", "confidence"), [("unknown", 0.9), ("CodeAgent", 0.3)])
def test_a_routing_that_failed_keeps_what_was_chosen_and_why(
    ana: APIClient, model: ModelServer, agent: str, confidence: float
) -> None:
    choice = {"agent_name": agent, "confidence": confidence, "reasoning": "It could be anything."}
    model.then(Behaviour(answer=json.dumps(choice)))
    task_id = execute(ana).json()["task_id"]
    work(task_id)
    task = ana.get(f"/v1/tasks/{task_id}").json()
    assert (task["status"], task["error"]["type"], task["result"]) == ("failed", "UNKNOWN_TASK_TYPE", None)
    assert (task["selected_agent"], task["agent_type"]) == (agent, agent)
    assert (task["confidence"], task["peer_routing_reason"]) == (confidence, "It could be anything.")
    assert [one["task_id"] for one in ana.get(f"/v1/tasks?agent_type={agent}").json()["results"]] == [task_id]


def test_a_task_and_its_answer_are_messages_of_their_session(cast: Cast, ana: APIClient, model: ModelServer) -> None:
    model.then(chosen("CodeAgent"), Behaviour(answer="Sure: print(1)"))
    task = execute(ana, session_id=str(cast.session.pk)).json()
    work(task["task_id"])
    log = ana.get(f"/v1/sessions/{cast.session.pk}/events").json()["results"]
    said = [(event["data"]["role"], event["data"]["by"], event["data"]["text"], event["run"]) for event in log
            if event["type"] == "message.created"]  # fmt: skip
    assert said == [
        ("user", "Ana", "Write hello world", task["task_id"]),
        ("agent", "CodeAgent", "Sure: print(1)", task["task_id"]),
    ]


def test_a_task_tells_who_asked_where_it_came_from_and_nobody_else(cast: Cast, ana: APIClient) -> None:
    sent = {"User-Agent": "curl/8", "X-Request-ID": "asked-once-0001"}
    path, task = "/v1/agent/execute", {"task": "Write hello world", "session_id": str(cast.session.pk)}
    given = ana.post(path, task, format="json", headers=sent).json()["task_id"]
    made = execute(ana, session_id=str(cast.session.pk)).json()["task_id"]
    assert ana.get(f"/v1/tasks/{given}").json()["metadata"] == {
        "ip": "127.0.0.1", "user_agent": "curl/8", "request_id": "asked-once-0001", "environment": "development",
    }  # fmt: skip
    assert len(ana.get(f"/v1/tasks/{made}").json()["metadata"]["request_id"]) == 32
    ben = signed_in(cast.ben)
    assert ben.get(f"/v1/tasks/{given}").json()["metadata"] is None
    told = [ben.get(f"/v1/runs/{given}"), ben.get(f"/v1/sessions/{cast.session.pk}/events")]
    assert [answer.status_code for answer in told] == [200, 200]
    assert all("127.0.0.1" not in answer.content.decode() for answer in told)


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


FILES = "Here:\n\n`app.py`\n```python\nprint('counted')\n```\n\nstyle.css\n```css\np { color: red; }\n```\n"


def steps(code: str = FILES, *, search: str = "") -> list[Behaviour]:
    return [need(search), *(Behaviour(answer=text) for text in ("1. plan", "notes", code, "Done: run app.py."))]


def test_a_query_goes_through_the_five_steps(ana: APIClient, model: ModelServer) -> None:
    model.then(*steps(search="counters"))
    answer = ana.post("/runs", {"query": "Build a counter"}, format="json")
    assert answer.status_code == 202
    run_id = answer.json()["run_id"]
    work(run_id)
    run = ana.get(f"/v1/runs/{run_id}").json()
    assert (run["graph"], run["status"], run["state"]["answer"]) == ("build", "completed", "Done: run app.py.")
    ran = ana.get(f"/v1/runs/{run_id}/node-runs").json()["results"]
    assert [one["node_id"] for one in ran] == ["researcher", "planner", "executor", "coder", "finalizer"]
    assert [one["path"] for one in run["state"]["files"]] == ["app.py", "style.css"]
    assert "sets TAVILY_API_KEY, or DUCKDUCKGO_URL" in run["state"]["search_problem"]
    assert run["session"] is not None


def test_the_files_of_a_build_are_listed_downloaded_and_zipped(cast: Cast, ana: APIClient, model: ModelServer) -> None:
    cast.write("")
    model.then(*steps())
    asked = {"intent": "build", "instruction": "a counter"}
    run = ana.post(f"/v1/sessions/{cast.session.pk}/requests", asked, format="json").json()["run"]["id"]
    assert ana.get(f"/v1/runs/{run}/files").json()["results"] == []
    work(run)
    assert ana.get(f"/v1/runs/{run}/files").json()["results"] == [
        {"n": 1, "path": "app.py", "language": "python", "size": 17, "delivered": True},
        {"n": 2, "path": "style.css", "language": "css", "size": 18, "delivered": False},
    ]
    one = ana.get(f"/v1/runs/{run}/files/2")
    assert (one.content, one["Content-Type"]) == (b"p { color: red; }\n", "text/plain; charset=utf-8")
    assert one["Content-Disposition"] == "attachment; filename*=UTF-8''style.css"
    assert one["X-Content-Type-Options"] == "nosniff"
    archive = ana.get(f"/v1/runs/{run}/archive")
    assert archive["Content-Type"] == "application/zip"
    with zipfile.ZipFile(io.BytesIO(archive.content)) as opened:
        folder = f"build-{run.replace('-', '')[-8:]}"
        assert opened.namelist() == [f"{folder}/app.py", f"{folder}/style.css"]
        assert opened.read(f"{folder}/app.py") == b"print('counted')\n"
    for path in ("files", "files/1", "archive"):
        assert signed_in(cast.vera).get(f"/v1/runs/{run}/{path}").status_code == 200
        assert signed_in(cast.sam).get(f"/v1/runs/{run}/{path}").status_code == 404
    assert ana.get(f"/v1/runs/{run}/files/3").status_code == 404


def test_a_run_that_wrote_no_files_has_no_archive(ana: APIClient, model: ModelServer) -> None:
    task = execute(ana).json()["task_id"]
    runs.cancel_run(run=Run.objects.get(pk=task))
    assert ana.get(f"/v1/runs/{task}/files").json()["results"] == []
    assert ana.get(f"/v1/runs/{task}/archive").status_code == 404


@pytest.mark.parametrize("text", ["", "old = 1\n"])
def test_what_is_built_becomes_a_proposal(cast: Cast, ana: APIClient, model: ModelServer, text: str) -> None:
    cast.write(text)
    model.then(*steps())
    path = f"/v1/sessions/{cast.session.pk}"
    asked = ana.post(f"{path}/requests", {"intent": "build", "instruction": "a counter"}, format="json").json()
    work(asked["run"]["id"])
    [proposal] = ana.get(f"{path}/proposals").json()["results"]
    assert proposal["summary"].startswith("Writes app.py. The document holds one file, so the others are among")
    assert {check["detail"]: check["verdict"] for check in proposal["checks"]}["app.py parses"] == "passed"
    assert ana.post(f"/v1/proposals/{proposal['id']}/accept", {}, format="json").status_code == 200
    assert ana.get(f"{path}/document").json()["text"] == "print('counted')\n"


@pytest.mark.parametrize(
    ("bad", "problem"),
    [
        ("I would write a counter.", "There is no file in it"),
        ("app.py\n```python\nprint(", "ends in the middle of a file"),
        ("app.py\n```python\nprint(\n```\n", "app.py does not parse"),
    ],
)
def test_an_answer_without_usable_files_is_sent_back_once(
    ana: APIClient, model: ModelServer, bad: str, problem: str
) -> None:
    model.then(*steps(bad)[:4], Behaviour(answer=FILES), Behaviour(answer="Done."))
    run_id = ana.post("/runs", {"query": "Build a counter"}, format="json").json()["run_id"]
    work(run_id)
    assert ana.get(f"/v1/runs/{run_id}").json()["state"]["files"][0]["path"] == "app.py"
    assert problem in model.requests[4].text


def test_every_agent_is_told_with_the_tools_that_it_may_use(ana: APIClient) -> None:
    told = {one["name"]: [tool["name"] for tool in one["tools"]] for one in ana.get("/v1/agents").json()["results"]}
    assert told == {
        "CodeAgent": [], "ContentAgent": ["web_search"], "RefactorAgent": [], "TestAgent": [],
        "Researcher": ["web_search"], "Planner": [], "Executor": [], "Coder": ["check_syntax"], "Finalizer": [],
    }  # fmt: skip


def test_words_that_mean_what_was_answered_are_routed_by_it(cast: Cast, ana: APIClient, model: ModelServer) -> None:
    path = f"/v1/sessions/{cast.session.pk}/requests"

    def ask(instruction: str) -> dict[str, Any]:
        asked: dict[str, Any] = ana.post(path, {"instruction": instruction}, format="json").json()
        work(asked["run"]["id"])
        return asked

    assert ana.post(path, {"instruction": "make it shorter"}, format="json").json()["intent"] == "refine_code"
    model.then(Behaviour(answer="It holds twenty lines."))
    assert ask("What does this do?")["intent"] == "ask"
    choice = {"intent": "ask", "confidence": 0.9, "reasoning": "You mean the answer."}
    model.then(Behaviour(answer=json.dumps(choice)))
    asked = ask("make it shorter")
    assert "Answer: It holds twenty lines." in model.requests[-1].text
    handed_over = ana.get(f"/v1/requests/{asked['id']}").json()
    assert (handed_over["intent"], handed_over["routing_reason"]) == ("ask", "You mean the answer.")


def test_settings_choose_a_model_by_role(ana: APIClient, model: ModelServer, settings: Settings) -> None:
    settings.MODEL_ENDPOINT_URL, settings.MODEL_ENDPOINT_MODEL = model.url, "usual"
    settings.LLM_PEER_MODEL, settings.LLM_CODE_MODEL, settings.LLM_CONTENT_MODEL = "small", "coder", "mine"
    model.then(chosen("CodeAgent"), Behaviour(answer="print(1)"))
    work(execute(ana).json()["task_id"])
    model.then(chosen("ContentAgent"), need(), Behaviour(answer="Moss."))
    work(execute(ana).json()["task_id"])
    assert [request.body["model"] for request in model.requests] == ["small", "coder", "small", "stand-in", "stand-in"]
    told = ModelCall.objects.filter(agent="CodeAgent").get()
    assert (told.endpoint, told.model, told.cost_usd) == ("environment", "coder", None)
    assert "the settings choose coder for the role code" in told.reason


def test_a_hard_task_is_asked_of_a_strong_endpoint_beside_the_default(
    cast: Cast, ana: APIClient, model: ModelServer, settings: Settings
) -> None:
    settings.MODEL_ENDPOINT_URL, settings.MODEL_ENDPOINT_MODEL = model.url, "usual"
    Endpoint.objects.filter(slug="mine").update(tier="strong")
    cast.write("x = 1\n" * 700)
    path = f"/v1/sessions/{cast.session.pk}/requests"
    for text, model_asked in (("x = 1\n" * 700, "stand-in"), ("x = 1\n", "usual")):
        cast.write(text)
        model.requests.clear()
        model.then(Behaviour(answer="It is x."))
        asked = ana.post(path, {"intent": "ask", "instruction": "What is x?"}, format="json").json()
        work(asked["run"]["id"])
        assert [request.body["model"] for request in model.requests] == [model_asked]


def test_groq_and_openai_are_switched_on_by_their_keys(ana: APIClient, model: ModelServer, settings: Settings) -> None:
    Endpoint.objects.all().delete()
    for slug, key in (("groq", "GROQ_API_KEY"), ("openai", "OPENAI_API_KEY")):
        Endpoint.objects.create(slug=slug, model="its-own", url=model.url, secret=key, built_in=True)
    assert [one["available"] for one in ana.get("/v1/endpoints").json()["results"]] == [False, False]
    settings.GROQ_API_KEY, settings.GROQ_MODEL, settings.GROQ_RATE_LIMIT = "gsk-1", "mixtral-8x7b-32768", 1
    settings.OPENAI_API_KEY = "sk-2"
    groq, openai = ana.get("/v1/endpoints").json()["results"]
    assert (groq["model"], groq["requests_per_minute"], openai["model"]) == ("mixtral-8x7b-32768", 1, "its-own")
    model.then(chosen("CodeAgent"), Behaviour(answer="print(1)"))
    work(execute(ana).json()["task_id"])
    sent = [(request.body["model"], request.headers["authorization"]) for request in model.requests]
    assert sent == [("mixtral-8x7b-32768", "Bearer gsk-1"), ("its-own", "Bearer sk-2")]


async def test_an_agent_gets_no_tool_that_is_not_on_its_list() -> None:
    with pytest.raises(ToolNotAllowed, match="Planner may not use 'web_search'; its tools: none"):
        await Toolbox("Planner", ()).search("anything")


def test_who_starts_too_many_tasks_is_told_to_wait(ana: APIClient, settings: Settings) -> None:
    settings.RATE_LIMIT_TASKS = "person 2/1m"
    answers = [execute(ana) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [202, 202, 429]
    assert int(answers[-1]["Retry-After"]) > 0


def test_tasks_are_counted_by_ip_as_well(cast: Cast, ana: APIClient, settings: Settings) -> None:
    settings.RATE_LIMIT_TASKS = "person 2/1m, ip 3/1m"
    ben = signed_in(cast.ben)
    answers = [execute(client) for client in (ana, ana, ben, ben)]
    assert [answer.status_code for answer in answers] == [202, 202, 202, 429]
    assert answers[-1].json()["limit"] == 3


def test_the_one_setting_of_a_minute_holds_for_people_and_addresses() -> None:
    read = limit_settings.read(Environment(), tasks_per_minute=7)
    assert read["RATE_LIMIT_TASKS"] == "person 7/1m, ip 70/1m"


@pytest.mark.parametrize(
    "state",
    [
        {"task": "x", "result": 5},
        {"task": "x", "result": {"summary": 1, "citations": [3, {"url": "u"}], "code_language": {}}},
        {"task": "x", "classification": ["a"], "confidence": "high", "selected_agent": {"a": 1}},
        {"task": "x", "peer_routing_reason": 0, "confidence": True},
    ],
)
def test_a_run_of_the_tasks_graph_with_any_state_is_listed(
    cast: Cast, ana: APIClient, model: ModelServer, state: dict[str, Any]
) -> None:
    run = runs.start_run(user=cast.ana, graph="task_router", initial_state={"task": "x"})
    Run.objects.filter(pk=run.pk).update(status="completed", state=state)
    assert ana.get("/v1/tasks").json()["results"][0]["task_id"] == str(run.pk)
    assert ana.get(f"/v1/tasks/{run.pk}").status_code == 200
    assert ana.post("/v1/agent/execute", {"task": "And now?"}, format="json").status_code == 202
