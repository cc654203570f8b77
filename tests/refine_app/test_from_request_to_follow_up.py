"""The straight line of the product, as a program sees it: ask, watch, accept, ask again; on both forms of the site."""

import json
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from websockets.sync.client import ClientConnection, connect

from tests.servers.site import Site

UNTIDY = """import os, sys
import json


def total(values):
    result = 0
    for value in values:
        result = result + value
    if result == None:
        return 0
    unused = 1
    return result


def describe(value):
    text = "value: {}".format(value)
    if not value in (1, 2):
        text = text + "!"
    return text


def keep_this(  a,b  ):
    return a+b
"""


class Program:
    """A client that knows nothing but the documented interface."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.token = ""
        self.token = self.post("/v1/auth/guest", {"name": "Ana"})["access"]

    def send(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        headers = {"Content-Type": "application/json"} | (
            {"Authorization": f"Bearer {self.token}"} if self.token else {}
        )
        data = None if body is None else json.dumps(body).encode()
        request = Request(f"{self.site.url}{path}", data=data, headers=headers, method=method)  # noqa: S310
        with urlopen(request, timeout=30) as answer:  # noqa: S310
            content = answer.read()
            is_json = answer.headers["Content-Type"].startswith("application/json")
            return json.loads(content) if is_json else content.decode()

    def get(self, path: str) -> Any:
        return self.send("GET", path)

    def post(self, path: str, body: dict[str, Any] | None = None) -> Any:
        return self.send("POST", path, body or {})

    def watch(self, session: str) -> ClientConnection:
        ticket = self.post("/v1/auth/ticket")["ticket"]
        return connect(f"{self.site.socket_url}/ws/sessions/{session}/?after=0&ticket={ticket}", origin=self.site.url)  # type: ignore[arg-type]


def frames_until(socket: ClientConnection, *types: str, run: str) -> list[dict[str, Any]]:
    """Everything the socket says up to an event of these types of the run."""
    frames = []
    while True:
        frame = json.loads(socket.recv(timeout=60))
        frames.append(frame)
        if frame["run"] == run and frame["type"] in types:
            return frames


@pytest.fixture(params=["live_site", "scaled_site"])
def program(request: pytest.FixtureRequest) -> Program:
    return Program(request.getfixturevalue(request.param))


def test_a_program_asks_watches_accepts_and_asks_again(program: Program) -> None:
    session = program.post("/v1/sessions", {"title": "totals", "language": "python", "text": UNTIDY})["id"]
    with program.watch(session) as socket:
        asked = program.post(
            f"/v1/sessions/{session}/requests", {"intent": "auto", "instruction": "Clean it up and format it"}
        )
        run = asked["run"]["id"]
        frames = frames_until(socket, "run.completed", "run.failed", run=run)
        assert frames[-1]["type"] == "run.completed", frames[-1]
        types = [frame["type"] for frame in frames if frame["seq"] is not None]
        assert types.index("run.queued") < types.index("run.started") < types.index("proposal.created")
        assert "diff.updated" in types
        assert any(frame["type"] == "text.delta" for frame in frames)
        stored = [frame["seq"] for frame in frames if frame["seq"] is not None]
        assert stored == list(range(1, len(stored) + 1))

        created = next(frame["data"] for frame in frames if frame["type"] == "proposal.created")
        proposal = program.get(f"/v1/proposals/{created['proposal']}")
        assert (proposal["status"], proposal["run"], proposal["request"]) == ("open", run, asked["id"])
        assert len(proposal["hunks"]) == created["hunks"] >= 1
        assert {check["verdict"] for check in proposal["checks"]} <= {"passed", "skipped"}
        assert "rules" in proposal["summary"]
        patch = program.get(f"/v1/proposals/{proposal['id']}/patch")
        assert patch.startswith("diff --git a/totals.py b/totals.py")

        accepted = program.post(f"/v1/proposals/{proposal['id']}/hunks/1/accept")
        assert accepted["hunks"][0]["status"] == "accepted"
        with pytest.raises(HTTPError) as again:
            program.post(f"/v1/proposals/{proposal['id']}/hunks/1/accept")
        with again.value as refused:
            assert (refused.code, json.load(refused)["code"]) == (409, "hunk_decided")
        if len(proposal["hunks"]) > 1:
            rest = program.post(f"/v1/proposals/{proposal['id']}/reject", {"reason": "later"})
            assert rest["status"] == "decided"

        document = program.get(f"/v1/sessions/{session}/document")
        assert document["text"] != UNTIDY
        assert compile(document["text"], "totals.py", "exec")
        stretch = program.get(f"/v1/sessions/{session}/document/timeline")["results"][0]
        told = {key: stretch["origin"][key] for key in ("kind", "run", "node", "endpoint", "agent")}
        assert told == {
            "kind": "proposal",
            "run": run,
            "node": next(frame["data"]["node_id"] for frame in frames if frame["data"].get("tool") == "propose_change"),
            "endpoint": proposal["endpoint"],
            "agent": "refine_code",
        }
        assert stretch["origin"]["by"] == f"refine_code via {stretch['user']['name']}"

        follow_up = program.post(
            f"/v1/sessions/{session}/requests",
            {"intent": "refine_code", "instruction": "Now simplify the expressions", "parent": asked["id"]},
        )
        assert follow_up["parent"] == asked["id"]
        state = follow_up["run"]["initial_state"]
        assert state["code"] == document["text"]
        assert [turn["instruction"] for turn in state["history"]] == ["Clean it up and format it"]
        assert state["history"][0]["accepted"][0]["n"] == 1
        frames = frames_until(socket, "run.completed", "run.failed", run=follow_up["run"]["id"])
        assert frames[-1]["type"] == "run.completed", frames[-1]
        listed = program.get(f"/v1/sessions/{session}/requests")["results"]
        assert [shown["run"]["status"] for shown in listed] == ["completed", "completed"]
        # Rules are no model: nothing was called, and nothing is to be paid.
        assert program.get(f"/v1/model-calls?session={session}")["results"] == []


def test_a_review_reports_and_changes_nothing(program: Program) -> None:
    session = program.post("/v1/sessions", {"title": "totals", "language": "python", "text": UNTIDY})["id"]
    with program.watch(session) as socket:
        asked = program.post(
            f"/v1/sessions/{session}/requests", {"intent": "auto", "instruction": "Review this, please"}
        )
        assert asked["intent"] == "code_review"
        frames = frames_until(socket, "run.completed", "run.failed", run=asked["run"]["id"])
    assert frames[-1]["type"] == "run.completed", frames[-1]
    assert program.get(f"/v1/sessions/{session}/document")["text"] == UNTIDY
    assert program.get(f"/v1/sessions/{session}/proposals")["results"] == []
    assert program.get(f"/v1/requests/{asked['id']}")["run"]["state"]
