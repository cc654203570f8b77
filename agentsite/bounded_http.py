"""uvicorn's HTTP connections, bounded before anybody sees a request: heads in size and number, everything in time.

nginx does the same where it stands in front; this is for whoever reaches the process itself. A refusal is a problem
document, and is heard also by who is still sending: what comes after it is read and thrown away for a moment.
"""

import json
from asyncio import BaseTransport, Transport
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any, cast

import httptools
from django.conf import settings
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from agentsite import metrics
from agentsite.http import DISCARDED_AT_MOST
from sessions_app.limits import addresses

SLICE = 16 * 1024
"""Bytes that the parser is given at once: what it gathers of one header is counted after each."""
HEADER_AT_MOST = 8000
"""One line of a head; the library of sockets takes 8,192."""
LINGERS_S = 2.0
"""So long a refused client may go on sending before it is cut off; its answer would be lost with the connection."""
RETRY_AFTER_S = 5
REFUSED_SHARE = 4
"""Of as many connections as may be open, one in so many more may wait for its refusal to be read."""


class Phase(Enum):
    """Where a connection stands with what its client sends."""

    HEAD = 1
    BODY = 2
    ANSWER = 3
    """The request is whole; also between requests."""
    REFUSED = 4
    OTHER = 5
    """It is a socket's now."""


@dataclass(eq=False)
class Refusal(Exception):
    """Raised inside a callback of the parser, to say how the request is answered."""

    status: int
    code: str
    detail: str


class Doors:
    """How many connections are open, HTTP and sockets together, and from where."""

    def __init__(self) -> None:
        self._address_of: dict[BaseTransport, str] = {}
        self._open: Counter[str] = Counter()
        self._refused: set[BaseTransport] = set()
        """Those who are told that there is no room: they take nobody's place, but each has a file."""

    @property
    def is_crowded(self) -> bool:
        """Whether too many are being refused to wait until each has read why: there may be no more files for them."""
        return len(self._refused) > max(4, settings.CONNECTIONS_MAX // REFUSED_SHARE)

    def enter(self, transport: BaseTransport, address: str) -> Refusal | None:
        address = addresses.network(address)
        refused = self._refusal(address)
        if refused is not None:
            self._refused.add(transport)
            return refused
        self._address_of[transport] = address
        self._open[address] += 1
        return None

    def _refusal(self, address: str) -> Refusal | None:
        if len(self._address_of) >= settings.CONNECTIONS_MAX:
            return Refusal(503, "unavailable", f"{settings.CONNECTIONS_MAX:,} connections are open here. Try again.")
        # Behind a proxy they all come from it, and it counts them.
        if not settings.BEHIND_PROXY and self._open[address] >= settings.CONNECTIONS_PER_ADDRESS_MAX:
            most = settings.CONNECTIONS_PER_ADDRESS_MAX
            return Refusal(429, "too_many_requests", f"{most:,} connections are open from this address. Close some.")
        return None

    def leave(self, transport: BaseTransport) -> None:
        self._refused.discard(transport)
        address = self._address_of.pop(transport, None)
        if address is not None:
            self._open[address] -= 1
            if not self._open[address]:
                del self._open[address]


DOORS = Doors()


class BoundedHttp(HttpToolsProtocol):
    """One connection."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._phase = Phase.HEAD
        self._since = 0.0
        """When the phase began, or when what is missing was last seen to be our own doing."""
        self._fed = 0
        """Bytes of the head that the parser has been given, as far as they are known to be of the head."""
        self._header_bytes = 0
        self._body_bytes = 0
        self._idle_bytes = 0
        """Bytes of a body's phase since there was some body in them: trailers, or extensions of chunks."""
        self._discarded = 0
        self._answering: RequestResponseCycle | None = None

    # What the loop calls

    def connection_made(self, transport: BaseTransport) -> None:
        super().connection_made(cast(Transport, transport))
        self._since = self.loop.time()
        refused = DOORS.enter(transport, self.client[0] if self.client else "")
        if refused is not None:
            self._refuse(refused)
            if DOORS.is_crowded:
                self.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        DOORS.leave(self.transport)
        self.forget_answer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._phase is Phase.REFUSED:
            self._discarded += len(data)
            if self._discarded > DISCARDED_AT_MOST:
                self.transport.abort()
            return
        self._unset_keepalive_if_required()
        for piece in _slices(data):
            if not self._feed(piece):
                return

    @property
    def unsent_bytes(self) -> int:
        """Of an answer whose client does not read as fast as it is sent."""
        answer = self._answering
        if answer is None or not self.flow.write_paused or answer.response_complete:
            return 0
        return int(answer.expected_content_length)

    def overdue(self, now: float) -> None:
        """Asked once a second: ends the connection when what it waits for has taken too long."""
        if self.transport.is_closing():
            return
        waited = now - self._since
        if self.flow.read_paused and self._phase in (Phase.HEAD, Phase.BODY):
            self._since = now  # we are the ones who do not read
        elif self._phase is Phase.HEAD and waited > settings.REQUEST_HEAD_S:
            self._too_slow("head", settings.REQUEST_HEAD_S)
        elif self._phase is Phase.BODY and waited > self._body_may_take():
            self._too_slow("body", self._body_may_take())
        elif self._phase is Phase.REFUSED and waited > LINGERS_S:
            self.transport.abort()
        elif self._phase is Phase.ANSWER:
            self._look_at_answer(waited)

    def _look_at_answer(self, waited: float) -> None:
        if self.flow.write_paused:
            self._since = self.loop.time()  # who does not read what was asked for is SlowReaders' matter
        elif self.cycle.response_complete and not self.pipeline and waited > self.timeout_keep_alive:
            self.transport.close()  # something came that kept it open, and was no request

    def _body_may_take(self) -> float:
        counted = min(self._body_bytes, settings.REQUEST_BODY_MAX_BYTES)
        return float(settings.REQUEST_BODY_S + counted / settings.REQUEST_BODY_MIN_BYTES_PER_S)

    def _too_slow(self, part: str, took_s: float) -> None:
        if part == "head" and not self._fed:
            self.transport.close()  # it never asked for anything
            return
        detail = f"The {part} did not come within {took_s:.0f} s; nothing was done."
        self._refuse(Refusal(408, "request_timeout", detail))

    # What the parser calls

    def _feed(self, piece: bytes) -> bool:
        """Gives the parser some bytes; False when there is no use for more."""
        phase, body_bytes = self._phase, self._body_bytes
        try:
            self.parser.feed_data(piece)
            self._count(piece, phase, body_bytes)
        except httptools.HttpParserUpgrade:
            self._upgrade()
            return False
        except (httptools.HttpParserError, Refusal) as error:
            cause = error if isinstance(error, Refusal) else error.__context__
            self._refuse(cause if isinstance(cause, Refusal) else MALFORMED)
            return False
        return not self.transport.is_closing()

    def _count(self, piece: bytes, before: Phase, body_bytes: int) -> None:
        """What the parser gathers before it tells of it: a header without an end, a trailer, the size of a chunk."""
        if self._phase is Phase.HEAD:
            self._fed += len(piece)
            if self._fed > settings.REQUEST_HEAD_MAX_BYTES:
                raise _head_too_large()
        elif self._phase is Phase.BODY and before is Phase.BODY:
            self._idle_bytes = 0 if self._body_bytes > body_bytes else self._idle_bytes + len(piece)
            if self._idle_bytes > settings.REQUEST_HEAD_MAX_BYTES:
                raise _head_too_large()

    def _upgrade(self) -> None:
        if self._should_upgrade():
            self._phase = Phase.OTHER
            self.handle_websocket_upgrade()
        elif self.cycle is not None:
            self.cycle.keep_alive = False  # it is answered as if it had not asked; the parser is of no use afterwards

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._phase, self._since = Phase.HEAD, self.loop.time()
        self._fed = self._header_bytes = self._body_bytes = self._idle_bytes = 0

    def on_url(self, url: bytes) -> None:
        super().on_url(url)
        if len(self.url) > settings.REQUEST_URL_MAX_BYTES:
            limit = settings.REQUEST_URL_MAX_BYTES
            raise Refusal(414, "uri_too_long", f"The address is longer than {limit:,} bytes; nothing was done.")

    def on_header(self, name: bytes, value: bytes) -> None:
        self._header_bytes += len(name) + len(value) + 4
        if self._header_bytes > settings.REQUEST_HEAD_MAX_BYTES or len(name) + len(value) > HEADER_AT_MOST:
            raise _head_too_large()
        if self._phase is Phase.BODY:
            return  # a trailer: the library would put it among the headers, where nobody has looked at it
        if len(self.headers) >= settings.REQUEST_HEADERS_MAX:
            raise _head_too_large()
        if name.lower() == b"content-length" and value.isdigit() and int(value[:20]) > DISCARDED_AT_MOST:
            limit = settings.REQUEST_BODY_MAX_BYTES
            raise Refusal(413, "too_large", f"The body is over the limit of {limit:,} bytes; none of it was read.")
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._phase, self._since = Phase.BODY, self.loop.time()
        try:
            super().on_headers_complete()
        except (httptools.HttpParserError, UnicodeDecodeError):
            raise Refusal(400, "malformed", "The address of the request cannot be read; nothing was done.") from None

    def on_body(self, body: bytes) -> None:
        self._body_bytes += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._phase, self._since = Phase.ANSWER, self.loop.time()
        super().on_message_complete()

    def on_response_complete(self) -> None:
        if self._phase is Phase.BODY and self.cycle.response_complete:
            self._linger()  # it was answered before it had been sent, and what follows is not wanted
            return
        if self._phase is Phase.ANSWER:
            self._since = self.loop.time()
        super().on_response_complete()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._answering = cycle
        super()._start_asgi_task(cycle, app)

    def forget_answer(self) -> None:
        """Lets what is being answered go nowhere. The library knows only the request that was read last of several."""
        if self._answering is not None:
            self._answering.disconnected = True
            self._answering.message_event.set()

    # Refusing

    def _refuse(self, refusal: Refusal) -> None:
        """Answers in the application's place, unless that is answering something already, and ends the connection."""
        metrics.observe_request("", "refused", refusal.status, 0.0)
        asked = self.cycle if self._phase is Phase.BODY else None
        is_answering = bool(self.pipeline) or (
            self.cycle is not None and not self.cycle.response_complete and self.cycle is not asked
        )
        if asked is not None:
            is_answering = is_answering or asked.response_started
            asked.disconnected = True
            asked.message_event.set()
        if is_answering:
            self.forget_answer()
            self.transport.close()
            self._phase = Phase.REFUSED
            return
        self.transport.write(b"".join([STATUS_LINE[refusal.status], *self._lines(refusal)]))
        self._linger()

    def _lines(self, refusal: Refusal) -> Iterator[bytes]:
        body = json.dumps(
            {
                "type": f"urn:agentsite:problem:{refusal.code}",
                "title": refusal.code.replace("_", " ").capitalize(),
                "status": refusal.status,
                "detail": refusal.detail,
                "code": refusal.code,
            }
        ).encode()
        for name, value in self.server_state.default_headers:
            yield name + b": " + value + b"\r\n"
        if refusal.status in (429, 503):
            yield b"retry-after: %d\r\n" % RETRY_AFTER_S
        yield b"content-type: application/problem+json\r\nconnection: close\r\n"
        yield b"content-length: %d\r\n\r\n" % len(body)
        yield body

    def _linger(self) -> None:
        """Says that no more will come from here, and takes what still comes for a moment."""
        self._unset_keepalive_if_required()
        self._phase, self._since = Phase.REFUSED, self.loop.time()
        if not self.transport.is_closing():
            self.flow.resume_reading()
            self.transport.write_eof()


MALFORMED = Refusal(400, "malformed", "The request is no HTTP that can be read; nothing was done.")


def _head_too_large() -> Refusal:
    return Refusal(
        431,
        "headers_too_large",
        f"The headers are over the limit of {settings.REQUEST_HEAD_MAX_BYTES:,} bytes, {settings.REQUEST_HEADERS_MAX} "
        f"lines, or {HEADER_AT_MOST:,} bytes in one of them; nothing was done.",
    )


def _slices(data: bytes) -> Iterator[bytes]:
    if len(data) <= SLICE:
        yield data
        return
    for begin in range(0, len(data), SLICE):
        yield data[begin : begin + SLICE]
