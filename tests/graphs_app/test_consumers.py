"""The socket that executes a graph, spoken to as an ASGI server would."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any
from uuid import UUID

import pytest
from asgiref.sync import sync_to_async
from django.db import connections
from pytest_django import Settings

from graphs_app import consumers, dispatch, worker
from graphs_app.consumers import execute_socket
from graphs_app.models import Run
from graphs_app.services import execution, runs
from sessions_app.models import User
from sessions_app.realtime import hub
from sessions_app.realtime.close_codes import CloseCode
from sessions_app.services import auth
from tests.graphs_app import cast
from tests.graphs_app.cast import line, node

in_database = sync_to_async(thread_sensitive=True)


class Client:
    """One connection."""

    def __init__(self, graph: str, ticket: str) -> None:
        scope = {
            "type": "websocket",
            "scheme": "ws",
            "headers": [],
            "query_string": f"ticket={ticket}".encode(),
            "url_route": {"kwargs": {"graph_id": graph}},
        }
        self._to: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._from: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._to.put_nowait({"type": "websocket.connect"})
        self.task = asyncio.ensure_future(execute_socket(scope, self._to.get, self._from.put))

    def send(self, frame: Any) -> None:
        text = frame if isinstance(frame, str) else json.dumps(frame)
        self._to.put_nowait({"type": "websocket.receive", "text": text})

    def leave(self) -> None:
        self._to.put_nowait({"type": "websocket.disconnect", "code": 1001})

    async def next(self) -> dict[str, Any]:
        return await asyncio.wait_for(self._from.get(), 20)

    async def frames(self) -> list[dict[str, Any]]:
        """All until the run is over."""
        found: list[dict[str, Any]] = []
        while not found or found[-1]["event"] not in ("execution_complete", "error"):
            found.append(json.loads((await self.next())["text"]))
        return found


Connect = Callable[..., Any]


@pytest.fixture
async def connect(here: worker.Worker, ada: User, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Connect]:
    """Opens sockets as Ada; what is handed to the broker is executed by this process's worker."""

    def send(run_id: UUID, priority: int = 0) -> bool:
        return execution.execute(run_id=run_id) is not None

    monkeypatch.setattr(dispatch, "send", send)
    clients: list[Client] = []

    async def opened(graph: str, user: User = ada) -> Client:
        client = Client(graph, await in_database(auth.issue_ticket)(user=user))
        clients.append(client)
        assert (await client.next())["type"] == "websocket.accept"
        return client

    yield opened
    for client in clients:
        client.leave()
        await asyncio.wait([client.task])
    await hub.current().stop()
    await sync_to_async(connections.close_all)()


async def keep(user: User, definition: dict[str, Any]) -> str:
    graph = await in_database(cast.keep)(user, definition)
    return str(graph.pk)


async def test_a_state_goes_in_and_the_run_comes_out_node_by_node(connect: Connect, ada: User) -> None:
    client = await connect(await keep(ada, cast.SUM))
    for seed in (1, 2):
        client.send({"initial_state": {"seed": seed}})
        frames = await client.frames()
        steps = [(frame["event"], frame.get("node")) for frame in frames[1:-1]]
        assert steps == [(event, name) for name in ("start", *["add"] * 5) for event in ("node_start", "node_complete")]
        assert frames[2]["output"] == {"n": 0}
        assert frames[-1]["result"]["state"] == {"seed": seed, "n": 5}
        assert frames[-1]["status"] == "completed"
        assert frames[0]["run_id"] == frames[-1]["run_id"]


async def test_a_run_that_fails_says_at_which_node(connect: Connect, ada: User) -> None:
    client = await connect(await keep(ada, line("Bad", node("bad", "fail", {"message": "no luck"}))))
    client.send({})
    frames = await client.frames()
    assert (frames[-2]["node"], frames[-2]["status"], frames[-1]["status"]) == ("bad", "failed", "failed")
    assert "no luck" in frames[-1]["error"]["message"]


async def test_the_socket_is_woken_by_the_journal_and_need_not_ask(
    connect: Connect, ada: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumers, "LOOK_EVERY_S", 3600.0)
    nap = line("Nap", *[node(f"nap{n}", "sleep", {"seconds": 0.05}) for n in range(3)])
    client = await connect(await keep(ada, nap))
    client.send({})
    frames = await client.frames()
    assert [frame["event"] for frame in frames] == [
        "started",
        *["node_start", "node_complete"] * 3,
        "execution_complete",
    ]


async def test_a_run_that_is_cancelled_before_it_begins_wakes_its_socket_too(
    connect: Connect, ada: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumers, "LOOK_EVERY_S", 3600.0)
    monkeypatch.setattr(dispatch, "send", lambda run_id, priority=0: True)
    client = await connect(await keep(ada, cast.SUM))
    client.send({})
    run_id = json.loads((await client.next())["text"])["run_id"]
    run = await Run.objects.aget(pk=run_id)
    await in_database(runs.cancel_run)(run=run)
    assert [frame["status"] for frame in await client.frames()] == ["cancelled"]


async def test_a_run_goes_on_when_its_socket_closes(connect: Connect, ada: User) -> None:
    client = await connect(await keep(ada, line("Nap", node("nap", "sleep", {"seconds": 0.3}))))
    client.send({"initial_state": {}})
    started = json.loads((await client.next())["text"])
    client.leave()
    await asyncio.wait([client.task])
    completed = Run.objects.filter(pk=started["run_id"], status="completed")
    await in_database(cast.wait_until)(completed.exists)


@pytest.mark.parametrize("frame", ["no JSON", "[]", '{"initial_state": 7}', "[" * 100_000])
async def test_what_is_no_state_closes_the_socket_with_a_reason(connect: Connect, ada: User, frame: str) -> None:
    client = await connect(await keep(ada, cast.SUM))
    client.send(frame)
    closed = await client.next()
    assert (closed["type"], closed["code"]) == ("websocket.close", CloseCode.MALFORMED)
    assert closed["reason"]


async def test_a_silent_client_is_told_what_is_waited_for_and_then_let_go(
    connect: Connect, ada: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumers, "WAITING_AFTER_S", 0.05)
    client = await connect(await keep(ada, cast.SUM))
    told = json.loads((await client.next())["text"])
    assert told == {"event": "waiting", "expected": {"initial_state": {}}, "closes_in_s": 74.95}
    client.send({"initial_state": {"seed": 1}})
    assert (await client.frames())[-1]["event"] == "execution_complete"
    monkeypatch.setattr(consumers, "IDLE_AFTER_S", 0.1)
    silent = await connect(await keep(ada, cast.SUM))
    assert json.loads((await silent.next())["text"])["event"] == "waiting"
    closed = await silent.next()
    assert (closed["code"], "initial_state" in closed["reason"]) == (CloseCode.IDLE, True)


async def test_another_persons_graph_is_not_there(connect: Connect, ada: User) -> None:
    eve = await User.objects.acreate(username="eve")
    client = await connect(await keep(ada, cast.SUM), user=eve)
    assert (await client.next())["code"] == CloseCode.NO_SUCH_SESSION


async def test_nobody_gets_in_without_a_ticket_or_a_login(transactional_db: None) -> None:
    client = Client("sum", "made-up")
    assert (await client.next())["type"] == "websocket.accept"
    assert (await client.next())["code"] == CloseCode.NOT_SIGNED_IN
    await sync_to_async(connections.close_all)()


async def test_runs_by_this_door_are_counted_like_all_others(connect: Connect, ada: User, settings: Settings) -> None:
    settings.RATE_LIMIT_RUNS = "person 1/1m"
    client = await connect(await keep(ada, cast.SUM))
    client.send({"initial_state": {"seed": 1}})
    assert (await client.frames())[-1]["event"] == "execution_complete"
    client.send({"initial_state": {}})
    [refused] = await client.frames()
    assert (refused["event"], refused["code"]) == ("error", "too_many_requests")
    assert refused["retry_after_s"] >= 1
