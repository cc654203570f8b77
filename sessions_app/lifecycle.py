"""What upper apps say about the life of sessions; they register in AppConfig.ready(), and nothing here knows them."""

from collections.abc import Callable, Collection, Iterable
from uuid import UUID

Ended = Callable[[UUID], None]
"""Called after a session expired, outside its transaction; maybe more than once, so it must be idempotent."""
Busy = Callable[[Collection[UUID]], Iterable[UUID]]
"""Which of these sessions have work going on, and so are not idle."""

Deleting = Callable[[UUID], None]
"""Called in the transaction that deletes a session, before the session's own row is locked."""

_ended: list[Ended] = []
_busy: list[Busy] = []
_deleting: list[Deleting] = []


def on_expire(handler: Ended) -> None:
    """Registers what is to be done for a session that has expired, such as cancelling its runs."""
    if handler not in _ended:
        _ended.append(handler)


def busy(handler: Busy) -> None:
    """Registers a way of telling that a session is not idle, such as a running run."""
    if handler not in _busy:
        _busy.append(handler)


def before_delete(handler: Deleting) -> None:
    """Registers who locks rows that go with a session, and that others lock before they lock the session."""
    if handler not in _deleting:
        _deleting.append(handler)


def deleting(session_id: UUID) -> None:
    """Has everyone registered lock what is theirs."""
    for handler in _deleting:
        handler(session_id)


def ended(session_id: UUID) -> None:
    """Tells everyone registered that the session has expired."""
    for handler in _ended:
        handler(session_id)


def busy_among(session_ids: Collection[UUID]) -> set[UUID]:
    """Which of these sessions somebody registered calls busy."""
    if not session_ids:
        return set()
    return {session_id for handler in _busy for session_id in handler(session_ids)}
