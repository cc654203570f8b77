"""What awareness takes of a client's states, and what it remembers of those that are gone, is bounded in bytes."""

import json
from uuid import uuid4

import pytest

from sessions_app.crdt import lib0
from sessions_app.realtime.awareness import (
    CLIENTS_PER_HOLDER,
    GONE_REMEMBERED,
    STATE_BYTES,
    Awareness,
    BadAwareness,
)


def message(*states: tuple[int, int, str]) -> bytes:
    told = [lib0.uint(client) + lib0.uint(clock) + lib0.text(state) for client, clock, state in states]
    return lib0.uint(len(states)) + b"".join(told)


def take(awareness: Awareness, data: bytes, holder: object) -> set[int]:
    user = {"id": str(uuid4()), "name": "Ana"}
    return awareness.take(data, holder=holder, user=user, now=0.0, is_free=lambda _: True)


def test_a_state_is_counted_in_bytes_and_not_in_letters() -> None:
    state = json.dumps({"x": "€" * (STATE_BYTES // 2)}, ensure_ascii=False)
    assert len(state) < STATE_BYTES
    with pytest.raises(BadAwareness, match=f"at most {STATE_BYTES}"):
        take(Awareness(), message((1, 1, state)), object())


def test_one_socket_holds_few_clients() -> None:
    awareness = Awareness()
    assert len(take(awareness, message(*((n, 1, "{}") for n in range(100))), object())) == CLIENTS_PER_HOLDER


def test_who_comes_and_goes_ten_thousand_times_is_not_remembered_for_each() -> None:
    awareness, holder = Awareness(), object()
    user = {"id": str(uuid4()), "name": "Ana"}
    for client in range(10_000):
        for states in ((client, 1, "{}"), (client, 2, "null")):
            awareness.take(message(states), holder=holder, user=user, now=0.0, is_free=lambda _: True)
    assert awareness.here == {}
    assert len(awareness._gone) == GONE_REMEMBERED


def test_of_a_message_that_names_thousands_of_clients_no_state_is_looked_at() -> None:
    asked: list[int] = []
    user = {"id": str(uuid4()), "name": "Ana"}
    crowd = message(*((n, 1, "{}") for n in range(38_000)))
    with pytest.raises(BadAwareness, match="tells of 38000 clients; at most 200"):
        Awareness().take(crowd, holder=object(), user=user, now=0.0, is_free=lambda it: not asked.append(it))
    assert asked == []


def test_one_client_is_named_once_in_a_message() -> None:
    with pytest.raises(BadAwareness, match="client 5 twice"):
        take(Awareness(), message((5, 1, "{}"), (5, 2, "null")), object())


def test_a_stock_client_may_repeat_everybody_of_a_full_room_and_a_process_may_tell_of_all() -> None:
    awareness = Awareness()
    crowd = message(*((n, 1, "{}") for n in range(1_000)))
    assert len(awareness.take_remote(crowd, holder=object(), now=0.0)) == 1_000
    assert take(awareness, crowd, object()) == set()
