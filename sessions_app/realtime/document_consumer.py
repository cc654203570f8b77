"""The document's socket: who is it, may they, and then a pipe between the room and the client."""

import asyncio
import hashlib
import logging
import time
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.conf import settings

from sessions_app import selectors
from sessions_app.limits.quotas import Holder, holders_of
from sessions_app.models import Role, SessionStatus
from sessions_app.realtime import document_hub, yprotocol
from sessions_app.realtime.close_codes import CloseCode
from sessions_app.realtime.document_admission import UPDATE_BYTES
from sessions_app.realtime.document_room import DocumentRoom
from sessions_app.realtime.document_socket import WRITE, DocumentSocket
from sessions_app.realtime.frame_queue import Ending
from sessions_app.realtime.handshake import (
    Identity,
    Receive,
    Scope,
    Send,
    accepted,
    admitted,
    close,
    let_in,
    note_closed,
    query,
)
from sessions_app.realtime.protocol import Allowance

log = logging.getLogger(__name__)

IDLE_AFTER_S = 75.0
"""A client that is alive says so every 15 seconds, by awareness or by a ping."""
FRAME_BYTES = UPDATE_BYTES + 64
BURST_BYTES = 16 * UPDATE_BYTES
BYTES_PER_SECOND = 2 * UPDATE_BYTES
"""Every byte is read before it is known what becomes of it; compressed, many cost their sender nothing."""
COLOURS = (
    "#c2410c", "#a16207", "#4d7c0f", "#15803d", "#0f766e", "#0369a1",
    "#4338ca", "#7e22ce", "#a21caf", "#be123c", "#57534e", "#1d4ed8",
)  # fmt: skip
"""Dark enough to read white letters on, and far enough apart; a person keeps theirs everywhere."""


class Admission:
    """What was decided when the socket opened."""

    def __init__(
        self,
        document: UUID,
        session: UUID,
        connection: UUID,
        user: dict[str, Any],
        *,
        expected_bytes: int,
        holders: Sequence[Holder],
        expired: bool,
    ) -> None:
        self.document = document
        self.expected_bytes = expected_bytes
        self.holders = holders
        self.session = session
        self.connection = connection
        self.user = user
        self.expired = expired


async def document_socket(scope: Scope, receive: Receive, send: Send) -> None:
    """/ws/sessions/{id}/document/"""
    session_id = str(scope["url_route"]["kwargs"]["session_id"])
    try:
        await _serve(session_id, scope, receive, send)
    except Exception:
        log.exception("the document socket of session %s failed", session_id)
        await close(send, Ending(CloseCode.FAILED, "something went wrong on our side; connect again"))


async def _serve(session_id: str, scope: Scope, receive: Receive, send: Send) -> None:
    found = await admitted(scope, receive, send, lambda identity: _admit(session_id, identity))
    if found is None:
        return
    identity, admission = found
    socket = DocumentSocket(
        send=send,
        user=admission.user,
        speaks_ours=query(scope, "agentsite") == "1",
        may_edit=admission.user["role"] != Role.VIEWER and not admission.expired,
        write=scope.get("extensions", {}).get(WRITE),
        login=identity.login,
        ends_at=identity.ends_at,
        holders=admission.holders,
    )
    socket.is_expired = admission.expired
    socket.connection_id = admission.connection
    home = document_hub.current()
    try:
        if not await accepted(send):
            return
        if (refused := home.refusal(admission.document, socket.holders, admission.expected_bytes)) is not None:
            await close(send, refused)
            return
        room = home.join(admission.document, socket, expected=admission.expected_bytes)
        try:
            await _Pipe(room, socket, receive).run()
        finally:
            home.leave(room, socket)
            socket.forget()
    finally:
        await note_closed(admission.connection, admission.session)
    if socket.ending is not None:
        await close(send, socket.ending)


class _Pipe:
    """One socket's two directions, until either ends."""

    def __init__(self, room: DocumentRoom, socket: DocumentSocket, receive: Receive) -> None:
        self._room = room
        self._socket = socket
        self._receive = receive
        self._frames = Allowance(burst=2_000, per_second=400, left=2_000)
        self._updates = Allowance(burst=1_000, per_second=100, left=1_000)
        self._bytes = Allowance(burst=BURST_BYTES, per_second=BYTES_PER_SECOND, left=BURST_BYTES)
        self._questions = Allowance(burst=100, per_second=5, left=100)
        self._presences = Allowance(burst=100, per_second=30, left=100)
        self._unheard: yprotocol.Presence | None = None
        """The last awareness that came too soon after others; taken when there is time."""
        self._last_heard = time.monotonic()

    async def run(self) -> None:
        """Until the client leaves, the socket is to end, or nothing has come for long."""
        tasks = [asyncio.ensure_future(it) for it in (self._read(), self._socket.feed(), self._watch())]
        _, writing, _ = tasks
        aborted = asyncio.ensure_future(self._socket.aborted.wait())
        try:
            await asyncio.wait({*tasks, aborted}, return_when=asyncio.FIRST_COMPLETED)
            if self._socket.ending is not None:  # what is queued is still sent, unless it is aborted or takes long
                await asyncio.wait({writing, aborted}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (*tasks, aborted):
                task.cancel()
            results = await asyncio.gather(*tasks, aborted, return_exceptions=True)
        for result in results:
            if isinstance(result, Exception) and not isinstance(result, OSError):
                raise result

    async def _read(self) -> None:
        while self._socket.ending is None:
            message = await self._receive()
            if message["type"] == "websocket.disconnect":
                return
            self._last_heard = time.monotonic()
            frame = message.get("bytes")
            if frame is None:
                self._socket.abort(CloseCode.MALFORMED, "this socket speaks the y-protocols, in binary frames")
                return
            self._take(frame, self._last_heard)
            if self._socket.slowed_s:
                await asyncio.sleep(self._socket.slowed_s)

    def _take(self, frame: bytes, now: float) -> None:
        socket = self._socket
        if not self._frames.take(now):
            socket.abort(CloseCode.TOO_FAST, "too many frames; at most 400 a second")
            return
        if len(frame) > FRAME_BYTES:
            socket.abort(CloseCode.TOO_LARGE, f"an update may have {UPDATE_BYTES:,} bytes")
            return
        if not self._bytes.take(now, len(frame)):
            socket.abort(CloseCode.TOO_FAST, f"too many bytes; at most {BYTES_PER_SECOND:,} a second")
            return
        try:
            message = yprotocol.parse(frame)
        except yprotocol.MalformedMessage as error:
            socket.abort(CloseCode.MALFORMED, str(error))
            return
        if isinstance(message, yprotocol.Presence):
            if not self._presences.take(now):
                self._unheard = message
                return
            self._unheard = None
        elif isinstance(message, yprotocol.Update) and not self._updates.take(now):
            socket.abort(CloseCode.TOO_FAST, "too many updates; at most 100 a second")
            return
        elif isinstance(message, yprotocol.Ask | yprotocol.Query) and not self._questions.take(now):
            socket.abort(CloseCode.TOO_FAST, "too many questions; at most 5 a second")
            return
        self._room.receive(socket, message, now)

    async def _watch(self) -> None:
        """Hears late what came too soon, and gives up a client that is silent for long."""
        while self._socket.ending is None:
            await asyncio.sleep(1.0)
            now = time.monotonic()
            if self._unheard is not None and self._presences.take(now):
                message, self._unheard = self._unheard, None
                self._room.receive(self._socket, message, now)
            if now - self._last_heard > IDLE_AFTER_S:
                self._socket.abort(CloseCode.IDLE, f"nothing came for {IDLE_AFTER_S:.0f} s")


def _admit(session_id: str, identity: Identity) -> Admission:
    found: list[tuple[UUID, int]] = []
    member, connection = let_in(
        session_id, identity, check=lambda member: found.append(selectors.document_and_bytes_of(member.session_id))
    )
    document, held_bytes = found[0]
    user = {
        "id": str(member.user_id),
        "name": str(member.user),
        "color": colour_of(member.user_id),
        "role": member.role,
        "guest": member.user.is_guest,
    }
    expired = member.session.status == SessionStatus.EXPIRED
    return Admission(
        document,
        member.session_id,
        connection,
        user,
        expected_bytes=min(held_bytes, settings.DOCUMENT_STATE_MAX_BYTES),
        holders=holders_of(member.user),
        expired=expired,
    )


def colour_of(user: UUID) -> str:
    """A person's colour: always the same."""
    return COLOURS[hashlib.sha256(user.bytes).digest()[0] % len(COLOURS)]
