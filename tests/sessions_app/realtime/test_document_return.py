"""Those who were away: asleep for hours, half open, sent away, or gone while the history was begun anew."""

import time
from typing import Any

import pytest
from asgiref.sync import sync_to_async

from sessions_app import update_log
from sessions_app.crdt import edits
from sessions_app.crdt.inspection import state_vector
from sessions_app.crdt.kinds import TEXT
from sessions_app.crdt.replica import Replica
from sessions_app.models import DocumentUpdate
from sessions_app.realtime import document_consumer, document_hub
from sessions_app.services import compaction, connections, documents
from tests.sessions_app.conftest import Cast
from tests.sessions_app.crdt.mutate import misplaced
from tests.sessions_app.realtime.conftest import Join

pytestmark = pytest.mark.django_db(transaction=True)
TWO_HOURS_S = 7_200.0


async def text_of(cast: Cast) -> str:
    document = await sync_to_async(documents.read)(user=cast.ana, session_id=cast.session.pk)
    return document.text


async def test_who_slept_for_two_hours_is_not_shown_and_is_there_again_when_they_wake(cast: Cast, join: Join) -> None:
    ana, ben = await join(cast.ana), await join(cast.ben)
    ana.show({"cursor": 1})
    await ben.until(lambda: ben.presence.get(11))
    [room] = document_hub.current().rooms.values()
    room.audience.tick(time.monotonic() + TWO_HOURS_S)
    await ben.until(lambda: ben.presence[11] is None)
    ana.show({"cursor": 2}, clock=2)
    await ana.has_stored(ana.type("awake\n"))
    await ben.until(lambda: (ben.presence[11] or {}).get("cursor") == 2 and ben.text == "one\nawake\n")


async def test_typing_offline_merges_after_a_restart_and_a_compaction_and_doubles_nothing(
    cast: Cast, join: Join
) -> None:
    ana, ben = await join(cast.ana), await join(cast.ben)
    stored = ana.edit("stored ", 0)
    await ana.has_stored(ana.send_update(stored))
    await ben.until(lambda: ben.text == "stored one\n")
    await ana.leave()
    ana.edit("offline ", 0)  # she types on; nothing of it is sent
    await ben.has_stored(ben.type("meanwhile\n"))
    await ben.leave()
    await document_hub.current().stop()
    document = await cast.session.documents.aget()
    assert await sync_to_async(compaction.compact)(document_id=document.pk) == 3

    again = await join(cast.ana, replica=ana.replica)
    await again.until(lambda: again.text == "offline stored one\nmeanwhile\n")
    again.send_update(stored)  # and what she is not sure of comes once more
    await again.has_stored(again.type("back\n"))
    assert await text_of(cast) == again.text == "offline stored one\nmeanwhile\nback\n"


async def test_a_history_that_is_begun_anew_sends_everybody_to_synchronise_and_takes_nothing_of_the_old(
    cast: Cast, join: Join
) -> None:
    ana, ben = await join(cast.ana), await join(cast.ben)
    [(server, _)] = state_vector(ana.replica.state_vector()).items()
    await ana.has_stored(ana.type("two\n"))
    await ben.has_stored(ben.send_update(misplaced(7, left=(server, 2), right=(server, 1))))
    document = await cast.session.documents.aget()
    await sync_to_async(compaction.compact)(document_id=document.pk)
    assert (await ana.closed(), await ben.closed()) == (4008, 4008)
    assert "begun anew" in ana.reason

    text = await text_of(cast)
    assert sorted(text) == sorted("one\ntwo\nX")
    again = await join(cast.ana)
    assert (again.hello["epoch"], again.text) == (2, text)
    stale = Replica.of(TEXT, ana.replica.state(), client=ana.replica._doc.client_id)  # type: ignore[union-attr]
    again.send_update(stale.edit([edits.Edit(0, 0, "old ")]))
    await again.until(lambda: again.refused)
    assert again.refused[0]["code"] in ("missing_updates", "foreign_client")
    await again.has_stored(again.type("new\n"))
    assert await text_of(cast) == text + "new\n"


async def test_an_agents_text_of_the_old_history_is_not_written_into_the_new(cast: Cast) -> None:
    document = await cast.session.documents.aget()
    await sync_to_async(update_log.start_epoch)(
        document, Replica(TEXT).edit([edits.Edit(0, 0, "anew\n")]), now=document.updated_at
    )
    await sync_to_async(documents.replace_text)(user=cast.ben, session_id=cast.session.pk, text="anew\nby ben\n")
    assert await text_of(cast) == "anew\nby ben\n"
    assert await DocumentUpdate.objects.acount() == 2


async def test_a_half_open_socket_is_given_up(cast: Cast, join: Join, monkeypatch: pytest.MonkeyPatch) -> None:
    ana, ben = await join(cast.ana), await join(cast.ben)
    ana.show({"cursor": 1})
    await ben.until(lambda: ben.presence.get(11))
    monkeypatch.setattr(document_consumer, "IDLE_AFTER_S", 0.0)
    assert await ana.closed() == 4408
    assert await ben.closed() == 4408


async def test_a_person_with_too_many_sockets_is_told_so(
    cast: Cast, join: Join, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "SOCKETS_PER_USER", 2)
    held = [await join(cast.ana) for _ in range(2)]
    third = await join(cast.ana)
    assert await third.closed() == 4429
    assert (await join(cast.ben)).text == "one\n"
    await held[0].leave()
    assert (await join(cast.ana)).text == "one\n"


def test_the_cap_is_no_less_than_a_person_needs(settings: Any) -> None:
    assert connections.SOCKETS_PER_USER >= 20
