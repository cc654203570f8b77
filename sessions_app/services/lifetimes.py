"""What time does to sessions: it warns, expires and, after the retention, deletes them.

Every step is one small transaction whose condition is checked in the statement that changes the row, so two of these
running at once, or one dying half way, do no harm. The time is passed in.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q, QuerySet

from sessions_app import lifecycle, selectors
from sessions_app.conflicts import retried
from sessions_app.events import SessionExpired, SessionExpiring
from sessions_app.models import IdempotencyKey, Session, SessionStatus, Ticket
from sessions_app.services import connections, events, sessions

BATCH = 100
TELL_AGAIN_FOR = timedelta(minutes=10)
"""How long after an expiry its handlers are called again, in case a process died or a handler failed in between."""
KEYS_KEPT = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Swept:
    """What one pass over the sessions did, or in a dry run would do."""

    warned: list[UUID]
    expired: list[UUID]
    pruned: list[UUID]
    ended: list[UUID]
    """Whose end the registered handlers are to be told, by tasks.tell(): the expired, and those of the last minutes."""


def due_to_warn(now: datetime) -> QuerySet[Session]:
    """Active sessions that end soon, and whose people were not yet told of this end."""
    ahead = timedelta(seconds=settings.SESSION_WARNING_S)
    unwarned = Q(warned_at=None) | Q(warned_at__lt=F("expires_at") - ahead)
    return Session.objects.filter(
        unwarned, status=SessionStatus.ACTIVE, expires_at__gt=now, expires_at__lte=now + ahead
    )


def due_to_expire(now: datetime) -> QuerySet[Session]:
    """Active sessions whose end has come."""
    return Session.objects.filter(status=SessionStatus.ACTIVE, expires_at__lte=now)


def due_to_prune(now: datetime) -> QuerySet[Session]:
    """Sessions that expired longer ago than they are retained."""
    retained = timedelta(seconds=settings.SESSION_RETENTION_S)
    return Session.objects.filter(status=SessionStatus.EXPIRED, expired_at__lte=now - retained)


def sweep(*, now: datetime) -> Swept:
    """Warns and expires what is due."""
    warned = warn(now=now)
    expired = expire(now=now)
    recent = Session.objects.filter(status=SessionStatus.EXPIRED, expired_at__gt=now - TELL_AGAIN_FOR)
    return Swept(warned=warned, expired=expired, pruned=[], ended=list(recent.values_list("pk", flat=True)))


def preview(*, now: datetime) -> Swept:
    """What a sweep and a prune would do now; changes nothing."""
    warned, expired = list(due_to_warn(now)[:10_000]), list(due_to_expire(now)[:10_000])
    lively = _lively([*warned, *expired], now)
    return Swept(
        warned=[session.pk for session in warned if session.pk not in lively],
        expired=[session.pk for session in expired if session.pk not in lively],
        pruned=list(due_to_prune(now).values_list("pk", flat=True)),
        ended=[],
    )


def warn(*, now: datetime) -> list[UUID]:
    """Tells the people in sessions that end soon, once for each end."""
    warned = []
    candidates = list(due_to_warn(now).order_by("expires_at")[: BATCH * 10])
    lively = _keep_lively(candidates, now)
    for session in candidates:
        if session.pk in lively:
            continue
        if retried(partial(_warn, session, now)):
            warned.append(session.pk)
    return warned


def _warn(session: Session, now: datetime) -> bool:
    with transaction.atomic():
        if not due_to_warn(now).filter(pk=session.pk).update(warned_at=now):
            return False
        events.append(session.pk, [SessionExpiring(expires_at=sessions.stamp(session.expires_at))])
    return True


def expire(*, now: datetime) -> list[UUID]:
    """Ends the sessions whose time is over; from that commit on they are read-only."""
    expired: list[UUID] = []
    while candidates := list(due_to_expire(now).order_by("expires_at")[:BATCH]):
        lively = _keep_lively(candidates, now)
        due = [session for session in candidates if session.pk not in lively]
        ended = [session.pk for session in due if retried(partial(_expire, session, now))]
        expired += ended
        if not ended and not lively:
            break
    return expired


def expire_now(*, session_id: UUID, now: datetime) -> bool:
    """An operator ends a session before its time; False when it was not active."""
    with transaction.atomic():
        active = Session.objects.filter(pk=session_id, status=SessionStatus.ACTIVE)
        if not active.update(status=SessionStatus.EXPIRED, expired_at=now, expires_at=now):
            return False
        events.append(session_id, [SessionExpired(reason="operator")])
        transaction.on_commit(partial(lifecycle.ended, session_id))
    return True


def prune(*, now: datetime, batch: int = 20) -> list[UUID]:
    """Deletes what expired longer ago than it is retained, some sessions at a time; can be stopped at any moment."""
    pruned: list[UUID] = []
    while candidates := list(due_to_prune(now).order_by("expired_at").values_list("pk", flat=True)[:batch]):
        deleted = [session_id for session_id in candidates if retried(partial(_prune, session_id, now))]
        pruned += deleted
        if not deleted:
            break
    return pruned


def tidy(*, now: datetime) -> None:
    """Deletes what nobody can use any more: dead connections, old tickets, old answers."""
    connections.forget_stale(now=now)
    Ticket.objects.filter(expires_at__lt=now).delete()
    IdempotencyKey.objects.filter(created_at__lt=now - KEYS_KEPT).delete()


def _lifetime_over(session: Session, now: datetime) -> bool:
    return session.lifetime_from + timedelta(seconds=session.max_ttl_s) <= now


def _lifetime_ends_first(session: Session) -> bool:
    return session.expires_at >= session.lifetime_from + timedelta(seconds=session.max_ttl_s)


def _lively(candidates: Iterable[Session], now: datetime) -> set[UUID]:
    """Those that end by idleness alone, and are not idle: somebody is connected, or work is going on."""
    ids = {session.pk for session in candidates if not _lifetime_ends_first(session)}
    return selectors.connected_among(ids, now) | lifecycle.busy_among(ids)


def _keep_lively(candidates: Iterable[Session], now: datetime) -> set[UUID]:
    lively = _lively(candidates, now)
    for session_id in lively:
        sessions.keep_alive(session_id=session_id, now=now)
    return lively


def _expire(session: Session, now: datetime) -> bool:
    """Ends one session, unless it came to life since it was looked at."""
    reason = "lifetime" if _lifetime_over(session, now) else "idle"
    due = due_to_expire(now).filter(pk=session.pk)
    if reason == "idle":
        due = due.exclude(selectors.connected_to(now))
    with transaction.atomic():
        if not due.update(status=SessionStatus.EXPIRED, expired_at=now):
            return False
        events.append(session.pk, [SessionExpired(reason=reason)])
    return True


def _prune(session_id: UUID, now: datetime) -> bool:
    """Deletes one session with everything under it, unless it was reopened since it was looked at.

    The row is locked by the query that checks the condition, so a reopening waits and then finds nothing.
    """
    with transaction.atomic():
        lifecycle.deleting(session_id)
        due = due_to_prune(now).filter(pk=session_id)
        if not due.select_for_update().exists():
            return False
        return bool(due.delete()[0])
