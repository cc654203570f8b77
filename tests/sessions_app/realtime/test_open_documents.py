"""What all open documents of a process hold together is bounded, and nobody has all of it."""

import asyncio
from typing import Any
from uuid import uuid4

import pytest
from asgiref.sync import sync_to_async

from sessions_app.limits.quotas import Holder
from sessions_app.models import Member, Role, Session, User
from sessions_app.realtime import document_hub, document_room, open_documents
from sessions_app.services import sessions
from tests.sessions_app.conftest import PATIENCE_S, Cast
from tests.sessions_app.realtime.conftest import Join

LARGE = 10_000
"""Letters of a document, and a little less than the bytes that it takes."""


class Opened:
    """A document that some people have open."""

    def __init__(self, taken: int, *holders: Holder, known: int | None = None, is_idle: bool = False) -> None:
        self.taken, self.holders, self._known, self._is_idle = taken, holders, known, is_idle

    def tighten(self) -> int:
        self.taken, self._known = (self._known or self.taken), None
        return self.taken

    def unload(self, now: float) -> None:
        self.taken = 0 if self._is_idle else self.taken


ANA, BEN, NETWORK = Holder("person", "ana"), Holder("guest", "ben"), Holder("ip", "192.0.2.1")


@pytest.fixture
def bound(settings: Any) -> None:
    settings.OPEN_DOCUMENTS_MAX_BYTES = 1_000


@pytest.mark.usefixtures("bound")
@pytest.mark.parametrize(
    ("opened", "holders", "more", "told"),
    [
        ([], [ANA], 5_000, None),
        ([Opened(800, BEN)], [ANA], 200, None),
        ([Opened(800, BEN)], [ANA], 201, "800 bytes of documents are open here, of 1,000"),
        ([Opened(200, ANA)], [ANA], 50, None),
        ([Opened(200, ANA)], [ANA], 51, "You have 200 bytes of documents open, of 250"),
        ([Opened(200, BEN, NETWORK), Opened(200, NETWORK)], [Holder("guest", "new"), NETWORK], 101, "Guests of your"),
        ([Opened(900, ANA, known=90)], [ANA], 100, None),
        ([Opened(900, ANA, is_idle=True)], [ANA], 100, None),
        ([Opened(900, Holder("staff", "sue"))], [Holder("staff", "sue")], 100, None),
    ],
    ids=[
        *("the first", "room for all", "no room", "room for one", "no room for one", "no room for a network"),
        *("less than it seemed", "idle ones give way", "who works for the site"),
    ],
)
def test_a_document_is_opened_as_long_as_there_is_room(
    opened: list[Opened], holders: list[Holder], more: int, told: str | None
) -> None:
    why = open_documents.refusal(opened, holders, more, 0.0)
    assert (why or "").startswith(told or "")
    assert (why is None) == (told is None)


@pytest.mark.usefixtures("bound")
def test_what_has_grown_too_much_is_closed_from_the_largest_of_who_has_most() -> None:
    anas, bens = [Opened(300, ANA), Opened(400, ANA)], [Opened(450, BEN)]
    assert open_documents.too_much([*anas, *bens], 0.0) == [anas[1]]
    assert open_documents.too_much([anas[0], *bens], 0.0) == []
    assert open_documents.too_much([Opened(5_000), Opened(1_000, BEN)], 0.0) != []


async def opened_by(user: User, count: int) -> list[Session]:
    make = sync_to_async(sessions.create)
    return [await make(user=user, title="Large", text="x" * LARGE) for _ in range(count)]


@pytest.mark.django_db(transaction=True)
async def test_one_person_opens_only_their_share_and_others_open_theirs(cast: Cast, join: Join, settings: Any) -> None:
    settings.OPEN_DOCUMENTS_MAX_BYTES = 100_000
    mine = await opened_by(cast.eve, 4)
    first, second, third = [await join(cast.eve, session=session) for session in mine[:3]]
    assert first.is_synced
    assert second.is_synced
    assert (third.code, third.is_synced) == (4429, False)
    assert third.reason.startswith("You have 20,")
    assert "of 25,000" in third.reason
    assert "15 s" in third.reason
    (others,) = await opened_by(cast.ben, 1)
    assert (await join(cast.ben, session=others)).is_synced
    # The document that is open already costs nothing more: with many in it, nobody is kept out.
    await sync_to_async(Member.objects.create)(session=others, user=cast.eve, role=Role.EDITOR)
    there = await join(cast.eve, session=others)
    assert there.is_synced
    for editor in (there, first):
        await editor.leave()
    await first_is_closed(mine[0])
    again = await join(cast.eve, session=mine[2])
    assert again.is_synced
    assert len(again.text) == LARGE


async def first_is_closed(session: Session) -> None:
    document = await session.documents.aget()
    async with asyncio.timeout(PATIENCE_S):
        while document.pk in document_hub.current().rooms:  # noqa: ASYNC110  # the hub tells nobody of it
            await asyncio.sleep(0.01)


@pytest.mark.django_db(transaction=True)
async def test_all_together_open_only_so_much(cast: Cast, join: Join, settings: Any) -> None:
    settings.OPEN_DOCUMENTS_MAX_BYTES = 35_000
    people = [cast.ana, cast.ben, cast.vic, cast.eve]
    taken = [await join(user, session=(await opened_by(user, 1))[0]) for user in people]
    assert [editor.code for editor in taken] == [None, None, None, 4429]
    assert "documents are open here" in taken[3].reason
    assert taken[0].is_synced


@pytest.mark.django_db(transaction=True)
async def test_a_document_in_which_nothing_happens_gives_way_and_goes_on_later(
    cast: Cast, join: Join, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.OPEN_DOCUMENTS_MAX_BYTES = 100_000
    mine = await opened_by(cast.eve, 3)
    idle, other = [await join(cast.eve, session=session) for session in mine[:2]]
    await idle.has_stored(idle.type("y"))
    document = await mine[0].documents.aget()
    room = document_hub.current().rooms[document.pk]
    async with asyncio.timeout(PATIENCE_S):
        while document.pk in document_hub.current()._saves:  # noqa: ASYNC110  # nor of this
            await asyncio.sleep(0.05)
    monkeypatch.setattr(document_room, "IDLE_AFTER_S", 0.0)
    await room.settled()
    third = await join(cast.eve, session=mine[2])
    assert third.is_synced
    assert (room.taken, idle.code) == (0, None)
    # Whoever types there again is over their share, and is told to come back; what was typed is kept by them.
    monkeypatch.setattr(document_room, "IDLE_AFTER_S", 1e9)
    await other.has_stored(other.type("w"))
    idle.type("z")
    assert await idle.closed() == 4429
    await third.leave()
    await first_is_closed(mine[2])
    back = await join(cast.eve, session=mine[0], replica=idle.replica)
    await back.until(lambda: document_hub.current().rooms[document.pk].number >= 3)
    assert back.text == "x" * LARGE + "yz"
    assert other.code is None


@pytest.mark.django_db(transaction=True)
async def test_an_idle_document_that_is_loaded_again_shows_what_was_stored_meanwhile(cast: Cast, join: Join) -> None:
    ana, ben = await join(cast.ana), await join(cast.ben)
    room = document_hub.current().rooms[(await cast.session.documents.aget()).pk]
    await room.settled()
    room.unload(room._worked_at + open_documents.IDLE_AFTER_S)
    assert room.taken == 0
    await ana.has_stored(ana.type("two\n"))
    await ben.until(lambda: ben.text == "one\ntwo\n")
    assert room.taken > 0


@pytest.mark.django_db(transaction=True)
async def test_documents_that_grow_past_the_bound_are_closed_and_kept(cast: Cast, join: Join, settings: Any) -> None:
    settings.OPEN_DOCUMENTS_MAX_BYTES = 1_200_000
    (mine,) = await opened_by(cast.eve, 1)
    eve, ana = await join(cast.eve, session=mine), await join(cast.ana)
    await eve.has_stored(eve.type("y" * 700_000))
    await ana.has_stored(ana.type("z" * 400_000))
    assert (eve.code, ana.code) == (None, None)
    await ana.has_stored(ana.type("z" * 300_000))
    assert await eve.closed() == 4429
    assert "1,200,000" in eve.reason
    assert ana.code is None
    await ana.leave()
    await first_is_closed(cast.session)
    back = await join(cast.eve, session=mine)
    assert len(back.text) == LARGE + 700_000


def test_bounds_are_not_asked_of_who_has_nothing_open(settings: Any) -> None:
    settings.OPEN_DOCUMENTS_MAX_BYTES = 10
    someone = Holder("guest", str(uuid4()))
    assert open_documents.refusal([], [someone], 4_000_000, 0.0) is None
