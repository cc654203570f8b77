"""The document's socket, spoken to as the ASGI server does, by editors that are real CRDT replicas."""

import asyncio
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.utils import timezone

from sessions_app import update_log
from sessions_app.crdt import edits, lib0
from sessions_app.crdt.kinds import TEXT
from sessions_app.crdt.replica import Replica
from sessions_app.crdt.store import StoreFailed
from sessions_app.models import DocumentText, DocumentUpdate, Member, QuarantinedUpdate, Revision, Role
from sessions_app.realtime import document_hub, document_socket, yprotocol
from sessions_app.services import documents, lifetimes, members
from tests.sessions_app.conftest import PATIENCE_S, Cast, HeldUp
from tests.sessions_app.realtime.conftest import Join

pytestmark = pytest.mark.django_db(transaction=True)


async def count(model: Any) -> int:
    found: int = await model.objects.acount()
    return found


async def text_in_the_database(cast: Cast) -> str:
    document = await sync_to_async(documents.read)(user=cast.ana, session_id=cast.session.pk)
    return document.text


async def test_what_one_types_the_other_sees_after_it_is_stored(cast: Cast, join: Join) -> None:
    ana, ben = await join(cast.ana), await join(cast.ben)
    assert ana.text == ben.text == "one\n"
    assert (ana.hello["epoch"], ana.hello["number"], ana.hello["role"], ana.hello["read_only"]) == (
        1,
        1,
        "owner",
        False,
    )
    seq = ana.type("two\n")
    await ben.until(lambda: ben.text == "one\ntwo\n")
    assert await ana.has_stored(seq) == 2
    assert await text_in_the_database(cast) == "one\ntwo\n"
    stored = await DocumentUpdate.objects.aget(number=2)
    assert (stored.user_id, stored.origin) == (cast.ana.pk, {"kind": "edit"})


async def test_a_stock_client_is_sent_nothing_that_it_does_not_know(cast: Cast, join: Join) -> None:
    stock, ours = await join(cast.ben, ours=False), await join(cast.ana)
    stock.say(yprotocol.update(stock.edit("stock ", 0)))
    await ours.until(lambda: ours.text == "stock one\n")
    assert (stock.hello, stock.stored) == ({}, {})


async def test_ten_thousand_lines_that_are_pasted_are_one_update(cast: Cast, join: Join) -> None:
    ana, ben = await join(cast.ana), await join(cast.ben)
    pasted = "".join(f"line {n} of a long file\n" for n in range(10_000))
    seq = ana.type(pasted)
    await ben.until(lambda: ben.text == "one\n" + pasted)
    assert await ana.has_stored(seq) == 2


async def test_both_type_at_once_and_both_keep_everything(cast: Cast, join: Join) -> None:
    ana, ben = await join(cast.ana), await join(cast.ben)
    for n in range(30):
        ana.type(f"a{n} ")
        ben.type(f"b{n} ", 0)
    await ana.until(lambda: ana.text.count("b") == 30)
    await ben.until(lambda: ben.text.count("a") == 30)
    assert ana.text == ben.text == await text_in_the_database(cast)
    numbers = [number async for number in DocumentUpdate.objects.order_by("number").values_list("number", flat=True)]
    assert numbers == list(range(1, 62))


async def test_a_resent_update_is_answered_and_not_stored_again(cast: Cast, join: Join) -> None:
    ana = await join(cast.ana)
    update = ana.edit("once ", 0)
    await ana.has_stored(ana.send_update(update))
    await ana.leave()
    again = await join(cast.ana)
    await again.has_stored(again.send_update(update))
    assert again.text == await text_in_the_database(cast) == "once one\n"
    assert await count(DocumentUpdate) == 2


async def test_a_change_over_rest_arrives_as_an_update(cast: Cast, join: Join) -> None:
    ana = await join(cast.ana)
    await sync_to_async(documents.replace_text)(
        user=cast.ben, session_id=cast.session.pk, text="one\nby ben\n", revision=1
    )
    await ana.until(lambda: ana.text == "one\nby ben\n")
    seq = ana.type("zero\n", 0)
    assert await ana.has_stored(seq) == 3
    assert await text_in_the_database(cast) == "zero\none\nby ben\n"


async def test_an_agents_hunk_keeps_what_a_person_types_beside_it(cast: Cast, join: Join) -> None:
    ana = await join(cast.ana)
    seq = ana.type("typed meanwhile\n")
    document = await cast.session.documents.aget()
    await sync_to_async(documents.change_text)(
        user=cast.ben,
        document_id=document.pk,
        transform=lambda text: text.replace("one", "ONE"),
        origin={"kind": "proposal", "run": "r1", "endpoint": "e1", "hunks": [1]},
        by="refine via Ben",
    )
    await ana.has_stored(seq)
    await ana.until(lambda: ana.text == "ONE\ntyped meanwhile\n")
    row = await DocumentUpdate.objects.filter(origin__kind="proposal").aget()
    assert row.origin == {"kind": "proposal", "run": "r1", "endpoint": "e1", "hunks": [1], "by": "refine via Ben"}


async def test_a_viewer_sees_and_changes_nothing(cast: Cast, join: Join) -> None:
    vic, ana = await join(cast.vic), await join(cast.ana)
    assert (vic.text, vic.hello["read_only"]) == ("one\n", True)
    vic.type("vandalism")
    assert await vic.closed() == 4403
    assert await text_in_the_database(cast) == ana.text == "one\n"
    assert await count(DocumentUpdate) == 1


async def test_who_comes_while_the_others_are_looked_at_is_not_sent_away(
    cast: Cast, join: Join, monkeypatch: pytest.MonkeyPatch
) -> None:
    await (await join(cast.ana)).synced()
    held = HeldUp(document_hub._look)
    monkeypatch.setattr(document_hub, "_look", held)
    looking = asyncio.ensure_future(document_hub.current().look())
    await asyncio.to_thread(held.has_asked.wait, PATIENCE_S)
    await sync_to_async(Member.objects.create)(session=cast.session, user=cast.eve, role=Role.EDITOR)
    eve = await (await join(cast.eve)).synced()
    held.go_on.set()
    await looking
    await eve.has_stored(eve.type("still here"))


@pytest.mark.usefixtures("quick_looks")
async def test_a_role_that_is_taken_away_counts_for_an_open_socket(cast: Cast, join: Join) -> None:
    ben = await join(cast.ben)
    await sync_to_async(members.change_role)(
        user=cast.ana, session_id=cast.session.pk, member_id=cast.ben.pk, role=Role.VIEWER
    )
    await ben.until(lambda: ben.hello["read_only"])
    ben.type("too late")
    assert await ben.closed() == 4403
    assert await text_in_the_database(cast) == "one\n"


@pytest.mark.usefixtures("quick_looks")
async def test_a_member_who_is_removed_is_out_within_five_seconds(cast: Cast, join: Join) -> None:
    ben = await join(cast.ben)
    await sync_to_async(members.remove)(user=cast.ana, session_id=cast.session.pk, member_id=cast.ben.pk)
    await ben.until(lambda: ben.code is not None)
    assert ben.code == 4403


async def test_an_expired_session_closes_its_document(cast: Cast, join: Join) -> None:
    ana = await join(cast.ana)
    await sync_to_async(lifetimes.expire_now)(session_id=cast.session.pk, now=timezone.now())
    ana.type("too late")
    assert await ana.closed() == 4410
    assert await text_in_the_database(cast) == "one\n"
    late = await join(cast.ana)
    assert (late.text, await late.closed()) == ("one\n", 4410)


@pytest.mark.parametrize("ours", [True, False])
async def test_a_bad_update_is_put_away_and_the_others_notice_nothing(cast: Cast, join: Join, ours: bool) -> None:
    ana, ben = await join(cast.ana), await join(cast.ben, ours=ours)
    bad = b"\x01\x01\x07\x00\x84"
    if ours:
        ben.send_update(bad)
        await ben.until(lambda: ben.refused)
        assert (ben.refused[0]["seq"], ben.refused[0]["code"]) == (1, "bad_update")
    else:
        ben.say(yprotocol.update(bad))
        assert await ben.closed() == 4400
        assert "bad_update" in ben.reason
    await ana.has_stored(ana.type("two\n"))
    kept = await QuarantinedUpdate.objects.aget()
    assert (bytes(kept.update), kept.user_id) == (bad, cast.ben.pk)
    assert ana.code is None
    assert await text_in_the_database(cast) == "one\ntwo\n"


async def test_an_update_that_breaks_the_replica_costs_nobody_anything(cast: Cast, join: Join) -> None:
    """Two clients' items in a circle: the library takes them in, and can never place them."""
    ana, ben = await join(cast.ana), await join(cast.ben)
    circle = bytes.fromhex("0201010084020001610102008401000162") + b"\x00"
    first = ana.type("before ", 0)
    ben.send_update(circle)
    second = ana.type("after")
    await ana.has_stored(first)
    await ana.has_stored(second)
    await ben.until(lambda: ben.refused and ben.text == "before one\nafter")
    assert ben.refused[0]["code"] == "bad_update"
    assert await text_in_the_database(cast) == "before one\nafter"


async def test_an_update_with_a_gap_is_asked_for_as_a_whole(cast: Cast, join: Join) -> None:
    ana = await join(cast.ana)
    ana.edit("never sent ", 0)
    ana.type("sent")
    await ana.until(lambda: ana.refused)
    assert ana.refused[0]["code"] == "missing_updates"
    ben = await join(cast.ben)
    await ben.until(lambda: ben.text == "never sent one\nsent")


async def test_nobody_writes_under_somebody_elses_client_id(cast: Cast, join: Join) -> None:
    ana, ben = await join(cast.ana), await join(cast.ben)
    await ana.has_stored(ana.type("two\n"))
    await ben.until(lambda: ben.text == ana.text)
    ana_client = ana.replica._doc.client_id  # type: ignore[union-attr]
    forged = Replica.of(TEXT, ben.replica.state(), client=ana_client)
    ben.send_update(forged.edit([edits.Edit(0, 0, "forged")]))
    await ben.until(lambda: ben.refused)
    assert ben.refused[0]["code"] == "foreign_client"
    await ana.has_stored(ana.type("three\n"))
    assert await text_in_the_database(cast) == "one\ntwo\nthree\n"


async def test_a_document_at_its_limit_refuses_clearly_and_goes_on(cast: Cast, join: Join, settings: Any) -> None:
    settings.DOCUMENT_MAX_BYTES = 100
    ana = await join(cast.ana)
    await ana.has_stored(ana.type("x" * 90))
    ana.type("y" * 20)
    await ana.until(lambda: ana.refused)
    assert (ana.refused[0]["code"], ana.refused[0]["limit"]) == ("too_large", 100)
    assert len(await text_in_the_database(cast)) == 94
    before = ana.text  # the local copy is kept; when it is made short enough, all of it is stored
    ana.send_update(ana.replica.edit(edits.between(before, before[:50])))
    ben = await join(cast.ben)
    await ben.until(lambda: ben.text == before[:50])


async def test_an_update_over_a_mebibyte_closes_with_too_large(cast: Cast, join: Join) -> None:
    ana = await join(cast.ana)
    ana.say(yprotocol.update(b"\x00" * (1024 * 1024 + 100)))
    assert await ana.closed() == 4413


@pytest.mark.parametrize(
    "frame", [b"", b"\x07", b"\x00\x05", b"\x00\x02\x7f\x00", b"\x01\x05\x01", b"\x00\x00\x03\x01\x02"]
)
async def test_what_is_no_message_closes_with_malformed(cast: Cast, join: Join, frame: bytes) -> None:
    ana = await join(cast.ana)
    ana.say(frame)
    assert await ana.closed() == 4400


async def test_a_question_that_names_ever_so_many_clients_holds_nobody_up(cast: Cast, join: Join) -> None:
    ana, ben = await (await join(cast.ana)).synced(), await (await join(cast.ben)).synced()
    named = 200_000  # about as many as a frame has room for
    ana.say(yprotocol.ask(lib0.uint(named) + b"".join(lib0.uint(n) + lib0.uint(1) for n in range(named))))
    await ben.has_stored(ben.type("two\n"))
    await ana.until(lambda: ana.text == ben.text)
    ana.say(yprotocol.ask(lib0.uint(1_000_000)))  # and one that says so, and names none
    assert await ana.closed() == 4400
    await ben.has_stored(ben.type("three\n"))
    assert await text_in_the_database(cast) == "one\ntwo\nthree\n"


async def test_a_flood_of_updates_is_cut_off(cast: Cast, join: Join) -> None:
    ana = await join(cast.ana)
    for _ in range(1_200):
        ana.say(yprotocol.update(b"\x00\x00"))
    assert await ana.closed() == 4429


async def test_a_stranger_finds_no_document(cast: Cast, join: Join) -> None:
    eve = await join(cast.eve)
    assert await eve.closed() == 4404


# Who is where -------------------------------------------------------------------------------------


async def test_presence_carries_the_person_that_the_server_knows(cast: Cast, join: Join) -> None:
    ana, ben = await join(cast.ana), await join(cast.ben)
    ben.show({"cursor": 3, "user": {"id": str(cast.ana.pk), "name": "<b>Ana</b>", "role": "owner"}})
    await ana.until(lambda: 11 in ana.presence)
    shown = ana.presence[11]
    assert shown is not None
    assert shown["cursor"] == 3
    assert (shown["user"]["id"], shown["user"]["name"], shown["user"]["role"]) == (str(cast.ben.pk), "Ben", "editor")
    assert shown["user"]["color"].startswith("#")


async def test_a_client_id_that_somebody_has_is_nobody_elses(cast: Cast, join: Join) -> None:
    ana, ben = await join(cast.ana), await join(cast.ben)
    ana.show({"cursor": 1})
    await ben.until(lambda: 11 in ben.presence)
    ben.show({"cursor": 9}, clock=50)
    ben.show(None, clock=60)
    ben.show({"cursor": 2}, client=12)
    await ana.until(lambda: 12 in ana.presence)
    assert ana.presence[11] is not None
    assert ana.presence[11]["cursor"] == 1


async def test_who_leaves_is_gone_and_an_echo_does_not_bring_them_back(cast: Cast, join: Join) -> None:
    ana, ben = await join(cast.ana), await join(cast.ben)
    ana.show({"cursor": 1})
    ben.show({"cursor": 2}, client=12)
    await ben.until(lambda: ben.presence.get(11) and ben.presence.get(12))
    await ana.leave()
    await ben.until(lambda: ben.presence[11] is None)
    ben.show({"cursor": 1}, client=11, clock=1)
    ben.show({"cursor": 3}, client=12, clock=2)
    await ben.until(lambda: (ben.presence[12] or {}).get("cursor") == 3)
    assert ben.presence[11] is None


async def test_a_client_that_connects_again_has_its_id_at_once(cast: Cast, join: Join) -> None:
    ana, ben = await join(cast.ana), await join(cast.ben)
    ana.show({"cursor": 1}, clock=5)
    await ben.until(lambda: ben.presence.get(11))
    again = await join(cast.ana)  # the old socket is half open still
    again.show({"cursor": 2}, clock=5)
    await ben.until(lambda: (ben.presence[11] or {}).get("cursor") == 2)
    await ana.leave()
    again.show({"cursor": 3}, clock=6)
    await ben.until(lambda: (ben.presence[11] or {}).get("cursor") == 3)


async def test_a_huge_state_is_refused(cast: Cast, join: Join) -> None:
    ana = await join(cast.ana)
    ana.show({"cursor": "x" * 5_000})
    assert await ana.closed() == 4400


async def test_a_flood_of_awareness_is_thinned_and_its_last_state_shown(cast: Cast, join: Join) -> None:
    ana, ben = await join(cast.ana), await join(cast.ben)
    for n in range(500):
        ana.show({"cursor": n}, clock=n + 1)
    await ben.until(lambda: (ben.presence.get(11) or {}).get("cursor") == 499)
    assert ben.frames < 250
    assert ana.code is None


# Readers, writers and stores that fail ------------------------------------------------------------


async def test_a_slow_reader_is_sent_to_synchronise_again(
    cast: Cast, join: Join, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(document_socket, "QUEUE_BYTES", 20_000)
    ana, ben = await join(cast.ana), await join(cast.ben)
    ben.reads.clear()
    for _ in range(10):
        await ana.has_stored(ana.type("x" * 5_000))
    ben.reads.set()
    assert await ben.closed() == 4008


async def test_a_store_that_fails_for_a_moment_loses_and_doubles_nothing(
    cast: Cast, join: Join, monkeypatch: pytest.MonkeyPatch
) -> None:
    ana, ben = await join(cast.ana), await join(cast.ben)
    real, calls = update_log._append, []

    def fails_twice(*given: Any) -> Any:
        calls.append(given)
        if len(calls) < 3:
            raise StoreFailed("the disk is full")
        return real(*given)

    monkeypatch.setattr(update_log, "_append", fails_twice)
    first, second = ana.type("a", 0), ana.type("b", 1)
    await ana.has_stored(first)
    await ana.has_stored(second)
    await ben.until(lambda: ben.text == "abone\n")
    assert await text_in_the_database(cast) == "abone\n"


async def test_a_commit_whose_answer_is_lost_is_not_made_twice(
    cast: Cast, join: Join, monkeypatch: pytest.MonkeyPatch
) -> None:
    ana, ben = await join(cast.ana), await join(cast.ben)
    real, calls = update_log.DatabaseStore.append, []

    def stores_and_dies(self: Any, batches: Any) -> Any:
        outcomes = real(self, batches)
        calls.append(batches)
        if len(calls) == 1:
            raise StoreFailed("the connection was cut after COMMIT")
        return outcomes

    monkeypatch.setattr(update_log.DatabaseStore, "append", stores_and_dies)
    await ana.has_stored(ana.type("once ", 0))
    await ben.until(lambda: ben.text == "once one\n")
    assert await count(DocumentUpdate) == 2


async def test_the_text_is_written_down_when_the_last_one_leaves(cast: Cast, join: Join) -> None:
    ana = await join(cast.ana)
    await ana.has_stored(ana.type("two\n"))
    await ana.leave()
    await document_hub.current().stop()
    document = await cast.session.documents.aget()
    written = await DocumentText.objects.aget(document=document)
    assert (written.text, written.revision) == ("one\ntwo\n", 2)
    assert await Revision.objects.filter(document=document, number=2, text="one\ntwo\n").aexists()
    saved = await cast.session.events.filter(type="document.saved").alast()
    assert saved is not None
    assert (saved.data["revision"], saved.data["by"], saved.data["origin"]) == (2, "Ana", "edit")
