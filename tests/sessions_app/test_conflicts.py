"""Two transactions that wait for each other: PostgreSQL ends one, and nobody hears of it."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

import pytest
from django.db import OperationalError, connection, connections, transaction
from rest_framework.response import Response
from rest_framework.test import APIRequestFactory, force_authenticate

from sessions_app.api.base import ApiView
from sessions_app.api.idempotency import idempotent
from sessions_app.conflicts import AGAIN_AT_MOST, repeatable, retried
from sessions_app.models import IdempotencyKey, User
from sessions_app.services import auth
from tests.sessions_app.conftest import PATIENCE_S, make_user

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has one writer at a time, and no deadlocks"),
]


@pytest.fixture
def pair() -> tuple[User, User]:
    return make_user("first"), make_user("second")


def rename(user_id: UUID, name: str) -> None:
    User.objects.filter(pk=user_id).update(name=name)


class Crossing:
    """Somebody else's transaction, which takes the second row, and then wants the first while `here` has it."""

    def __init__(self, pair: tuple[User, User]) -> None:
        self.first, self.second = pair
        self.times = 0
        self._has_second = threading.Event()
        self._here_has_first = threading.Event()

    def there(self) -> None:
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute("SET LOCAL deadlock_timeout = '30s'")  # so that it is not this one that is ended
                rename(self.second.pk, "theirs")
                self._has_second.set()
                self._here_has_first.wait(PATIENCE_S)
                rename(self.first.pk, "theirs")
        finally:
            connections.close_all()

    def here(self) -> None:
        self.times += 1
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL deadlock_timeout = '10ms'")
            self._has_second.wait(PATIENCE_S)
            rename(self.first.pk, "ours")
            self._here_has_first.set()
            rename(self.second.pk, "ours")


@pytest.fixture
def crossing(pair: tuple[User, User]) -> Crossing:
    return Crossing(pair)


def both(crossing: Crossing, here: Callable[[], Any]) -> Any:
    with ThreadPoolExecutor(1) as threads:
        there = threads.submit(crossing.there)
        answer = here()
        there.result(PATIENCE_S)
    return answer


def names() -> set[str]:
    return set(User.objects.filter(username__in=("first", "second")).values_list("name", flat=True))


def test_what_a_deadlock_has_undone_is_done_again(crossing: Crossing) -> None:
    both(crossing, lambda: retried(crossing.here))
    assert (crossing.times, names()) == (2, {"ours"})


def ask(view: type[ApiView], **headers: str) -> Response:
    request = APIRequestFactory().post("/v1/test", {}, format="json", headers=headers)
    force_authenticate(request, make_user("ana"))
    answer: Response = view.as_view()(request)
    return answer


@pytest.mark.parametrize("headers", [{}, {"Idempotency-Key": "k1"}])
def test_a_request_that_a_deadlock_has_undone_is_answered(crossing: Crossing, headers: dict[str, str]) -> None:
    class Meeting(ApiView):
        @idempotent
        def post(self, request: Any) -> Response:
            crossing.here()
            return Response({}, 201)

    assert both(crossing, lambda: ask(Meeting, **headers)).status_code == 201
    assert (crossing.times, names()) == (2, {"ours"})
    assert IdempotencyKey.objects.filter(status_code=201).count() == len(headers)


def commit_first() -> None:
    auth.create_guest(name="left behind")


def write_alone() -> None:
    User.objects.create(username="left behind", name="left behind")


@pytest.mark.parametrize("before", [commit_first, write_alone])
def test_what_has_committed_something_is_not_done_twice(crossing: Crossing, before: Callable[[], None]) -> None:
    def here() -> None:
        before()
        crossing.here()

    with pytest.raises(OperationalError, match="deadlock"):
        both(crossing, lambda: retried(here))
    assert (crossing.times, User.objects.filter(name="left behind").count()) == (1, 1)


def test_what_may_be_written_twice_hinders_nothing(crossing: Crossing) -> None:
    def here() -> None:
        with repeatable():
            rename(crossing.first.pk, "seen")
        crossing.here()

    both(crossing, lambda: retried(here))
    assert (crossing.times, names()) == (2, {"ours"})


def test_it_is_given_up_after_some_times(pair: tuple[User, User]) -> None:
    times: list[Crossing] = []

    def always() -> None:
        times.append(Crossing(pair))
        both(times[-1], times[-1].here)

    slept: list[float] = []
    with pytest.raises(OperationalError, match="deadlock"):
        retried(always, sleep=slept.append)
    assert (len(times), len(slept)) == (AGAIN_AT_MOST + 1, AGAIN_AT_MOST)
