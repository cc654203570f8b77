"""What can be wrong with an update; the code is what its sender is told."""

from typing import ClassVar


class UpdateError(Exception):
    """The base of every reason not to take an update."""

    code: ClassVar[str] = "bad_update"


class BadUpdate(UpdateError):
    """Raised when an update cannot be read, or holds what its kind of document cannot."""


class Poisoned(BadUpdate):
    """Raised when the CRDT library panicked over an update: the replica must not be touched again."""


class MissingUpdates(UpdateError):
    """Raised when an update builds on others that have not come; its sender has to synchronise again."""

    code = "missing_updates"


class DocumentFull(UpdateError):
    """Raised when an update would make a document larger than its limit."""

    code = "too_large"


class HistoryFull(UpdateError):
    """Raised when a document would hold too much in all: its text, what was deleted of it, and who wrote it."""

    code = "history_too_large"

    def __init__(self, message: str, *, limit: int) -> None:
        super().__init__(message)
        self.limit = limit


class ForeignClient(UpdateError):
    """Raised when an update goes on under a client id that belongs to somebody else, or to an older epoch."""

    code = "foreign_client"
