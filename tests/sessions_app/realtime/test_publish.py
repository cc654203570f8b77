"""What is published reaches the sockets of this process, whatever was on its way when they came."""

import asyncio
import threading

from sessions_app.realtime.layer import Item
from sessions_app.realtime.publish import Outbox
from tests.sessions_app.conftest import PATIENCE_S


class Heard:
    def __init__(self) -> None:
        self.items: list[Item] = []
        self.is_all = asyncio.Event()

    def deliver(self, items: list[Item]) -> None:
        self.items += items
        if len(self.items) == 2:
            self.is_all.set()


async def test_what_is_put_while_a_flush_is_on_its_way_elsewhere_reaches_the_sockets() -> None:
    outbox, heard, gate = Outbox(), Heard(), threading.Event()
    outbox._sending_loop().call_soon_threadsafe(gate.wait)  # the loop of a process without sockets is busy
    outbox.put(("before", None))
    outbox.attach(heard, asyncio.get_running_loop())
    outbox.put(("after", None))
    gate.set()
    await asyncio.wait_for(heard.is_all.wait(), PATIENCE_S)
    assert heard.items == [("before", None), ("after", None)]
