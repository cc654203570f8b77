"""The outbox: from any thread, to whatever loop there is, and over the death of loops."""

import asyncio
import threading
from collections.abc import Iterator

import pytest
from django.test import override_settings

from sessions_app.models import new_id
from sessions_app.realtime.layer import Item
from sessions_app.realtime.publish import Outbox, Remote
from tests.sessions_app.conftest import PATIENCE_S

pytestmark = pytest.mark.usefixtures("in_memory")
A, B = str(new_id()), str(new_id())


@pytest.fixture
def in_memory() -> Iterator[None]:
    with override_settings(CHANNEL_LAYERS={"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}):
        yield


class Rooms:
    """A receiver that remembers."""

    def __init__(self) -> None:
        self.items: list[Item] = []
        self.something = asyncio.Event()

    def deliver(self, items: list[Item]) -> None:
        self.items += items
        self.something.set()


async def test_what_threads_put_is_delivered_on_the_receivers_loop_in_their_order() -> None:
    outbox, rooms = Outbox(), Rooms()
    outbox.attach(rooms, asyncio.get_running_loop())

    def work(name: str) -> None:
        for number in range(200):
            outbox.put((name, str(number)))

    threads = [threading.Thread(target=work, args=(name,)) for name in (A, B)]
    for thread in threads:
        thread.start()
    async with asyncio.timeout(PATIENCE_S):
        while len(rooms.items) < 400:
            rooms.something.clear()
            await rooms.something.wait()
    for name in (A, B):
        assert [text for session, text in rooms.items if session == name] == [str(n) for n in range(200)]


def test_a_loop_that_died_with_items_on_their_way_does_not_silence_the_outbox() -> None:
    outbox, rooms = Outbox(), Rooms()
    dead = asyncio.new_event_loop()
    outbox.attach(rooms, dead)
    outbox.put((A, None))  # asked of a loop that never runs
    dead.close()

    async def later() -> list[Item]:
        heard = Rooms()
        outbox.attach(heard, asyncio.get_running_loop())
        outbox.put((B, None))
        await asyncio.wait_for(heard.something.wait(), PATIENCE_S)
        return heard.items

    assert asyncio.run(later()) == [(A, None), (B, None)]


def test_without_sockets_the_outbox_brings_a_loop_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    outbox, sent = Outbox(), threading.Event()
    monkeypatch.setattr(Remote, "put", lambda self, items: sent.set())
    outbox.put((A, None))
    assert sent.wait(10)
