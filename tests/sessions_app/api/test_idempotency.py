import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone
from rest_framework.response import Response
from rest_framework.test import APIClient, APIRequestFactory, force_authenticate

from sessions_app import errors
from sessions_app.api.base import ApiView, caller
from sessions_app.api.idempotency import idempotent
from sessions_app.models import IdempotencyKey, Session, User
from sessions_app.services import sessions
from tests.sessions_app.conftest import make_user

AsUser = Callable[[User], APIClient]


@pytest.fixture
def ana(db: None) -> User:
    return make_user("ana")


def create(client: APIClient, key: str, title: str = "T") -> Any:
    return client.post("/v1/sessions", {"title": title}, format="json", headers={"Idempotency-Key": key})


def test_the_same_key_and_body_get_the_first_answer_again(ana: User, as_user: AsUser) -> None:
    first, again = create(as_user(ana), "k1"), create(as_user(ana), "k1")
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    assert first["Location"] == again["Location"]
    assert again["Idempotent-Replayed"] == "true"
    assert Session.objects.count() == 1


def test_the_order_of_a_bodys_fields_is_no_other_body(ana: User, as_user: AsUser) -> None:
    for body in ('{"title": "T", "language": "c"}', '{"language":"c","title":"T"}'):
        answer = as_user(ana).post(
            "/v1/sessions", body, content_type="application/json", headers={"Idempotency-Key": "k"}
        )
        assert answer.status_code == 201
    assert Session.objects.count() == 1


def test_another_body_with_the_same_key_is_refused(ana: User, as_user: AsUser) -> None:
    create(as_user(ana), "k1")
    other = create(as_user(ana), "k1", title="Other")
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")


def test_a_key_is_its_users_and_its_paths_own(ana: User, as_user: AsUser) -> None:
    first, second = create(as_user(ana), "k1"), create(as_user(make_user("ben")), "k1")
    assert first.json()["id"] != second.json()["id"]


@pytest.mark.parametrize("key", ["", "x" * 256, "ключ", "a\tb"])
def test_a_key_that_is_none_is_malformed(ana: User, as_user: AsUser, key: str) -> None:
    answer = create(as_user(ana), key)
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed")
    assert not Session.objects.exists()


def test_a_key_that_is_still_in_progress_is_a_conflict(ana: User, as_user: AsUser) -> None:
    create(as_user(ana), "k1")
    IdempotencyKey.objects.update(status_code=None, body=None)
    answer = create(as_user(ana), "k1")
    assert (answer.status_code, answer.json()["code"]) == (409, "idempotency_in_progress")


def test_an_attempt_that_died_in_progress_is_taken_over_after_a_while(ana: User, as_user: AsUser) -> None:
    create(as_user(ana), "k1")
    long_ago = timezone.now() - timedelta(seconds=61)
    IdempotencyKey.objects.update(status_code=None, body=None, created_at=long_ago)
    Session.objects.all().delete()
    assert create(as_user(ana), "k1").status_code == 201
    assert create(as_user(ana), "k1")["Idempotent-Replayed"] == "true"
    assert Session.objects.count() == 1


def test_a_key_is_forgotten_after_a_day(ana: User, as_user: AsUser) -> None:
    first = create(as_user(ana), "k1")
    IdempotencyKey.objects.update(created_at=timezone.now() - timedelta(hours=25))
    assert create(as_user(ana), "k1", title="Other").json()["id"] != first.json()["id"]


def test_an_error_is_not_kept_so_the_key_can_be_used_again(ana: User, as_user: AsUser) -> None:
    assert create(as_user(ana), "k1", title="x" * 201).status_code == 422
    assert create(as_user(ana), "k1", title="short").status_code == 201


class Failing(ApiView):
    """Creates a session and then fails, or takes long."""

    meanwhile: Callable[[], None] = staticmethod(lambda: None)

    @idempotent
    def post(self, request: Any) -> Response:
        sessions.create(user=caller(request))
        type(self).meanwhile()
        return Response({}, 201)


def post_to(view: type[ApiView], user: User) -> Response:
    request = APIRequestFactory().post("/v1/test", {}, format="json", headers={"Idempotency-Key": "k1"})
    force_authenticate(request, user)
    return view.as_view()(request)  # type: ignore[no-any-return]


def test_what_failed_half_way_leaves_nothing_behind(ana: User, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise errors.Malformed("half way")

    monkeypatch.setattr(Failing, "meanwhile", staticmethod(fail))
    assert post_to(Failing, ana).status_code == 400
    assert not Session.objects.exists()
    assert not IdempotencyKey.objects.exists()


def test_who_was_taken_over_commits_nothing(ana: User, monkeypatch: pytest.MonkeyPatch) -> None:
    def taken_over() -> None:
        IdempotencyKey.objects.update(created_at=timezone.now() + timedelta(seconds=1))

    monkeypatch.setattr(Failing, "meanwhile", staticmethod(taken_over))
    assert post_to(Failing, ana).status_code == 409
    assert not Session.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_of_twenty_that_come_at_once_one_starts_something() -> None:
    ana = make_user("ana")
    barrier = threading.Barrier(20)
    answers: list[Any] = []

    def one() -> None:
        client = APIClient()
        client.force_authenticate(ana)
        barrier.wait()
        answers.append(create(client, "k1"))
        connection.close()

    threads = [threading.Thread(target=one) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Session.objects.count() == 1
    codes = {answer.status_code for answer in answers}
    assert codes <= {201, 409}, [answer.content for answer in answers if answer.status_code not in (201, 409)]
    assert len({answer.json()["id"] for answer in answers if answer.status_code == 201}) == 1
    assert create(answers_client(ana), "k1")["Idempotent-Replayed"] == "true"


def answers_client(user: User) -> APIClient:
    client = APIClient()
    client.force_authenticate(user)
    return client


def test_a_duplicate_inside_a_transaction_leaves_that_usable(ana: User, as_user: AsUser) -> None:
    """PostgreSQL aborts a transaction at an error inside it, unless a savepoint is around that."""
    with transaction.atomic():
        create(as_user(ana), "k1")
        assert create(as_user(ana), "k1").status_code == 201
        assert Session.objects.count() == 1
