"""What a room refuses or passes over costs as well: it is counted, bounded, and its sender sent away."""

import threading
from typing import Any

import pytest

from sessions_app.crdt.edits import Edit
from sessions_app.models import QuarantinedUpdate
from sessions_app.realtime import document_admission, document_room, yprotocol
from sessions_app.realtime.document_consumer import BURST_BYTES
from sessions_app.realtime.document_room import BAD_UPDATES_BORNE, DocumentRoom
from sessions_app.realtime.document_socket import REFUSALS_BORNE
from tests.sessions_app.conftest import Cast
from tests.sessions_app.realtime.conftest import Join

pytestmark = pytest.mark.django_db(transaction=True)
LIMIT = 2_000


@pytest.fixture
def trials(monkeypatch: pytest.MonkeyPatch, settings: Any) -> list[str]:
    """In which thread each trial of an update was."""
    settings.DOCUMENT_MAX_BYTES = LIMIT
    found: list[str] = []
    tried = document_admission.try_size

    def counted(*given: Any) -> None:
        found.append(threading.current_thread().name)
        tried(*given)

    monkeypatch.setattr(document_admission, "try_size", counted)
    return found


async def test_inserts_into_a_full_document_take_no_trial_and_their_sender_is_sent_away(
    cast: Cast, join: Join, trials: list[str]
) -> None:
    ana, ben = await join(cast.ana), await join(cast.ben)
    await ana.has_stored(ana.type("x" * (LIMIT - 54)))
    await ben.until(lambda: len(ben.text) == LIMIT - 50)
    update = ben.edit("y" * 120, 5)
    for _ in range(900):
        ben.send_update(update)
    assert await ben.closed() == 4413
    assert f"the limit is {LIMIT:,}" in ben.reason
    assert len(ben.refused) == REFUSALS_BORNE + 1
    assert trials == []
    await ana.has_stored(ana.type("fits"))


async def test_what_deletes_as_well_is_tried_off_the_loop_and_no_more_often_than_refusals_are_borne(
    cast: Cast, join: Join, trials: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    ana, ben = await join(cast.ana), await join(cast.ben)
    await ana.has_stored(ana.type("x" * (LIMIT - 54)))
    await ben.until(lambda: len(ben.text) == LIMIT - 50)
    await ana.has_stored(ana.send_update(ana.replica.edit([Edit(10, 100, ""), Edit(200, 0, "z" * 120)])))
    assert len(trials) == 1
    await ben.until(lambda: len(ben.text) == LIMIT - 30)
    update = ben.replica.edit([Edit(10, 100, ""), Edit(200, 0, "y" * 200)])
    for _ in range(200):
        ben.send_update(update)
    assert await ben.closed() == 4413
    assert 1 < len(trials) <= REFUSALS_BORNE + 2
    assert threading.main_thread().name not in trials


async def test_a_turn_counts_what_is_refused_and_passed_over(
    cast: Cast, join: Join, trials: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    ana = await join(cast.ana)
    monkeypatch.setattr(document_room, "TURN_ITEMS", 5)
    turns: list[int] = []
    turn = DocumentRoom._turn

    async def counted(room: DocumentRoom, replica: Any) -> None:
        before = len(room._inbox)
        await turn(room, replica)
        turns.append(before - len(room._inbox))

    monkeypatch.setattr(DocumentRoom, "_turn", counted)
    update = ana.edit("y" * (2 * LIMIT))
    for _ in range(200):
        ana.send_update(update)
    assert await ana.closed() == 4413
    assert max(turns) <= 5


async def test_of_a_flood_of_bad_updates_few_are_looked_at(cast: Cast, join: Join) -> None:
    ana = await join(cast.ana)
    for _ in range(500):
        ana.send_update(b"\x01\x01\x05\x00\x47")
    assert await ana.closed() == 4400
    assert await QuarantinedUpdate.objects.acount() <= BAD_UPDATES_BORNE + 1


@pytest.mark.parametrize("question", [yprotocol.ask(b"\x01\x4d\x01"), b"\x03"], ids=["what is missing", "who is here"])
async def test_who_asks_again_and_again_is_sent_away(cast: Cast, join: Join, question: bytes) -> None:
    vic = await join(cast.vic)
    for _ in range(200):
        vic.say(question)
    assert await vic.closed() == 4429


async def test_who_sends_bytes_without_end_is_sent_away(cast: Cast, join: Join) -> None:
    """An update that is known already is acknowledged, and read before it is known to be."""
    ana = await join(cast.ana)
    await ana.has_stored(ana.type("x" * 900_000))
    state = ana.replica.state()
    for _ in range(2 * BURST_BYTES // len(state)):
        ana.send_update(state)
    assert await ana.closed() == 4429
    assert "bytes" in ana.reason
