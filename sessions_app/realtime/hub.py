"""All rooms of this process: fed by wake-ups, and by a look at the database every two seconds in case one was lost.

The same look closes the sockets of those who may no longer be there: the session expired or is gone, the member was
removed, the login ended.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from contextlib import suppress
from datetime import datetime
from typing import Any
from uuid import UUID
from weakref import WeakKeyDictionary

from django.db import Error as DatabaseError
from django.utils import timezone

from sessions_app.models import SessionStatus
from sessions_app.realtime import layer, protocol, publish, store, topics
from sessions_app.realtime.close_codes import CloseCode
from sessions_app.realtime.layer import Item
from sessions_app.realtime.room import Room
from sessions_app.realtime.socket import Socket

log = logging.getLogger(__name__)

LOOK_EVERY_S = 2.0
SEEN_EVERY_S = 30.0
RESUBSCRIBE_EVERY_S = 3600.0
"""The in-memory layer forgets a subscription after a day."""


class Hub:
    """The rooms whose sockets live on one event loop."""

    def __init__(self) -> None:
        self.rooms: dict[UUID, Room] = {}
        self.listening = asyncio.Event()
        """Set while wake-ups of other processes are heard; when not, the looks at the database do their work."""
        self.listeners: list[Callable[[UUID], None]] = []
        """Told of every session whose log has grown."""
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._look_now = asyncio.Event()

    def start(self) -> None:
        """Begins to listen; called with the first socket."""
        publish.attach(self, asyncio.get_running_loop())
        for work in (self._listen, self._keep_looking, self._keep_seen):
            self._keep_going(work)

    async def stop(self) -> None:
        """Stops listening; the sockets have to be closed already."""
        publish.detach(self)
        _hubs.pop(asyncio.get_running_loop(), None)
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _keep_going(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Runs one of the hub's endless works, and again should it ever fail: without them nobody is signed out."""

        def failed(task: asyncio.Task[None]) -> None:
            if not task.cancelled() and (error := task.exception()) is not None:
                log.error("the hub's %s failed and is started again", work.__name__, exc_info=error)
                asyncio.get_running_loop().call_later(LOOK_EVERY_S, self._keep_going, work)

        task = asyncio.ensure_future(work())
        task.add_done_callback(failed)
        self._tasks[work.__name__] = task

    def join(self, session_id: UUID, socket: Socket) -> Room:
        """Puts a socket into its session's room; it gets frames after room.replay()."""
        if session_id not in self.rooms:
            self.rooms[session_id] = Room(session_id, look_soon=self._look_now.set)
        room = self.rooms[session_id]
        room.sockets.add(socket)
        return room

    def leave(self, room: Room, socket: Socket) -> None:
        """Takes a socket out; an empty room is forgotten."""
        room.leave(socket)
        if not room.sockets and self.rooms.get(room.session_id) is room:
            del self.rooms[room.session_id]

    def deliver(self, items: list[Item]) -> None:
        """What was published, here or in another process."""
        for session_id, text in items:
            if topics.deliver(session_id, text):
                continue
            session = UUID(session_id)
            has_grown = text is None or protocol.is_news(text)
            if has_grown:
                for listener in self.listeners:
                    listener(session)
            room = self.rooms.get(session)
            if room is None:
                continue
            if text is None:
                room.wake()
            elif has_grown:
                room.grow(protocol.rows_of(text))
            else:
                room.stream(text)

    async def _listen(self) -> None:
        while True:
            channel = ""
            try:
                channel = await layer.subscribe()
                self.listening.set()
                async with asyncio.timeout(RESUBSCRIBE_EVERY_S):
                    while True:
                        self.deliver(await layer.receive(channel))
            except layer.down():
                self.listening.clear()
                await asyncio.sleep(layer.RETRY_AFTER_S)
            finally:
                if channel:
                    await layer.unsubscribe(channel)

    async def _keep_looking(self) -> None:
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._look_now.wait(), LOOK_EVERY_S)
            self._look_now.clear()
            if self.rooms:
                try:
                    await self.look(timezone.now())
                except DatabaseError:
                    log.exception("the database did not answer a look at %d rooms", len(self.rooms))

    async def look(self, now: datetime) -> None:
        """Wakes the rooms whose log grew, and ends the sockets that may not stay."""
        # Who comes while the database answers is not in its answer, and no worse for that.
        present = {room: list(room.sockets) for room in self.rooms.values()}
        logins = {socket.login for sockets in present.values() for socket in sockets if socket.login}
        seen = await store.call(store.look, [room.session_id for room in present], logins)
        for room, sockets in present.items():
            known = seen.sessions.get(room.session_id)
            for socket in sockets:
                _end_if_due(room, socket, seen, now)
            if known is not None and known[0] > room.seq:
                room.wake()

    async def _keep_seen(self) -> None:
        while True:
            await asyncio.sleep(SEEN_EVERY_S)
            sockets = [socket for room in self.rooms.values() for socket in room.sockets]
            connection_ids = [socket.connection_id for socket in sockets if socket.connection_id]
            try:
                await store.call(store.note_seen, connection_ids, list(self.rooms))
            except DatabaseError:
                log.exception("the database did not take note of %d open sockets", len(sockets))


def _end_if_due(room: Room, socket: Socket, seen: store.Look, now: datetime) -> None:
    known = seen.sessions.get(room.session_id)
    if known is None:
        socket.finish(CloseCode.NO_SUCH_SESSION, "the session was deleted")
    elif (ending := seen.people.who_must_go(room.session_id, socket, now)) is not None:
        socket.abort(ending.code, ending.reason)
    elif known[1] == SessionStatus.EXPIRED and socket.cursor >= known[0]:
        socket.finish(CloseCode.EXPIRED, "the session has expired")


_hubs: "WeakKeyDictionary[asyncio.AbstractEventLoop, Hub]" = WeakKeyDictionary()


def current() -> Hub:
    """The hub of the running loop, started with its first use."""
    loop = asyncio.get_running_loop()
    hub = _hubs.get(loop)
    if hub is None:
        hub = _hubs[loop] = Hub()
        hub.start()
    return hub
