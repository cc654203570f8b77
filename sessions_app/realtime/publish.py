"""Tells the sockets of every process that there is something to read. Callable from any thread, never blocks.

wake() says that a session's log grew, and by what if that is little: the truth is in the database, and who finds that
something is missing in between reads it there. stream() carries what is not stored.
The rooms of this process are told directly, those of others over the channel layer, which is only touched from one
event loop: the one that the sockets live on, or, in a process without sockets, a thread of its own.
"""

import asyncio
import os
import threading
from collections import deque
from typing import Any, Protocol
from uuid import UUID

from django.utils import timezone

from sessions_app.realtime.layer import Item, Sender, reaches_others
from sessions_app.realtime.protocol import encode

BACKLOG = 5_000
"""How many items wait for the channel layer; the oldest are dropped, and the pollers make up for it."""
BATCH = 200
SEND_EVERY_S = 0.01
"""What comes sooner after the last sending waits for company: a message costs the same for one item or a hundred."""


class Receiver(Protocol):
    """The rooms of this process."""

    def deliver(self, items: list[Item]) -> None: ...


def wake(session_id: UUID, news: str | None = None) -> None:
    """Says that the session's event log has grown; news is what protocol.news_of() makes of its new rows."""
    _outbox.put((str(session_id), news))


def stream(session_id: UUID, frame: dict[str, Any]) -> None:
    """Sends a frame that is not stored, such as text.delta, to the session's sockets. It may be lost."""
    at = timezone.now().isoformat().replace("+00:00", "Z")
    _outbox.put((str(session_id), encode({"seq": None, "at": at, "run": None} | frame)))


def topic(name: str, key: str) -> None:
    """Wakes those who wait for news of one key of a registered topic. It may be lost."""
    _outbox.put((f"{name}:{key}", None))


def document(document_id: UUID, text: str) -> None:
    """Tells the rooms of a document: the number that its log has grown to, or who is where in it. It may be lost."""
    _outbox.put((f"document:{document_id}", text))


def document_elsewhere(document_id: UUID, text: str) -> None:
    """The same for the rooms of other processes; only on the loop that the sockets live on."""
    if not reaches_others():  # asked here too: it is called for every keystroke
        return
    _outbox.put_elsewhere((f"document:{document_id}", text))


def attach(receiver: Receiver, loop: asyncio.AbstractEventLoop) -> None:
    """From now on the sockets of this process are fed on this loop."""
    _outbox.attach(receiver, loop)


def detach(receiver: Receiver) -> None:
    """The receiver's sockets are gone."""
    _outbox.detach(receiver)


class Outbox:
    """What is to be told, from whatever thread, gathered for the loop that tells it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._items: list[Item] = []
        self._receiver: Receiver | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._own_loop: asyncio.AbstractEventLoop | None = None
        self._flushing_on: asyncio.AbstractEventLoop | None = None
        self._remote: dict[asyncio.AbstractEventLoop, Remote] = {}

    def attach(self, receiver: Receiver, loop: asyncio.AbstractEventLoop) -> None:
        with self._lock:
            self._receiver, self._loop = receiver, loop

    def detach(self, receiver: Receiver) -> None:
        with self._lock:
            if self._receiver is receiver:
                self._receiver = self._loop = None

    def put(self, item: Item) -> None:
        with self._lock:
            self._items.append(item)
            if self._flushing_on is not None and not self._flushing_on.is_closed():
                return  # the flush that is on its way takes this too
            try:
                self._flush_soon(self._sending_loop())
            except RuntimeError:  # the sockets' loop was closed just now, without a goodbye
                self._receiver = self._loop = None
                self._flush_soon(self._sending_loop())

    def _flush_soon(self, loop: asyncio.AbstractEventLoop) -> None:
        loop.call_soon_threadsafe(self._flush)
        self._flushing_on = loop

    def _flush(self) -> None:
        loop = asyncio.get_running_loop()
        with self._lock:
            if self._loop is not loop and self._passes_on():
                return
            items, self._items, self._flushing_on = self._items, [], None
            receiver = self._receiver if self._loop is loop else None
        if receiver is not None:
            receiver.deliver(items)
        self._remote_of(loop).put(items)

    def _passes_on(self) -> bool:
        """Leaves the items to the sockets' loop, which came while this flush was on its way to another one."""
        if self._loop is None or self._loop.is_closed():
            return False
        try:
            self._flush_soon(self._loop)
        except RuntimeError:  # it was closed just now
            return False
        return True

    def put_elsewhere(self, item: Item) -> None:
        """For other processes only, from the loop that sends to them."""
        self._remote_of(asyncio.get_running_loop()).put([item])

    def _remote_of(self, loop: asyncio.AbstractEventLoop) -> "Remote":
        remote = self._remote.get(loop)
        if remote is None:
            self._remote = {known: it for known, it in self._remote.items() if not known.is_closed()}
            remote = self._remote[loop] = Remote()
        return remote

    def _sending_loop(self) -> asyncio.AbstractEventLoop:
        if self._loop is not None and not self._loop.is_closed():
            return self._loop
        if self._own_loop is None:
            self._own_loop = asyncio.new_event_loop()
            threading.Thread(target=self._own_loop.run_forever, name="publish", daemon=True).start()
        return self._own_loop


class Remote:
    """What waits for the channel layer on one loop, sent in order by one task at a time."""

    def __init__(self) -> None:
        self._items: deque[Item] = deque(maxlen=BACKLOG)
        self._sender = Sender()
        self._task: asyncio.Task[None] | None = None
        self._sent_at = float("-inf")

    def put(self, items: list[Item]) -> None:
        if not reaches_others():
            return
        self._items.extend(items)
        if self._task is None or self._task.done():
            self._task = asyncio.ensure_future(self._send_all())

    async def _send_all(self) -> None:
        loop = asyncio.get_running_loop()
        while self._items:
            if (early := self._sent_at + SEND_EVERY_S - loop.time()) > 0:
                await asyncio.sleep(early)
            self._sent_at = loop.time()
            batch = [self._items.popleft() for _ in range(min(BATCH, len(self._items)))]
            await self._sender.send(list(dict.fromkeys(batch)))


_outbox = Outbox()


def _start_afresh() -> None:
    """A forked process has no threads and no sockets."""
    global _outbox
    _outbox = Outbox()


os.register_at_fork(after_in_child=_start_afresh)
