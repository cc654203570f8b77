"""uvicorn's sockets without what a keystroke need not pay for.

The library's state machine is asked for everything that is not plain data on an open connection: handshakes, pings,
closing, errors. It costs twenty microseconds for each frame, and an edit is a frame for everybody in its room.
"""

from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.protocol import OPEN

BINARY, TEXT = 0x82, 0x81
WAITING = 16
WAITING_BYTES = 64 * 1024
"""Reading pauses when so many messages, or one as large as this, wait for the application: pausing after each, as the
library does, costs two calls of the system for every message."""


def head(first: int, length: int) -> bytes:
    """The beginning of a frame that is sent whole, by a server."""
    if length < 126:
        return bytes((first, length))
    if length < 65536:
        return bytes((first, 126)) + length.to_bytes(2, "big")
    return bytes((first, 127)) + length.to_bytes(8, "big")


class QuickSockets(WebSocketsSansIOProtocol):
    """One connection."""

    async def send(self, message: Any) -> None:
        if (
            message["type"] != "websocket.send"
            or not self.handshake_complete
            or self.close_sent
            or self.initial_response is not None
            or self.disconnected
            or self.conn.extensions  # a compressed frame is the library's to write
            or not self.writable.is_set()
            or self.conn.state is not OPEN
        ):
            await super().send(message)
            return
        data = message.get("bytes")
        if data is not None:
            self.transport.write(head(BINARY, len(data)) + data)
        else:
            encoded = message["text"].encode()
            self.transport.write(head(TEXT, len(encoded)) + encoded)

    def send_receive_event_to_app(self) -> None:
        was_paused = self.read_paused
        self.read_paused = True  # so that the library does not pause: whether to is decided below
        size = sum(map(len, self.frames))
        super().send_receive_event_to_app()
        self.read_paused = was_paused
        if not was_paused and (self.queue.qsize() >= WAITING or size >= WAITING_BYTES):
            self.read_paused = True
            self.transport.pause_reading()
