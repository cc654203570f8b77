"""What a room of a shared document works with, and the words in which it greets and refuses."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

from sessions_app.crdt.errors import DocumentFull, HistoryFull, UpdateError
from sessions_app.crdt.replica import Replica
from sessions_app.crdt.store import Batch, Loaded, Outcome, UpdateStore
from sessions_app.realtime import document_admission as admission
from sessions_app.realtime import yprotocol
from sessions_app.realtime.document_admission import Edit, Limits
from sessions_app.realtime.document_socket import DocumentSocket

if TYPE_CHECKING:
    from sessions_app.realtime.document_room import DocumentRoom


class NoRoom(Exception):
    """Raised when a document cannot be loaded now, because too much is open in this process."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a room works with; passed in."""

    store: UpdateStore
    append: Callable[[Batch], Awaitable[Outcome]]
    call: Callable[..., Awaitable[Any]]
    """Runs a blocking function in a thread."""
    build: Callable[[Any], Replica]
    tell: Callable[["DocumentRoom", bytes | None], None]
    """Tells other processes: awareness, or None: the log has grown."""
    stored: Callable[["DocumentRoom", list[DocumentSocket]], None]
    """Called after every commit, with whose updates were stored."""
    limits: Limits
    is_at_rest: Callable[["DocumentRoom"], bool]
    """Whether nothing of it is still to be written down."""
    require_room: Callable[["DocumentRoom", int], None]
    """Raises NoRoom where so many bytes more cannot be opened."""


def load(around: Surroundings, document: UUID) -> tuple[Loaded, Replica]:
    """What is stored, and a replica made of it. Blocks."""
    loaded = around.store.load(document)
    return loaded, around.build(loaded)


def greeting(room: "DocumentRoom", socket: DocumentSocket, around: Surroundings, replica: Replica) -> bytes:
    """What a socket of ours is told first: who it is here, where the document stands, and the limits.

    A document that holds more than is allowed now can be read, and says why it cannot be written.
    """
    full = admission.full(replica, room.held, around.limits)
    return yprotocol.hello(
        {
            "document": str(room.document),
            "epoch": room.epoch,
            "number": room.number,
            "role": socket.user["role"],
            "read_only": not socket.may_edit or full is not None,
            "full": None if full is None else f"It can be read only: {full}.",
            "user": socket.user,
            "limits": {"update_bytes": admission.UPDATE_BYTES, "document_bytes": around.limits.text},
        }
    )


def refusal(edit: Edit, error: UpdateError, around: Surroundings) -> bytes:
    """Why an update was not taken; with the limit where that is why."""
    told = {"seq": edit.message.seq, "code": error.code, "message": str(error)}
    if isinstance(error, DocumentFull):
        told["limit"] = around.limits.text
    elif isinstance(error, HistoryFull):
        told["limit"] = error.limit
    return yprotocol.refused(told)
