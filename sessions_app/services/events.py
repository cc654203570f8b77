"""Appends to a session's numbered log: in the caller's transaction, without holes, and woken on commit."""

from collections.abc import Sequence
from functools import partial
from uuid import UUID

from django.db import connection, transaction
from django.db.models import F
from django.utils import timezone

from sessions_app.events import Event
from sessions_app.models import Session, SessionEvent
from sessions_app.realtime import publish


def append(session_id: UUID, events: Sequence[Event]) -> int:
    """Writes events in the transaction of what they tell of; returns the number of the last one.

    The session's row is locked by the update that raises its last_seq, so numbers have neither holes nor doubles.
    Raises RuntimeError outside a transaction, and Session.DoesNotExist when the session is gone.
    """
    if not connection.in_atomic_block:
        raise RuntimeError("events.append() belongs in the transaction of what the events tell of")
    if not Session.objects.filter(pk=session_id).update(last_seq=F("last_seq") + len(events)):
        raise Session.DoesNotExist(f"no session {session_id}")
    last = Session.objects.values_list("last_seq", flat=True).get(pk=session_id)
    first = last - len(events) + 1
    at = timezone.now()
    SessionEvent.objects.bulk_create(
        SessionEvent(session_id=session_id, seq=first + i, type=event.type, at=at, run=event.run, data=event.data())
        for i, event in enumerate(events)
    )
    transaction.on_commit(partial(publish.wake, session_id))
    return last
