"""One open socket: a bounded queue between what happens in its session and a reader who may be slow."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sessions_app.realtime.close_codes import CloseCode

Send = Callable[[Any], Awaitable[None]]

QUEUE_FRAMES = 2_000
QUEUE_BYTES = 4 * 1024 * 1024
LINGER_S = 5.0
"""How long a socket that ends may take to read what was queued for it."""


@dataclass(frozen=True, slots=True)
class Ending:
    """Why a socket is to be closed."""

    code: CloseCode
    reason: str


class Socket:
    """What one client is to be sent. Only ever touched from the loop that it lives on."""

    def __init__(
        self, *, send: Send, user_id: UUID, after: int, login: str = "", ends_at: datetime | None = None
    ) -> None:
        self.user_id = user_id
        self.cursor = after
        """The number of the newest event that it was given."""
        self.login = login
        self.ends_at = ends_at
        self.connection_id: UUID | None = None
        self.ending: Ending | None = None
        self.aborted = asyncio.Event()
        """Set when it is to end without sending what is queued."""
        self._send = send
        self._queue: deque[str] = deque()
        self._bytes = 0
        self._ready = asyncio.Event()

    def push(self, text: str, *, seq: int | None = None) -> None:
        """Queues a frame; one whose number it has been given already is left out."""
        if self.ending is not None:
            return
        if seq is not None:
            if seq <= self.cursor:
                return
            self.cursor = seq
        if self._queue and (len(self._queue) >= QUEUE_FRAMES or self._bytes + len(text) > QUEUE_BYTES):
            self.abort(CloseCode.RESYNC, "you read too slowly; come back with the last number that you saw")
            return
        self._queue.append(text)
        self._bytes += len(text)
        self._ready.set()

    def push_unstored(self, text: str) -> None:
        """Queues a frame that may be lost: a reader who is behind does without."""
        if len(self._queue) < QUEUE_FRAMES // 2 and self._bytes < QUEUE_BYTES // 2:
            self.push(text)

    def finish(self, code: CloseCode, reason: str) -> None:
        """Ends the socket after what is queued has been sent."""
        if self.ending is None:
            self.ending = Ending(code, reason)
            self._ready.set()
            asyncio.get_running_loop().call_later(LINGER_S, self.abort, code, reason)

    def abort(self, code: CloseCode, reason: str) -> None:
        """Ends the socket at once."""
        if self.ending is None:
            self.ending = Ending(code, reason)
        self._queue.clear()
        self._ready.set()
        self.aborted.set()

    async def send_now(self, text: str, *, seq: int) -> None:
        """Sends a replayed frame at the speed of its reader; only for the task that also calls flush()."""
        await self._send({"type": "websocket.send", "text": text})
        self.cursor = seq

    async def flush(self) -> None:
        """Sends what is queued."""
        while self._queue:
            text = self._queue.popleft()
            self._bytes -= len(text)
            await self._send({"type": "websocket.send", "text": text})

    async def feed(self) -> None:
        """Sends what is queued, as it comes, until the socket is to end."""
        while True:
            await self.flush()
            if self.ending is not None:
                return
            self._ready.clear()
            await self._ready.wait()
