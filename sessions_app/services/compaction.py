"""Snapshots of documents, so that one with a long history opens as quickly as a new one.

A snapshot is made from the store alone, checked by building it again, and only added: no update is deleted, so neither
a race nor a death half way can lose one. What is deleted is snapshots that newer ones stand in for.
"""

import logging
from uuid import UUID

from django.db import transaction

from sessions_app import update_log
from sessions_app.crdt.replica import Replica
from sessions_app.models import Document, DocumentSnapshot

log = logging.getLogger(__name__)

SNAPSHOTS_KEPT = 2
"""The newest, and one before it, should the newest ever be damaged. Those that start an epoch stay too."""


class NotEqual(Exception):
    """Raised when a snapshot does not hold what it was made from; then it is not kept."""


def compact(*, document_id: UUID) -> int:
    """Makes a snapshot of everything stored so far; returns the number that it stands at.

    Raises NoSuchDocument, or NotEqual.
    """
    loaded = update_log.load(document_id)
    if loaded.number == loaded.state_number:
        return loaded.number
    replica = update_log.build(loaded)
    state = replica.state()
    _check_equal(replica, Replica.of(replica.kind, state))
    with transaction.atomic():
        document = Document.objects.select_for_update().filter(pk=document_id, epoch=loaded.epoch).first()
        if document is None:  # gone, or begun anew since: what was built is of no more use
            return loaded.state_number
        update_log.keep_snapshot(document, loaded.number, state)
        _thin_out(document_id)
    log.info("document %s: a snapshot at %d of %d bytes", document_id, loaded.number, len(state))
    return loaded.number


def _check_equal(made: Replica, built: Replica) -> None:
    if made.known != built.known or made.text() != built.text() or made.state() != built.state():
        raise NotEqual("the state, built again, is not the document that it was made from")


def _thin_out(document_id: UUID) -> None:
    made = DocumentSnapshot.objects.filter(document_id=document_id, starts_epoch=False).order_by("-number")
    superseded = made.values_list("pk", flat=True)[SNAPSHOTS_KEPT:]
    DocumentSnapshot.objects.filter(pk__in=list(superseded)).delete()
