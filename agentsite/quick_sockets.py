"""uvicorn's sockets without what a keystroke need not pay for.

The library's state machine is asked for everything that is not plain data on an open connection: handshakes, pings,
closing, errors. It costs twenty microseconds for each frame, and an edit is a frame for everybody in its room.
"""

from typing import Any, cast

from django.conf import settings
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Frame
from websockets.protocol import OPEN
from websockets.streams import StreamReader

from agentsite.bounded_http import DOORS
from sessions_app.realtime.document_socket import WRITE

try:
    from websockets.speedups import apply_mask
except ImportError:  # the library was built without a compiler
    from websockets.utils import apply_mask

BINARY, TEXT = 0x82, 0x81
MASKED = 0x80
SHORT = 126
HEAD_AND_MASK = 6
BETWEEN_FRAMES = StreamReader.at_eof.__code__
"""Where the library's parser stands when the next byte begins a frame."""
WAITING = 16
WAITING_BYTES = 64 * 1024
"""Reading pauses when so many messages, or one as large as this, wait for the application: pausing after each, as the
library does, costs two calls of the system for every message."""
FRAGMENTS_AT_MOST = 4096
"""Of one message: its size is limited, but fragments may be empty, and so there could be any number of them."""
PINGS_AT_MOST = 100
PINGS_WITHIN_S = 10.0
"""Of the protocol, which no browser lets a page send; each is answered, so a flood of them is work without an end."""
AGAINST_THE_RULES, NO_TEXT, TOO_LARGE, TRY_LATER = 1008, 1007, 1009, 1013


def head(first: int, length: int) -> bytes:
    """The beginning of a frame that is sent whole, by a server."""
    if length < 126:
        return bytes((first, length))
    if length < 65536:
        return bytes((first, 126)) + length.to_bytes(2, "big")
    return bytes((first, 127)) + length.to_bytes(8, "big")


def _is_text(fragments: list[bytes]) -> bool:
    try:
        b"".join(fragments).decode()
    except UnicodeDecodeError:
        return False
    return True


class Unfinished:
    """What messages hold that are not whole yet, of all connections of the process."""

    def __init__(self) -> None:
        self.bytes = 0


UNFINISHED = Unfinished()


class QuickSockets(WebSocketsSansIOProtocol):
    """One connection."""

    _unfinished = 0
    _pings = 0
    _pings_since = float("-inf")

    async def run_asgi(self) -> None:
        cast(dict[str, Any], self.scope["extensions"])[WRITE] = self.write
        await super().run_asgi()

    async def send(self, message: Any) -> None:
        if message["type"] == "websocket.send":
            data = message.get("bytes")
            if self.write(data) if data is not None else self.write(message["text"].encode(), TEXT):
                return
        await super().send(message)

    def write(self, data: bytes, kind: int = BINARY) -> bool:
        """Sends a message at once; False where it has to be sent by the library."""
        if (
            not self.handshake_complete
            or self.close_sent
            or self.initial_response is not None
            or self.disconnected
            or self.conn.extensions  # a compressed frame is the library's to write
            or not self.writable.is_set()
            or self.conn.state is not OPEN
        ):
            return False
        self.transport.write(head(kind, len(data)) + data)
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        DOORS.leave(self.transport)
        self._weigh(0)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        rest = self._take_short(data) if self._is_between_messages() else data
        if rest:
            super().data_received(rest)
            self._weigh(len(self.conn.reader.buffer) + (self.conn.current_size or 0))
            if (
                UNFINISHED.bytes > settings.SOCKET_UNFINISHED_MAX_BYTES
                and self._unfinished > WAITING_BYTES
                and self.conn.state is OPEN
            ):
                self._refuse(TRY_LATER, "more is half sent than is held here")

    def _weigh(self, unfinished: int) -> None:
        UNFINISHED.bytes += unfinished - self._unfinished
        self._unfinished = unfinished

    def _is_between_messages(self) -> bool:
        """Whether the next byte begins a message on an open connection that neither side is closing."""
        conn = self.conn
        if (
            not self.handshake_complete
            or self.close_sent
            or conn.extensions
            or conn.state is not OPEN
            or conn.current_size is not None  # a message of several frames is under way
            or conn.reader.buffer
        ):
            return False
        parsing: Any = cast(Any, conn.parser).gi_yieldfrom  # what comes after the handshake
        waiting = None if parsing is None else parsing.gi_yieldfrom
        return waiting is not None and waiting.gi_code is BETWEEN_FRAMES

    def _take_short(self, data: bytes) -> bytes:
        """Takes the short binary messages at the front, each a whole frame; returns what is left for the library."""
        at, end = 0, len(data)
        while end - at >= HEAD_AND_MASK and data[at] == BINARY:
            length = data[at + 1] - MASKED
            start = at + HEAD_AND_MASK
            if not 0 <= length < SHORT or start + length > end:
                break
            at = start + length
            message = apply_mask(data[start:at], data[start - 4 : start])
            self.queue.put_nowait({"type": "websocket.receive", "bytes": message})
        if not self.read_paused and self.queue.qsize() >= WAITING:
            self.read_paused = True
            self.transport.pause_reading()
        return data[at:]

    def handle_cont(self, event: Frame) -> None:
        if self.close_sent:
            return
        if len(self.frames) >= FRAGMENTS_AT_MOST:
            self._refuse(TOO_LARGE, "too many fragments")
            return
        super().handle_cont(event)

    def handle_ping(self) -> None:
        if self.close_sent:
            return
        now = self.loop.time()
        if now - self._pings_since > PINGS_WITHIN_S:
            self._pings, self._pings_since = 0, now
        self._pings += 1
        if self._pings > PINGS_AT_MOST:
            self._refuse(AGAINST_THE_RULES, "too many pings")
        elif self.writable.is_set():
            super().handle_ping()
        else:
            self.conn.data_to_send()  # who does not read gets no answers: they would only wait in memory

    def _refuse(self, code: int, reason: str) -> None:
        """Closes as the library does after a frame that is none."""
        self.conn.send_close(code, reason)
        self.handle_parser_exception()

    def send_receive_event_to_app(self) -> None:
        if self.curr_msg_data_type == "text" and not self.close_sent and not _is_text(self.frames):
            self.frames = []
            # In a close frame; the library would say it by a traceback in the log as well.
            self._refuse(NO_TEXT, "invalid UTF-8")
            return
        was_paused = self.read_paused
        self.read_paused = True  # so that the library does not pause: whether to is decided below
        size = sum(map(len, self.frames))
        super().send_receive_event_to_app()
        self.read_paused = was_paused
        if not was_paused and (self.queue.qsize() >= WAITING or size >= WAITING_BYTES):
            self.read_paused = True
            self.transport.pause_reading()
