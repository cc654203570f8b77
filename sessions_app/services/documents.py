"""The shared text as REST, agents and restores change it: each change is one update in the document's log.

What people type comes in over sockets (realtime/document_room.py) and goes into the same log; autosave() here writes
down what has become of the text. A change is made on the text as it is under the document's lock, as the smallest
edits that lead to the new one, so that what others type meanwhile stays where they typed it.
A text is kept as it came: line ends, byte order mark and all; only NUL and lone surrogates are refused.
Rows are locked in one order: session, then document. A caller that holds other locks of its own takes them first.
"""

import os
import secrets
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from sessions_app import selectors, update_log
from sessions_app.crdt import edits
from sessions_app.crdt.kinds import KINDS, TEXT
from sessions_app.crdt.replica import Replica
from sessions_app.crdt.store import NoSuchDocument
from sessions_app.errors import NoText, NotFound, StaleRevision, TooLarge
from sessions_app.events import DocumentSaved
from sessions_app.limits import quotas
from sessions_app.models import Document, Revision, Session, User
from sessions_app.permissions import Action, require, require_active
from sessions_app.realtime import publish
from sessions_app.services import events, texts
from sessions_app.services.locks import lock_document

COALESCE_FOR = timedelta(seconds=60)
"""One person's saves within this time are kept as one revision."""
REVISIONS_KEPT = 200
"""How many unpinned revisions a document keeps; older ones go."""
REVISIONS_KEPT_LEAST = 10
EDIT = "edit"
CREATE = "create"
"""The text that a session began with; later saves never grow over it."""
NAMES_SHOWN = 3
NAME_MAX = 100

CLIENT_BITS = 16
"""Of texts that are put at one place at the same time, the one whose client id is the smallest stands first; Yjs takes
its ids from 32 bits. So a line end that the server puts stands before what somebody types at the start of the line."""

_client = secrets.randbits(CLIENT_BITS)
"""The CRDT client id of this process's own changes. A document's lock keeps its clocks in order, whoever shares it."""


def _start_afresh() -> None:
    """A forked process should not write under its parent's client id."""
    global _client
    _client = secrets.randbits(CLIENT_BITS)


os.register_at_fork(after_in_child=_start_afresh)


def create(*, session: Session, user: User, text: str, now: datetime) -> Document:
    """The document of a new session; called by sessions.create() in its transaction."""
    _check(text)
    document = Document.objects.create(session=session, updated_at=now)
    origin = {"kind": CREATE if text else EDIT}
    if text:
        _append(document, Replica(TEXT, client=_client), text, user=user, origin=origin, now=now)
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
    return _change(
        document, replaced, user=user, by=str(user), origin={"kind": EDIT}, now=now or timezone.now(), likely=text
    )


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


def restore(
    *, user: User, session_id: UUID, number: int, revision: int | None = None, now: datetime | None = None
) -> Document:
    """Brings an old text back, as a new change; what was there stays in the history.

    With a revision, which somebody has seen compared with the old text, only if that is still the current one.
    """
    require(user, session_id, Action.EDIT)
    document = selectors.document_of(session_id)
    text = selectors.text_of(document, number)

    def restored(locked: Document) -> str:
        if revision is not None and revision != locked.revision:
            raise StaleRevision(expected=revision, current=locked.revision)
        return text

    return _change(
        document,
        restored,
        user=user,
        by=str(user),
        origin={"kind": "restore", "revision": number},
        now=now or timezone.now(),
        likely=text,
    )


def keep_revision(document: Document) -> Revision:
    """Makes sure that the current revision stays in the history, because something is going to refer to it."""
    with transaction.atomic():
        return keep_locked_revision(lock_document(document))


def keep_locked_revision(locked: Document) -> Revision:
    """The same for who holds the document's lock; its transaction is the caller's."""
    revision, _ = Revision.objects.get_or_create(
        document=locked, number=locked.revision, defaults={"text": locked.text, "origin": {"kind": EDIT}}
    )
    if not revision.pinned:
        size = len(locked.text.encode())
        _check_held(locked, size)
        revision.pinned = True
        revision.save(update_fields=["pinned"])
        Document.objects.filter(pk=locked.pk).update(held_bytes=F("held_bytes") + size)
        locked.held_bytes += size
    return revision


def _check_held(document: Document, more: int) -> None:
    """Refuses what would make the session hold more, for good, than it may."""
    if document.held_bytes + more > settings.SESSION_MAX_BYTES:
        size = document.held_bytes + more
        raise TooLarge(what="session with its history", size=size, limit=settings.SESSION_MAX_BYTES)


def name_revision(*, user: User, session_id: UUID, name: str) -> Revision:
    """Keeps the document as it is now under a name."""
    require(user, session_id, Action.EDIT)
    cleaned = texts.one_line(name, pointer="/name")[:NAME_MAX]
    with transaction.atomic():
        revision = keep_revision(selectors.document_of(session_id))
        revision.name, revision.author = cleaned, revision.author or user
        revision.save(update_fields=["name", "author"])
    return revision


def autosave(
    *,
    session_id: UUID,
    document_id: UUID,
    number: int,
    text: str,
    writers: Mapping[UUID, str],
    now: datetime | None = None,
) -> bool:
    """Writes down the text that typing has led to by an update's number; False when a later one is written down.

    Called by rooms, with what is stored as updates already; so it asks for no permission, and losing it loses nothing.
    """
    now = now or timezone.now()
    user = User.objects.filter(pk__in=writers).order_by("pk").last()
    if user is None:
        return False
    with transaction.atomic():
        locked = _lock_as_stored(session_id, document_id)
        if locked is None or number > locked.revision or not update_log.write_down_later(locked, text, number):
            return False
        locked.text = text
        _keep(locked, number, user=user, origin={"kind": EDIT}, now=now)
        names = list(writers.values())
        by = " and ".join(names[:NAMES_SHOWN]) + (" and others" if len(names) > NAMES_SHOWN else "")
        _tell_saved(locked, number, by=by, by_id=user.pk, origin=EDIT)
    return True


def _lock_as_stored(session_id: UUID, document_id: UUID) -> Document | None:
    """The locked row, without its text; None when it is gone."""
    if not Session.objects.select_for_update().filter(pk=session_id).values_list("pk").first():
        return None
    return Document.objects.select_for_update().filter(pk=document_id, session_id=session_id).first()


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
    likely: str | None = None,
) -> Document:
    """likely: what compute() will answer as long as nobody else changes anything; so nobody waits while it is compared
    with the text as it is, which takes a while for a long one."""
    if KINDS[document.kind].text_root is None:
        raise NoText()
    ready = None
    if likely is not None:
        with suppress(NoSuchDocument):  # it has just gone, which its lock will say
            ready = _Ready.of(document.pk, likely)
    with transaction.atomic():
        locked = lock_document(document)
        require_active(locked.session, Action.EDIT)
        if ready is None or (ready.number, ready.epoch) != (locked.revision, locked.epoch):
            ready = _Ready.of(locked.pk, None)
        replica = ready.replica
        locked.text = replica.text()
        text = compute(locked)
        if text == locked.text:
            return locked
        _check(text)
        quotas.require("document_bytes", quotas.holders_of(locked.session.created_by), adding=len(text))
        shown = origin if by == str(user) else {**origin, "by": by}
        changes = ready.changes if text == likely else None
        _append(locked, replica, text, user=user, origin=shown, now=now, changes=changes)
        _keep(locked, locked.revision, user=user, origin=origin, now=now)
        _tell_saved(locked, locked.revision, by=by, by_id=user.pk, origin=origin["kind"])
    return locked


@dataclass(frozen=True, slots=True)
class _Ready:
    """A document as it is stored at a number, and how it becomes another text."""

    number: int
    epoch: int
    replica: Replica
    changes: Sequence[edits.Edit] | None

    @classmethod
    def of(cls, document_id: UUID, text: str | None) -> "_Ready":
        loaded = update_log.load(document_id)
        replica = update_log.build(loaded, client=_client)
        changes = None if text is None else edits.between(replica.text(), text)
        return cls(loaded.number, loaded.epoch, replica, changes)


def _append(
    document: Document,
    replica: Replica,
    text: str,
    *,
    user: User,
    origin: dict[str, Any],
    now: datetime,
    changes: Sequence[edits.Edit] | None = None,
) -> None:
    """Turns the replica's text into a new one, as one update of the document, whose row is locked or new."""
    changes = edits.between(replica.text(), text) if changes is None else changes
    update = replica.edit(changes)
    if any(change.inserted for change in changes):
        size = replica.outgrows(settings.DOCUMENT_STATE_MAX_BYTES, 0)
        if size is not None:
            raise TooLarge(what="document with its history", size=size, limit=settings.DOCUMENT_STATE_MAX_BYTES)
        _check_held(document, len(update))
    update_log.append_locked(document, update, user=user, origin=origin, now=now, client=_client)
    document.text, document.updated_at = text, now
    document.save(update_fields=["revision", "held_bytes", "updated_at"])
    update_log.write_down(document, text, document.revision)
    transaction.on_commit(partial(publish.document, document.pk, str(document.revision)))


def _tell_saved(document: Document, revision: int, *, by: str, by_id: UUID, origin: str) -> None:
    saved = DocumentSaved(
        document=document.pk,
        revision=revision,
        length=len(document.text),
        by=by,
        by_id=by_id,
        origin=origin,
    )
    events.append(document.session_id, [saved])


def _keep(document: Document, number: int, *, user: User, origin: dict[str, Any], now: datetime) -> None:
    """Adds a revision, or lets the newest one grow when it is the same person's, a moment ago, and nothing needs it."""
    newest = Revision.objects.filter(document=document).defer("text").order_by("-number").first()
    if newest is not None and _coalesces(newest, user=user, origin=origin, now=now):
        Revision.objects.filter(pk=newest.pk).update(number=number, text=document.text)
        return
    Revision.objects.update_or_create(
        document=document,
        number=number,
        defaults={"text": document.text, "author": user, "origin": origin, "created_at": now},
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
    fitting = settings.SESSION_REVISIONS_BYTES // max(1, len(document.text))
    kept = min(REVISIONS_KEPT, max(REVISIONS_KEPT_LEAST, fitting))  # of a large text fewer, so that all fit
    oldest_kept = unpinned.order_by("-number").values_list("number", flat=True)[kept - 1 : kept]
    for number in oldest_kept:
        unpinned.filter(number__lt=number).delete()
