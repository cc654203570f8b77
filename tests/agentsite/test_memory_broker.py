"""The in-process broker: it wakes its consumer, and it does not sleep through an acknowledgement."""

import threading
import time

import pytest
from kombu import Connection, Queue

from agentsite.memory_broker import Bell, Transport

URL = "memory://localhost/"


@pytest.fixture
def link() -> Connection:
    return Connection(URL, transport=Transport)


def test_a_waiting_consumer_is_woken_by_a_message(link: Connection) -> None:
    got: list[object] = []
    queue = Queue("woken", channel=link.channel())
    with link.Consumer(queue, callbacks=[lambda body, message: (got.append(body), message.ack())], accept=["json"]):
        sender = threading.Timer(
            0.2, lambda: Connection(URL, transport=Transport).Producer().publish(7, routing_key="woken")
        )
        sender.start()
        started = time.monotonic()
        link.drain_events(timeout=60)
        assert got == [7]
        assert time.monotonic() - started < 30
        sender.join()


def test_nothing_to_do_ends_with_the_timeout(link: Connection) -> None:
    queue = Queue("empty", channel=link.channel())
    with link.Consumer(queue, callbacks=[], accept=["json"]), pytest.raises(TimeoutError):
        link.drain_events(timeout=0.05)


def test_room_made_by_an_acknowledgement_lets_the_next_message_in_at_once(link: Connection) -> None:
    channel = link.channel()
    queue = Queue("full", channel=channel)
    held: list[object] = []
    with link.Consumer(queue, callbacks=[lambda body, message: held.append(message)], accept=["json"]) as consumer:
        consumer.qos(prefetch_count=1)
        for n in range(2):
            link.Producer().publish(n, routing_key="full")
        link.drain_events(timeout=1)
        assert len(held) == 1
        acknowledging = threading.Timer(0.2, held[0].ack)  # type: ignore[attr-defined]
        acknowledging.start()
        started = time.monotonic()
        link.drain_events(timeout=60)
        assert len(held) == 2
        assert time.monotonic() - started < 30
        acknowledging.join()


def test_the_most_urgent_message_comes_first_and_of_equals_the_first(link: Connection) -> None:
    got: list[object] = []
    queue = Queue("urgent", channel=link.channel())
    with link.Consumer(queue, callbacks=[lambda body, message: (got.append(body), message.ack())], accept=["json"]):
        for n, priority in enumerate((9, 4, 9, 0, 4)):
            link.Producer().publish(n, routing_key="urgent", priority=priority)
        for _ in range(5):
            link.drain_events(timeout=1)
    assert got == [3, 1, 4, 0, 2]


def test_a_ring_between_looking_and_waiting_is_not_missed() -> None:
    bell = Bell()
    seen = bell.rings
    bell.ring()
    started = time.monotonic()
    bell.wait(seen, 60)
    assert time.monotonic() - started < 30
