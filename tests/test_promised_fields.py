"""Every promised field of an answer is there, and set to something, in what a program gets by a few ways of use."""

import json
import re
import time
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
NOTHING: tuple[Any, ...] = (None, "", [], {})
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
    ana.get(ana.get("/v1/tasks?limit=1")["next"].removeprefix(ana.site.url))
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
    ana.post(f"/v1/sessions/{session}/revisions", {"name": "Reviewed"})
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


def a_graph_that_is_changed(ana: Noting) -> None:
    begin, small = cast.node("begin", "set_state", {"values": {"n": 1}}), cast.node("small", "emit", {"text": "a"})
    edge = {"from_node": "begin", "to_node": "small", "type": "conditional", "condition": "n < 5"}
    whole = {"v": 1, "name": "Changing", "entry_node": "begin", "nodes": [begin, small], "edges": [edge]}
    path = f"/v1/graphs/{ana.post('/v1/graphs', whole)['slug']}"
    ana.get(f"{path}/layout")
    more = [*whole["nodes"], cast.node("large", "emit", {"text": "b"})]  # type: ignore[misc]
    more[1] = cast.node("small", "emit", {"text": "c"})
    edges = [edge | {"condition": "n < 7"}, {"from_node": "begin", "to_node": "large"}]
    changed = whole | {"name": "Changed", "nodes": more, "edges": edges}
    broken = changed | {"edges": [edge | {"to_node": "nowhere"}]}
    revision = ana.get(f"{path}/draft")["revision"]
    for definition in (broken, changed):
        revision = ana.call("PUT", f"{path}/draft", {"definition": definition, "revision": revision})["revision"]
    ana.post(f"{path}/publish", {"note": "more"})
    ana.call("PATCH", f"{path}/versions/2", {"title": "Second"})
    ana.get(f"{path}/compare?old=1&new=2")


def runs_that_are_stopped_and_run_in_part(ana: Noting) -> None:
    first = cast.node("first", "set_state", {"values": {"n": 1}})
    graph = cast.line("Sleeping", first, cast.node("nap", "sleep", {"seconds": 3000}))
    run = ana.post("/v1/runs", {"graph": ana.post("/v1/graphs", graph)["slug"], "initial_state": {}})["id"]
    deadline = time.monotonic() + 60
    while ana.get(f"/v1/runs/{run}")["sleeps_until"] is None:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    ana.post(f"/v1/runs/{run}/cancel")
    ana.look_at(run)
    ana.look_at(ana.post(f"/v1/runs/{run}/steps/1/alone", {})["id"])


def a_prompt_that_staff_writes(ana: Noting) -> None:
    make = "from sessions_app.models import User; User.objects.create_superuser('boss', password='long-enough-1')"
    ana.site.manage("shell", "-c", make)
    mine = ana.token
    ana.token = ana.post("/v1/auth/token", {"username": "boss", "password": "long-enough-1"})["access"]
    ana.post("/v1/prompts", {"name": "greet", "description": "Says hello."})
    version = {"version": "1.0.0", "content": "Hello {{ name }}", "variables": {"name": {"type": "string"}}}
    ana.post("/v1/prompts/greet/versions", version | {"metadata": {"ticket": "7"}})
    ana.token = mine
    ana.get("/v1/prompts")
    ana.get("/v1/prompts/greet/versions")
    ana.get(f"/v1/prompts/{ana.get('/v1/prompts')['results'][-1]['name']}/versions")


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
        a_graph_that_is_changed(ana)
        runs_that_are_stopped_and_run_in_part(ana)
        a_prompt_that_staff_writes(ana)
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


NOT_HERE = {
    "ComparisonShape.nodes_moved": "a node that somebody has moved",
    "EvidenceShape.problems": "a change that makes a graph invalid",
    "GraphChangeShape.by": "a model that suggests a change",
    "GraphChangeShape.drops": "a redesign that runs ways side by side",
    "GraphChangeShape.needs": "a change that builds on another",
    "GraphProposalShape.run": "a redesign that was asked for in a session",
    "GraphProposalShape.suggested": "a model that suggests changes",
    "HunkShape.warnings": "a hunk with hidden characters, or one that loses something",
    "ModelCallShape.reserved_usd": "a call that is under way",
    "RunShape.parent": "a part of another run, which lists leave out",
    "RunShape.waits_for": "a run that waits for an endpoint",
    "WholeAttemptShape.text": "an attempt that broke off in its answer",
}
"""Fields that these ways do not reach, and what sets them."""


def test_every_documented_field_is_set_in_some_answer(seen: Seen) -> None:
    """Of whatever these ways were answered, by the site's own OpenAPI document."""
    [document] = seen["GET /v1/schema"]
    schemas, fields = document["components"]["schemas"], Fields()
    for operation, schema in documented(document).items():
        for answer in seen[operation]:
            fields.look(answer, schema, schemas)
    assert len(fields.named) > 150
    never = fields.named - fields.set
    assert sorted(never) == sorted(NOT_HERE)


PARTS = re.compile(r"^Paginated.*(?=List$)|Summary(?=Shape$)")
"""In the names of schemas: pages are alike, and a summary has the fields of the whole, or fewer."""


class Fields:
    """The fields of named schemas, and those of them that were seen set."""

    def __init__(self) -> None:
        self.named: set[str] = set()
        self.set: set[str] = set()

    def look(self, value: Any, schema: Any, schemas: Any, name: str = "") -> None:
        for part in schema.get("allOf", ()):
            self.look(value, part, schemas, name)
        if "$ref" in schema:
            name = PARTS.sub("", schema["$ref"].rpartition("/")[2])
            self.look(value, schemas[schema["$ref"].rpartition("/")[2]], schemas, name)
            return
        if isinstance(value, list):
            for one in value:
                self.look(one, schema.get("items", {}), schemas, name)
        elif isinstance(value, dict):
            for field, inner in schema.get("properties", {}).items():
                self.named.add(f"{name}.{field}")
                if value.get(field) not in NOTHING:
                    self.set.add(f"{name}.{field}")
                    self.look(value[field], inner, schemas)


def documented(document: Any) -> dict[str, Any]:
    """What each operation answers when all is well."""
    found = {}
    for path, item in document["paths"].items():
        for method in ("get", "post", "put", "patch"):
            for status, answer in item.get(method, {}).get("responses", {}).items():
                schema = answer.get("content", {}).get("application/json", {}).get("schema")
                if schema and status.startswith("2"):
                    name = re.sub(r"{\w+_id}|{key}", "{id}", re.sub(r"{number}|{n}", "{n}", path))
                    found[f"{method.upper()} {name}"] = schema
    return found


def test_every_promised_field_is_there_and_is_set_at_some_time(seen: Seen) -> None:
    missing, empty = [], []
    for promise, operation, pointers in FIELDS:
        for pointer in pointers:
            values = [one for answer in seen[operation] for one in found(answer, pointer.split("/"))]
            if not values:
                missing.append(f"{promise} {operation}: {pointer}")
            elif all(value in NOTHING for value in values):
                empty.append(f"{promise} {operation}: {pointer}")
    assert (missing, empty) == ([], [])
