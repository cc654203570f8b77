"""The sockets of one session in this process: the log is read once for all of them.

How a socket gets from the replay to the live frames without a gap or a double: it reads chunks of the log by itself
until it is where the room is; then, in one step of the loop, it becomes live. Every frame it is given after that has
a number, and numbers that it has seen are left out. A wake-up that came during its last read makes the room read again.
"""

import asyncio
import logging
from collections.abc import Callable
from uuid import UUID

from django.db import Error as DatabaseError

from sessions_app.events import MemberLeft, SessionExpired
from sessions_app.realtime import store
from sessions_app.realtime.protocol import Row
from sessions_app.realtime.socket import Socket

log = logging.getLogger(__name__)

HELD_FRAMES = 1_000
ENDING_TYPES = frozenset({MemberLeft.type, SessionExpired.type})
"""Events after which it is worth looking at once who may still be there."""


class Room:
    """One session's sockets."""

    def __init__(self, session_id: UUID, *, look_soon: Callable[[], None]) -> None:
        self.session_id = session_id
        self.sockets: set[Socket] = set()
        self.seq = 0
        """The number of the newest event that its live sockets have been given."""
        self._live: set[Socket] = set()
        self._look_soon = look_soon
        self._wakes = 0
        self._behind = False
        self._reading: asyncio.Task[None] | None = None
        self._held: list[str] = []

    def wake(self) -> None:
        """The log has grown: read it, once, however many wake-ups come meanwhile."""
        self._wakes += 1
        if self._live:
            self._read_soon()

    def grow(self, rows: list[Row]) -> None:
        """The log has grown by these rows. Where they follow on what is known, nothing need be read."""
        if self._live and self._reading is None and rows[0].seq == self.seq + 1:
            self._wakes += 1
            self._fan_out(rows)
        elif not self._live or rows[-1].seq > self.seq:
            self.wake()

    def stream(self, text: str) -> None:
        """A frame that is not stored; it waits for a read that is under way, so that it does not overtake events."""
        if self._reading is None:
            self._fan_out_unstored([text])
        elif len(self._held) < HELD_FRAMES:
            self._held.append(text)

    def leave(self, socket: Socket) -> None:
        self.sockets.discard(socket)
        self._live.discard(socket)

    async def replay(self, socket: Socket) -> None:
        """Sends what is in the log after the socket's cursor, and makes it live."""
        while socket.ending is None:
            wakes = self._wakes
            rows = await store.call(store.read_log, self.session_id, socket.cursor)
            for row in rows:
                await socket.send_now(row.text, seq=row.seq)
            await socket.flush()
            if len(rows) < store.CHUNK and self._go_live(socket, wakes_before=wakes):
                return

    def _go_live(self, socket: Socket, *, wakes_before: int) -> bool:
        """One step without an await: whether the socket is where the room is, and so belongs to it now."""
        if not self._live:
            self.seq = max(self.seq, socket.cursor)
        if self.seq > socket.cursor:
            return False
        self._live.add(socket)
        if self._wakes != wakes_before:
            self._read_soon()
        return True

    def _read_soon(self) -> None:
        self._behind = True
        if self._reading is None:
            self._reading = asyncio.ensure_future(self._read())

    async def _read(self) -> None:
        try:
            while self._behind:
                self._behind = False
                rows = await store.call(store.read_log, self.session_id, self.seq)
                self._fan_out(rows)
                self._behind = self._behind or len(rows) == store.CHUNK
        except DatabaseError:
            log.exception("session %s: its log could not be read; the next poll tries again", self.session_id)
        finally:
            self._reading = None
            held, self._held = self._held, []
            self._fan_out_unstored(held)

    def _fan_out(self, rows: list[Row]) -> None:
        for row in rows:
            for socket in self._live:
                socket.push(row.text, seq=row.seq)
            self.seq = max(self.seq, row.seq)
        if any(row.type in ENDING_TYPES for row in rows):
            self._look_soon()

    def _fan_out_unstored(self, texts: list[str]) -> None:
        for text in texts:
            for socket in self._live:
                socket.push_unstored(text)
