"""The HTTP underneath the Hugging Face client: what comes in is bounded, tokens and requests go where they belong."""

import asyncio
import logging
import ssl
from functools import lru_cache
from typing import Self
from weakref import WeakKeyDictionary

import httpx2

from refine_app.model_clients.errors import EndpointUnavailable, OutputInvalid
from refine_app.model_clients.wire import WireTransport
from refine_app.safety.egress import EgressRefused, PinnedTransport

# It tells the whole URL of every request, with a password if there is one.
logging.getLogger("httpx2").setLevel(logging.WARNING)

MAX_RESPONSE = 32 * 1024 * 1024
MAX_LINE = 4 * 1024 * 1024
MAX_ERROR_BODY = 64 * 1024
STARTS = 100
"""So many calls are prepared and sent at once."""


class BoundedTransport(httpx2.AsyncBaseTransport):
    """Sends one call's requests and bounds their responses."""

    def __init__(
        self, *, token: str, inner: httpx2.AsyncBaseTransport | None = None, allow_private: bool = False
    ) -> None:
        self._token = token
        self._inner = inner or _network(allow_private)
        self.saw_done = False
        """Whether the answer's end was seen: the protocol's own word for it, or an answer that came whole."""
        self._body: _BoundedStream | None = None

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        # The library falls back to the token of whoever runs this process, which must not reach other people's servers.
        request.headers.pop("authorization", None)
        if self._token:
            request.headers["authorization"] = f"Bearer {self._token}"
        # A compressed answer could unfold to any size.
        request.headers["accept-encoding"] = "identity"
        try:
            response = await self._inner.handle_async_request(request)
        except EgressRefused as refused:
            raise EndpointUnavailable(str(refused), retryable=refused.retryable) from refused
        if response.headers.get("content-encoding", "identity").lower() not in ("identity", ""):
            await response.aclose()
            raise OutputInvalid("The endpoint compressed its answer though it was asked not to.")
        if not isinstance(response.stream, httpx2.AsyncByteStream):
            return response
        bounded = self._body = _BoundedStream(response.stream, response.status_code)
        return httpx2.Response(
            response.status_code, headers=response.headers, stream=bounded, extensions=response.extensions
        )

    def note_done(self) -> None:
        """Nothing of the answer is still to come."""
        self.saw_done = True

    async def hang_up(self) -> None:
        """Ends the response that is under way, if there is one, and all else that it was sent over."""
        if self._body is not None:
            await self._body.aclose()
        await self._inner.aclose()

    async def aclose(self) -> None:
        await self.hang_up()


class _BoundedStream(httpx2.AsyncByteStream):
    """The bytes of a response, and no more of them than any answer may have."""

    __slots__ = ("_inner", "_line", "_parts", "_status", "_total")

    def __init__(self, inner: httpx2.AsyncByteStream, status: int) -> None:
        self._inner = inner
        self._parts = aiter(inner)
        self._status = status
        self._total = self._line = 0

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        if self._status >= 400 and self._total >= MAX_ERROR_BODY:
            raise StopAsyncIteration
        part = await anext(self._parts)
        self._total += len(part)
        if self._status >= 400:
            return part[: max(0, MAX_ERROR_BODY - self._total + len(part))]
        newline = part.rfind(b"\n")
        self._line = self._line + len(part) if newline < 0 else len(part) - newline - 1
        if self._total > MAX_RESPONSE or self._line > MAX_LINE:
            limit = MAX_RESPONSE if self._total > MAX_RESPONSE else MAX_LINE
            where = "" if self._line <= MAX_LINE else " in a line"
            raise OutputInvalid(f"The endpoint sent more than {limit} bytes{where}.")
        return part

    async def aclose(self) -> None:
        await self._inner.aclose()


class Start:
    """A call that is being prepared and sent, which takes more memory than to wait for its answer.

    So only some are at it at once; sent() lets the next one begin.
    """

    __slots__ = ("_gate",)

    def __init__(self) -> None:
        self._gate: asyncio.Semaphore | None = None

    async def wait(self) -> None:
        loop = asyncio.get_running_loop()
        gate = _gates.setdefault(loop, asyncio.Semaphore(STARTS))
        await gate.acquire()
        self._gate = gate

    def sent(self) -> None:
        if self._gate is not None:
            self._gate.release()
            self._gate = None


_gates: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()


@lru_cache(maxsize=2)
def _network(allow_private: bool) -> PinnedTransport:
    """One for all calls: it holds nothing of theirs."""
    return PinnedTransport(WireTransport(_tls), allow_private=allow_private)


@lru_cache(maxsize=1)
def _tls() -> ssl.SSLContext:
    """One for all calls: reading the certificates takes longer than many a request."""
    return httpx2.create_ssl_context()
