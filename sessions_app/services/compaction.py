"""Snapshots of documents, so that one with a long history opens as quickly as a new one.

A snapshot is made from the store alone, checked by building it again, and only added: no update is deleted, so neither
a race nor a death half way can lose one. What is deleted is snapshots that newer ones stand in for.
"""

import logging
from functools import partial
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from sessions_app import update_log
from sessions_app.crdt import edits
from sessions_app.crdt.replica import Replica
from sessions_app.models import Document, DocumentSnapshot, Revision
from sessions_app.realtime import publish

log = logging.getLogger(__name__)

SNAPSHOTS_KEPT = 2
"""The newest, and one before it, should the newest ever be damaged. Those that start an epoch stay too."""


class NotEqual(Exception):
    """Raised when a snapshot does not hold what it was made from; then it is not kept."""


def compact(*, document_id: UUID) -> int:
    """Makes a snapshot of everything stored so far; returns the number that it stands at.

    An update that no editor makes can name its neighbours in the wrong order. The library takes it, and places it
    elsewhere the next time: people would read different texts. Such a history is begun anew with the text of its log.
    Raises NoSuchDocument, or NotEqual for a kind of document that has no text to begin anew with.
    """
    loaded = update_log.load(document_id)
    if loaded.number == loaded.state_number:
        return loaded.number
    replica = update_log.build(loaded)
    state = replica.state()
    if not is_same(replica, Replica.of(replica.kind, state)):
        return _begin_anew(document_id)
    with transaction.atomic():
        document = Document.objects.select_for_update().filter(pk=document_id, epoch=loaded.epoch).first()
        if document is None:  # gone, or begun anew since: what was built is of no more use
            return loaded.state_number
        update_log.keep_snapshot(document, loaded.number, state)
        _thin_out(document_id)
    log.info("document %s: a snapshot at %d of %d bytes", document_id, loaded.number, len(state))
    return loaded.number


def is_same(made: Replica, built: Replica) -> bool:
    """Whether a replica, built again from its state, is what it was; how the state is cut into pieces may differ."""
    return made.known == built.known and made.text() == built.text() == Replica.of(built.kind, built.state()).text()


def _begin_anew(document_id: UUID) -> int:
    """Starts the next epoch with the text as the log tells it; everybody who is here synchronises again."""
    with transaction.atomic():
        document = Document.objects.select_for_update().get(pk=document_id)
        replica = update_log.build(update_log.load(document_id))
        if not replica.kind.text_root:
            raise NotEqual(f"document {document_id}, built again from its state, is not what it was made from")
        now, text = timezone.now(), replica.text()
        state = Replica(replica.kind).edit(edits.between("", text))
        update_log.start_epoch(document, state, now=now)
        update_log.write_down(document, text, document.revision)
        Revision.objects.create(
            document=document, number=document.revision, text=text, origin={"kind": "begun_anew"}, created_at=now
        )
        transaction.on_commit(partial(publish.document, document_id, str(document.revision)))
    log.error("document %s did not fit its own history, which begins anew at %d", document_id, document.revision)
    return document.revision


def _thin_out(document_id: UUID) -> None:
    made = DocumentSnapshot.objects.filter(document_id=document_id, starts_epoch=False).order_by("-number")
    superseded = made.values_list("pk", flat=True)[SNAPSHOTS_KEPT:]
    DocumentSnapshot.objects.filter(pk__in=list(superseded)).delete()
