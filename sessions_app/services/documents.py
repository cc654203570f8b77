"""The shared text: every change of it goes through here, one at a time, and is told to everyone in the session.

A text is kept as it came: line ends, byte order mark and all; only NUL and lone surrogates are refused.
Rows are locked in one order: session, then document. A caller that holds other locks of its own takes them first.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from sessions_app import selectors
from sessions_app.errors import NotFound, StaleRevision
from sessions_app.events import DocumentSaved
from sessions_app.models import Document, Revision, Session, User
from sessions_app.permissions import Action, require, require_active
from sessions_app.services import events, texts
from sessions_app.services.locks import lock_document

COALESCE_FOR = timedelta(seconds=60)
"""One person's saves within this time are kept as one revision."""
REVISIONS_KEPT = 200
"""How many unpinned revisions a document keeps; older ones go."""
EDIT = "edit"
CREATE = "create"
"""The text that a session began with; later saves never grow over it."""


def create(*, session: Session, user: User, text: str, now: datetime) -> Document:
    """The document of a new session; called by sessions.create() in its transaction."""
    _check(text)
    document = Document.objects.create(session=session, text=text, revision=1 if text else 0, updated_at=now)
    origin = {"kind": CREATE if text else EDIT}
    Revision.objects.create(
        document=document, number=document.revision, text=text, author=user, origin=origin, created_at=now
    )
    return document


def read(*, user: User, session_id: UUID) -> Document:
    """The document as it is now."""
    require(user, session_id, Action.READ)
    return selectors.document_of(session_id)


def replace_text(
    *, user: User, session_id: UUID, text: str, revision: int | None = None, now: datetime | None = None
) -> Document:
    """Stores a person's text. With a revision, only if that is still the current one.

    Raises StaleRevision, TooLarge or InvalidText; then nothing has changed.
    """
    require(user, session_id, Action.EDIT)
    _check(text)

    def replaced(document: Document) -> str:
        if revision is not None and revision != document.revision:
            raise StaleRevision(expected=revision, current=document.revision)
        return text

    document = selectors.document_of(session_id)
    return _change(document, replaced, user=user, by=str(user), origin={"kind": EDIT}, now=now or timezone.now())


def change_text(
    *,
    user: User,
    document_id: UUID,
    transform: Callable[[str], str],
    origin: dict[str, Any],
    by: str | None = None,
    now: datetime | None = None,
) -> Document:
    """Computes a new text from the text as it is, with nobody able to change it in between.

    transform() may raise: then nothing has changed. origin says what made the change, with a "kind"; by is the name
    that is shown for it, such as "refine_code via Ana".
    """
    document = Document.objects.filter(pk=document_id).first()
    if document is None:
        raise NotFound("document", document_id)
    require(user, document.session_id, Action.EDIT)
    return _change(
        document,
        lambda locked: transform(locked.text),
        user=user,
        by=by or str(user),
        origin=origin,
        now=now or timezone.now(),
    )


def restore(*, user: User, session_id: UUID, number: int, now: datetime | None = None) -> Document:
    """Brings an old revision's text back, as a new change; what was there stays in the history."""
    require(user, session_id, Action.EDIT)
    document = selectors.document_of(session_id)
    text = selectors.revision_of(document, number).text
    return _change(
        document,
        lambda locked: text,
        user=user,
        by=str(user),
        origin={"kind": "restore", "revision": number},
        now=now or timezone.now(),
    )


def keep_revision(document: Document) -> Revision:
    """Makes sure that the current revision stays in the history, because something is going to refer to it."""
    with transaction.atomic():
        locked = lock_document(document)
        revision, _ = Revision.objects.get_or_create(
            document=locked, number=locked.revision, defaults={"text": locked.text, "origin": {"kind": EDIT}}
        )
        if not revision.pinned:
            revision.pinned = True
            revision.save(update_fields=["pinned"])
    return revision


def _check(text: str) -> None:
    texts.check(text, pointer="/text")
    texts.check_size(text, what="document", limit=settings.DOCUMENT_MAX_BYTES)


def _change(
    document: Document,
    compute: Callable[[Document], str],
    *,
    user: User,
    by: str,
    origin: dict[str, Any],
    now: datetime,
) -> Document:
    with transaction.atomic():
        locked = lock_document(document)
        require_active(locked.session, Action.EDIT)
        text = compute(locked)
        if text == locked.text:
            return locked
        _check(text)
        locked.text, locked.revision, locked.updated_at = text, locked.revision + 1, now
        locked.save(update_fields=["text", "revision", "updated_at"])
        _keep(locked, user=user, origin=origin, now=now)
        saved = DocumentSaved(
            document=locked.pk,
            revision=locked.revision,
            length=len(text),
            by=by,
            by_id=user.pk,
            origin=origin["kind"],
        )
        events.append(locked.session_id, [saved])
    return locked


def _keep(document: Document, *, user: User, origin: dict[str, Any], now: datetime) -> None:
    """Adds a revision, or lets the newest one grow when it is the same person's, a moment ago, and nothing needs it."""
    newest = Revision.objects.filter(document=document).defer("text").order_by("-number").first()
    if newest is not None and _coalesces(newest, user=user, origin=origin, now=now):
        Revision.objects.filter(pk=newest.pk).update(number=document.revision, text=document.text)
        return
    Revision.objects.create(
        document=document, number=document.revision, text=document.text, author=user, origin=origin, created_at=now
    )
    _thin_out(document)


def _coalesces(newest: Revision, *, user: User, origin: dict[str, Any], now: datetime) -> bool:
    return (
        origin == newest.origin == {"kind": EDIT}
        and not newest.pinned
        and newest.author_id == user.pk
        and timedelta(0) <= now - newest.created_at < COALESCE_FOR
    )


def _thin_out(document: Document) -> None:
    unpinned = Revision.objects.filter(document=document, pinned=False)
    oldest_kept = unpinned.order_by("-number").values_list("number", flat=True)[REVISIONS_KEPT - 1 : REVISIONS_KEPT]
    for number in oldest_kept:
        unpinned.filter(number__lt=number).delete()
