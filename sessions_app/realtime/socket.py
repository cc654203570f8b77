"""One open socket: a bounded queue between what happens in its session and a reader who may be slow."""

from datetime import datetime
from uuid import UUID

from sessions_app.realtime.close_codes import CloseCode
from sessions_app.realtime.frame_queue import FrameQueue, Send

QUEUE_FRAMES = 2_000
QUEUE_BYTES = 4 * 1024 * 1024


class Socket(FrameQueue[str]):
    """A socket on a session's log, with the place in it that its client has reached."""

    def __init__(
        self, *, send: Send, user_id: UUID, after: int, login: str = "", ends_at: datetime | None = None
    ) -> None:
        super().__init__(send=send, user_id=user_id, login=login, ends_at=ends_at)
        self.cursor = after
        """The number of the newest event that it was given."""

    def push(self, text: str, *, seq: int | None = None) -> None:
        """Queues a frame; one whose number it has been given already is left out."""
        if self.ending is not None:
            return
        if seq is not None:
            if seq <= self.cursor:
                return
            self.cursor = seq
        if not self._has_room(text, frames=QUEUE_FRAMES, size=QUEUE_BYTES):
            self.abort(CloseCode.RESYNC, "you read too slowly; come back with the last number that you saw")
            return
        self._enqueue(text)

    def push_unstored(self, text: str) -> None:
        """Queues a frame that may be lost: a reader who is behind does without."""
        if len(self._queue) < QUEUE_FRAMES // 2 and self._bytes < QUEUE_BYTES // 2:
            self.push(text)

    async def send_now(self, text: str, *, seq: int) -> None:
        """Sends a replayed frame at the speed of its reader; only for the task that also calls flush()."""
        await self._send({"type": "websocket.send", "text": text})
        self.cursor = seq

    async def flush(self) -> None:
        """Sends what is queued."""
        while self._queue:
            await self._send({"type": "websocket.send", "text": self._next()})

    async def feed(self) -> None:
        """Sends what is queued, as it comes, until the socket is to end."""
        while True:
            await self.flush()
            if self.ending is not None:
                return
            self._ready.clear()
            await self._ready.wait()
