"""The session socket: who is it, may they, and then a pipe between the room and the client."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qs
from uuid import UUID

from django.conf import settings
from django.utils import timezone

from sessions_app.errors import NotFound
from sessions_app.models import SessionStatus, User
from sessions_app.permissions import Action, require
from sessions_app.realtime import hub, origin, protocol, store, texts
from sessions_app.realtime.close_codes import CloseCode
from sessions_app.realtime.room import Room
from sessions_app.realtime.socket import Ending, Socket
from sessions_app.services import auth, connections
from sessions_app.services.sessions import stamp

log = logging.getLogger(__name__)

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

IDLE_AFTER_S = 75.0
"""A client pings every 15 seconds or so; one that is silent for this long is gone."""
GOODBYE_S = 5.0


class Refused(Exception):
    """Raised while a socket opens, when it may not."""

    def __init__(self, code: CloseCode, reason: str) -> None:
        super().__init__(reason)
        self.ending = Ending(code, reason)


@dataclass(frozen=True, slots=True)
class Identity:
    """Whose socket it is, and what it stands and falls with."""

    user: User
    login: str = ""
    ends_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Admission:
    """What was decided when the socket opened."""

    identity: Identity
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


async def identify(scope: Scope) -> Identity | None:
    """Who opens a socket, by ticket or login cookie; None when the handshake is to be refused for its origin.

    Raises Refused when nobody is signed in. Other sockets of this site use it too.
    """
    shown = origin.header(scope["headers"], b"origin")
    ticket = query(scope, "ticket")
    if shown is None and not ticket:
        return None
    if shown is not None and not origin.is_own(shown, scope["headers"], scope.get("scheme", "ws")):
        return None
    found = await store.call(_by_ticket, ticket) if ticket else await store.call(_by_cookie, _login_key(scope))
    if found is None:
        raise Refused(CloseCode.NOT_SIGNED_IN, "sign in, or bring a fresh ticket")
    return found


async def _serve(session_id: str, scope: Scope, receive: Receive, send: Send) -> None:
    await receive()  # websocket.connect
    try:
        identity = await identify(scope)
        if identity is None:
            await send({"type": "websocket.close"})  # before the accept: the handshake answers 403
            return
        after = _after(scope)
        admission = await store.call(_admit, session_id, identity, after)
    except Refused as refused:
        await send({"type": "websocket.accept"})
        await close(send, refused.ending)
        return
    await send({"type": "websocket.accept"})
    socket = Socket(send=send, user_id=identity.user.pk, after=after, login=identity.login, ends_at=identity.ends_at)
    socket.connection_id = admission.connection_id
    key = UUID(session_id)
    home = hub.current()
    room = home.join(key, socket)
    try:
        await _Pipe(room, socket, receive, expired=admission.expired).run()
    finally:
        home.leave(room, socket)
        await asyncio.shield(store.call(_note_closed, admission.connection_id, key))
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


async def close(send: Send, ending: Ending) -> None:
    """Says goodbye to a client who may be gone or not reading."""
    reason = ending.reason.encode()[:120].decode(errors="ignore")
    try:
        async with asyncio.timeout(GOODBYE_S):
            await send({"type": "websocket.close", "code": int(ending.code), "reason": reason})
    except (OSError, RuntimeError):  # the server's words for a connection that has ended already
        log.debug("a socket was gone before it could be closed with %d", ending.code)


def query(scope: Scope, name: str) -> str:
    given = parse_qs(scope.get("query_string", b"").decode("latin-1"), max_num_fields=20)
    return str(given.get(name, [""])[-1])


def _after(scope: Scope) -> int:
    given = query(scope, "after") or "0"
    if not given.isascii() or not given.isdigit() or len(given) > 18:
        raise Refused(CloseCode.MALFORMED, f"?after={given[:40]!r}; expected the number of an event")
    return int(given)


def _login_key(scope: Scope) -> str:
    cookies = SimpleCookie()
    try:
        cookies.load(origin.header(scope["headers"], b"cookie") or "")
    except CookieError:
        return ""
    morsel = cookies.get(settings.SESSION_COOKIE_NAME)
    return str(morsel.value) if morsel else ""


def _by_ticket(ticket: str) -> Identity | None:
    found = auth.redeem_ticket(ticket=ticket)
    return Identity(user=found.user, login=found.login, ends_at=found.ends_at) if found else None


def _by_cookie(key: str) -> Identity | None:
    user = auth.standing_logins([key]).get(key) if key else None
    return Identity(user=user, login=key) if user else None


def _admit(session_id: str, identity: Identity, after: int) -> Admission:
    """Whether they may come in; notes the connection, so that the session is not idle."""
    now = timezone.now()
    try:
        member = require(identity.user, UUID(session_id), Action.READ)
    except (NotFound, ValueError) as error:
        raise Refused(CloseCode.NO_SUCH_SESSION, "there is no such session, or you are not a member") from error
    if after > member.session.last_seq:
        raise Refused(CloseCode.MALFORMED, f"?after={after}; the newest event is {member.session.last_seq}")
    if connections.open_count(user=identity.user, now=now) >= connections.SOCKETS_PER_USER:
        raise Refused(CloseCode.TOO_FAST, f"you have {connections.SOCKETS_PER_USER} sockets open; close some")
    connection_id = connections.opened(session_id=member.session_id, user=identity.user, now=now)
    return Admission(identity, connection_id, expired=member.session.status == SessionStatus.EXPIRED)


def _note_closed(connection_id: UUID, session_id: UUID) -> None:
    connections.closed(connection_id=connection_id, session_id=session_id, now=timezone.now())
