"""Every read of this app that is more than one row by its key."""

from collections.abc import Collection
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Exists, OuterRef, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce, Length

from sessions_app import update_log
from sessions_app.errors import NotFound
from sessions_app.models import Connection, Document, Member, Revision, Session, SessionEvent, SessionStatus, User

CONNECTION_FRESH = timedelta(seconds=90)
"""A connection that was not seen for this long is taken for dead."""


def sessions_of(user: User, *, status: SessionStatus | None = None) -> QuerySet[Session]:
    """The sessions that somebody is a member of, each with `role` and what is known of its document."""
    sessions = _described(Session.objects.filter(members__user=user), user)
    return sessions.filter(status=status) if status else sessions


def session_of(user: User, session_id: UUID) -> Session:
    """One session as its member sees it."""
    session = _described(Session.objects.filter(members__user=user, pk=session_id), user).first()
    if session is None:
        raise NotFound("session", session_id)
    return session


def _described(sessions: QuerySet[Session], user: User) -> QuerySet[Session]:
    document = Document.objects.filter(session=OuterRef("pk")).order_by("id")
    role = Member.objects.filter(session=OuterRef("pk"), user=user).values("role")
    return sessions.annotate(
        role=Subquery(role[:1]),
        document_id=Subquery(document.values("id")[:1]),
        document_revision=Subquery(document.values("revision")[:1]),
        document_length=Coalesce(
            Subquery(document.annotate(length=Length("written__text")).values("length")[:1]), Value(0)
        ),
    )


def document_of(session_id: UUID) -> Document:
    """The session's document; there is one, until a session can hold several."""
    document = Document.objects.filter(session_id=session_id).order_by("id").first()
    if document is None:
        raise NotFound("document of session", session_id)
    document.text = update_log.text_at(document)
    return document


def document_id_of(session_id: UUID) -> UUID:
    """Which document the session's is, for those who do not need its text."""
    return document_and_bytes_of(session_id)[0]


def document_and_bytes_of(session_id: UUID) -> tuple[UUID, int]:
    """The same, with how many bytes it holds in all."""
    found = Document.objects.filter(session_id=session_id).order_by("id").values_list("pk", "held_bytes").first()
    if found is None:
        raise NotFound("document of session", session_id)
    return found


def revisions_of(document: Document, *, named: bool = False) -> QuerySet[Revision]:
    """What is kept of a document's history, without the texts; or only what somebody gave a name."""
    kept = Revision.objects.filter(document=document)
    return (
        (kept.exclude(name="") if named else kept)
        .annotate(length=Length("text"))
        .select_related("author")
        .defer("text")
        .order_by("-number")
    )


def revision_of(document: Document, number: int) -> Revision:
    """One kept revision with its text."""
    revision = Revision.objects.filter(document=document, number=number).first()
    if revision is None:
        raise NotFound("kept revision", number)
    return revision


def text_of(document: Document, number: int) -> str:
    """The text as it was after an update, kept as a revision or not: the log has all of them."""
    if number > document.revision:
        raise NotFound("revision", number)
    kept = Revision.objects.filter(document=document, number=number).values_list("text", flat=True).first()
    return update_log.text_at(document, number) if kept is None else kept


def members_of(session_id: UUID) -> QuerySet[Member]:
    """Who is in a session, in the order they joined."""
    return Member.objects.filter(session_id=session_id).select_related("user").order_by("id")


def events_of(
    session_id: UUID, *, after: int, limit: int, before: int | None = None, type: str = ""
) -> list[SessionEvent]:
    """Rows of a session's log in their order: the first after a number, or the last before one."""
    found = SessionEvent.objects.filter(session_id=session_id, seq__gt=after)
    if type:
        found = found.filter(type=type)
    if before is None:
        return list(found.order_by("seq")[:limit])
    return list(found.filter(seq__lt=before).order_by("-seq")[:limit])[::-1]


def fresh_connections(now: datetime) -> QuerySet[Connection]:
    """The sockets that are open now; rows that a dead process left behind are not among them."""
    return Connection.objects.filter(seen_at__gt=now - CONNECTION_FRESH)


def connected_to(now: datetime) -> Exists:
    """Whether the session of the outer query has a socket open; part of the conditions that end sessions."""
    return Exists(fresh_connections(now).filter(session=OuterRef("pk")))


def connected_among(session_ids: Collection[UUID], now: datetime) -> set[UUID]:
    """Which of these sessions have a socket open."""
    return set(fresh_connections(now).filter(session_id__in=session_ids).values_list("session_id", flat=True))
