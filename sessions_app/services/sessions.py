"""Making, changing and ending sessions by the people in them; what time does to them is in lifetimes.py."""

from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from sessions_app import conflicts, lifecycle
from sessions_app.errors import InvalidField, SessionNotExpired
from sessions_app.events import MemberJoined, SessionChanged, SessionExtended, SessionReopened
from sessions_app.limits import quotas
from sessions_app.models import Member, Role, Session, SessionStatus, User
from sessions_app.permissions import Action, require, require_active
from sessions_app.realtime import publish
from sessions_app.services import documents, events, texts
from sessions_app.services.locks import lock_session

DEFAULT_TITLE = "Untitled session"
TITLE_MAX = 200
PLAIN = "text"
"""The language of a session that names none: whoever reads its text finds out what it is."""
LANGUAGE_MAX = 40
TOUCH_EVERY = timedelta(seconds=30)
"""Activity is written down at most this often; a session's end is precise to this."""


def create(
    *,
    user: User,
    title: str = "",
    language: str = PLAIN,
    text: str = "",
    now: datetime | None = None,
) -> Session:
    """Opens a session with its document; who asks is its owner."""
    now = now or timezone.now()
    title = _clean_title(title) or DEFAULT_TITLE
    language = _clean_language(language)
    with transaction.atomic():
        quotas.require("sessions", quotas.holders_of(user))
        quotas.require("document_bytes", quotas.holders_of(user), adding=len(text.encode("utf-8", "replace")))
        session = Session.objects.create(
            title=title,
            language=language,
            created_by=user,
            created_at=now,
            last_active_at=now,
            lifetime_from=now,
            idle_ttl_s=settings.SESSION_IDLE_TTL_S,
            max_ttl_s=settings.SESSION_MAX_TTL_S,
        )
        Member.objects.create(session=session, user=user, role=Role.OWNER, joined_at=now)
        documents.create(session=session, user=user, text=text, now=now)
        session.last_seq = events.append(
            session.pk, [MemberJoined(user=user.pk, name=str(user), role=Role.OWNER.value)]
        )
    return session


def change(*, user: User, session_id: UUID, title: str | None = None, language: str | None = None) -> Session:
    """Renames a session, or says what language its document is in; None leaves a thing as it is."""
    require(user, session_id, Action.MANAGE)
    with transaction.atomic():
        session = lock_session(session_id)
        require_active(session, Action.MANAGE)
        new_title = session.title if title is None else _clean_title(title) or DEFAULT_TITLE
        new_language = session.language if language is None else _clean_language(language)
        if (new_title, new_language) == (session.title, session.language):
            return session
        session.title, session.language = new_title, new_language
        session.save(update_fields=["title", "language"])
        session.last_seq = events.append(session_id, [SessionChanged(title=new_title, language=new_language)])
    return session


def extend(*, user: User, session_id: UUID, now: datetime | None = None) -> Session:
    """Gives a session its whole lifetime again, counted from now."""
    require(user, session_id, Action.MANAGE)
    with transaction.atomic():
        session = lock_session(session_id)
        require_active(session, Action.MANAGE)
        _extend(session, now or timezone.now())
    return session


def extend_now(*, session_id: UUID, now: datetime) -> bool:
    """An operator extends a session; False when its time is over already."""
    with transaction.atomic():
        session = lock_session(session_id)
        if session.status != SessionStatus.ACTIVE:
            return False
        _extend(session, now)
    return True


def reopen(*, user: User, session_id: UUID, now: datetime | None = None) -> Session:
    """Makes an expired session active again, with its whole lifetime before it."""
    require(user, session_id, Action.OWN)
    with transaction.atomic():
        session = lock_session(session_id)
        if session.status != SessionStatus.EXPIRED:
            raise SessionNotExpired(session_id)
        session.status = SessionStatus.ACTIVE
        session.expired_at = None
        _restart(session, now or timezone.now())
        session.last_seq = events.append(session_id, [SessionReopened(expires_at=stamp(session.expires_at))])
    return session


def delete(*, user: User, session_id: UUID) -> None:
    """Deletes a session and everything under it, at once; its sockets close."""
    require(user, session_id, Action.OWN)
    with transaction.atomic():
        lifecycle.deleting(session_id)
        lock_session(session_id)
        Session.objects.filter(pk=session_id).delete()
        transaction.on_commit(partial(publish.wake, session_id))


def touch(*, session: Session, now: datetime | None = None) -> bool:
    """Notes that somebody is active in a session, at most once in TOUCH_EVERY; says whether it was written.

    The UPDATE is conditional on what the new end was computed from, so that it moves nothing back that another process
    has moved meanwhile; who did that has noted the activity too.
    """
    now = now or timezone.now()
    if now - session.last_active_at < TOUCH_EVERY:
        return False
    unchanged = Session.objects.filter(
        pk=session.pk,
        status=SessionStatus.ACTIVE,
        last_active_at__lte=now - TOUCH_EVERY,
        lifetime_from=session.lifetime_from,
        idle_ttl_s=session.idle_ttl_s,
        max_ttl_s=session.max_ttl_s,
    )
    with conflicts.repeatable():
        return bool(unchanged.update(last_active_at=now, expires_at=session.end_after(now)))


def keep_alive(*, session_id: UUID, now: datetime) -> bool:
    """The same for a session that the caller has not read."""
    session = Session.objects.filter(pk=session_id, last_active_at__lte=now - TOUCH_EVERY).first()
    return session is not None and touch(session=session, now=now)


def stamp(moment: datetime) -> str:
    """A moment as events and REST show it."""
    return moment.isoformat().replace("+00:00", "Z")


def _extend(session: Session, now: datetime) -> None:
    _restart(session, now)
    session.last_seq = events.append(session.pk, [SessionExtended(expires_at=stamp(session.expires_at))])


def _restart(session: Session, now: datetime) -> None:
    session.lifetime_from = session.last_active_at = now
    session.expires_at = session.end_after(now)
    session.warned_at = None
    session.save(update_fields=["status", "expired_at", "lifetime_from", "last_active_at", "expires_at", "warned_at"])


def _clean_title(title: str) -> str:
    cleaned = texts.one_line(title, pointer="/title")
    if len(cleaned) > TITLE_MAX:
        raise InvalidField(
            pointer="/title", message=f"The title has {len(cleaned)} characters; at most {TITLE_MAX} are kept."
        )
    return cleaned


def _clean_language(language: str) -> str:
    cleaned = texts.one_line(language, pointer="/language").lower()
    if not cleaned or len(cleaned) > LANGUAGE_MAX or not all(c.isalnum() or c in "+#._- " for c in cleaned):
        raise InvalidField(
            pointer="/language",
            message=f"{language[:60]!r} is no name of a language; expected one such as 'python' or 'c++'.",
        )
    return cleaned
