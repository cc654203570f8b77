"""Whether an update may come into a document: who sends it, what it holds, and whose it claims to be."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import UUID

from sessions_app.crdt import inspection
from sessions_app.crdt.errors import BadUpdate, DocumentFull, ForeignClient, HistoryFull
from sessions_app.crdt.inspection import Contents
from sessions_app.crdt.kinds import Kind
from sessions_app.crdt.replica import Replica
from sessions_app.crdt.store import Owner
from sessions_app.realtime import yprotocol
from sessions_app.realtime.awareness import Awareness
from sessions_app.realtime.document_socket import DocumentSocket

UPDATE_BYTES = 1024 * 1024
STATE_VECTOR_BYTES = 256 * 1024
CLIENTS = 10_000
"""So many client ids a document may have: each is in every state vector, of which no longer one is read."""
BYTES_PER_CLOCK = 3
"""So many bytes one clock of a text takes at most: those of a UTF-16 unit."""
NEW_CLIENTS = 100
"""So many an update may bring: an editor has one, and what it brings from elsewhere has few."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a document may hold, in bytes."""

    text: int
    state: int
    """Its text, what was deleted of it, and who wrote it: what everybody who opens it loads."""
    session: int
    """Its log on disk, with the revisions that are kept for good."""


@dataclass(slots=True)
class Held:
    """What a document holds on disk for good."""

    bytes: int = 0
    counted: int = 0
    """How much it was when it was last asked whether its session's maker may hold as much."""
    over: str = ""
    """Why nothing may be added, though it is not full itself: what its maker holds in all."""
    since_snapshot: int = 0
    """How much of it came after the newest snapshot, and is loaded with it."""

    def add(self, size: int) -> None:
        self.bytes += size
        self.since_snapshot += size


@dataclass(slots=True)
class Edit:
    """An update that waits for its turn."""

    socket: DocumentSocket
    message: yprotocol.Update


@dataclass(slots=True)
class Taken:
    """An update that the replica has taken in this turn."""

    edit: Edit
    is_new: bool
    claims: dict[int, UUID] = field(default_factory=dict)


def read(edit: Edit, replica: Replica) -> Contents:
    """What an update holds. Raises BadUpdate."""
    if edit.message.update == inspection.EMPTY:
        return Contents()
    found = inspection.contents(edit.message.update, replica.kind)
    inspection.check_taken(found, replica.kind)
    return found


def read_state_vector(encoded: bytes) -> bool:
    """Whether somebody who asks has anything yet. Raises BadUpdate."""
    if len(encoded) > STATE_VECTOR_BYTES:
        raise BadUpdate(f"a state vector of {len(encoded)} bytes; at most {STATE_VECTOR_BYTES} are read")
    return bool(inspection.state_vector(encoded))


def oversteps(edit: Edit, found: Contents, replica: Replica) -> bool:
    """Whether a viewer's update would change something. An answer repeats all deletions, so these are no change."""
    return found.adds_to(replica.known) or (found.deletions > 0 and not edit.message.is_answer)


def claims(
    edit: Edit, found: Contents, replica: Replica, owners: Mapping[int, Owner], awareness: Awareness, epoch: int
) -> dict[int, UUID]:
    """The client ids that are new with this update.

    Raises ForeignClient for somebody else's: whoever writes under another's id makes that one's next updates be taken
    for known, and so be lost.
    """
    user = edit.socket.user_id
    claimed = {}
    for client, _, end in found.structs:
        if end <= replica.known.get(client, 0):
            continue
        owner = owners.get(client)
        if owner is None and awareness.holds(client, user):
            claimed[client] = user
        elif owner != Owner(user, epoch):
            raise ForeignClient(f"client {client} is not yours in this document")
    if len(claimed) > NEW_CLIENTS:
        told = f"an update brings {len(claimed):,} new client ids; the limit is {NEW_CLIENTS}"
        raise HistoryFull(told, limit=NEW_CLIENTS)
    if claimed and len(replica.known) + len(claimed) > CLIENTS:
        told = f"the document has {len(replica.known):,} client ids; the limit is {CLIENTS:,}"
        raise HistoryFull(told, limit=CLIENTS)
    return claimed


def needs_trial(found: Contents, replica: Replica, limit: int) -> bool:
    """Whether only a trial can tell if an update makes a document too large: what makes it smaller always fits.

    Raises DocumentFull where it can be told at once, as of what only inserts: a trial is a hundred times as dear.
    """
    if not found.inserted or replica.size_bound + found.inserted <= limit:
        return False
    size = replica.size()
    if size + found.inserted <= limit:
        return False
    is_told = found.is_all_new(replica.known) and (not found.deletions or replica.kind.text_root is not None)
    least = size + found.inserted - BYTES_PER_CLOCK * found.deleted
    if is_told and least > max(limit, size - 1):
        raise DocumentFull(f"the document would have {least:,} bytes; the limit is {limit:,}")
    return True


def try_size(kind: Kind, state: bytes, update: bytes, size: int, limit: int) -> None:
    """Applies an update to a copy. Raises DocumentFull for what would make the document too large. Takes long."""
    tried = Replica.of(kind, state)
    tried.apply(update)
    if (after := tried.size()) > max(limit, size - 1):
        raise DocumentFull(f"the document would have {after:,} bytes; the limit is {limit:,}")


def check_room(edit: Edit, found: Contents, replica: Replica, held: Held, limits: Limits) -> None:
    """Raises HistoryFull for what would make all that a document holds too large, in memory or on disk.

    Deleting what is there always fits, and so does what is there already.
    """
    if not found.adds_to(replica.known):
        return
    if (error := full(replica, held, limits, more=len(edit.message.update))) is not None:
        raise error


def full(replica: Replica, held: Held, limits: Limits, *, more: int = 0) -> HistoryFull | None:
    """Why a document has no room for so many bytes more, and what to do; None when it has."""
    takes = "would take" if more else "takes"
    then = "What is stored stays; copy the text into a new session to go on"
    if held.over:
        return HistoryFull(held.over, limit=limits.session)
    if held.bytes + more > limits.session:
        told = f"the history {takes} {held.bytes + more:,} bytes; the limit is {limits.session:,}. {then}"
        return HistoryFull(told, limit=limits.session)
    if (size := replica.outgrows(limits.state, more)) is not None:
        told = f"the document {takes} {size:,} bytes with what was deleted of it; the limit is {limits.state:,}. {then}"
        return HistoryFull(told, limit=limits.state)
    return None


def clients_of(update: bytes, kind: Kind) -> set[int]:
    """Under which client ids an update writes."""
    return {client for client, _, _ in inspection.contents(update, kind).structs}
