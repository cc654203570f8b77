"""The rows of open sockets: opened, seen again, closed. A session with a fresh one is not idle."""

from collections.abc import Collection
from datetime import datetime, timedelta
from uuid import UUID

from sessions_app import selectors
from sessions_app.models import Connection, User
from sessions_app.services import sessions

FORGET_AFTER = timedelta(minutes=10)
SOCKETS_PER_USER = 100


def open_count(*, user: User, now: datetime) -> int:
    """How many sockets somebody has open, over all processes."""
    return selectors.fresh_connections(now).filter(user=user).count()


def opened(*, session_id: UUID, user: User, now: datetime) -> UUID:
    """Notes a socket that has just opened; returns the connection's id."""
    connection = Connection.objects.create(session_id=session_id, user=user, opened_at=now, seen_at=now)
    sessions.keep_alive(session_id=session_id, now=now)
    return connection.pk


def seen(*, connection_ids: Collection[UUID], session_ids: Collection[UUID], now: datetime) -> None:
    """Notes that these sockets are still open, and that their sessions are not idle."""
    Connection.objects.filter(pk__in=connection_ids).update(seen_at=now)
    for session_id in session_ids:
        sessions.keep_alive(session_id=session_id, now=now)


def closed(*, connection_id: UUID, session_id: UUID, now: datetime) -> None:
    """Notes that a socket has closed; the session's idle time counts from here."""
    Connection.objects.filter(pk=connection_id).delete()
    sessions.keep_alive(session_id=session_id, now=now)


def forget_stale(*, now: datetime) -> int:
    """Deletes the rows that processes left behind when they died."""
    return Connection.objects.filter(seen_at__lt=now - FORGET_AFTER).delete()[0]
