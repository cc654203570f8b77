"""A bounded queue between what happens in a room and a reader who may be slow; and how such a socket ends."""

import asyncio
from collections import Counter, deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar
from uuid import UUID

from django.conf import settings

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


SMALL_BYTES = 64 * 1024
"""So much may always wait for a client, whatever waits for others."""
SHARE = 4
"""One person's sockets hold at most this part of what may wait in all."""


class Unread:
    """What waits for clients that read slowly, of all sockets of this process. Only touched from event loops."""

    def __init__(self) -> None:
        self.bytes = 0
        self.by_person: Counter[UUID] = Counter()

    def add(self, person: UUID, size: int) -> None:
        self.bytes += size
        self.by_person[person] += size
        if not self.by_person[person]:
            del self.by_person[person]

    def has_room(self, person: UUID, size: int) -> bool:
        most = settings.UNREAD_MAX_BYTES
        return self.bytes + size <= most and self.by_person[person] + size <= most // SHARE


UNREAD = Unread()


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
        self.forget()
        self._ready.set()
        self.aborted.set()

    def forget(self) -> None:
        """Drops what is queued; for who has left too, since nobody takes it any more."""
        self._queue.clear()
        UNREAD.add(self.user_id, -self._bytes)
        self._bytes = 0

    def _has_room(self, frame: Frame, *, frames: int, size: int) -> bool:
        """Whether a frame may wait too; a single one may, however large, as long as all sockets hold little."""
        if self._queue and (len(self._queue) >= frames or self._bytes + len(frame) > size):
            return False
        return self._bytes + len(frame) <= SMALL_BYTES or UNREAD.has_room(self.user_id, len(frame))

    def _enqueue(self, frame: Frame) -> None:
        self._queue.append(frame)
        self._bytes += len(frame)
        UNREAD.add(self.user_id, len(frame))
        self._ready.set()

    def _next(self) -> Frame:
        frame = self._queue.popleft()
        self._bytes -= len(frame)
        UNREAD.add(self.user_id, -len(frame))
        return frame
