"""A bounded queue between what happens in a room and a reader who may be slow; and how such a socket ends."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar
from uuid import UUID

from sessions_app.realtime.close_codes import CloseCode

Send = Callable[[Any], Awaitable[None]]
Frame = TypeVar("Frame", str, bytes)

LINGER_S = 5.0
"""How long a socket that ends may take to read what was queued for it."""


@dataclass(frozen=True, slots=True)
class Ending:
    """Why a socket is to be closed."""

    code: CloseCode
    reason: str


class FrameQueue(Generic[Frame]):
    """What one client is to be sent. Only ever touched from the loop that it lives on."""

    def __init__(self, *, send: Send, user_id: UUID, login: str, ends_at: datetime | None) -> None:
        self.user_id = user_id
        self.login = login
        self.ends_at = ends_at
        self.connection_id: UUID | None = None
        self.ending: Ending | None = None
        self.aborted = asyncio.Event()
        """Set when it is to end without sending what is queued."""
        self._send = send
        self._queue: deque[Frame] = deque()
        self._bytes = 0
        self._ready = asyncio.Event()

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
        self._bytes = 0
        self._ready.set()
        self.aborted.set()

    def _has_room(self, frame: Frame, *, frames: int, size: int) -> bool:
        """Whether a frame may wait too; a single one always may, however large."""
        return not self._queue or (len(self._queue) < frames and self._bytes + len(frame) <= size)

    def _enqueue(self, frame: Frame) -> None:
        self._queue.append(frame)
        self._bytes += len(frame)
        self._ready.set()

    def _next(self) -> Frame:
        frame = self._queue.popleft()
        self._bytes -= len(frame)
        return frame
