"""Every promised field of an answer is there, and set to something, in what a program gets by a few ways of use."""

import json
import re
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from websockets.sync.client import connect

from tests.graphs_app import cast
from tests.model_server import Behaviour, ModelServer
from tests.model_server.server import Request
from tests.promises import EXECUTE, FIELDS, LOG, SOCKET
from tests.refine_app.search.web import Web
from tests.servers.person import Person
from tests.servers.site import NO_LIMITS, Site, build, tear_down

pytestmark = [pytest.mark.timeout(300)]

UNTIDY = "".join(f"def same_{n}(a):\n    return a == None\n\n\n# {n}\n#\n#\n#\n#\n#\n\n\n" for n in range(3))
NAMES = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}")
OVER = {"completed", "failed", "cancelled"}
Seen = dict[str, list[Any]]


class Noting(Person):
    """Keeps all that it was answered, by operation."""

    def __init__(self, site: Site) -> None:
        super().__init__(site)
        self.seen: Seen = defaultdict(list)
        self.token = self.call("POST", "/v1/auth/guest", {"name": "Ana"})["access"]

    def call(self, method: str, path: str, body: Any = None) -> Any:
        answer = super().call(method, path, body)
        self.seen[f"{method} {operation_of(path)}"].append(answer)
        return answer

    def get(self, path: str) -> Any:
        return self.call("GET", path)

    def post(self, path: str, body: Any = None) -> Any:
        return self.call("POST", path, body)

    def run(self, graph: str, **given: Any) -> Any:
        """A run at its end, with all that is told of it."""
        found = self.post("/v1/runs", {"graph": graph, **given})
        return self.look_at(found["id"])

    def look_at(self, run: str, until: set[str] = OVER) -> Any:
        found = self.wait_for(f"/v1/runs/{run}", until=until)
        for rest in ("node-runs", "checkpoints", "timeline", "budget"):
            self.get(f"/v1/runs/{run}/{rest}")
        self.get(f"/executions/result/{run}")
        return found


def operation_of(path: str) -> str:
    """The path with {id} for what differs from thing to thing."""
    path = NAMES.sub("{id}", path.partition("?")[0])
    path = re.sub(r"^/v1/graphs/[^/{]+", "/v1/graphs/{id}", path)
    path = re.sub(r"^/v1/prompts/[^/]+", "/v1/prompts/{name}", path)
    return re.sub(r"/\d+", "/{n}", path)


def answer_to(request: Request) -> Behaviour:
    """A model that does what each of the product's prompts asks for."""
    text = request.text
    if "PLEASE FAIL" in text:
        return Behaviour(status=400, body=json.dumps({"error": {"message": "no"}}))
    if '"agent_name"' in text or "agent_name" in text:
        agent = "none of them" if "UNKNOWABLE" in text else "ContentAgent" if "moss" in text else "CodeAgent"
        said = {"agent_name": agent, "confidence": 0.0 if "UNKNOWABLE" in text else 0.9, "reasoning": "By its words."}
        return Behaviour(answer=json.dumps(said))
    if "needs_search" in text:
        return Behaviour(answer=json.dumps({"needs_search": True, "query": "counters", "known": "Little."}))
    if "moss" in text:
        return Behaviour(answer="Moss grows slowly on the north side.")
    if "== None" in text:
        return Behaviour()
    return Behaviour(answer="There it is.\n\ncounting.py\n```python\ndef count(n):\n    return n + 1\n```\n")


def a_task_by_a_model(ana: Noting) -> None:
    for task in ("Write a function that counts", "Write about moss", "UNKNOWABLE"):
        accepted = ana.post("/v1/agent/execute", {"task": task})
        ana.wait_for(f"/v1/tasks/{accepted['task_id']}", until={"completed", "failed"})
        ana.get(f"/v1/tasks/{accepted['task_id']}")
    ana.get("/v1/tasks?limit=1")
    ana.get("/v1/tasks")


def a_run_that_fails_and_is_retried(ana: Noting, model: ModelServer) -> None:
    ask = cast.node("ask", "answer_question", retry={"max_attempts": 2, "backoff_s": 0.01})
    graph = cast.line("Asking", cast.node("begin", "set_state", {"values": {"n": 1}}), ask)
    made = ana.post("/graphs/create", graph)
    began = ana.post("/executions/run", {"graph_id": made["id"], "initial_state": {"instruction": "Count"}})
    ana.look_at(began["run_id"])
    model.then(Behaviour(status=500, body="down"))
    ana.run(made["id"], initial_state={"instruction": "Again, please"})
    failed = ana.run(made["id"], initial_state={"instruction": "PLEASE FAIL"})
    ana.get(f"/v1/runs/{failed['id']}/retry")
    ana.look_at(ana.post(f"/v1/runs/{failed['id']}/retry")["id"])
    ana.get(f"/v1/runs/{failed['id']}/checkpoints/1")
    forked = ana.post(f"/v1/runs/{failed['id']}/fork", {"checkpoint": 1})
    ana.look_at(forked["id"])


def a_review_with_hunks(ana: Noting, session: str) -> None:
    asked = ana.post(f"/v1/sessions/{session}/requests", {"intent": "refine_code", "instruction": "Compare by is"})
    ana.look_at(asked["run"]["id"])
    [proposal] = ana.get(f"/v1/sessions/{session}/proposals")["results"]
    ana.post(f"/v1/proposals/{proposal['id']}/hunks/1/accept")
    ana.post(f"/v1/proposals/{proposal['id']}/hunks/2/reject", {"reason": "It stays."})
    body = {"intent": "refine_code", "instruction": "The rest as well", "parent": asked["id"]}
    ana.look_at(ana.post(f"/v1/sessions/{session}/requests", body)["run"]["id"])
    for rest in ("", "/proposals", "/requests", "/events", "/document", "/revisions"):
        ana.get(f"/v1/sessions/{session}{rest}")


def a_build(ana: Noting) -> None:
    ana.look_at(ana.post("/runs", {"query": "A program that counts"})["run_id"])


def a_redesign_and_versions(ana: Noting) -> None:
    nodes = [
        cast.node("start", "set_state", {"values": {"n": 1}}),
        cast.node("pause", "set_state", {"values": {}}),
        cast.node("first", "compute", {"set": {"a": "n + 1"}}),
        cast.node("second", "compute", {"set": {"b": "n * 2"}}),
        cast.node("sum", "compute", {"set": {"total": "a + b"}}),
    ]
    graph = ana.post("/v1/graphs", cast.line("Summing", *nodes))["slug"]
    ana.run(graph, initial_state={})
    proposal = ana.post(f"/v1/graphs/{graph}/redesigns")
    ana.post(f"/v1/graph-proposals/{proposal['id']}/decide", {"decision": "accepted"})
    ana.post(f"/v1/graph-proposals/{proposal['id']}/apply")
    ana.post(f"/v1/graphs/{graph}/publish", {"note": "shorter"})
    ana.post(f"/v1/graphs/{graph}/rollback", {"version": 1})
    ana.run(graph, version=2, initial_state={})
    for rest in ("", "/layout", "/versions", "/compare?old=1"):
        ana.get(f"/v1/graphs/{graph}{rest}")
    prompts = ana.get("/v1/prompts")["results"]
    ana.get(f"/v1/prompts/{prompts[0]['name']}/versions")


def a_budgeted_run(ana: Noting, session: str) -> None:
    graph = ana.post("/v1/graphs", cast.line("Paid", cast.node("ask", "answer_question")))["slug"]
    state = {"instruction": "Is it good?"}
    run = ana.post("/v1/runs", {"graph": graph, "session": session, "initial_state": state, "budget_usd": "0.000001"})
    [question] = ana.look_at(run["id"], {"interrupted"})["interrupts"]
    answer = {"interrupt": question["id"], "value": {"choice": "raise", "budget_usd": 1}}
    ana.post(f"/v1/runs/{run['id']}/resume", answer)
    ana.look_at(run["id"])
    ana.get("/v1/model-calls")
    ana.get("/v1/model-calls/sums?by=node")


def frames(ana: Noting, path: str, *said: Any, last: str) -> None:
    """All that a socket tells, up to the frame of this type or event."""
    ticket = ana.post("/v1/auth/ticket")["ticket"]
    url = f"{ana.site.socket_url}{path}{'&' if '?' in path else '?'}ticket={ticket}"
    with connect(url, origin=ana.site.url) as socket:  # type: ignore[arg-type]
        for one in said:
            socket.send(json.dumps(one))
        while True:
            frame = json.loads(socket.recv(timeout=60))
            ana.seen[SOCKET if path.startswith("/ws/sessions") else EXECUTE].append(frame)
            if last in (frame.get("event"), frame.get("type")):
                return


@pytest.fixture(scope="module", params=["embedded", "scaled"])
def seen(request: pytest.FixtureRequest) -> Iterator[Seen]:
    """What was answered on all these ways, and what the site wrote into its log meanwhile."""
    with ExitStack() as stack:
        model, web = stack.enter_context(ModelServer()), stack.enter_context(Web())
        model.chooses = answer_to
        environment = {
            "MODEL_ENDPOINT_URL": model.url,
            "MODEL_ENDPOINT_MODEL": "stand-in",
            "MODEL_ENDPOINT_INPUT_USD": "1",
            "MODEL_ENDPOINT_OUTPUT_USD": "1",
            "TAVILY_API_KEY": "tvly-test",
            "TAVILY_URL": f"{web.url}/tavily",
            "PRIVATE_ENDPOINTS_ALLOWED": "yes",
            "LOG_FORMAT": "json",
        }
        site = build(scaled=request.param == "scaled", environment=environment, limits=NO_LIMITS)
        stack.callback(tear_down, site)
        site.start()
        ana = Noting(site)
        session = ana.post("/v1/sessions", {"title": "parsers", "text": UNTIDY, "language": "python"})["id"]
        a_task_by_a_model(ana)
        a_run_that_fails_and_is_retried(ana, model)
        a_review_with_hunks(ana, session)
        a_build(ana)
        a_redesign_and_versions(ana)
        a_budgeted_run(ana, session)
        frames(ana, f"/ws/sessions/{session}/?after=0", last="run.completed")
        frames(ana, "/ws/execute/code_review/", {"initial_state": {"code": UNTIDY}}, last="execution_complete")
        ana.get("/v1/system/metrics")
        ana.get("/v1/schema?format=json")
        site.stop()
        logs = "\n".join(path.read_text(errors="replace") for path in site.var_dir.glob("*.log"))
        ana.seen[LOG] = [json.loads(line) for line in logs.splitlines() if line.startswith("{")]
        yield ana.seen


def found(value: Any, steps: list[str]) -> Iterator[Any]:
    """The values at a pointer."""
    if not steps:
        yield value
    elif steps[0] == "*" and isinstance(value, list | dict):
        for inner in value if isinstance(value, list) else value.values():
            yield from found(inner, steps[1:])
    elif isinstance(value, dict) and steps[0] in value:
        yield from found(value[steps[0]], steps[1:])


def test_every_promised_field_is_there_and_is_set_at_some_time(seen: Seen) -> None:
    missing, empty = [], []
    for promise, operation, pointers in FIELDS:
        for pointer in pointers:
            values = [one for answer in seen[operation] for one in found(answer, pointer.split("/"))]
            if not values:
                missing.append(f"{promise} {operation}: {pointer}")
            elif all(value in (None, "", [], {}) for value in values):
                empty.append(f"{promise} {operation}: {pointer}")
    assert (missing, empty) == ([], [])
