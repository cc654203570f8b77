"""A connection that is dead and does not say so, over real TCP: the server as it is served, and a proxy between."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from uvicorn import Config, Server
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from agentsite.quick_sockets import QuickSockets
from sessions_app.crdt.replica import Replica
from sessions_app.models import DocumentUpdate, User
from sessions_app.realtime import awareness, document_hub
from sessions_app.realtime.document_consumer import document_socket
from sessions_app.services import auth, documents
from tests.sessions_app.conftest import Cast
from tests.sessions_app.realtime.conftest import Editor, Join

pytestmark = pytest.mark.django_db(transaction=True)

OverTcp = Callable[..., Awaitable[Editor]]


class Proxy:
    """Passes bytes on, until it is told to stop; the connections of before then stay open, and silent."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._passes = asyncio.Event()
        self._passes.set()
        self._tasks: set[asyncio.Task[None]] = set()
        self.port = 0

    async def start(self) -> "Proxy":
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    def freeze(self) -> asyncio.Event:
        """Stops every connection that is open; set what it returns to let them go on. New ones pass."""
        frozen, self._passes = self._passes, asyncio.Event()
        self._passes.set()
        frozen.clear()
        return frozen

    async def stop(self) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        server, to_server = await asyncio.open_connection("127.0.0.1", self._port)
        for reader, writer in ((client, to_server), (server, to_client)):
            task = asyncio.ensure_future(self._pass_on(reader, writer, self._passes))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, passes: asyncio.Event) -> None:
        with suppress(OSError):
            while data := await reader.read(65536):
                await passes.wait()
                writer.write(data)
                await writer.drain()
        writer.close()


async def relay(url: str, receive: Any, send: Any) -> None:
    """What an editor says to an application in its process, said to a server over a connection."""
    await receive()
    async with connect(url, compression=None) as connection:
        await send({"type": "websocket.accept"})
        saying = asyncio.ensure_future(_say(connection, receive))
        try:
            async for frame in connection:
                await send({"type": "websocket.send", "bytes": frame})
        except ConnectionClosed:
            pass
        finally:
            saying.cancel()
        await send({"type": "websocket.close", "code": connection.close_code, "reason": connection.close_reason})


async def _say(connection: Any, receive: Any) -> None:
    while (message := await receive())["type"] == "websocket.receive":
        await connection.send(message["bytes"])
    await connection.close()


@pytest.fixture
async def served(cast: Cast, join: Join) -> AsyncIterator[int]:
    """The document's socket as uvicorn serves it, in this process; its port. (What `join` opened is closed before.)"""

    async def application(scope: Any, receive: Any, send: Any) -> None:
        await document_socket({**scope, "url_route": {"kwargs": {"session_id": str(cast.session.pk)}}}, receive, send)

    config = Config(application, port=0, ws=QuickSockets, lifespan="off", log_config=None, ws_per_message_deflate=False)
    server = Server(config)
    serving = asyncio.ensure_future(server._serve())
    while not server.started:
        await asyncio.wait({serving}, timeout=0.01)
        assert not serving.done()
    yield server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    await serving


@pytest.fixture
async def proxy(served: int) -> AsyncIterator[Proxy]:
    made = await Proxy(served).start()
    yield made
    await made.stop()


@pytest.fixture
def over_tcp(monkeypatch: pytest.MonkeyPatch) -> OverTcp:
    """Opens the document through a port; replica= is somebody who returns."""

    async def opened(user: User, port: int, replica: Replica | None = None) -> Editor:
        ticket = await sync_to_async(auth.issue_ticket)(user=user)
        url = f"ws://127.0.0.1:{port}/?ticket={ticket}&agentsite=1"
        monkeypatch.setattr("tests.sessions_app.realtime.conftest.application", lambda _, r, s: relay(url, r, s))
        return await Editor({}, replica).synced()

    return opened


@pytest.mark.usefixtures("quick_looks")
async def test_who_is_cut_off_without_a_word_is_gone_for_the_others_and_returns_with_what_they_typed(
    cast: Cast, join: Join, proxy: Proxy, over_tcp: OverTcp, monkeypatch: pytest.MonkeyPatch
) -> None:
    ben = await join(cast.ben)
    ana = await over_tcp(cast.ana, proxy.port)
    ana.show({"cursor": 1})
    await ben.until(lambda: ben.presence.get(11))
    await ana.has_stored(ana.type("before\n"))
    thaw = proxy.freeze()
    on_its_way = ana.edit("into the void ", 0)
    ana.send_update(on_its_way)
    with monkeypatch.context() as patched:
        patched.setattr(awareness, "GONE_AFTER_S", 0.5)  # it is half a minute; no test waits that long
        await ben.until(lambda: ben.presence[11] is None)
    [room] = document_hub.current().rooms.values()
    assert len(room.audience.sockets) == 2, "nobody has told the server that she is gone"
    await ben.has_stored(ben.type("meanwhile\n"))

    again = await over_tcp(cast.ana, proxy.port, ana.replica)  # her page gives the silent connection up
    again.show({"cursor": 2}, clock=5)
    await ben.until(lambda: (ben.presence[11] or {}).get("cursor") == 2)
    await ben.until(lambda: ben.text == "into the void one\nbefore\nmeanwhile\n")
    await again.until(lambda: again.text == ben.text)
    thaw.set()  # and what lay in the wires arrives after all
    await ana.has_stored(ana.seq)
    stored = await again.has_stored(again.type("after\n"))
    await ben.until(lambda: ben.text == "into the void one\nbefore\nmeanwhile\nafter\n")
    assert stored == 5 == await DocumentUpdate.objects.acount()
    document = await sync_to_async(documents.read)(user=cast.ben, session_id=cast.session.pk)
    assert document.text == ben.text == again.text
    for editor in (ana, again):
        await editor.leave()
