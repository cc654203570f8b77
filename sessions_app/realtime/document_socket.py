"""One open socket on a document: who it is, and a bounded queue to a reader who may be slow."""

import asyncio
from collections.abc import Callable, Generator, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sessions_app.limits.quotas import Holder
from sessions_app.realtime.close_codes import CloseCode
from sessions_app.realtime.frame_queue import FrameQueue, Send
from sessions_app.realtime.protocol import Allowance

QUEUE_FRAMES = 5_000
QUEUE_BYTES = 8 * 1024 * 1024
QUIET_S = 12.0
REFUSALS_BORNE = 30
"""An editor of ours sends nothing more once it has been refused."""
SLOWED_S = 0.2
WRITE = "agentsite.write"
"""The extension of the scope with which a server lets a frame be sent without a coroutine: write(data) sends some bytes
as a message, or says False where that has to be done by send()."""


class Sending:
    """A send() that did not end at its first step, but waits for the connection."""

    def __init__(self, steps: Generator[Any, None, None], waited: Any) -> None:
        self._steps = steps
        self._waited = waited

    async def finish(self) -> None:
        """Goes on with it when what it waits for is there, as its own task would."""
        while True:
            if self._waited is None:
                await asyncio.sleep(0)
            else:
                self._waited._asyncio_future_blocking = False
                await asyncio.wait([self._waited])
            try:
                self._waited = next(self._steps)
            except StopIteration:
                return


class DocumentSocket(FrameQueue[bytes]):
    """A socket on a document: who it is, and what it may do there."""

    def __init__(
        self,
        *,
        send: Send,
        user: dict[str, Any],
        speaks_ours: bool,
        may_edit: bool,
        write: Callable[[bytes], bool] | None = None,
        login: str = "",
        ends_at: datetime | None = None,
        holders: Sequence[Holder] = (),
    ) -> None:
        super().__init__(send=send, user_id=UUID(user["id"]), login=login, ends_at=ends_at)
        self._write = write
        """Sends a frame if that takes no waiting; a server's offer, which saves most of what sending costs."""
        self.holders = holders
        """Among whose open documents its document counts."""
        self.user = user
        """The person as awareness shows them."""
        self.speaks_ours = speaks_ours
        """It knows the messages beyond the y-protocols."""
        self.may_edit = may_edit
        self.is_expired = False
        """Its session has expired: it is shown the document as it is, and closed."""
        self.asked_again = 0
        """How often in a row it sent what could not be applied without what it had not sent."""
        self.bad_updates = 0
        self.refusals = Allowance(burst=REFUSALS_BORNE, per_second=1, left=REFUSALS_BORNE)
        """How many more of its updates may be refused: each costs, whatever becomes of it."""
        self._is_waiting = False
        """Its task has nothing to do."""
        self._unfinished: Sending | None = None
        self._has_sent = True
        """Whether something was sent since the last look at how long nothing was."""
        self._last_sent = 0.0

    @property
    def slowed_s(self) -> float:
        """How long its next frame waits: one who is refused again and again is slowed before it is sent away."""
        return SLOWED_S if self.refusals.left < REFUSALS_BORNE / 2 else 0.0

    def push(self, frame: bytes) -> None:
        """Queues a frame; a reader who is too far behind is sent away, to come back and synchronise."""
        if self.ending is not None:
            return
        if not self._has_room(frame, frames=QUEUE_FRAMES, size=QUEUE_BYTES):
            self.abort(CloseCode.RESYNC, "you read too slowly; connect and synchronise again")
            return
        if self._is_waiting and not self._queue and self._unfinished is None and self._send_now(frame):
            return
        self._enqueue(frame)

    def _send_now(self, frame: bytes) -> bool:
        """Sends a frame without waking the socket's task, which costs more than the sending.

        A connection that takes it at once, as nearly all do, ends the server's send() at its first step. One that does
        not is waited for by feed(), and whatever comes meanwhile is queued.
        """
        self._has_sent = True
        try:
            if self._write is not None and self._write(frame):
                return True
            sending = self._send({"type": "websocket.send", "bytes": frame}).__await__()
            waited = next(sending)
        except StopIteration:
            pass
        except (OSError, RuntimeError):  # the server's words for a connection that has ended already
            self.abort(CloseCode.NORMAL, "the connection has ended")
        else:
            self._unfinished = Sending(sending, waited)
            self._ready.set()
        return True

    def push_ours(self, frame: bytes) -> None:
        """Queues a frame for a client that knows messages beyond the y-protocols."""
        if self.speaks_ours:
            self.push(frame)

    def push_when_quiet(self, frame: bytes, now: float) -> None:
        """Queues a sign of life when nothing was sent for a while; asked every few seconds."""
        if self._has_sent:
            self._has_sent, self._last_sent = False, now
        elif not self._queue and now - self._last_sent > QUIET_S:
            self.push(frame)

    async def feed(self) -> None:
        """Sends what is queued, as it comes, until the socket is to end."""
        while True:
            if self._unfinished is not None:
                await self._unfinished.finish()
                self._unfinished = None
            while self._queue:
                await self._send({"type": "websocket.send", "bytes": self._next()})
                self._has_sent = True
            if self.ending is not None:
                return
            self._ready.clear()
            self._is_waiting = True
            try:
                await self._ready.wait()
            finally:
                self._is_waiting = False
