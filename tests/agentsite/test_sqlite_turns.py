"""Threads that write to SQLite stand in line, and nobody's turn outlives their transaction."""

import threading
from collections.abc import Callable

import pytest
from django.db import DatabaseError, connection, transaction

from agentsite.sqlite3.turns import Turns
from sessions_app.models import User

pytestmark = pytest.mark.skipif(connection.vendor != "sqlite", reason="only SQLite has one writer at a time")


def in_threads(count: int, work: Callable[[int], None]) -> list[threading.Thread]:
    threads = [threading.Thread(target=work, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    return threads


def test_turns_are_given_in_the_order_in_which_they_were_asked_for() -> None:
    turns, order = Turns(), list[int]()
    assert turns.take()
    threads = []
    for number in range(5):
        threads += in_threads(1, lambda _, number=number: (turns.take(), order.append(number), turns.give_on()))  # type: ignore[misc]
        while len(turns._waiting) <= number:
            pass
    turns.give_on()
    for thread in threads:
        thread.join(10)
    assert order == [0, 1, 2, 3, 4]


def test_who_gives_up_waiting_is_left_out() -> None:
    turns = Turns()
    assert turns.take()
    assert not turns.take(timeout_s=0.01)
    turns.give_on()
    assert turns.take(timeout_s=0.01)


@pytest.mark.django_db(transaction=True)
def test_many_threads_that_write_all_come_to_their_end() -> None:
    def write(number: int) -> None:
        for each in range(10):
            with transaction.atomic():
                User.objects.create(username=f"w{number}-{each}")
            User.objects.filter(username=f"w{number}-{each}").update(first_name="x")
        connection.close()

    for thread in in_threads(8, write):
        thread.join(60)
    assert User.objects.filter(first_name="x").count() == 80


@pytest.mark.django_db(transaction=True)
def test_a_turn_ends_with_its_transaction_however_that_ends() -> None:
    def ends(how: str) -> None:
        with transaction.atomic():
            User.objects.create(username=f"ends-{how}")
            if how == "by an error":
                raise DatabaseError(how)
            if how == "by closing":
                connection.close()

    for how in ("well", "by an error", "by closing"):
        try:
            ends(how)
        except DatabaseError:
            connection.close()

    def write(number: int) -> None:
        User.objects.create(username="after")
        connection.close()

    for thread in in_threads(1, write):
        thread.join(10)
    assert User.objects.filter(username="after").exists()
