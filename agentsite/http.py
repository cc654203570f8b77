"""Django's HTTP handler for a site whose views are all synchronous: one hop to a thread for each request, and back.

Django's own makes a new thread for every request and changes between it and the loop several times; each new thread
opens the database anew. Here the threads stay (WEB_THREADS), and so does what they have open. Bodies are read up to
their limit, not up to the disk's.
"""

import asyncio
import contextvars
import io
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from django.conf import settings
from django.core import signals
from django.core.exceptions import RequestAborted
from django.core.handlers.asgi import ASGIHandler, get_script_prefix
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.urls import set_script_prefix

from agentsite.web_threads import Busy, Costs, Kind, ThreadShares, kind_of
from sessions_app.limits import addresses

Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Send = Callable[[Mapping[str, Any]], Awaitable[None]]

HEALTH = "/api/health"
HEALTH_THREADS = 2
"""Whether this process is well must be told also while all other threads wait for something that is not."""
DISCARDED_AT_MOST = 64 * 1024 * 1024
"""A client hears what the limit is when it has sent its body; one that sends more than this is cut off."""


class TooLarge(Exception):
    """Raised when a body is over the limit; what was over it has been read and thrown away."""


class Crowded(Exception):
    """Raised when the bodies that are under way together hold all that they may."""


class HttpApplication(ASGIHandler):
    held = 0
    """Bytes of bodies that are read or worked on, of all requests."""

    def __init__(self) -> None:
        super().__init__()
        self.load_middleware(is_async=False)
        self.threads = ThreadPoolExecutor(settings.WEB_THREADS, thread_name_prefix="web")
        self.shares = ThreadShares(most=max(1, settings.WEB_THREADS // 2), heavy=max(1, settings.WEB_THREADS // 4))
        self.costs = Costs()
        self.health_threads = ThreadPoolExecutor(HEALTH_THREADS, thread_name_prefix="health")

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        refused = ""
        try:
            body = await self.read_body(receive)
        except RequestAborted:
            return
        except TooLarge:
            body, refused = io.BytesIO(), "too_large"
        except Crowded:
            body, refused = io.BytesIO(), "crowded"
        kept = body.getbuffer().nbytes
        context = contextvars.copy_context()
        try:
            if scope["path"].startswith(HEALTH):
                loop = asyncio.get_running_loop()
                response = await loop.run_in_executor(
                    self.health_threads, context.run, self._answer, scope, body, refused
                )
            else:
                kind = kind_of(scope["method"], scope["path"], kept)
                measured = partial(self._measured, kind, scope, body)
                response = await self._in_turn(kind, addresses.of_scope(scope), partial(context.run, measured), refused)
        finally:
            body.close()
            self.held -= kept
        await self.send_response(response, send)

    async def _in_turn(
        self, kind: Kind, address: str, answer: Callable[[str], HttpResponseBase], refused: str
    ) -> HttpResponseBase:
        loop = asyncio.get_running_loop()
        try:
            async with self.shares.of(address, is_heavy=not refused and self.costs.is_heavy(kind)):
                return await loop.run_in_executor(self.threads, answer, refused)
        except Busy:
            async with self.shares.of(address):
                return await loop.run_in_executor(self.threads, answer, "busy")

    def _measured(self, kind: Kind, scope: dict[str, Any], body: io.BytesIO, body_refused: str) -> HttpResponseBase:
        if body_refused:
            return self._answer(scope, body, body_refused)
        with self.costs.measured(kind):
            return self._answer(scope, body, body_refused)

    def _answer(self, scope: dict[str, Any], body: io.BytesIO, body_refused: str) -> HttpResponseBase:
        """In a thread, everything: the signals around a request are what returns database connections."""
        set_script_prefix(get_script_prefix(scope))
        signals.request_started.send(sender=self.__class__, scope=scope)
        request, refused = self.create_request(scope, body)
        if request is None:
            assert refused is not None  # noqa: S101  # for the types alone: it is one or the other
            refused.close()
            return refused
        request.body_refused = body_refused  # type: ignore[attr-defined]  # read by middleware.BodyLimit
        response: HttpResponseBase = self.get_response(request)
        if isinstance(response, StreamingHttpResponse):
            response = _whole(response)
        response.close()
        bare = _bare(response) if isinstance(response, HttpResponse) else response
        _take_apart(request, response)
        return bare

    async def read_body(self, receive: Receive) -> io.BytesIO:
        body = io.BytesIO()  # the limit is small enough for memory
        size = 0
        try:
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise RequestAborted
                chunk = message.get("body", b"")
                size += len(chunk)
                if size <= settings.REQUEST_BODY_MAX_BYTES:
                    self._keep(body, chunk)
                if size > DISCARDED_AT_MOST or not message.get("more_body", False):
                    break
            if size > settings.REQUEST_BODY_MAX_BYTES:
                raise TooLarge
        except BaseException:
            self.held -= body.getbuffer().nbytes
            raise
        body.seek(0)
        return body

    def _keep(self, body: io.BytesIO, chunk: bytes) -> None:
        if self.held + len(chunk) > settings.REQUEST_BODIES_MAX_BYTES:
            raise Crowded
        self.held += len(chunk)
        body.write(chunk)


def _bare(response: HttpResponse) -> HttpResponse:
    """The same answer without what it was made of, such as its request and its data: a client may take it slowly."""
    bare = HttpResponse(response.content, status=response.status_code, reason=response.reason_phrase)
    bare.headers = response.headers
    bare.cookies = response.cookies
    return bare


def _take_apart(request: HttpRequest, response: HttpResponseBase) -> None:
    """They refer to each other in circles, with all that was sent and answered: megabytes for the collector, which
    comes seldom."""
    context = getattr(response, "renderer_context", None) or {}
    serializer = getattr(getattr(response, "data", None), "serializer", None)
    for one in (serializer, context.get("view"), context.get("request"), response, request):
        if one is not None:
            vars(one).clear()


def _whole(streaming: StreamingHttpResponse) -> HttpResponse:
    """The same answer in one piece: its iterator belongs to this thread and its database connection."""
    response = HttpResponse(b"".join(streaming.streaming_content), status=streaming.status_code)  # type: ignore[arg-type]
    response.headers = streaming.headers
    response.cookies = streaming.cookies
    streaming.close()
    return response
