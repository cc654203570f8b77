"""What was stored before a rule came is not loaded against it, and stays where it is."""

import pytest
from django.utils import timezone

from sessions_app import update_log
from sessions_app.crdt.kinds import GRAPH
from sessions_app.models import Document, DocumentSnapshot, DocumentUpdate, QuarantinedUpdate
from sessions_app.services import compaction
from tests.sessions_app.conftest import Cast, make_cast
from tests.sessions_app.crdt.nest import deletion, nested

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def document(transactional_db: None) -> Document:
    cast: Cast = make_cast(text="")
    found = Document.objects.get(session=cast.session)
    found.kind = GRAPH.name
    found.save()
    return found


def store(document: Document, *updates: bytes) -> None:
    for update in updates:
        now = timezone.now()
        update_log.append_locked(document, update, user=None, origin={"kind": "edit"}, now=now, client=5)
    document.save()


def test_a_stored_update_that_nests_too_deep_is_left_out_and_shown_once(document: Document) -> None:
    store(document, nested(3), nested(40, client=9), deletion(client=9))
    for _ in range(2):
        assert update_log.build(update_log.load(document.pk)).known == {5: 3}
    assert update_log.text_at(document, 3) == ""
    shown = list(QuarantinedUpdate.objects.values_list("reason", flat=True))
    assert "update 2 of the log is left out: types are nested more than 16 deep" in shown
    assert len(shown) == len(set(shown)) <= 2
    assert DocumentUpdate.objects.filter(document=document).count() == 3


def test_a_chain_that_was_stored_level_by_level_is_left_out_from_the_bound_on(document: Document) -> None:
    store(document, *(nested(1, first=level) for level in range(60)))
    replica = update_log.build(update_log.load(document.pk))
    assert replica.known == {5: 16}
    assert QuarantinedUpdate.objects.count() == update_log.QUARANTINED_KEPT


def test_a_snapshot_that_nests_too_deep_is_passed_over_and_the_log_is_read(document: Document) -> None:
    store(document, nested(2), nested(40, client=9))
    state = b"\x02" + nested(40, client=9)[1:-1] + nested(2)[1:-1] + b"\x00"
    update_log.keep_snapshot(document, 2, state)
    loaded = update_log.load(document.pk)
    assert (loaded.state, len(loaded.updates)) == (None, 2)
    assert update_log.build(loaded).known == {5: 2}
    assert DocumentSnapshot.objects.filter(document=document).count() == 1
    assert QuarantinedUpdate.objects.filter(reason__startswith="the snapshot at 2 is passed over: types").exists()
    compaction.compact(document_id=document.pk)
    assert update_log.build(update_log.load(document.pk)).known == {5: 2}
