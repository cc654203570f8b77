import json
from io import StringIO
from typing import Any
from uuid import UUID

import pytest
from django.core.management import call_command

from sessions_app import lifecycle, tasks
from sessions_app.models import Connection, IdempotencyKey, Session, SessionEvent, SessionStatus, Ticket
from sessions_app.services import auth, connections, lifetimes, sessions
from tests.sessions_app.conftest import Cast, after, make_cast


@pytest.fixture
def registered(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Registers handlers for one test."""
    monkeypatch.setattr(lifecycle, "_ended", [])
    monkeypatch.setattr(lifecycle, "_busy", [])
    return lifecycle


def status(cast: Cast) -> str:
    return Session.objects.values_list("status", flat=True).get(pk=cast.session.pk)


def test_an_idle_session_is_warned_once_and_then_expires(cast_at_noon: Cast) -> None:
    cast = cast_at_noon
    assert lifetimes.warn(now=after(hours=1, minutes=44)) == []
    assert lifetimes.warn(now=after(hours=1, minutes=46)) == [cast.session.pk]
    assert lifetimes.warn(now=after(hours=1, minutes=50)) == []
    assert lifetimes.expire(now=after(hours=1, minutes=59)) == []
    assert lifetimes.expire(now=after(hours=2)) == [cast.session.pk]
    assert lifetimes.expire(now=after(hours=2)) == []
    assert cast.types() == ["member.joined", "session.expiring", "session.expired"]
    expiring, expired = cast.session.events.order_by("seq")[1:]
    assert expiring.data == {"expires_at": "2026-11-20T14:00:00Z"}
    assert expired.data == {"reason": "idle"}


def test_a_session_that_came_to_life_is_warned_again_of_its_new_end(cast_at_noon: Cast) -> None:
    cast = cast_at_noon
    lifetimes.warn(now=after(hours=1, minutes=46))
    cast.session.refresh_from_db()
    sessions.touch(session=cast.session, now=after(hours=1, minutes=50))
    assert lifetimes.warn(now=after(hours=1, minutes=51)) == []
    assert lifetimes.warn(now=after(hours=3, minutes=36)) == [cast.session.pk]


def test_a_connected_member_keeps_a_session_from_idling_but_not_from_its_longest(cast_at_noon: Cast) -> None:
    cast = cast_at_noon
    opened = connections.opened(session_id=cast.session.pk, user=cast.vic, now=after(minutes=1))
    Connection.objects.filter(pk=opened).update(seen_at=after(hours=2, minutes=1))
    assert lifetimes.expire(now=after(hours=2, minutes=2)) == []
    cast.session.refresh_from_db()
    assert cast.session.last_active_at == after(hours=2, minutes=2)
    Connection.objects.filter(pk=opened).update(seen_at=after(days=7))
    assert lifetimes.expire(now=after(days=7)) == [cast.session.pk]
    assert cast.session.events.get(type="session.expired").data == {"reason": "lifetime"}


def test_a_connection_that_a_dead_process_left_behind_keeps_nothing_alive(cast_at_noon: Cast) -> None:
    cast = cast_at_noon
    connections.opened(session_id=cast.session.pk, user=cast.vic, now=after(seconds=1))
    assert lifetimes.expire(now=after(hours=2, minutes=1)) == [cast.session.pk]
    lifetimes.tidy(now=after(hours=2, minutes=1))
    assert not Connection.objects.exists()


def test_a_busy_session_is_not_idle(cast_at_noon: Cast, registered: Any) -> None:
    cast = cast_at_noon
    registered.busy(lambda session_ids: [cast.session.pk])
    assert lifetimes.warn(now=after(hours=1, minutes=50)) == []
    assert lifetimes.expire(now=after(hours=3, minutes=51)) == []
    assert status(cast) == SessionStatus.ACTIVE


def test_a_session_that_comes_to_life_between_the_look_and_the_update_stays(
    cast_at_noon: Cast, registered: Any
) -> None:
    cast = cast_at_noon

    def somebody_comes(session_ids: Any) -> list[UUID]:
        sessions.keep_alive(session_id=cast.session.pk, now=after(hours=2, minutes=1))
        return []

    registered.busy(somebody_comes)
    assert lifetimes.expire(now=after(hours=2, minutes=1)) == []
    assert status(cast) == SessionStatus.ACTIVE


def test_what_is_registered_for_the_end_is_told_and_a_failure_stops_nobody(
    cast_at_noon: Cast, registered: Any, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[UUID] = []

    def fails_once(session_id: UUID) -> None:
        told.append(session_id)
        if len(told) == 1:
            raise ConnectionError("no broker")

    registered.on_expire(fails_once)
    monkeypatch.setattr(tasks, "database_now", lambda: after(hours=2))
    tasks.expire_sessions()
    assert "no broker" in caplog.text
    monkeypatch.setattr(tasks, "database_now", lambda: after(hours=2, seconds=30))
    tasks.expire_sessions()
    monkeypatch.setattr(tasks, "database_now", lambda: after(hours=3))
    tasks.expire_sessions()
    assert told == [cast_at_noon.session.pk] * 2


def test_an_operator_can_end_a_session_at_once(
    cast_at_noon: Cast, registered: Any, django_capture_on_commit_callbacks: Any
) -> None:
    told: list[UUID] = []
    registered.on_expire(told.append)
    with django_capture_on_commit_callbacks(execute=True):
        assert lifetimes.expire_now(session_id=cast_at_noon.session.pk, now=after(minutes=1))
    assert not lifetimes.expire_now(session_id=cast_at_noon.session.pk, now=after(minutes=1))
    assert told == [cast_at_noon.session.pk]
    assert status(cast_at_noon) == SessionStatus.EXPIRED


def test_after_the_retention_everything_is_deleted_in_batches(db: None) -> None:
    cast = make_cast(now=after())
    for _ in range(4):
        sessions.create(user=cast.ana, text="x", now=after())
    kept = sessions.create(user=cast.ana, now=after(days=20))
    lifetimes.expire(now=after(hours=2))
    lifetimes.expire(now=after(days=21))
    assert lifetimes.prune(now=after(days=29), batch=2) == []
    assert len(lifetimes.prune(now=after(days=31), batch=2)) == 5
    assert list(Session.objects.all()) == [kept]
    assert set(SessionEvent.objects.values_list("session_id", flat=True)) == {kept.pk}


def test_a_session_that_was_reopened_between_the_look_and_the_delete_stays(
    cast_at_noon: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    cast = cast_at_noon
    lifetimes.expire(now=after(hours=2))
    prune_one = lifetimes._prune

    def reopened_first(session_id: UUID, now: Any) -> bool:
        sessions.reopen(user=cast.ana, session_id=session_id, now=now)
        return prune_one(session_id, now)

    monkeypatch.setattr(lifetimes, "_prune", reopened_first)
    assert lifetimes.prune(now=after(days=31)) == []
    assert status(cast) == SessionStatus.ACTIVE


def test_what_nobody_can_use_any_more_is_tidied_away(cast_at_noon: Cast) -> None:
    auth.issue_ticket(user=cast_at_noon.ana, now=after())
    for hours in (0, 20):
        IdempotencyKey.objects.create(
            user=cast_at_noon.ana, key=str(hours), path="/", body_digest="", created_at=after(hours=hours)
        )
    lifetimes.tidy(now=after(hours=25))
    assert not Ticket.objects.exists()
    assert [key.key for key in IdempotencyKey.objects.all()] == ["20"]


@pytest.fixture
def at_day_40(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sessions_app.management.commands.prune_sessions.database_now", lambda: after(days=40))


@pytest.mark.usefixtures("at_day_40")
def test_the_command_tells_what_it_would_do_and_does_nothing_in_a_dry_run(cast_at_noon: Cast) -> None:
    sessions.create(user=cast_at_noon.ana, now=after(days=39, hours=23))
    lifetimes.expire(now=after(hours=2))
    out = StringIO()
    call_command("prune_sessions", "--dry-run", "--json", stdout=out)
    assert json.loads(out.getvalue()) == {
        "dry_run": True,
        "warned": [],
        "expired": [],
        "pruned": [str(cast_at_noon.session.pk)],
    }
    assert Session.objects.count() == 2


@pytest.mark.usefixtures("at_day_40")
def test_the_command_expires_and_prunes(cast_at_noon: Cast) -> None:
    lifetimes.expire(now=after(hours=2))
    idle = sessions.create(user=cast_at_noon.ana, now=after(days=39))
    out = StringIO()
    call_command("prune_sessions", stdout=out)
    assert "1 session expired" in out.getvalue()
    assert "1 session pruned" in out.getvalue()
    assert list(Session.objects.values_list("pk", "status")) == [(idle.pk, "expired")]
