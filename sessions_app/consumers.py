"""The session socket: who is it, may they, and then a pipe between the room and the client."""

import asyncio
import logging
import time
from dataclasses import dataclass
from uuid import UUID

from django.utils import timezone

from sessions_app.models import Member, SessionStatus
from sessions_app.realtime import hub, protocol, store, texts
from sessions_app.realtime.close_codes import CloseCode
from sessions_app.realtime.frame_queue import Ending
from sessions_app.realtime.handshake import (
    Identity,
    Receive,
    Refused,
    Scope,
    Send,
    accepted,
    admitted,
    close,
    identify,
    let_in,
    note_closed,
    query,
)
from sessions_app.realtime.room import Room
from sessions_app.realtime.socket import Socket
from sessions_app.services.sessions import stamp

__all__ = ["Refused", "accepted", "identify"]  # the consumers of upper apps take these from here

log = logging.getLogger(__name__)

IDLE_AFTER_S = 75.0
"""A client pings every 15 seconds or so; one that is silent for this long is gone."""


@dataclass(frozen=True, slots=True)
class Admission:
    """What was decided when the socket opened."""

    after: int
    connection_id: UUID
    expired: bool


async def session_socket(scope: Scope, receive: Receive, send: Send) -> None:
    """/ws/sessions/{id}/?after=N"""
    session_id = str(scope["url_route"]["kwargs"]["session_id"])
    try:
        await _serve(session_id, scope, receive, send)
    except Exception:
        log.exception("the socket of session %s failed", session_id)
        await close(send, Ending(CloseCode.FAILED, "something went wrong on our side; connect again"))


async def no_such_socket(scope: Scope, receive: Receive, send: Send) -> None:
    """For every path that is none: the handshake is refused."""
    await receive()
    await send({"type": "websocket.close"})


async def _serve(session_id: str, scope: Scope, receive: Receive, send: Send) -> None:
    def admit(identity: Identity) -> Admission:
        after = _after(scope)

        def check(member: Member) -> None:
            if after > member.session.last_seq:
                raise Refused(CloseCode.MALFORMED, f"?after={after}; the newest event is {member.session.last_seq}")

        member, connection_id = let_in(session_id, identity, check=check)
        return Admission(after, connection_id, expired=member.session.status == SessionStatus.EXPIRED)

    found = await admitted(scope, receive, send, admit)
    if found is None:
        return
    identity, admission = found
    socket = Socket(
        send=send, user_id=identity.user.pk, after=admission.after, login=identity.login, ends_at=identity.ends_at
    )
    socket.connection_id = admission.connection_id
    key = UUID(session_id)
    home = hub.current()
    try:
        if not await accepted(send):
            return
        room = home.join(key, socket)
        try:
            await _Pipe(room, socket, receive, expired=admission.expired).run()
        finally:
            home.leave(room, socket)
            socket.forget()
    finally:
        await note_closed(admission.connection_id, key)
    if socket.ending is not None:
        await close(send, socket.ending)


class _Pipe:
    """One socket's two directions, until either ends."""

    def __init__(self, room: Room, socket: Socket, receive: Receive, *, expired: bool) -> None:
        self._room = room
        self._socket = socket
        self._receive = receive
        self._expired = expired
        self._allowance = protocol.Allowance()

    async def run(self) -> None:
        reading, writing, aborted = (
            asyncio.ensure_future(it) for it in (self._read(), self._write(), self._socket.aborted.wait())
        )
        both = {reading, writing, aborted}
        try:
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            if self._socket.ending is not None:  # what is queued is still sent, unless it is aborted or takes long
                await asyncio.wait({writing, aborted}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in both:
                task.cancel()
            results = await asyncio.gather(*both, return_exceptions=True)
        for result in results:
            if isinstance(result, Exception) and not isinstance(result, OSError):
                raise result

    async def _write(self) -> None:
        await self._room.replay(self._socket)
        if self._expired:
            self._socket.finish(CloseCode.EXPIRED, "the session has expired")
        await self._socket.feed()

    async def _read(self) -> None:
        """Reads until the client leaves, or does what ends its socket."""
        while self._socket.ending is None:
            try:
                message = await asyncio.wait_for(self._receive(), IDLE_AFTER_S)
            except TimeoutError:
                self._socket.abort(CloseCode.IDLE, f"nothing came for {IDLE_AFTER_S:.0f} s; send a ping every 15 s")
                return
            if message["type"] == "websocket.disconnect":
                return
            text = message.get("text")
            await self._take(text if text is not None else message.get("bytes") or b"")

    async def _take(self, frame: str | bytes) -> None:
        socket = self._socket
        if not self._allowance.take(time.monotonic()):
            socket.abort(CloseCode.TOO_FAST, "too many frames; at most 20 a second")
            return
        try:
            asked = protocol.parse(frame)
        except protocol.FrameTooLarge as error:
            socket.abort(CloseCode.TOO_LARGE, str(error))
        except protocol.MalformedFrame as error:
            socket.abort(CloseCode.MALFORMED, str(error))
        else:
            if isinstance(asked, protocol.Ping):
                socket.push(protocol.PONG)
            else:
                await self._answer(asked)

    async def _answer(self, asked: protocol.TextSince) -> None:
        known = await store.call(texts.so_far, self._room.session_id, asked.node_run)
        self._socket.push(protocol.encode(protocol.text_delta(asked, known, at=stamp(timezone.now()))))


def _after(scope: Scope) -> int:
    given = query(scope, "after") or "0"
    if not given.isascii() or not given.isdigit() or len(given) > 18:
        raise Refused(CloseCode.MALFORMED, f"?after={given[:40]!r}; expected the number of an event")
    return int(given)
