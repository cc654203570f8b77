"""Appends to a session's numbered log: in the caller's transaction, without holes, and woken on commit."""

from collections.abc import Sequence
from functools import partial
from uuid import UUID

from django.db import connection, transaction
from django.utils import timezone

from sessions_app.events import Event
from sessions_app.models import Session, SessionEvent
from sessions_app.realtime import protocol, publish

TAKE = "UPDATE sessions_app_session SET last_seq = last_seq + %s WHERE id = %s RETURNING last_seq"


def append(session_id: UUID, events: Sequence[Event]) -> int:
    """Writes events in the transaction of what they tell of; returns the number of the last one.

    The session's row is locked by the update that raises its last_seq, so numbers have neither holes nor doubles.
    Raises RuntimeError outside a transaction, and Session.DoesNotExist when the session is gone.
    """
    if not connection.in_atomic_block:
        raise RuntimeError("events.append() belongs in the transaction of what the events tell of")
    last = _take_numbers(session_id, len(events))
    first = last - len(events) + 1
    at = timezone.now()
    rows = [
        SessionEvent(session_id=session_id, seq=first + i, type=event.type, at=at, run=event.run, data=event.data())
        for i, event in enumerate(events)
    ]
    SessionEvent.objects.bulk_create(rows)
    transaction.on_commit(partial(_tell, session_id, rows))
    return last


def _tell(session_id: UUID, rows: Sequence[SessionEvent]) -> None:
    """Wakes those who watch, with the events as they are read from the log."""
    news = protocol.news_of(protocol.Row(row.seq, row.type, protocol.encode(row.frame())) for row in rows)
    publish.wake(session_id, news)


def _take_numbers(session_id: UUID, count: int) -> int:
    """Raises the session's last number and reads it, in one statement: it is part of the way of every event."""
    with connection.cursor() as cursor:
        cursor.execute(TAKE, [count, Session._meta.pk.get_db_prep_value(session_id, connection)])
        row = cursor.fetchone()
    if row is None:
        raise Session.DoesNotExist(f"no session {session_id}")
    last: int = row[0]
    return last
