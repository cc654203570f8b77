"""/ws/execute/{graph_id}: the client sends {"initial_state": {...}}, the server streams how the run goes.

Frames: {"event": "waiting", "expected"} for a client that is silent, {"event": "started", "run_id"},
{"event": "node_start", "node"}, {"event": "node_complete", "node", "output"},
and at last {"event": "execution_complete", "result"}; then the client may send another state. The run is an ordinary
one: it goes on when the socket closes, and is found under /v1/runs.
"""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

from django.core.serializers.json import DjangoJSONEncoder
from django.db import DatabaseError

from graphs_app import selectors
from graphs_app.errors import GraphNotFound
from graphs_app.following import Follower
from graphs_app.services import runs
from graphs_app.waiting import woken_by
from sessions_app import strict_json
from sessions_app.consumers import Refused, accepted, identify
from sessions_app.errors import DomainError
from sessions_app.limits import addresses, limiter, policies
from sessions_app.limits.limiter import Caller
from sessions_app.models import User
from sessions_app.realtime import store
from sessions_app.realtime.close_codes import CloseCode

logger = logging.getLogger(__name__)

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

WAITING_AFTER_S = 5.0
"""A client that has said nothing for so long is told what is waited for."""
IDLE_AFTER_S = 75.0
EXPECTED: dict[str, Any] = {"initial_state": {}}
FRAME_MAX = 1_048_576
LOOK_EVERY_S = 2.0
"""In case a wake-up was lost."""


class Ended(Exception):
    """Raised inside when the socket is to close, or has."""

    def __init__(self, code: CloseCode | None = None, reason: str = "") -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


async def execute_socket(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    """The ASGI application."""
    graph = str(scope["url_route"]["kwargs"]["graph_id"])
    await receive()
    try:
        identity = await identify(scope)
        if identity is None:
            await send({"type": "websocket.close"})
            return
    except Refused as refused:
        if await accepted(send):
            await _close(send, Ended(CloseCode(refused.ending.code), refused.ending.reason))
        return
    if not await accepted(send):
        return
    try:
        await _Executions(graph, identity.user, addresses.of_scope(scope), receive, send).serve()
    except Ended as ended:
        await _close(send, ended)
    except Exception:
        logger.exception("the socket that executes graph %r for user %s failed", graph, identity.user.pk)
        await _close(send, Ended(CloseCode.FAILED, "something went wrong on our side; the run goes on"))


class _Executions:
    """One socket: a state comes, a run goes, and again."""

    def __init__(self, graph: str, user: User, ip: str, receive: Receive, send: Send) -> None:
        self._graph = graph
        self._ip = ip
        self._user = user
        self._receive = receive
        self._send = send

    async def serve(self) -> None:
        try:
            await store.call(selectors.graph_for, self._user, self._graph)
        except GraphNotFound as error:
            raise Ended(CloseCode.NO_SUCH_SESSION, error.message) from error
        while True:
            state = await self._state()
            run_id = await self._start(state)
            if run_id is not None:
                await self._follow(Follower(run_id))

    async def _state(self) -> Any:
        message = await self._next_message()
        if message["type"] == "websocket.disconnect":
            raise Ended
        text = message.get("text") or (message.get("bytes") or b"").decode(errors="replace")
        if len(text) > FRAME_MAX:
            raise Ended(CloseCode.TOO_LARGE, f"a frame has at most {FRAME_MAX:,} characters")
        try:
            frame = strict_json.loads(text)
        except strict_json.JsonRefused as error:
            raise Ended(
                CloseCode.MALFORMED, f'expected JSON: {{"initial_state": {{...}}}}; {str(error)[:60]}'
            ) from error
        if not isinstance(frame, dict) or not isinstance(frame.get("initial_state", {}), dict):
            raise Ended(CloseCode.MALFORMED, 'expected {"initial_state": {...}}')
        return frame.get("initial_state", {})

    async def _next_message(self) -> dict[str, Any]:
        """What the client says next; one who is silent is told what to say, and in the end let go."""
        coming = asyncio.ensure_future(self._receive())
        try:
            said, _ = await asyncio.wait({coming}, timeout=WAITING_AFTER_S)
            if not said:
                closes_in_s = IDLE_AFTER_S - WAITING_AFTER_S
                await self._say({"event": "waiting", "expected": EXPECTED, "closes_in_s": closes_in_s})
                said, _ = await asyncio.wait({coming}, timeout=closes_in_s)
            if not said:
                raise Ended(CloseCode.IDLE, f'nothing came for {IDLE_AFTER_S:.0f} s; send {{"initial_state": {{...}}}}')
            return coming.result()
        finally:
            coming.cancel()

    async def _start(self, state: Any) -> UUID | None:
        try:
            run_id = await store.call(self._start_run, state)
        except DomainError as error:
            told = {"code": error.code, "message": error.message, "errors": error.errors, **error.extra}
            await self._say({"event": "error", **told})
            return None
        await self._say({"event": "started", "run_id": str(run_id)})
        return run_id

    def _start_run(self, state: Any) -> UUID:
        limiter.ask(policies.RUNS, Caller(person=self._user.pk, ip=self._ip))
        return runs.start_run(user=self._user, graph=self._graph, initial_state=state, is_followed=True).pk

    async def _follow(self, follower: Follower) -> None:
        leaving = asyncio.ensure_future(self._left())
        try:
            with woken_by(follower.run_id) as news:
                while not follower.is_over:
                    # Before the look, so that what happens meanwhile is looked at again.
                    news.clear()
                    for frame in await self._look(follower):
                        await self._say(frame)
                    if not follower.is_over and not follower.has_more:
                        await _first_of(leaving, news)
                    if leaving.done():
                        leaving.result()
        finally:
            leaving.cancel()

    async def _look(self, follower: Follower) -> list[dict[str, Any]]:
        try:
            return await store.call(follower.look)
        except DatabaseError as error:
            logger.warning("run %s cannot be looked at: %s", follower.run_id, error)
            return []

    async def _left(self) -> None:
        """Ends when the client leaves, or says something while a run goes on."""
        message = await self._receive()
        if message["type"] == "websocket.disconnect":
            raise Ended
        raise Ended(CloseCode.MALFORMED, "one run at a time; send the next state after execution_complete")

    async def _say(self, frame: dict[str, Any]) -> None:
        try:
            await self._send({"type": "websocket.send", "text": json.dumps(frame, cls=DjangoJSONEncoder)})
        except OSError as error:  # the server's word for a client who is gone; the run goes on
            raise Ended from error


async def _first_of(leaving: "asyncio.Future[Any]", news: asyncio.Event) -> None:
    """Returns when the client says something, or there is news, or it is time to look anyway."""
    woken = asyncio.ensure_future(news.wait())
    try:
        await asyncio.wait([leaving, woken], timeout=LOOK_EVERY_S, return_when=asyncio.FIRST_COMPLETED)
    finally:
        woken.cancel()


async def _close(send: Send, ended: Ended) -> None:
    if ended.code is None:
        return
    reason = ended.reason.encode()[:120].decode(errors="ignore")
    try:
        await send({"type": "websocket.close", "code": int(ended.code), "reason": reason})
    except (OSError, RuntimeError):
        logger.debug("the client was gone before its socket could be closed with %d", ended.code)
