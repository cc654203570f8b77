"""What a document holds is counted in bytes where it is held: formats, deleted text, client ids, all of its state."""

from importlib import import_module
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.apps import apps
from pycrdt import Doc, Text

from sessions_app import update_log
from sessions_app.crdt import lib0
from sessions_app.crdt.edits import Edit
from sessions_app.crdt.kinds import TEXT
from sessions_app.crdt.replica import Replica
from sessions_app.errors import QuotaExceeded, TooLarge
from sessions_app.models import DocumentClient, DocumentUpdate, Revision
from sessions_app.realtime import document_admission, document_hub, yprotocol
from sessions_app.services import documents, sessions
from tests.sessions_app.conftest import Cast
from tests.sessions_app.realtime.conftest import Editor, Join

pytestmark = pytest.mark.django_db(transaction=True)
LIMIT = 20_000


@pytest.fixture
def small(settings: Any) -> None:
    settings.DOCUMENT_STATE_MAX_BYTES = LIMIT


def formatted(editor: Editor, size: int) -> bytes:
    """What a rich editor sends for one word in bold, or for much more."""
    doc: Doc[Any] = Doc()
    text = doc.get("text", type=Text)
    doc.apply_update(editor.replica.state())
    before = doc.get_state()
    text.format(0, 1, {"x" * size: True})
    return doc.get_update(before)


def by_many(clients: int, first: int = 1000) -> bytes:
    """One letter each by ever so many clients."""
    letter = b"\x01\x04\x01" + lib0.text("text") + lib0.text("x")
    structs = b"".join(lib0.uint(1) + lib0.uint(first + n) + b"\x00" + letter[1:] for n in range(clients))
    return lib0.uint(clients) + structs + b"\x00"


@sync_to_async
def held(cast: Cast) -> int:
    loaded = update_log.load(cast.document.pk)
    return len(loaded.state or b"") + sum(len(row.update) for row in loaded.updates)


async def test_formats_are_refused_because_nobody_would_see_them(cast: Cast, join: Join) -> None:
    ana, ben = await join(cast.ana), await join(cast.ben)
    for _ in range(5):
        ana.send_update(formatted(ana, 450_000))
    await ana.until(lambda: len(ana.refused) == 5)
    assert ana.refused[0]["code"] == "bad_update"
    assert "takes no format" in ana.refused[0]["message"]
    assert await ben.has_stored(ben.type("two\n")) == 2
    assert await held(cast) < 1000


async def test_a_stock_client_that_sends_formats_is_closed_and_others_go_on(cast: Cast, join: Join) -> None:
    stock, ben = await join(cast.ana, ours=False), await join(cast.ben)
    stock.say(yprotocol.update(formatted(stock, 10)))
    assert await stock.closed() == 4400
    assert "takes no format" in stock.reason
    assert await ben.has_stored(ben.type("two\n")) == 2


async def test_what_was_typed_and_deleted_counts_until_it_is_gone_from_the_state(
    cast: Cast, join: Join, small: None
) -> None:
    ana = await join(cast.ana)
    for _ in range(30):  # 60,000 bytes in all, of which the state keeps what was deleted in a few bytes
        await ana.has_stored(ana.type("x" * 2000))
        await ana.has_stored(ana.send_update(ana.replica.edit([Edit(4, 2000, "")])))
    assert ana.refused == []


async def test_a_state_at_its_limit_refuses_with_the_number_and_everybody_else_goes_on(
    cast: Cast, join: Join, small: None
) -> None:
    ana, ben = await join(cast.ana), await join(cast.ben)
    for n in range(20):
        ana.type(f"{n % 10}" * 1500, n % 3)
        if ana.refused:
            break
    await ana.until(lambda: ana.refused)
    told = ana.refused[0]
    assert (told["code"], told["limit"]) == ("history_too_large", LIMIT)
    assert f"the limit is {LIMIT:,}" in told["message"]
    assert "copy the text" in told["message"]
    assert await held(cast) <= LIMIT
    await ben.until(lambda: len(ben.text) > 15_000)
    await ben.has_stored(ben.send_update(ben.replica.edit([Edit(0, 9000, "")])))  # what makes it smaller fits
    await ben.has_stored(ben.type("it goes on\n"))


async def test_a_stock_client_over_the_limit_is_closed_with_4413_and_the_number(
    cast: Cast, join: Join, small: None
) -> None:
    stock = await join(cast.ana, ours=False)
    stock.say(yprotocol.update(stock.edit("x" * (LIMIT + 1))))
    assert await stock.closed() == 4413
    assert f"{LIMIT:,}" in stock.reason


async def test_what_is_stored_over_the_limit_opens_to_be_read(cast: Cast, join: Join, settings: Any) -> None:
    ana = await join(cast.ana)
    seq = ana.type("x" * 30_000)
    await ana.has_stored(seq)
    update = ana.replica.state()
    await ana.leave()
    settings.DOCUMENT_STATE_MAX_BYTES = LIMIT
    await document_hub.current().stop()
    again = await join(cast.ana)
    assert again.text == "one\n" + "x" * 30_000
    assert again.hello["read_only"] is True
    assert f"the limit is {LIMIT:,}" in again.hello["full"]
    again.send_update(update)  # what is there already is said to be
    await again.has_stored(again.seq)
    again.type("more")
    await again.until(lambda: again.refused)
    assert again.refused[0]["code"] == "history_too_large"


async def test_over_rest_the_same_limit_is_a_413(cast: Cast, small: None) -> None:
    change = sync_to_async(documents.replace_text)
    with pytest.raises(TooLarge) as refused:
        await change(user=cast.ana, session_id=cast.session.pk, text="x" * (LIMIT + 1))
    assert refused.value.extra == {"limit": LIMIT}
    document = await change(user=cast.ana, session_id=cast.session.pk, text="x" * 1000)
    assert document.text == "x" * 1000
    assert await DocumentUpdate.objects.acount() == 2


async def test_an_update_by_ever_so_many_clients_is_refused(cast: Cast, join: Join) -> None:
    ana = await join(cast.ana)
    ana.send_update(by_many(document_admission.NEW_CLIENTS + 1))
    await ana.until(lambda: ana.refused)
    assert ana.refused[0]["code"] == "history_too_large"
    assert "new client ids" in ana.refused[0]["message"]
    assert await DocumentClient.objects.acount() < 10


async def test_a_document_takes_no_more_clients_than_its_state_vector_has_room_for(
    cast: Cast, join: Join, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(document_admission, "CLIENTS", 50)
    ana, ben = await join(cast.ana), await join(cast.ben)
    await ben.has_stored(ben.type("two\n"))
    await ana.has_stored(ana.send_update(by_many(40)))
    ana.send_update(by_many(40, 5000))
    await ana.until(lambda: ana.refused)
    assert "the limit is 50" in ana.refused[0]["message"]
    await ben.has_stored(ben.type("three\n"))


def test_a_state_is_not_measured_for_every_keystroke_near_its_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    replica, measured = Replica(TEXT), []
    measure = Replica.measure_state
    monkeypatch.setattr(Replica, "measure_state", lambda self: measured.append(1) or measure(self))  # type: ignore[func-returns-value]
    editor = Replica(TEXT)
    for n in range(5000):
        update = editor.edit([Edit(n, 0, "x")])
        if replica.outgrows(6_400, len(update)) is None:
            replica.apply(update)
    assert replica.text() == "x" * 5000
    assert len(measured) < 5000 * 25 / 100


async def test_what_is_typed_and_deleted_again_and_again_fills_the_disk_only_up_to_the_limit(
    cast: Cast, join: Join, settings: Any
) -> None:
    settings.SESSION_MAX_BYTES = LIMIT
    ana, ben = await join(cast.ana), await join(cast.ben)
    for _ in range(12):
        ana.type("x" * 2000)
        ana.send_update(ana.replica.edit([Edit(4, 2000, "")]))
    await ana.until(lambda: ana.refused)
    assert ana.refused[0]["code"] == "history_too_large"
    assert ana.refused[0]["limit"] == LIMIT
    assert f"the limit is {LIMIT:,}" in ana.refused[0]["message"]
    await ben.until(lambda: ben.text.startswith("one\n"))
    await ben.has_stored(ben.send_update(ben.replica.edit([Edit(0, 2, "")])))  # what deletes still fits
    document = await cast.session.documents.aget()
    log = [len(update) async for update in DocumentUpdate.objects.values_list("update", flat=True)]
    assert document.held_bytes == sum(log) <= LIMIT


async def test_a_text_over_rest_and_a_named_version_count_as_well(cast: Cast, settings: Any) -> None:
    settings.SESSION_MAX_BYTES = LIMIT
    change, name = sync_to_async(documents.replace_text), sync_to_async(documents.name_revision)
    await change(user=cast.ana, session_id=cast.session.pk, text="x" * 8000)
    await name(user=cast.ana, session_id=cast.session.pk, name="first")
    await name(user=cast.ana, session_id=cast.session.pk, name="again, and no more")
    assert 16_000 < (await cast.session.documents.aget()).held_bytes < 17_000
    await change(user=cast.ana, session_id=cast.session.pk, text="y" + "x" * 8000)
    with pytest.raises(TooLarge) as refused:
        await name(user=cast.ana, session_id=cast.session.pk, name="too much")
    assert refused.value.extra == {"limit": LIMIT}
    with pytest.raises(TooLarge):
        await change(user=cast.ana, session_id=cast.session.pk, text="z" * 9000)


async def test_of_a_large_text_fewer_revisions_are_kept(cast: Cast, settings: Any) -> None:
    settings.SESSION_REVISIONS_BYTES = 300_000
    change = sync_to_async(documents.replace_text)
    for n in range(20):
        user = cast.ana if n % 2 else cast.ben  # by turns, so that none grows over another
        await change(user=user, session_id=cast.session.pk, text=f"{n}" + "x" * 20_000)
    assert await Revision.objects.acount() == 300_000 // 20_002


async def test_what_was_there_before_is_counted_by_the_migration(cast: Cast) -> None:
    change, name = sync_to_async(documents.replace_text), sync_to_async(documents.name_revision)
    await change(user=cast.ana, session_id=cast.session.pk, text="é" * 1000)
    await name(user=cast.ana, session_id=cast.session.pk, name="first")
    before = (await cast.session.documents.aget()).held_bytes
    await cast.session.documents.aupdate(held_bytes=0)
    count = import_module("sessions_app.migrations.0003_documents_know_what_they_hold").count
    await sync_to_async(count)(apps, None)
    assert (await cast.session.documents.aget()).held_bytes == before - 1000  # letters stand for bytes there


async def test_what_one_person_holds_in_all_sessions_is_bounded_while_they_type(
    cast: Cast, join: Join, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.QUOTA_DOCUMENT_BYTES = f"person {LIMIT}"
    monkeypatch.setattr(document_hub, "COUNT_AFTER_BYTES", 1000)
    other = await sync_to_async(sessions.create)(user=cast.ana, text="y" * 15_000)
    ana = await join(cast.ana)
    await ana.has_stored(ana.type("x" * 6000))
    await document_hub.current().look()
    ana.type("more")
    await ana.until(lambda: ana.refused)
    assert f"the limit is {LIMIT:,}" in ana.refused[0]["message"]
    assert "Delete a session" in ana.refused[0]["message"]
    with pytest.raises(QuotaExceeded):
        await sync_to_async(sessions.create)(user=cast.ana, text="z")
    with pytest.raises(QuotaExceeded):
        await sync_to_async(documents.replace_text)(user=cast.ben, session_id=cast.session.pk, text="z" * 3000)
    await sync_to_async(sessions.delete)(user=cast.ana, session_id=other.pk)
    await document_hub.current().look()
    ben = await join(cast.ben)
    await ben.has_stored(ben.type("there is room again"))


async def test_few_large_updates_get_a_snapshot_before_many_load_them(
    cast: Cast, join: Join, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(document_hub, "COMPACT_AFTER_BYTES", 50_000)
    ana = await join(cast.ana)
    for _ in range(8):
        ana.type("x" * 10_000)
        await ana.has_stored(ana.send_update(ana.replica.edit([Edit(4, 10_000, "")])))
    await ana.leave()
    await document_hub.current().stop()
    loaded = await sync_to_async(update_log.load)((await cast.session.documents.aget()).pk)
    assert loaded.state is not None
    assert sum(len(row.update) for row in loaded.updates) < 50_000
