"""All document rooms of this process: fed by their sockets, by wake-ups, and by a look at the database.

The look, every two seconds, finds what a lost wake-up would have told, gives every socket the role that its person has
now, closes those of people who may no longer be there, and shows the agents that work. Where a session's log grows, its
agents are looked for sooner.
"""

import asyncio
import logging
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Coroutine, Sequence
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID
from weakref import WeakKeyDictionary

from django.conf import settings
from django.db import Error as DatabaseError
from django.utils import timezone

from sessions_app import update_log
from sessions_app.crdt.replica import Replica
from sessions_app.crdt.store import StoreFailed
from sessions_app.limits import held
from sessions_app.limits.quotas import Holder
from sessions_app.models import Document, Role, SessionStatus
from sessions_app.realtime import agents, hub, open_documents, publish, store, topics
from sessions_app.realtime.close_codes import CloseCode
from sessions_app.realtime.document_admission import Limits
from sessions_app.realtime.document_agents import Agents
from sessions_app.realtime.document_room import DocumentRoom
from sessions_app.realtime.document_socket import DocumentSocket
from sessions_app.realtime.document_surroundings import NoRoom, Surroundings
from sessions_app.realtime.document_writer import Writer
from sessions_app.realtime.frame_queue import Ending
from sessions_app.services import compaction, documents

log = logging.getLogger(__name__)

TOPIC = "document"
WHO_IS_THERE = "?"
LOOK_EVERY_S = 2.0
SEEN_EVERY_S = 30.0
AGENTS_AFTER_S = 0.2
"""So long after a session's log has grown, and not more often, its agents are looked for."""
COUNT_AFTER_BYTES = 256 * 1024
"""When a document has grown by so much, it is asked whether its session's maker may hold as much."""
SAVE_AFTER_S = 2.0
SAVE_WITHIN_S = 20.0
COMPACT_AFTER = 500
"""So many updates after its snapshot a document gets a new one."""
COMPACT_AFTER_BYTES = 2 * 1024 * 1024
"""The same for so many bytes, which everybody who opens it would load."""


class DocumentHub:
    """The document rooms whose sockets live on one event loop."""

    def __init__(self, update_store: update_log.DatabaseStore | None = None) -> None:
        self.rooms: dict[UUID, DocumentRoom] = {}
        self._saves: dict[UUID, Save] = {}
        self._compacting: set[UUID] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._endless: list[asyncio.Task[None]] = []
        self._hub: hub.Hub | None = None
        self._grown: set[UUID] = set()
        """Sessions whose agents may have come, moved or gone."""
        self._looking_for_agents = asyncio.Lock()
        self._store = update_store or update_log.DatabaseStore()
        self._writer = Writer(self._store, on_idle=update_log.close_connection, open_line=self._store.open_line)
        self._around = Surroundings(
            store=self._store,
            append=self._writer.append,
            call=store.call,
            build=update_log.build,
            tell=self._tell,
            stored=self._stored,
            limits=Limits(
                text=settings.DOCUMENT_MAX_BYTES,
                state=settings.DOCUMENT_STATE_MAX_BYTES,
                session=settings.SESSION_MAX_BYTES,
            ),
            is_at_rest=lambda room: room.document not in self._saves,
            require_room=self._require_room,
        )

    def start(self) -> None:
        """Begins to look; called with the first socket."""
        self._hub = hub.current()  # it listens to the channel layer for all
        self._hub.listeners.append(self.session_grew)
        self._endless = [asyncio.ensure_future(work) for work in (self._keep_looking(), self._keep_seen())]

    async def stop(self) -> None:
        """Saves what is open and stops; the sockets have to be closed already."""
        _hubs.pop(asyncio.get_running_loop(), None)
        if self._hub is not None:
            self._hub.listeners.remove(self.session_grew)
        for task in self._endless:
            task.cancel()
        await asyncio.gather(*self._endless, return_exceptions=True)
        for room in list(self.rooms.values()):
            self._save_soon(room, 0.0)
            await room.settled()
        while self._tasks:
            await asyncio.wait(self._tasks)

    # Sockets ----------------------------------------------------------------------------------------

    def refusal(self, document: UUID, holders: Sequence[Holder], more: int) -> Ending | None:
        """Why a document of so many bytes cannot be opened now, if so; one that is open already can be joined."""
        if document in self.rooms:
            return None
        why = open_documents.refusal(self.rooms.values(), holders, more, time.monotonic())
        return Ending(CloseCode.TOO_FAST, why) if why else None

    def _require_room(self, room: DocumentRoom, more: int) -> None:
        """For one who may open it all may: whoever else has it open shares what it takes."""
        others = [other for other in self.rooms.values() if other is not room]
        people = {socket.user_id: socket.holders for socket in room.audience.sockets}
        now = time.monotonic()
        refused = [open_documents.refusal(others, holders, more, now) for holders in people.values()]
        if refused and all(refused):
            raise NoRoom(refused[0])

    def _close_what_is_too_much(self) -> None:
        """Documents grow while they are open; the largest of who has most go first, and may come back later."""
        for room in open_documents.too_much(list(self.rooms.values()), time.monotonic()):
            room.audience.end_all(CloseCode.TOO_FAST, open_documents.grew_too_much())

    def join(self, document: UUID, socket: DocumentSocket, *, expected: int = 0) -> DocumentRoom:
        """Puts a socket into its document's room."""
        room = self.rooms.get(document)
        if room is None:
            room = self.rooms[document] = DocumentRoom(document, self._around, expected=expected)
            publish.document_elsewhere(document, WHO_IS_THERE)
            room.join(socket)
            room.between_commits(lambda _: self._opened(room))
        else:
            room.join(socket)
        return room

    def leave(self, room: DocumentRoom, socket: DocumentSocket) -> None:
        """Takes a socket out; an empty room is saved and forgotten."""
        room.audience.leave(socket, time.monotonic())
        if not room.audience.sockets:
            self._spawn(self._close(room))

    async def _close(self, room: DocumentRoom) -> None:
        await room.settled()
        if not room.audience.sockets and self.rooms.get(room.document) is room:
            self._save_soon(room, 0.0)
            await room.settled()
            if not room.audience.sockets and self.rooms.get(room.document) is room:
                del self.rooms[room.document]
                if not self.rooms:
                    self._writer.rest()

    # Other processes --------------------------------------------------------------------------------

    def deliver(self, document: str, text: str | None) -> None:
        """What was published about a document, here or in another process."""
        room = self.rooms.get(UUID(document))
        if room is None or text is None:
            return
        if text == WHO_IS_THERE:
            room.audience.tell_who_is_here()
        elif text.isdigit():
            room.wake(int(text))
        else:
            room.audience.hear_of_others(bytes.fromhex(text.removeprefix("a")), time.monotonic())

    def _tell(self, room: DocumentRoom, awareness: bytes | None) -> None:
        text = str(room.number) if awareness is None else "a" + awareness.hex()
        publish.document_elsewhere(room.document, text)

    # After commits ----------------------------------------------------------------------------------

    def _stored(self, room: DocumentRoom, senders: list[DocumentSocket]) -> None:
        save = self._saves.get(room.document)
        if save is None:
            save = self._saves[room.document] = Save(asyncio.get_running_loop().time())
        if room.taken > room.taken_before + COUNT_AFTER_BYTES:
            room.taken_before = room.taken
            asyncio.get_running_loop().call_soon(self._close_what_is_too_much)
        for socket in senders:
            save.users[socket.user_id] = socket.user["name"]
        self._save_soon(room, SAVE_AFTER_S)
        is_long = room.number - room.snapshot_number >= COMPACT_AFTER or room.held.since_snapshot >= COMPACT_AFTER_BYTES
        if is_long and room.document not in self._compacting:
            self._compacting.add(room.document)
            self._spawn(self._compact(room))

    def _save_soon(self, room: DocumentRoom, after_s: float) -> None:
        """Plans to write the text where lists and searches find it: when typing pauses, or after 20 seconds of it."""
        save = self._saves.get(room.document)
        if save is None:
            return
        loop = asyncio.get_running_loop()
        save.due = min(loop.time() + after_s, save.since + SAVE_WITHIN_S)
        if save.due <= loop.time():
            self._save(room)
        elif save.timer is None:  # a timer that is there looks again when it ends: typing need not move it every time
            save.timer = loop.call_at(save.due, self._save_when_due, room, save)

    def _save_when_due(self, room: DocumentRoom, save: "Save") -> None:
        loop = asyncio.get_running_loop()
        if self._saves.get(room.document) is not save:
            return
        if save.due <= loop.time():
            self._save(room)
        else:
            save.timer = loop.call_at(save.due, self._save_when_due, room, save)

    def _save(self, room: DocumentRoom) -> None:
        save = self._saves.pop(room.document, None)
        if save is None:
            return
        if save.timer is not None:
            save.timer.cancel()

        def work(replica: Replica) -> None:
            if room.session is not None:
                self._spawn(self._write_down(room.session, room.document, room.number, replica.text(), save.users))

        room.between_commits(work)

    async def _write_down(
        self, session: UUID, document: UUID, number: int, text: str, users: "dict[UUID, str]"
    ) -> None:
        try:
            await self._writer.between_commits(partial(_autosave, session, document, number, text, users))
        except DatabaseError:
            log.exception("the text of document %s could not be written down; its updates are stored", document)

    async def _compact(self, room: DocumentRoom) -> None:
        room.held.since_snapshot = 0  # what comes meanwhile is for the next one
        try:
            number = await store.call(_compact, room.document)
            room.snapshot_number = max(room.snapshot_number, number)
        except (DatabaseError, StoreFailed, compaction.NotEqual):
            log.exception("document %s could not be compacted; it opens from its updates", room.document)
            room.snapshot_number = room.number  # so that it is tried again after as many updates more
        finally:
            self._compacting.discard(room.document)

    # Looks ------------------------------------------------------------------------------------------

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("work of the document hub failed", exc_info=error)

    async def _keep_looking(self) -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            await self._outliving("look at documents", self.look)

    async def _keep_seen(self) -> None:
        while True:
            await asyncio.sleep(SEEN_EVERY_S)
            await self._outliving("note open sockets", self._see)

    async def _outliving(self, what: str, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Runs one round of an endless work; a failed one is logged, because the next is needed all the same."""
        try:
            await work()
        except Exception:  # the outer edge of a task that must not end
            log.exception("the document hub could not %s", what)

    async def look(self) -> None:
        """Wakes rooms whose log grew, gives sockets their roles, and ends those that may not stay."""
        rooms = list(self.rooms.values())
        now = time.monotonic()
        for room in rooms:
            room.audience.tick(now)
        if not rooms:
            return
        # Who comes while the database answers is not in its answer, and no worse for that.
        present = {room: list(room.audience.sockets) for room in rooms}
        logins = {socket.login for sockets in present.values() for socket in sockets if socket.login}
        seen = await store.call(_look, [room.document for room in rooms], logins)
        for room, sockets in present.items():
            for socket in sockets:
                seen.judge(room, socket, timezone.now())
            known = seen.documents.get(room.document)
            if known is not None and known[1] > room.number:
                room.wake(known[1])
        await self._count_bytes(rooms)
        await self._look_for_agents({room.session for room in rooms})

    async def _count_bytes(self, rooms: list[DocumentRoom]) -> None:
        """Asks of documents that have grown much, and of those that were refused, what their sessions' makers hold."""
        grown = [room for room in rooms if room.held.over or room.held.bytes > room.held.counted + COUNT_AFTER_BYTES]
        if not grown:
            return
        over = await store.call(held.over_quota, [room.document for room in grown])
        for room in grown:
            room.held.counted = room.held.bytes
            room.held.over = over.get(room.document, "")

    # Agents -----------------------------------------------------------------------------------------

    def _opened(self, room: DocumentRoom) -> None:
        if room.session is not None:
            self.session_grew(room.session)

    def session_grew(self, session: UUID) -> None:
        """A session's log has grown: its agents may have come, moved, or gone."""
        if not self.rooms:
            return
        if not self._grown:
            asyncio.get_running_loop().call_later(AGENTS_AFTER_S, self._look_for_agents_soon)
        self._grown.add(session)

    def _look_for_agents_soon(self) -> None:
        grown, self._grown = self._grown, set()
        sessions = {room.session for room in self.rooms.values() if room.session in grown}
        if sessions:
            self._spawn(self._outliving("look for agents", partial(self._look_for_agents, sessions)))

    async def _look_for_agents(self, sessions: "Collection[UUID | None]") -> None:
        """Shows in the documents of these sessions the agents that work there now, and no others."""
        async with self._looking_for_agents:  # an older answer must not come after a newer one
            found: defaultdict[UUID, list[agents.Agent]] = defaultdict(list)
            for agent in await store.call(agents.at_work, [session for session in sessions if session]):
                found[agent.session].append(agent)
            now, moment = time.monotonic(), timezone.now()
            for room in self.rooms.values():
                if room.session not in sessions or room.session is None:
                    continue
                here = [agent for agent in found[room.session] if agent.document in (None, room.document)]
                shown = room.audience.agents
                if not shown.are_shown(here, now):
                    room.between_commits(partial(_show_agents, shown, here, now, moment))

    async def _see(self) -> None:
        sockets = [socket for room in self.rooms.values() for socket in room.audience.sockets]
        ids = [socket.connection_id for socket in sockets if socket.connection_id]
        if ids:
            sessions = [room.session for room in self.rooms.values() if room.session]
            await store.call(store.note_seen, ids, sessions)


class Save:
    """Text that is stored as updates, and is to be written down as a whole."""

    def __init__(self, since: float) -> None:
        self.since = since
        self.due = since
        self.users: dict[UUID, str] = {}
        """Who typed since the last time, in order."""
        self.timer: asyncio.TimerHandle | None = None


class Seen:
    """How things are for some documents and the people at them."""

    def __init__(self, document_ids: list[UUID], logins: set[str]) -> None:
        found = Document.objects.filter(pk__in=document_ids).values_list(
            "pk", "session_id", "revision", "session__status"
        )
        self.documents = {pk: (session, revision, status) for pk, session, revision, status in found}
        self.people = store.people_of({session for session, _, _ in self.documents.values()}, logins)

    def judge(self, room: DocumentRoom, socket: DocumentSocket, now: datetime) -> None:
        """Ends a socket that may not stay, or gives it the role that its person has."""
        known = self.documents.get(room.document)
        if known is None:
            socket.finish(CloseCode.NO_SUCH_SESSION, "the session was deleted")
        elif (ending := self.people.who_must_go(known[0], socket, now)) is not None:
            socket.abort(ending.code, ending.reason)
        elif known[2] == SessionStatus.EXPIRED:
            socket.finish(CloseCode.EXPIRED, "the session has expired")
        elif (role := self.people.roles[known[0], socket.user_id]) != socket.user["role"]:
            socket.user["role"] = role
            socket.may_edit = role != Role.VIEWER
            room.tell_role(socket)


def _show_agents(shown: Agents, here: list[agents.Agent], now: float, moment: datetime, replica: Replica) -> None:
    shown.show(here, replica, now, moment)


def _look(document_ids: list[UUID], logins: set[str]) -> Seen:
    return Seen(document_ids, logins)


def _autosave(session: UUID, document: UUID, number: int, text: str, users: dict[UUID, str]) -> None:
    documents.autosave(session_id=session, document_id=document, number=number, text=text, writers=users)


def _compact(document: UUID) -> int:
    return compaction.compact(document_id=document)


_hubs: "WeakKeyDictionary[asyncio.AbstractEventLoop, DocumentHub]" = WeakKeyDictionary()


def current() -> DocumentHub:
    """The document hub of the running loop, started with its first use."""
    loop = asyncio.get_running_loop()
    found = _hubs.get(loop)
    if found is None:
        found = _hubs[loop] = DocumentHub()
        found.start()
    return found


def _deliver(document: str, text: str | None) -> None:
    found = _hubs.get(asyncio.get_running_loop())
    if found is not None:
        found.deliver(document, text)


topics.register(TOPIC, _deliver)
