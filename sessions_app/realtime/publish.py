"""Tells the sockets of every process that there is something to read. Callable from any thread, never blocks for long.

wake() says that a session's log grew: the truth is in the database. stream() carries what is not stored.
"""

from typing import Any
from uuid import UUID


def wake(session_id: UUID) -> None:
    """Says that the session's event log has grown."""


def stream(session_id: UUID, frame: dict[str, Any]) -> None:
    """Sends a frame that is not stored, such as text.delta, to the session's sockets. It may be lost."""
