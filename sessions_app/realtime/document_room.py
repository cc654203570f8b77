"""One shared document in this process: one replica for all its sockets.

The room works in turns. A turn takes what has come in, tries each update on the replica, stores what changed it in one
batch, and only then answers the senders and shows it to the others. Whoever asks for the state is answered between two
commits, when the replica holds what is stored and nothing else. When a store fails, or an update breaks the replica,
it is thrown away and built again from the store, and what was not stored yet takes its turn again.

A resent update changes nothing, so it is answered and not stored again: the CRDT itself knows what it has.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from uuid import UUID

from sessions_app.crdt import inspection
from sessions_app.crdt.errors import BadUpdate, DocumentFull, HistoryFull, MissingUpdates, Poisoned, UpdateError
from sessions_app.crdt.kinds import KINDS, TEXT
from sessions_app.crdt.replica import Replica
from sessions_app.crdt.store import (
    Batch,
    Entry,
    Loaded,
    NoSuchDocument,
    NotStored,
    Owner,
    Refusal,
    Row,
    Stored,
    StoreFailed,
)
from sessions_app.limits.quotas import Holder
from sessions_app.realtime import document_admission as admission
from sessions_app.realtime import yprotocol
from sessions_app.realtime.close_codes import CloseCode
from sessions_app.realtime.document_admission import Edit, Taken
from sessions_app.realtime.document_audience import Audience
from sessions_app.realtime.document_socket import DocumentSocket
from sessions_app.realtime.document_surroundings import NoRoom, Surroundings, greeting, load, refusal
from sessions_app.realtime.open_documents import IDLE_AFTER_S

log = logging.getLogger(__name__)

TURN_ITEMS = 500
TURN_S = 0.03
"""A turn ends after so many items or so long, whatever became of them, and all else gets its time."""
READ_ASIDE_BYTES = 64 * 1024
"""A larger update is inspected in a thread."""
TRIAL_REST = 4
"""After a trial there is none for so many times as long as it took."""
ASK_AGAIN_TIMES = 8
BAD_UPDATES_BORNE = 5
FAILURES_BORNE = 8
RETRY_S = 0.25
UNMEASURED_BYTES = 64 * 1024
"""So much more than it takes a document may be counted for, before it is measured."""
Work = Callable[[Replica], None]


class DocumentRoom:
    """A document's sockets and its replica."""

    def __init__(self, document: UUID, around: Surroundings, *, expected: int = 0) -> None:
        self.document = document
        self.audience = Audience(document, tell=lambda data: around.tell(self, data))
        self.number = 0
        """The newest update that its sockets have been shown."""
        self.snapshot_number = 0
        self.held = admission.Held()
        self.epoch = 0
        self.session: UUID | None = None
        self.is_closing = False
        self._around = around
        self._kind = TEXT
        self._replica: Replica | None = None
        self._owners: dict[int, Owner] = {}
        self._inbox: deque[Edit | Work] = deque()
        self._newest_told = 0
        self._working: asyncio.Task[None] | None = None
        self._refusing: set[asyncio.Task[None]] = set()
        self._failures = 0
        self._is_unsure = False
        """A commit failed, and may be stored all the same."""
        self._whole: tuple[int, bytes] | None = None
        self._takes = expected
        """Bytes of its state when it is loaded, as far as is known."""
        self.taken_before = expected
        """How many it had when it was last asked whether all that is open is too much."""
        self._is_unloaded = False
        self._worked_at = time.monotonic()
        self._next_trial_at = 0.0

    # What it takes of memory ------------------------------------------------------------------------

    @property
    def taken(self) -> int:
        """How many it has in memory; while it is being loaded, how many it will have."""
        if self._replica is not None:
            return self._replica.state_bound
        return 0 if self._is_unloaded else self._takes

    @property
    def holders(self) -> set[Holder]:
        """Everybody who has it open."""
        return {holder for socket in self.audience.sockets for holder in socket.holders}

    def tighten(self) -> int:
        """Measures what it takes, where what is known may be far too high; says how many bytes it went through."""
        if self._replica is None:
            return 0
        try:
            return self._replica.tighten_bound(UNMEASURED_BYTES)
        except Poisoned:
            self._replica = None
            return 0

    def unload(self, now: float) -> None:
        """Gives its memory back if nothing has happened for a while; what comes next loads it again, and everybody
        compares what they have with it then."""
        is_idle = self._working is None and now - self._worked_at >= IDLE_AFTER_S
        if self._replica is not None and is_idle and self._around.is_at_rest(self):
            self._takes = self._replica.state_bound
            self._replica = self._whole = None
            self._is_unsure = self._is_unloaded = True

    # What comes in ----------------------------------------------------------------------------------

    def join(self, socket: DocumentSocket) -> None:
        """Lets a socket in: it is told who it is here, asked what it has, and shown who else is there."""
        self.audience.sockets.add(socket)
        self.between_commits(lambda replica: self._welcome(socket, replica))

    def receive(self, socket: DocumentSocket, message: yprotocol.Message, now: float) -> None:
        """Takes what a socket sent."""
        match message:
            case yprotocol.Update():
                self._inbox.append(Edit(socket, message))
                self._work_soon()
            case yprotocol.Ask(state_vector):
                self.between_commits(lambda replica: self._answer(socket, state_vector, replica))
            case yprotocol.Presence(data):
                self.audience.hear(socket, data, now, self._owners)
            case yprotocol.Query():
                self.audience.introduce(socket)
            case yprotocol.Ping():
                socket.push_ours(yprotocol.PONG_FRAME)

    def between_commits(self, work: Work) -> None:
        """Has something done when the replica is exactly what is stored."""
        self._inbox.append(work)
        self._work_soon()

    def wake(self, number: int) -> None:
        """Somebody says that the log has grown to this number."""
        if number > max(self.number, self._newest_told):
            self._newest_told = number
            self._work_soon()

    def tell_role(self, socket: DocumentSocket) -> None:
        """The socket's role has changed."""
        self.between_commits(lambda replica: socket.push_ours(greeting(self, socket, self._around, replica)))

    async def settled(self) -> None:
        """Returns when everything that has come in is done."""
        while under_way := self._refusing | ({self._working} if self._working is not None else set()):
            await asyncio.wait(under_way)

    # Turns ------------------------------------------------------------------------------------------

    def _work_soon(self) -> None:
        if self._working is None:
            self._working = asyncio.ensure_future(self._work())

    async def _work(self) -> None:
        try:
            while self._inbox or self._newest_told > self.number:
                try:
                    await self._turn(await self._current())
                    self._failures = 0
                    await asyncio.sleep(0)
                except (StoreFailed, OSError) as error:
                    await self._failed(error)
                except NoSuchDocument:
                    self._end_all(CloseCode.NO_SUCH_SESSION, "the document is gone")
                except NoRoom as error:
                    self._end_all(CloseCode.TOO_FAST, str(error))
        except Exception:  # the outer edge of this task: sockets come back and synchronise
            log.exception("the room of document %s failed", self.document)
            self._replica = None
            self._end_all(CloseCode.FAILED, "something went wrong on our side; connect again")
        finally:
            self._working, self._worked_at = None, time.monotonic()

    async def _failed(self, error: Exception) -> None:
        self._replica, self._is_unsure = None, self.epoch > 0
        self._failures += 1
        log.warning("document %s: the store failed (%s), try %d", self.document, error, self._failures)
        if self._failures > FAILURES_BORNE:
            self._end_all(CloseCode.RESYNC, "what you typed could not be stored yet; it is kept by you: connect again")
        else:
            await asyncio.sleep(RETRY_S * self._failures)

    def _end_all(self, code: CloseCode, reason: str) -> None:
        self._inbox.clear()
        self._newest_told = 0
        self.audience.end_all(code, reason)

    async def _current(self) -> Replica:
        """The replica as the store has it; built first, when there is none."""
        if self._replica is None:
            return await self._load()
        if self._newest_told > self.number:
            return await self._catch_up(self._replica)
        return self._replica

    async def _catch_up(self, replica: Replica) -> Replica:
        """Takes what others have stored since."""
        try:
            rows = await self._around.call(self._around.store.after, self.document, self.epoch, self.number)
            self._newest_told = 0  # the store was asked; what was told is known now, or was no more than a rumour
            await self._learn_owners(rows)
            self._show_rows(replica, rows)
        except BadUpdate:
            log.exception("document %s: a stored update does not fit; it is built again", self.document)
            return await self._load()
        except NoSuchDocument:  # it is gone, or only this epoch of it
            return await self._load()
        return replica

    async def _load(self) -> Replica:
        was_here, is_unsure = self.epoch, self._is_unsure
        if self._is_unloaded:
            self._around.require_room(self, self._takes)
            self._is_unloaded = False
        loaded: Loaded
        replica: Replica
        loaded, replica = await self._around.call(load, self._around, self.document)
        self.session, self.epoch, self._owners = loaded.session, loaded.epoch, loaded.owners
        self.number, self.snapshot_number, self.held.bytes = loaded.number, loaded.state_number, loaded.held
        self.held.since_snapshot = sum(len(row.update) for row in loaded.updates)
        self._kind, self._replica, self._whole = KINDS[loaded.kind], replica, None
        self._takes = replica.state_bound
        self._newest_told, self._is_unsure = 0, False
        if was_here and was_here != self.epoch:
            self._end_all(CloseCode.RESYNC, "the history of this document was begun anew; connect again")
        elif is_unsure:  # what was shown may be less than what is stored: everybody compares
            question = yprotocol.ask(replica.state_vector())
            whole = yprotocol.update(replica.state())
            for socket in self.audience.sockets:
                socket.push(question)
                socket.push(whole)
        return replica

    async def _turn(self, replica: Replica) -> None:
        taken: list[Taken] = []
        later: list[Work] = []
        items, ends_at = 0, time.monotonic() + TURN_S
        while self._inbox and items < TURN_ITEMS and time.monotonic() < ends_at:
            item = self._inbox.popleft()
            items += 1
            if isinstance(item, Edit):
                if item.socket.ending is not None or item.socket.bad_updates > BAD_UPDATES_BORNE:
                    continue
                try:
                    await self._take(item, replica, taken)
                except Poisoned as error:  # everything else goes on as if that update had never come
                    self._put_back(taken, later)
                    item.socket.bad_updates += 1
                    await self._refuse_bad(item, error)
                    return
            elif taken:
                later.append(item)
            else:
                item(replica)
        if await self._store_new(replica, taken, later):
            for it in taken:
                self._acknowledge(it.edit)
            for work in later:
                work(replica)

    async def _store_new(self, replica: Replica, taken: list[Taken], later: list[Work]) -> bool:
        """Stores what is new; False when something of it was refused, and the rest takes its turn again."""
        if not any(it.is_new for it in taken):
            return True
        try:
            if await self._store(replica, taken):
                return True
        except BaseException:
            self._put_back(taken, later)
            raise
        self._inbox.extendleft(reversed(later))
        return False

    def _put_back(self, taken: list[Taken], later: list[Work]) -> None:
        """What was not stored takes its turn again, with a replica that is built anew."""
        self._replica = None
        self._inbox.extendleft(reversed([*(it.edit for it in taken), *later]))

    async def _take(self, edit: Edit, replica: Replica, taken: list[Taken]) -> None:
        """Tries one update on the replica. Raises Poisoned when that is of no more use."""
        socket = edit.socket
        try:
            if len(edit.message.update) > READ_ASIDE_BYTES:
                found = await self._around.call(admission.read, edit, replica)
            else:
                found = admission.read(edit, replica)
            if found.is_empty or not socket.may_edit:
                if admission.oversteps(edit, found, replica):
                    socket.abort(CloseCode.NOT_ALLOWED, "you may read this document, not change it")
                else:
                    self._acknowledge(edit)
                return
            inspection.check_complete(found, replica.known)
            claims = admission.claims(edit, found, replica, self._owners, self.audience.awareness, self.epoch)
            if admission.needs_trial(found, replica, self._around.limits.text):
                await self._try_size(edit, replica)
            admission.check_room(edit, found, replica, self.held, self._around.limits)
            is_new = replica.apply(edit.message.update, found)
        except Poisoned:
            raise
        except UpdateError as error:
            self._refuse(edit, error, replica)
            return
        self.held.add(len(edit.message.update) if is_new else 0)
        for client, user in claims.items():
            self._owners[client] = Owner(user, self.epoch)
        socket.asked_again = 0
        taken.append(Taken(edit, is_new, claims))

    async def _try_size(self, edit: Edit, replica: Replica) -> None:
        """Raises DocumentFull for what would make it too large. Dear, and so seldom, and not on the loop."""
        await asyncio.sleep(self._next_trial_at - time.monotonic())
        began, size, limit = time.monotonic(), replica.size(), self._around.limits.text
        try:
            await self._around.call(admission.try_size, replica.kind, replica.state(), edit.message.update, size, limit)
        finally:
            now = time.monotonic()
            self._next_trial_at = now + TRIAL_REST * (now - began)

    async def _store(self, replica: Replica, taken: list[Taken]) -> bool:
        """Stores what is new; True when it is on disk and shown."""
        new = [it for it in taken if it.is_new]
        claims = {client: user for it in taken for client, user in it.claims.items()}
        entries = [Entry(it.edit.message.update, it.edit.socket.user_id) for it in new]
        batch = Batch(self.document, self.epoch, self.number, entries, claims)
        outcome = await self._around.append(batch)
        if isinstance(outcome, NotStored):
            self._not_stored(outcome, taken)
            return False
        if outcome.missed:
            await self._learn_owners(outcome.missed)
        for it in new:
            self.audience.push_others(it.edit.socket, yprotocol.update(it.edit.message.update))
        self._show_missed(replica, outcome)
        self._around.tell(self, None)
        self._around.stored(self, [it.edit.socket for it in new])
        return True

    def _show_missed(self, replica: Replica, outcome: Stored) -> None:
        """What other processes stored in between is taken now; the order makes no difference to a CRDT."""
        try:
            self._show_rows(replica, outcome.missed)
        except BadUpdate:
            log.exception("document %s: a stored update does not fit; it is built again", self.document)
            self._replica = None
        self.number = outcome.last

    def _not_stored(self, outcome: NotStored, taken: list[Taken]) -> None:
        """The replica has what was refused, so it goes; what others sent along takes its turn again."""
        again = [it for it in taken if it.edit.socket.user_id not in outcome.users]
        match outcome.reason:
            case Refusal.NOT_ALLOWED:
                for socket in self.audience.sockets:
                    if socket.user_id in outcome.users:
                        socket.may_edit = False
                for it in taken:
                    if it.edit.socket.user_id in outcome.users:
                        it.edit.socket.abort(CloseCode.NOT_ALLOWED, "you may no longer change this document")
            case Refusal.EXPIRED:
                again = []
                for socket in self.audience.sockets:
                    socket.finish(CloseCode.EXPIRED, "the session has expired")
            case Refusal.GONE:
                again = []
                self._end_all(CloseCode.NO_SUCH_SESSION, "the document is gone")
            case Refusal.OTHER_EPOCH:
                again = []
                self._end_all(CloseCode.RESYNC, "the history of this document was begun anew; connect again")
        self._put_back(again, [])

    async def _learn_owners(self, rows: Sequence[Row]) -> None:
        """Whose the client ids are that others have brought."""
        clients = {client for row in rows for client in admission.clients_of(row.update, self._kind)} - set(
            self._owners
        )
        if clients:
            self._owners |= await self._around.call(self._around.store.owners, self.document, clients)

    def _show_rows(self, replica: Replica, rows: Sequence[Row]) -> None:
        for row in rows:
            replica.apply(row.update)
            self.audience.push_all(yprotocol.update(row.update))
            self.number = row.number
            self.held.add(len(row.update))

    # Answers ----------------------------------------------------------------------------------------

    def _welcome(self, socket: DocumentSocket, replica: Replica) -> None:
        socket.push_ours(greeting(self, socket, self._around, replica))
        socket.push(yprotocol.ask(replica.state_vector()))
        self.audience.introduce(socket)

    def _answer(self, socket: DocumentSocket, state_vector: bytes, replica: Replica) -> None:
        try:
            has_something = admission.read_state_vector(state_vector)
            missing = replica.since(state_vector) if has_something else self._whole_state(replica)
        except Poisoned as error:
            self._replica = None
            socket.abort(CloseCode.MALFORMED, str(error))
            return
        except BadUpdate as error:
            socket.abort(CloseCode.MALFORMED, str(error))
            return
        socket.push(yprotocol.answer(missing))
        if socket.is_expired:
            socket.finish(CloseCode.EXPIRED, "the session has expired")

    def _whole_state(self, replica: Replica) -> bytes:
        """The whole state, made once for all who come while nothing changes."""
        if self._whole is None or self._whole[0] != self.number:
            self._whole = (self.number, replica.state())
        return self._whole[1]

    def _acknowledge(self, edit: Edit) -> None:
        if edit.message.seq is not None:
            edit.socket.push_ours(yprotocol.stored(edit.message.seq, self.number))

    def _refuse(self, edit: Edit, error: UpdateError, replica: Replica) -> None:
        """Says why an update was not taken; what builds on missing ones is asked for again, as a whole."""
        socket = edit.socket
        full = isinstance(error, DocumentFull | HistoryFull)
        if not socket.refusals.take(time.monotonic()):
            self._say_refused(edit, error)
            code = CloseCode.TOO_LARGE if full else CloseCode.TOO_FAST
            socket.finish(code, f"your updates are refused again and again; the last: {error}")
        elif isinstance(error, MissingUpdates) and socket.asked_again < ASK_AGAIN_TIMES:
            socket.asked_again += 1
            self._say_refused(edit, error)
            socket.push(yprotocol.ask(replica.state_vector()))
        elif isinstance(error, MissingUpdates):
            socket.abort(CloseCode.RESYNC, "updates are missing; connect and synchronise again")
        elif isinstance(error, BadUpdate):
            socket.bad_updates += 1
            refusing = asyncio.ensure_future(self._refuse_bad(edit, error))
            self._refusing.add(refusing)
            refusing.add_done_callback(self._refusing.discard)
        else:
            self._say_refused(edit, error)
            if not socket.speaks_ours:
                code = CloseCode.TOO_LARGE if full else CloseCode.NOT_ALLOWED
                socket.finish(code, str(error))

    async def _refuse_bad(self, edit: Edit, error: BadUpdate) -> None:
        """Quarantines an update that no editor makes, and then tells its sender: what is told refused is kept."""
        socket, update = edit.socket, edit.message.update
        log.warning("document %s: an update of user %s is refused: %s", self.document, socket.user_id, error)
        try:
            await self._around.call(self._around.store.quarantine, self.document, socket.user_id, update, str(error))
        except (StoreFailed, OSError):
            log.exception("document %s: a bad update could not be quarantined", self.document)
        self._say_refused(edit, error)
        if not socket.speaks_ours or socket.bad_updates > BAD_UPDATES_BORNE:
            socket.finish(CloseCode.MALFORMED, f"bad_update: {error}")

    def _say_refused(self, edit: Edit, error: UpdateError) -> None:
        edit.socket.push_ours(refusal(edit, error, self._around))
