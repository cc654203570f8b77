"""How every socket of this site opens and closes: whose it is, whether they may, and a goodbye that says why."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from http.cookies import CookieError, SimpleCookie
from typing import Any, TypeVar
from urllib.parse import parse_qs
from uuid import UUID

from django.conf import settings
from django.utils import timezone

from sessions_app.errors import NotFound, RateLimited
from sessions_app.limits import addresses, limiter, policies
from sessions_app.limits.limiter import Caller
from sessions_app.models import Member, User
from sessions_app.permissions import Action, require
from sessions_app.realtime import origin, store
from sessions_app.realtime.close_codes import CloseCode
from sessions_app.realtime.frame_queue import Ending
from sessions_app.services import auth, connections

log = logging.getLogger(__name__)

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

T = TypeVar("T")

GOODBYE_S = 5.0
MOST_PARAMETERS = 20


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


async def admitted(
    scope: Scope, receive: Receive, send: Send, admit: Callable[[Identity], T]
) -> tuple[Identity, T] | None:
    """Whose socket it is and what admit() found, for the caller to accept; None when it was refused, and is closed.

    admit() runs in a thread, and raises Refused.
    """
    await receive()  # websocket.connect
    try:
        identity = await identify(scope)
        if identity is None:
            await send({"type": "websocket.close"})  # before the accept: the handshake answers 403
            return None
        admission = await store.call(admit, identity)
    except Refused as refused:
        if await accepted(send):
            await close(send, refused.ending)
        return None
    return identity, admission


async def accepted(send: Send) -> bool:
    """Accepts a socket; False when the client has gone away meanwhile, as who loads a page twice at once does."""
    try:
        await send({"type": "websocket.accept"})
    except OSError:  # the server's word for it
        log.debug("a socket was gone before it could be accepted")
        return False
    return True


def let_in(
    session_id: str, identity: Identity, *, check: Callable[[Member], None] = lambda member: None
) -> tuple[Member, UUID]:
    """Whether somebody may come in; notes the connection, so that the session is not idle. Raises Refused."""
    now = timezone.now()
    try:
        member = require(identity.user, UUID(session_id), Action.READ)
        check(member)
    except (NotFound, ValueError) as error:
        raise Refused(CloseCode.NO_SUCH_SESSION, "there is no such session, or you are not a member") from error
    if connections.open_count(user=identity.user, now=now) >= connections.SOCKETS_PER_USER:
        raise Refused(CloseCode.TOO_FAST, f"you have {connections.SOCKETS_PER_USER} sockets open; close some")
    return member, connections.opened(session_id=member.session_id, user=identity.user, now=now)


async def note_closed(connection: UUID, session: UUID) -> None:
    """A socket that was let in has closed; it is noted whatever happens to the caller meanwhile."""
    await asyncio.shield(store.call(_note_closed, connection, session))


def _note_closed(connection: UUID, session: UUID) -> None:
    connections.closed(connection_id=connection, session_id=session, now=timezone.now())


async def identify(scope: Scope) -> Identity | None:
    """Who opens a socket, by ticket or login cookie; None when the handshake is to be refused for its origin.

    Raises Refused when nobody is signed in. Other sockets of this site use it too.
    """
    shown = origin.header(scope["headers"], b"origin")
    ticket = query(scope, "ticket")
    if shown is None and not ticket:
        return None
    is_own = shown is None or origin.is_own(shown, scope["headers"], scope.get("scheme", "ws"))
    if not is_own and not origin.is_allowed(shown or "", scope["headers"]):
        return None
    return await store.call(_identified, scope, ticket, _login_key(scope) if is_own else "")


async def close(send: Send, ending: Ending) -> None:
    """Says goodbye to a client who may be gone or not reading."""
    reason = ending.reason.encode()[:120].decode(errors="ignore")
    try:
        async with asyncio.timeout(GOODBYE_S):
            await send({"type": "websocket.close", "code": int(ending.code), "reason": reason})
    except (OSError, RuntimeError):  # the server's words for a connection that has ended already
        log.debug("a socket was gone before it could be closed with %d", ending.code)


def query(scope: Scope, name: str) -> str:
    """One parameter of the socket's address. Raises Refused where there are more than anybody has a use for."""
    try:
        given = parse_qs(scope.get("query_string", b"").decode("latin-1"), max_num_fields=MOST_PARAMETERS)
    except ValueError:
        raise Refused(CloseCode.MALFORMED, f"at most {MOST_PARAMETERS} parameters") from None
    return str(given.get(name, [""])[-1])


def _login_key(scope: Scope) -> str:
    cookies = SimpleCookie()
    try:
        cookies.load(origin.header(scope["headers"], b"cookie") or "")
    except CookieError:
        return ""
    morsel = cookies.get(settings.SESSION_COOKIE_NAME)
    return str(morsel.value) if morsel else ""


def _identified(scope: Scope, ticket: str, login_key: str) -> Identity:
    """Counts the opening of a socket once it is known whose it is; a stranger's by their address alone."""
    found = _by_ticket(ticket) if ticket else _by_cookie(login_key)
    ip = addresses.of_scope(scope)
    try:
        if found is None:
            limiter.ask(policies.STRANGERS, Caller(ip=ip))
            raise Refused(CloseCode.NOT_SIGNED_IN, "sign in, or bring a fresh ticket")
        limiter.ask(policies.SOCKETS, Caller(person=found.user.pk, ip=ip))
    except RateLimited as error:
        raise Refused(CloseCode.TOO_FAST, error.message) from error
    return found


def _by_ticket(ticket: str) -> Identity | None:
    found = auth.redeem_ticket(ticket=ticket)
    return Identity(user=found.user, login=found.login, ends_at=found.ends_at) if found else None


def _by_cookie(key: str) -> Identity | None:
    user = auth.standing_logins([key]).get(key) if key else None
    return Identity(user=user, login=key) if user else None
