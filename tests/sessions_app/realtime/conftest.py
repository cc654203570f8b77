"""Editors that are real CRDT replicas, and speak to the document's socket as the ASGI server does."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.db import connections

from sessions_app.crdt import edits, lib0
from sessions_app.crdt.kinds import TEXT
from sessions_app.crdt.lib0 import Reader
from sessions_app.crdt.replica import Replica
from sessions_app.models import Session, User
from sessions_app.realtime import document_hub, hub, yprotocol
from sessions_app.realtime.document_consumer import document_socket as application
from sessions_app.services import auth
from tests.sessions_app.conftest import PATIENCE_S, Cast, make_cast


class Editor:
    """One client: a replica, and the socket that it is kept in step by."""

    def __init__(self, scope: dict[str, Any], replica: Replica | None = None) -> None:
        self.replica = replica or Replica(TEXT)
        self.to_server: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.reads = asyncio.Event()
        self.reads.set()
        self.code: int | None = None
        self.reason = ""
        self.seq = 0
        self.hello: dict[str, Any] = {}
        self.stored: dict[int, int] = {}
        self.refused: list[dict[str, Any]] = []
        self.presence: dict[int, dict[str, Any] | None] = {}
        self.clocks: dict[int, int] = {}
        self.frames = 0
        self.is_synced = False
        self._news = asyncio.Event()
        self.task = asyncio.ensure_future(application(scope, self.to_server.get, self._send))
        self.to_server.put_nowait({"type": "websocket.connect"})

    @property
    def text(self) -> str:
        return self.replica.text()

    async def _send(self, message: dict[str, Any]) -> None:
        await self.reads.wait()
        if message["type"] == "websocket.close":
            self.code, self.reason = message.get("code"), message.get("reason", "")
        elif message["type"] == "websocket.accept":
            self.say(yprotocol.ask(self.replica.state_vector()))
        else:
            self.frames += 1
            self._hear(Reader(message["bytes"]))
        self._news.set()

    def _hear(self, reader: Reader) -> None:
        match reader.uint():
            case yprotocol.SYNC:
                step, data = reader.uint(), reader.bytes()
                if step == yprotocol.STATE_VECTOR:
                    self.say(yprotocol.answer(self.replica.since(data)))
                elif data != b"\x00\x00":
                    self.replica.apply(data)
                self.is_synced = self.is_synced or step == yprotocol.ANSWER
            case yprotocol.AWARENESS:
                told = Reader(reader.bytes())
                for _ in range(told.uint()):
                    client = told.uint()
                    self.clocks[client] = told.uint()
                    self.presence[client] = json.loads(told.text())
            case yprotocol.HELLO:
                self.hello = json.loads(reader.text())
            case yprotocol.STORED:
                seq = reader.uint()
                self.stored[seq] = reader.uint()
            case yprotocol.REFUSED:
                self.refused.append(json.loads(reader.text()))

    def say(self, frame: bytes) -> None:
        self.to_server.put_nowait({"type": "websocket.receive", "bytes": frame})

    def send_update(self, update: bytes) -> int:
        """As our own client does, with a number; returns the number."""
        self.seq += 1
        self.say(lib0.uint(yprotocol.NUMBERED_UPDATE) + lib0.uint(self.seq) + lib0.array(update))
        return self.seq

    def type(self, text: str, at: int | None = None) -> int:
        return self.send_update(self.edit(text, at))

    def edit(self, text: str, at: int | None = None) -> bytes:
        before = self.text
        at = len(before) if at is None else at
        return self.replica.edit(edits.between(before, before[:at] + text + before[at:]))

    def show(self, state: Any, *, client: int = 11, clock: int = 1) -> None:
        data = b"".join((lib0.uint(1), lib0.uint(client), lib0.uint(clock), lib0.text(json.dumps(state))))
        self.say(yprotocol.presence(data))

    async def until(self, condition: Callable[[], Any], within: float = PATIENCE_S) -> None:
        async with asyncio.timeout(within):
            while not condition():
                self._news.clear()
                await self._news.wait()

    async def synced(self) -> "Editor":
        await self.until(lambda: self.is_synced or self.code is not None)
        return self

    async def has_stored(self, seq: int) -> int:
        await self.until(lambda: seq in self.stored)
        return self.stored[seq]

    async def closed(self) -> int | None:
        await asyncio.wait_for(self.task, PATIENCE_S)
        return self.code

    async def leave(self) -> None:
        self.reads.set()
        self.to_server.put_nowait({"type": "websocket.disconnect", "code": 1000})
        await asyncio.wait_for(self.task, PATIENCE_S)


Join = Callable[..., Awaitable[Editor]]


@pytest.fixture
async def cast() -> AsyncIterator[Cast]:
    yield await sync_to_async(make_cast)()
    await sync_to_async(connections.close_all)()


@pytest.fixture
async def join(cast: Cast) -> AsyncIterator[Join]:
    """Opens the document for somebody; join(user, ours=False) is a stock client, and replica= one who returns.

    It is that of the cast's session, or of session=.
    """
    editors: list[Editor] = []

    async def joined(
        user: User, *, ours: bool = True, replica: Replica | None = None, session: Session | None = None
    ) -> Editor:
        session_id = (session or cast.session).pk
        ticket = await sync_to_async(auth.issue_ticket)(user=user)
        scope = {
            "type": "websocket",
            "scheme": "ws",
            "path": f"/ws/sessions/{session_id}/document/",
            "query_string": f"ticket={ticket}{'&agentsite=1' if ours else ''}".encode(),
            "headers": [(b"host", b"localhost:8000")],
            "url_route": {"args": (), "kwargs": {"session_id": str(session_id)}},
        }
        editor = Editor(scope, replica)
        editors.append(editor)
        return await editor.synced()

    yield joined
    for editor in editors:
        if not editor.task.done():
            await editor.leave()
    await document_hub.current().stop()
    await hub.current().stop()
