"""What a room needs of the place where updates are kept. Blocking; called from threads.

The rules, which `tests/contracts/test_update_stores.py` holds every store to:
numbers of a document have no holes; a batch is stored as a whole or not at all; what `append` has answered for is there
for every later `load`, also in another process; nothing is stored for somebody who may not edit (any more).
"""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol
from uuid import UUID


class StoreFailed(Exception):
    """Raised when the store did not answer; what was to be stored may be there or not."""


class NoSuchDocument(Exception):
    """Raised when a document is gone."""


class Refusal(StrEnum):
    """Why a store did not take a batch."""

    GONE = "gone"
    EXPIRED = "expired"
    NOT_ALLOWED = "not_allowed"
    OTHER_EPOCH = "other_epoch"


@dataclass(frozen=True, slots=True)
class Entry:
    """An update that is to be stored."""

    update: bytes
    user: UUID | None
    origin: Mapping[str, Any] = field(default_factory=lambda: {"kind": "edit"})


@dataclass(frozen=True, slots=True)
class Row:
    """An update that is stored."""

    number: int
    update: bytes
    user: UUID | None


@dataclass(frozen=True, slots=True)
class Batch:
    """What one document has to store."""

    document: UUID
    epoch: int
    known: int
    """The number up to which the caller has everything; what lies between is given back."""
    entries: Sequence[Entry]
    claims: Mapping[int, UUID] = field(default_factory=dict)
    """Client ids that were never seen before, and who writes under them."""

    @property
    def size(self) -> int:
        """How many bytes it adds to the log."""
        return sum(len(entry.update) for entry in self.entries)


@dataclass(frozen=True, slots=True)
class Stored:
    """The entries are stored under the numbers up to `last`."""

    last: int
    missed: Sequence[Row] = ()
    """Updates that others had stored before; the caller did not know of them."""


@dataclass(frozen=True, slots=True)
class NotStored:
    """Nothing of the batch is stored."""

    reason: Refusal
    users: Collection[UUID] = ()
    """For NOT_ALLOWED: who may not edit."""


Outcome = Stored | NotStored


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose a client id is."""

    user: UUID | None
    epoch: int


@dataclass(slots=True)
class Loaded:
    """A document as it is stored."""

    document: UUID
    session: UUID
    kind: str
    epoch: int
    number: int
    state: bytes | None
    """The newest snapshot, at `state_number`."""
    state_number: int
    updates: list[Row]
    """What came after it."""
    owners: dict[int, Owner]
    held: int = 0
    """How many bytes of it are never deleted: the whole log, and revisions that something refers to."""


class UpdateStore(Protocol):
    """Keeps the updates of documents."""

    def load(self, document: UUID) -> Loaded:
        """Everything needed to build the document. Raises NoSuchDocument."""

    def after(self, document: UUID, epoch: int, number: int) -> list[Row]:
        """The updates after a number; raises NoSuchDocument when the document or that epoch of it is gone."""

    def owners(self, document: UUID, clients: Collection[int]) -> dict[int, Owner]:
        """Whose these client ids are, as far as they are known."""

    def append(self, batches: Sequence[Batch]) -> list[Outcome]:
        """Stores the batches of several documents in one commit; answers each."""

    def quarantine(self, document: UUID, user: UUID | None, update: bytes, reason: str) -> None:
        """Keeps a refused update for somebody to look at."""


def digest(state: bytes) -> str:
    """What a snapshot's state is checked against when it is read."""
    return hashlib.sha256(state).hexdigest()
