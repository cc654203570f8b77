"""One open socket on a document: who it is, and a bounded queue to a reader who may be slow."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Generator
from datetime import datetime
from typing import Any
from uuid import UUID

from sessions_app.realtime.close_codes import CloseCode
from sessions_app.realtime.socket import LINGER_S, Ending

Send = Callable[[Any], Awaitable[None]]

QUEUE_FRAMES = 5_000
QUEUE_BYTES = 8 * 1024 * 1024
QUIET_S = 12.0


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


class DocumentSocket:
    """What one client is to be sent. Only ever touched from the loop that it lives on."""

    def __init__(
        self,
        *,
        send: Send,
        user: dict[str, Any],
        speaks_ours: bool,
        may_edit: bool,
        login: str = "",
        ends_at: datetime | None = None,
    ) -> None:
        self.user = user
        """The person as awareness shows them."""
        self.user_id = UUID(user["id"])
        self.speaks_ours = speaks_ours
        """It knows the messages beyond the y-protocols."""
        self.may_edit = may_edit
        self.login = login
        self.ends_at = ends_at
        self.is_expired = False
        """Its session has expired: it is shown the document as it is, and closed."""
        self.connection_id: UUID | None = None
        self.ending: Ending | None = None
        self.aborted = asyncio.Event()
        self.asked_again = 0
        """How often in a row it sent what could not be applied without what it had not sent."""
        self.bad_updates = 0
        self._send = send
        self._queue: deque[bytes] = deque()
        self._bytes = 0
        self._ready = asyncio.Event()
        self._is_waiting = False
        """Its task has nothing to do."""
        self._unfinished: Sending | None = None
        self._last_sent = 0.0

    def push(self, frame: bytes) -> None:
        """Queues a frame; a reader who is too far behind is sent away, to come back and synchronise."""
        if self.ending is not None:
            return
        if self._queue and (len(self._queue) >= QUEUE_FRAMES or self._bytes + len(frame) > QUEUE_BYTES):
            self.abort(CloseCode.RESYNC, "you read too slowly; connect and synchronise again")
            return
        if self._is_waiting and not self._queue and self._unfinished is None and self._send_now(frame):
            return
        self._queue.append(frame)
        self._bytes += len(frame)
        self._ready.set()

    def _send_now(self, frame: bytes) -> bool:
        """Sends a frame without waking the socket's task, which costs more than the sending.

        A connection that takes it at once, as nearly all do, ends the server's send() at its first step. One that does
        not is waited for by feed(), and whatever comes meanwhile is queued.
        """
        sending = self._send({"type": "websocket.send", "bytes": frame}).__await__()
        try:
            waited = next(sending)
        except StopIteration:
            self._last_sent = asyncio.get_running_loop().time()
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
        """Queues a sign of life when nothing was sent for a while."""
        if not self._queue and now - self._last_sent > QUIET_S:
            self.push(frame)

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

    async def feed(self) -> None:
        """Sends what is queued, as it comes, until the socket is to end."""
        loop = asyncio.get_running_loop()
        while True:
            if self._unfinished is not None:
                await self._unfinished.finish()
                self._unfinished = None
            while self._queue:
                frame = self._queue.popleft()
                self._bytes -= len(frame)
                await self._send({"type": "websocket.send", "bytes": frame})
                self._last_sent = loop.time()
            if self.ending is not None:
                return
            self._ready.clear()
            self._is_waiting = True
            try:
                await self._ready.wait()
            finally:
                self._is_waiting = False
