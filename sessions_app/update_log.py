"""The log of every document's updates in the database: the truth that rooms, services and other processes share.

Numbers are allotted by the UPDATE that locks the document's row, in the transaction that stores the update. Snapshots
only make opening quicker: no update is ever deleted while its document is there, so the history can always be told.
Permissions are checked by the callers, but for one thing: a batch from sockets is refused in its own transaction
when a sender's role was taken away or the session expired, however lately.
"""

import logging
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from django.db import DEFAULT_DB_ALIAS, DatabaseError, InterfaceError, connection, connections, transaction
from django.utils import timezone

from sessions_app import conflicts, update_sql
from sessions_app.crdt import edits, store
from sessions_app.crdt.errors import BadUpdate
from sessions_app.crdt.kinds import KINDS, Kind
from sessions_app.crdt.replica import Replica
from sessions_app.crdt.store import Batch, Loaded, NoSuchDocument, NotStored, Outcome, Owner, Refusal, Row, Stored
from sessions_app.models import (
    Document,
    DocumentClient,
    DocumentSnapshot,
    DocumentText,
    DocumentUpdate,
    Member,
    QuarantinedUpdate,
    SessionStatus,
    User,
)
from sessions_app.update_line import Line, SqliteLine

log = logging.getLogger(__name__)

QUARANTINED_KEPT = 20
"""How many refused updates of a document are kept; a flood of them is no reason to fill the disk."""
QUARANTINED_BYTES = 64 * 1024


class DatabaseStore:
    """The update log as rooms use it."""

    def load(self, document: UUID) -> Loaded:
        return load(document)

    def after(self, document: UUID, epoch: int, number: int) -> list[Row]:
        with _failing():
            if not Document.objects.filter(pk=document, epoch=epoch).exists():
                raise NoSuchDocument(document)
            return rows(document, after=number)

    def owners(self, document: UUID, clients: Collection[int]) -> dict[int, Owner]:
        with _failing():
            return _owners(DocumentClient.objects.filter(document_id=document, client__in=clients))

    def append(self, batches: Sequence[Batch]) -> list[Outcome]:
        with _failing():
            return conflicts.retried(partial(self._append_all, batches))

    def _append_all(self, batches: Sequence[Batch]) -> list[Outcome]:
        now = timezone.now()
        outcomes: dict[int, Outcome] = {}
        new: list[list[Any]] = []
        with transaction.atomic(), connection.cursor() as cursor:
            at_moment = update_sql.moment(now, connection)
            for at in sorted(range(len(batches)), key=lambda it: batches[it].document):  # one order of locks for all
                outcomes[at] = _append(batches[at], cursor, at_moment, new)
            if new:
                cursor.executemany(update_sql.insert(), new)
        return [outcomes[at] for at in range(len(batches))]

    def open_line(self) -> Line | None:
        """A connection for an event loop, where this database has one that it never waits on. Blocks."""
        with _failing():
            own = connections.create_connection(DEFAULT_DB_ALIAS)
            if own.vendor != "sqlite":
                return None
            own.connect()
            return SqliteLine(own)

    def quarantine(self, document: UUID, user: UUID | None, update: bytes, reason: str) -> None:
        with _failing():
            if QuarantinedUpdate.objects.filter(document_id=document).count() < QUARANTINED_KEPT:
                QuarantinedUpdate.objects.create(
                    document_id=document, user_id=user, update=update[:QUARANTINED_BYTES], reason=reason[:500]
                )


def close_connection() -> None:
    """Gives the calling thread's connection back."""
    connection.close()


@contextmanager
def _failing() -> Iterator[None]:
    """Turns the database's errors into the store's."""
    try:
        yield
    except (DatabaseError, InterfaceError) as error:
        raise store.StoreFailed(str(error)) from error


# Reading ------------------------------------------------------------------------------------------


def load(document_id: UUID) -> Loaded:
    """A document's newest snapshot, the updates after it, and whose its clients are."""
    with _failing():
        document = Document.objects.filter(pk=document_id).first()
        if document is None:
            raise NoSuchDocument(document_id)
        snapshot = _snapshot(document, up_to=None)
        at = snapshot.number if snapshot else 0
        updates = rows(document_id, after=at)
        if snapshot is None and not updates and _has_only_text(document_id):
            return load(_begin(document_id))
        return Loaded(
            document=document.pk,
            session=document.session_id,
            kind=document.kind,
            epoch=document.epoch,
            number=updates[-1].number if updates else at,
            state=bytes(snapshot.state) if snapshot else None,
            state_number=at,
            updates=updates,
            owners=_owners(DocumentClient.objects.filter(document_id=document_id)),
            held=document.held_bytes,
        )


def rows(document_id: UUID, *, after: int, up_to: int | None = None) -> list[Row]:
    """The updates after a number, in order."""
    found = DocumentUpdate.objects.filter(document_id=document_id, number__gt=after)
    if up_to is not None:
        found = found.filter(number__lte=up_to)
    values = found.order_by("number").values_list("number", "update", "user_id")
    return [Row(number, bytes(update), user) for number, update, user in values]


def build(loaded: Loaded, *, client: int | None = None) -> Replica:
    """A replica of what is stored."""
    updates = ((row.number, row.update) for row in loaded.updates)
    return _built(loaded.document, KINDS[loaded.kind], loaded.state, list(updates), client=client)


def _built(
    document: UUID, kind: Kind, state: bytes | None, updates: list[tuple[int, bytes]], *, client: int | None = None
) -> Replica:
    try:
        return Replica.of(kind, state, (update for _, update in updates), client=client)
    except BadUpdate:
        return _built_without_bad(document, kind, state, updates, client)


def _built_without_bad(
    document: UUID, kind: Kind, state: bytes | None, updates: list[tuple[int, bytes]], client: int | None
) -> Replica:
    """One update at a time, leaving out what cannot be taken (any more) though it could when it was stored.

    What is left out stays in the log, and is shown among what is quarantined. Only what the library itself stumbles
    over leaves a replica behind that is of no more use.
    """
    left_out: dict[int, str] = {}
    while True:
        replica = Replica.of(kind, state, client=client)
        for number, update in updates:
            if number in left_out:
                continue
            try:
                replica.require(update)
            except BadUpdate as error:
                left_out[number] = str(error)
                continue
            try:
                replica.apply(update)
            except BadUpdate as error:
                left_out[number] = str(error)
                break
        else:
            break
    found = dict(updates)
    for number, why in list(left_out.items())[:QUARANTINED_KEPT]:
        _set_aside(document, found[number], f"update {number} of the log is left out: {why}")
    log.error("document %s: %d stored updates are left out, the first is %s", document, len(left_out), [*left_out][:1])
    return replica


def _set_aside(document: UUID, stored: bytes, reason: str) -> None:
    """Shows once among what is quarantined that something stored is not used; it stays stored where it was."""
    with _failing():
        if not QuarantinedUpdate.objects.filter(document_id=document, reason=reason[:500]).exists():
            DatabaseStore().quarantine(document, None, stored, reason)


def text_at(document: Document, number: int | None = None) -> str:
    """The text at a number, or as it is now: the kept column when it is that, or made from the log."""
    written = DocumentText.objects.filter(pk=document.pk).first()
    if written is not None and written.revision == (document.revision if number is None else number):
        return written.text
    if written is None and not document.revision:
        return ""
    if number is None:
        return build(load(document.pk)).text()
    snapshot = _snapshot(document, up_to=number)
    at = snapshot.number if snapshot else 0
    state = bytes(snapshot.state) if snapshot else None
    updates = [(row.number, row.update) for row in rows(document.pk, after=at, up_to=number)]
    return _built(document.pk, KINDS[document.kind], state, updates).text()


def _snapshot(document: Document, *, up_to: int | None) -> DocumentSnapshot | None:
    """The newest snapshot that is whole and may be loaded; one that is passed over costs time, and no more."""
    found = DocumentSnapshot.objects.filter(document=document)
    if up_to is not None:
        found = found.filter(number__lte=up_to)
    for snapshot in found.order_by("-number"):
        state = bytes(snapshot.state)
        if store.digest(state) != snapshot.digest:
            log.error("snapshot %d of document %s is damaged, and passed over", snapshot.number, document.pk)
        elif (why := _refusal(KINDS[document.kind], state)) is None:
            return snapshot
        else:
            log.error("snapshot %d of document %s is passed over: %s", snapshot.number, document.pk, why)
            _set_aside(document.pk, state, f"the snapshot at {snapshot.number} is passed over: {why}")
    return None


def _refusal(kind: Kind, state: bytes) -> str | None:
    """Why a state may not be loaded, in kinds of documents that nest: too deep a one would end the process."""
    if not kind.nested:
        return None
    try:
        Replica(kind).require(state)
    except BadUpdate as error:
        return str(error)
    return None


def _owners(found: Any) -> dict[int, Owner]:
    return {client: Owner(user, epoch) for client, user, epoch in found.values_list("client", "user_id", "epoch")}


def _has_only_text(document_id: UUID) -> bool:
    return DocumentText.objects.filter(pk=document_id).exclude(text="").exists()


def _begin(document_id: UUID) -> UUID:
    """Gives a document that has a text and no log the snapshot that its log begins with; once, under its lock."""
    with transaction.atomic():
        document = Document.objects.select_for_update().get(pk=document_id)
        if not document.snapshots.exists() and not document.updates.exists():
            state = Replica(KINDS[document.kind]).edit(edits.between("", document.text))
            _keep_snapshot(document, document.revision, state, starts_epoch=True)
    return document_id


# Writing ------------------------------------------------------------------------------------------


def append_locked(
    document: Document, update: bytes, *, user: User | None, origin: dict[str, Any], now: datetime, client: int
) -> int:
    """Stores an update of a document whose row the caller has locked; raises its number and its bytes, unsaved."""
    DocumentClient.objects.bulk_create(
        [DocumentClient(document=document, client=client, epoch=document.epoch)], ignore_conflicts=True
    )
    document.revision += 1
    document.held_bytes += len(update)
    DocumentUpdate.objects.create(
        document=document, number=document.revision, update=update, user=user, origin=origin, created_at=now
    )
    return document.revision


def write_down(document: Document, text: str, number: int) -> None:
    """Writes down the text of a locked document at a number, so that it can be read without the log."""
    DocumentText.objects.update_or_create(document=document, defaults={"text": text, "revision": number})


def write_down_later(document: Document, text: str, number: int) -> bool:
    """The same, unless what is written down is as new already; then it is False."""
    if DocumentText.objects.filter(pk=document.pk, revision__lt=number).update(text=text, revision=number):
        return True
    if DocumentText.objects.filter(pk=document.pk).exists():
        return False
    DocumentText.objects.create(document=document, text=text, revision=number)
    return True


def keep_snapshot(document: Document, number: int, state: bytes) -> bool:
    """Keeps a state as the document's snapshot at a number; False when there is one already."""
    return _keep_snapshot(document, number, state, starts_epoch=False)


def _keep_snapshot(document: Document, number: int, state: bytes, *, starts_epoch: bool) -> bool:
    _, created = DocumentSnapshot.objects.get_or_create(
        document=document,
        number=number,
        defaults={"state": state, "digest": store.digest(state), "starts_epoch": starts_epoch},
    )
    return created


def start_epoch(document: Document, state: bytes, *, now: datetime) -> None:
    """Begins the history of a locked document anew with a state; what came before stays to be read."""
    document.epoch += 1
    document.revision += 1
    document.save(update_fields=["epoch", "revision"])
    _keep_snapshot(document, document.revision, state, starts_epoch=True)


def _append(batch: Batch, cursor: Any, now: Any, new: list[list[Any]]) -> Outcome:
    """One document's batch: the UPDATE locks the row, checks who may, and allots the numbers; its rows join the new."""
    users = update_sql.users_of(batch, connection)
    cursor.execute(update_sql.allot(len(users)), update_sql.allot_values(batch, users, now, connection))
    allotted = cursor.fetchone()
    if allotted is None:
        return _why_not(batch, users)
    last: int = allotted[0]
    first = last - len(batch.entries) + 1
    new += update_sql.rows(batch, last, users, now, connection)
    if batch.claims:
        DocumentClient.objects.bulk_create(
            [
                DocumentClient(document_id=batch.document, client=client, user_id=user, epoch=batch.epoch)
                for client, user in batch.claims.items()
            ],
            ignore_conflicts=True,
        )
    missed = rows(batch.document, after=batch.known, up_to=first - 1) if first - 1 > batch.known else ()
    return Stored(last=last, missed=missed)


def _why_not(batch: Batch, users: Collection[UUID]) -> NotStored:
    document = Document.objects.select_related("session").filter(pk=batch.document).first()
    if document is None:
        return NotStored(Refusal.GONE)
    if document.epoch != batch.epoch:
        return NotStored(Refusal.OTHER_EPOCH)
    if document.session.status != SessionStatus.ACTIVE:
        return NotStored(Refusal.EXPIRED)
    editors = Member.objects.filter(session=document.session, role__in=update_sql.EDITORS, user__is_active=True)
    return NotStored(Refusal.NOT_ALLOWED, set(users) - set(editors.values_list("user_id", flat=True)))
