"""Nobody holds more than they may, however many ask at once; and the refusal says how much, and what makes room."""

import threading
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connections, transaction
from pytest_django import Settings

from sessions_app.errors import DomainError, QuotaExceeded
from sessions_app.limits import quotas
from sessions_app.models import Role, Session, User
from sessions_app.services import invites, sessions
from tests.sessions_app.conftest import NOON, Cast, make_user

AT_ONCE = 50


def guest(name: str, address: str = "") -> User:
    return User.objects.create(username=name, is_guest=True, address=address)


def at_once(make: Callable[[], object], times: int = AT_ONCE) -> tuple[int, list[DomainError]]:
    """How many of so many who ask together get it, and how the others are refused."""
    together, made, refused = threading.Barrier(times), [], []

    def ask() -> None:
        together.wait()
        try:
            made.append(make())
        except DomainError as error:
            refused.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=ask) for _ in range(times)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) + len(refused) == times, "somebody was neither let in nor refused"
    return len(made), refused


@pytest.mark.django_db(transaction=True)
def test_of_fifty_sessions_at_once_as_many_are_made_as_may_be(settings: Settings) -> None:
    settings.QUOTA_SESSIONS = "person 7"
    ana = make_user("ana")
    made, refused = at_once(lambda: sessions.create(user=ana))
    assert made == Session.objects.count() == 7
    assert {error.code for error in refused} == {"quota_exceeded"}


@pytest.mark.django_db(transaction=True)
def test_guests_of_one_address_share_what_they_may_hold(settings: Settings) -> None:
    settings.QUOTA_SESSIONS = "guest 5, ip 7"
    guests = [guest(f"g{number}", address="here") for number in range(10)]
    turns = iter(guests * 5)
    made, _ = at_once(lambda: sessions.create(user=next(turns)))
    assert made == 7
    assert sessions.create(user=guest("elsewhere", address="there"))


def test_the_refusal_tells_limit_and_use_and_when_there_is_room(cast: Cast, settings: Settings) -> None:
    settings.QUOTA_SESSIONS, settings.SESSION_RETENTION_S = "person 1", 100
    sessions.create(user=cast.eve, now=NOON)
    with pytest.raises(QuotaExceeded) as refused:
        sessions.create(user=cast.eve, now=NOON)
    ends = NOON + timedelta(seconds=settings.SESSION_IDLE_TTL_S + 100)
    assert refused.value.extra == {
        "quota": "sessions", "limit": 1, "used": 1, "resets_at": ends.isoformat().replace("+00:00", "Z"),
    }  # fmt: skip
    assert "Delete one" in refused.value.message


def test_what_is_deleted_makes_room(cast: Cast, settings: Settings) -> None:
    settings.QUOTA_SESSIONS = "person 1"
    made = sessions.create(user=cast.eve)
    sessions.delete(user=cast.eve, session_id=made.pk)
    assert sessions.create(user=cast.eve)


def test_who_is_not_named_in_the_setting_has_no_limit(cast: Cast, settings: Settings) -> None:
    settings.QUOTA_SESSIONS = "person 0, staff 2"
    staff = User.objects.create(username="boss", is_staff=True)
    assert sessions.create(user=guest("g"))
    sessions.create(user=staff)
    sessions.create(user=staff)
    with pytest.raises(QuotaExceeded):
        sessions.create(user=staff)


def test_links_into_a_session_are_counted_for_the_session(cast: Cast, settings: Settings) -> None:
    settings.QUOTA_INVITES = "session 2"
    made = [invites.create(user=cast.ana, session_id=cast.session.pk, role=Role.EDITOR)[0] for _ in range(2)]
    with pytest.raises(QuotaExceeded):
        invites.create(user=cast.ana, session_id=cast.session.pk, role=Role.EDITOR)
    invites.revoke(user=cast.ana, session_id=cast.session.pk, invite_id=made[0].pk)
    assert invites.create(user=cast.ana, session_id=cast.session.pk, role=Role.EDITOR)


@pytest.mark.django_db(transaction=True)
def test_a_quota_is_not_asked_outside_of_a_transaction() -> None:
    ana = make_user("ana")
    with pytest.raises(RuntimeError, match="outside of a transaction"):
        quotas.require("sessions", quotas.holders_of(ana))
    with transaction.atomic():
        quotas.require("sessions", quotas.holders_of(ana))
