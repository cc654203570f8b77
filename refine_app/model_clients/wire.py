"""HTTP/1.1 to a model's endpoint over a connection of its own: one request, and an answer that may take minutes.

A stream that waits for its next word holds a socket, a parser and a future, and nothing else: a thousand of them wait
at once in one worker. Errors are httpx2's own.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from typing import Any, Self, cast

import h11
import httpx2

FULL = 256 * 1024
"""Bytes that may wait to be read before the server is held back."""
MAX_HEAD = 64 * 1024


class WireTransport(httpx2.AsyncBaseTransport):
    """Sends each request over a connection that is closed after its response."""

    def __init__(self, tls: Callable[[], ssl.SSLContext]) -> None:
        self._tls = tls

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        timeouts = request.extensions.get("timeout", {})
        wire = await self._connect(request, timeouts.get("connect"))
        try:
            wire.patience, wire.deadline = timeouts.get("read"), request.extensions.get("deadline")
            await _send(wire, request)
            if sent := request.extensions.get("sent"):
                sent()
            head = await wire.head()
        except BaseException:
            wire.close()
            raise
        version = b"HTTP/" + head.http_version
        extensions = {"http_version": version, "reason_phrase": bytes(head.reason)}
        return httpx2.Response(
            head.status_code, headers=head.headers.raw_items(), stream=Body(wire), extensions=extensions
        )

    async def _connect(self, request: httpx2.Request, patience: float | None) -> "Wire":
        url = request.url
        is_tls = url.scheme == "https"
        options: dict[str, Any] = {}
        if is_tls:
            options = {"ssl": self._tls(), "server_hostname": request.extensions.get("sni_hostname", url.host)}
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(patience):
                _, wire = await loop.create_connection(
                    lambda: Wire(loop), url.host, url.port or (443 if is_tls else 80), **options
                )
        except TimeoutError as error:
            raise httpx2.ConnectTimeout("no connection in time", request=request) from error
        except OSError as error:
            raise httpx2.ConnectError(str(error), request=request) from error
        return wire


async def _send(wire: "Wire", request: httpx2.Request) -> None:
    target = request.url.raw_path
    wire.write(
        h11.Request(method=request.method, target=target, headers=[*request.headers.raw, (b"connection", b"close")])
    )
    async for part in cast(AsyncIterator[bytes], request.stream):
        wire.write(h11.Data(data=part))
    wire.write(h11.EndOfMessage())


class Wire(asyncio.Protocol):
    """One connection."""

    __slots__ = (
        "_error",
        "_is_full",
        "_is_lost",
        "_loop",
        "_parser",
        "_transport",
        "_unread",
        "_waiter",
        "deadline",
        "patience",
    )

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._parser = h11.Connection(h11.CLIENT, max_incomplete_event_size=MAX_HEAD)
        self._transport: asyncio.Transport | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._is_full = self._is_lost = False
        self._unread = 0
        self._error: Exception | None = None
        self.patience: float | None = None
        """Seconds of silence."""
        self.deadline: float | None = None
        """When all must have been said, by the loop's clock."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._parser.receive_data(data)
        self._unread += len(data)
        if self._unread > FULL and self._transport is not None:
            self._transport.pause_reading()
            self._is_full = True
        self._wake()

    def eof_received(self) -> None:
        self._lose(None)

    def connection_lost(self, exc: Exception | None) -> None:
        self._lose(exc)

    def _lose(self, error: Exception | None) -> None:
        if not self._is_lost:
            self._is_lost, self._error = True, error
            if error is None:
                self._parser.receive_data(b"")
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def write(self, event: Any) -> None:
        try:
            data = self._parser.send(event)
        except h11.LocalProtocolError as error:
            raise httpx2.LocalProtocolError(str(error)) from error
        if data and self._transport is not None:
            self._transport.write(data)

    async def head(self) -> h11.Response:
        while not isinstance(event := await self.event(), h11.Response):
            if not isinstance(event, h11.InformationalResponse):
                raise httpx2.RemoteProtocolError("the answer has no head")
        return event

    async def event(self) -> Any:
        """What comes next. Raises ReadTimeout, ReadError, RemoteProtocolError, and TimeoutError at the deadline."""
        if self.deadline is not None and self._loop.time() >= self.deadline:
            raise TimeoutError
        while True:
            try:
                event = self._parser.next_event()
            except h11.RemoteProtocolError as error:
                raise httpx2.RemoteProtocolError(str(error)) from error
            if event is not h11.NEED_DATA:
                return event
            if self._is_lost:
                raise httpx2.ReadError(str(self._error or "the connection was closed"))
            await self._more()

    async def _more(self) -> None:
        self._unread = 0
        if self._is_full and self._transport is not None:
            self._is_full = False
            self._transport.resume_reading()
        waiter = self._waiter = self._loop.create_future()
        timer = self._timer(waiter)
        try:
            await waiter
        finally:
            self._waiter = None
            if timer is not None:
                timer.cancel()

    def _timer(self, waiter: asyncio.Future[None]) -> asyncio.TimerHandle | None:
        """One for both limits: whichever comes first."""
        silent_until = None if self.patience is None else self._loop.time() + self.patience
        if self.deadline is not None and (silent_until is None or self.deadline < silent_until):
            return self._loop.call_at(self.deadline, _time_out, waiter, TimeoutError())
        if silent_until is None:
            return None
        return self._loop.call_at(silent_until, _time_out, waiter, httpx2.ReadTimeout("silent for too long"))

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()


def _time_out(waiter: asyncio.Future[None], error: Exception) -> None:
    if not waiter.done():
        waiter.set_exception(error)


class Body(httpx2.AsyncByteStream):
    """A response's body as it comes; its end or aclose() ends the connection."""

    __slots__ = ("_wire",)

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        event = await self._wire.event()
        if isinstance(event, h11.Data):
            return bytes(event.data)
        self._wire.close()
        raise StopAsyncIteration

    async def aclose(self) -> None:
        self._wire.close()
