"""Snapshots of documents that were typed by editors, and of one that no editor can have typed."""

import random

import pytest
from django.utils import timezone

from sessions_app import attribution, selectors, update_log
from sessions_app.crdt.edits import Edit
from sessions_app.crdt.inspection import state_vector
from sessions_app.crdt.kinds import TEXT
from sessions_app.crdt.replica import Replica
from sessions_app.models import DocumentSnapshot, DocumentUpdate, Revision
from sessions_app.services import compaction
from tests.sessions_app.conftest import Cast
from tests.sessions_app.crdt.mutate import misplaced


def typed_together(seed: int) -> list[bytes]:
    """What four people typed and deleted, each seeing the others late."""
    chance = random.Random(seed)  # noqa: S311  # repeatable, on purpose
    replicas = [Replica(TEXT, client=chance.randrange(1, 2**32)) for _ in range(4)]
    seen, log = [0] * 4, []
    for _ in range(60):
        who = chance.randrange(4)
        if chance.random() < 0.4:
            for update in log[seen[who] :]:
                replicas[who].apply(update)
            seen[who] = len(log)
        size = replicas[who].size()
        at = chance.randint(0, size)
        removed = chance.randint(0, min(6, size - at)) if chance.random() < 0.4 else 0
        update = replicas[who].edit([Edit(at, removed, chance.choice(["", "a", "bc", "d\ne"]))])
        if update != b"\x00\x00":
            log.append(update)
    return log


@pytest.mark.parametrize("seed", range(30))
def test_what_editors_type_is_the_same_after_building_it_again(seed: int) -> None:
    live = Replica.of(TEXT, None, typed_together(seed))
    assert compaction.is_same(live, Replica.of(TEXT, live.state()))


def test_a_history_with_a_misplaced_item_begins_anew_with_the_text_that_its_log_tells(cast: Cast) -> None:
    document = cast.document
    loaded = update_log.load(document.pk)
    [(client, length)] = state_vector(update_log.build(loaded).state_vector()).items()
    assert length == len("one\n")
    update = misplaced(7, left=(client, 2), right=(client, 1))
    DocumentUpdate.objects.create(
        document=document, number=2, update=update, user=cast.ben, origin={"kind": "edit"}, created_at=timezone.now()
    )
    type(document).objects.filter(pk=document.pk).update(revision=2)
    seen = update_log.build(update_log.load(document.pk)).text()
    assert sorted(seen) == sorted("one\nX")

    assert compaction.compact(document_id=document.pk) == 3
    opened = update_log.load(document.pk)
    assert (opened.epoch, opened.number) == (2, 3)
    built = update_log.build(opened)
    assert built.text() == seen == selectors.document_of(cast.session.pk).text
    assert compaction.is_same(built, Replica.of(TEXT, built.state()))
    kept = Revision.objects.get(document=document, number=3)
    assert (kept.text, kept.origin) == (seen, {"kind": "begun_anew"})
    assert DocumentUpdate.objects.filter(document=document).count() == 2, "what came before stays to be read"
    assert "".join(line.text for line in attribution.blame(cast.document)) == seen
    assert DocumentSnapshot.objects.get(document=document).starts_epoch
    assert compaction.compact(document_id=document.pk) == 3, "there is nothing left to mend"
