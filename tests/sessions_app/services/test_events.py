"""The log under many writers at once: no number is missing, none is given twice, and order is commit order."""

import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import UUID

import pytest
from django.db import connection, transaction
from django.utils import timezone

from sessions_app.errors import DomainError
from sessions_app.events import SessionChanged
from sessions_app.models import Session, SessionEvent, SessionStatus
from sessions_app.realtime import publish
from sessions_app.services import documents, events, lifetimes, sessions
from tests.sessions_app.conftest import Cast, make_cast

WRITERS = 20


def at_once(works: list[Callable[[], None]]) -> list[BaseException]:
    """Runs everything in threads that start together; returns what was raised."""
    barrier = threading.Barrier(len(works))
    raised: list[BaseException] = []

    def run(work: Callable[[], None]) -> None:
        barrier.wait()
        try:
            work()
        except BaseException as error:
            raised.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return raised


def test_events_belong_in_a_transaction(transactional_db: None) -> None:
    cast = make_cast()
    with pytest.raises(RuntimeError, match="transaction"):
        events.append(cast.session.pk, [SessionChanged(title="x", language="c")])


def test_what_is_rolled_back_leaves_no_hole_and_wakes_nobody(
    transactional_db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    cast = make_cast()
    woken: list[UUID] = []
    monkeypatch.setattr(publish, "wake", lambda session_id, news: woken.append(session_id))
    event = SessionChanged(title="x", language="c")
    with transaction.atomic():
        events.append(cast.session.pk, [event, event])
        transaction.set_rollback(True)
    assert woken == []
    with transaction.atomic():
        assert events.append(cast.session.pk, [event, event]) == 3
        assert woken == []
    assert woken == [cast.session.pk]
    assert list(SessionEvent.objects.order_by("seq").values_list("seq", flat=True)) == [1, 2, 3]


@pytest.mark.django_db(transaction=True)
def test_twenty_writers_leave_neither_holes_nor_doubles() -> None:
    cast = make_cast()
    each = 10

    def write() -> None:
        for _ in range(each):
            with transaction.atomic():
                events.append(cast.session.pk, [SessionChanged(title="x", language="c")] * 2)

    assert at_once([write] * WRITERS) == []
    numbers = list(SessionEvent.objects.order_by("seq").values_list("seq", flat=True))
    assert numbers == list(range(1, 1 + 2 * each * WRITERS + 1))
    assert Session.objects.get().last_seq == numbers[-1]


@pytest.mark.django_db(transaction=True)
def test_a_reader_never_sees_a_number_before_the_ones_below_it() -> None:
    """Why numbers are given under the session's lock: a reader's cursor must never pass an event still to commit."""
    cast = make_cast()
    done = threading.Event()
    seen: list[int] = []

    def read() -> None:
        while not done.is_set() or seen[-1:] != [Session.objects.get().last_seq]:
            after = seen[-1] if seen else 0
            seen.extend(SessionEvent.objects.filter(seq__gt=after).order_by("seq").values_list("seq", flat=True))
        connection.close()

    reader = threading.Thread(target=read)
    reader.start()

    def write() -> None:
        for _ in range(10):
            with transaction.atomic():
                events.append(cast.session.pk, [SessionChanged(title="x", language="c")])

    raised = at_once([write] * 6)
    done.set()
    reader.join()
    assert raised == []
    assert seen == list(range(1, 62))


@pytest.mark.django_db(transaction=True)
def test_changes_at_once_are_all_in_the_text() -> None:
    cast = make_cast(text="")
    document = cast.document

    def add(letter: str) -> Callable[[], None]:
        return lambda: _append(cast, document.pk, letter)

    assert at_once([add(chr(ord("a") + n)) for n in range(WRITERS)]) == []
    document.refresh_from_db()
    assert sorted(document.text) == [chr(ord("a") + n) for n in range(WRITERS)]
    assert document.revision == WRITERS


def _append(cast: Cast, document_id: UUID, letter: str) -> None:
    documents.change_text(
        user=cast.ana, document_id=document_id, transform=lambda text: text + letter, origin={"kind": "test"}
    )


@pytest.mark.django_db(transaction=True)
def test_of_those_who_replace_the_same_revision_one_succeeds() -> None:
    cast = make_cast()

    def replace(n: int) -> Callable[[], None]:
        return lambda: _replace(cast, n)

    raised = at_once([replace(n) for n in range(8)])
    assert len(raised) == 7
    assert {error.code for error in raised if isinstance(error, DomainError)} == {"stale_revision"}
    assert cast.document.revision == 2


def _replace(cast: Cast, n: int) -> None:
    documents.replace_text(user=cast.ben, session_id=cast.session.pk, text=f"text {n}", revision=1)


@pytest.mark.django_db(transaction=True)
def test_an_edit_and_an_expiry_at_once_end_in_one_order_or_the_other() -> None:
    cast = make_cast()
    for _ in range(10):
        before = cast.document.revision
        now = timezone.now()
        raised = at_once(
            [
                lambda before=before: _save(cast, f"after {before}"),  # type: ignore[misc]
                lambda now=now: _expire(cast, now),  # type: ignore[misc]
            ]
        )
        types = list(cast.session.events.order_by("-seq").values_list("type", flat=True)[:2])
        if raised:
            assert [getattr(error, "code", error) for error in raised] == ["session_expired"]
            assert types[0] == "session.expired"
            assert cast.document.revision == before
        else:
            assert types == ["session.expired", "document.saved"]
            assert cast.document.revision == before + 1
        sessions.reopen(user=cast.ana, session_id=cast.session.pk)


def _save(cast: Cast, text: str) -> None:
    documents.replace_text(user=cast.ana, session_id=cast.session.pk, text=text)


def _expire(cast: Cast, now: datetime) -> None:
    lifetimes.expire_now(session_id=cast.session.pk, now=now)


@pytest.mark.django_db(transaction=True)
def test_two_sweeps_at_once_expire_and_delete_a_session_once() -> None:
    cast = make_cast()
    long_ago = timezone.now() - timedelta(days=1)
    Session.objects.update(expires_at=long_ago, lifetime_from=long_ago, last_active_at=long_ago)
    now = timezone.now()
    assert at_once([lambda: _sweep(now)] * 4) == []
    assert cast.types() == ["member.joined", "session.expired"]
    later = now + timedelta(days=31)
    assert at_once([lambda: _prune(later)] * 4) == []
    assert not Session.objects.exists()


def _sweep(now: datetime) -> None:
    lifetimes.expire(now=now)


def _prune(now: datetime) -> None:
    lifetimes.prune(now=now)


@pytest.mark.django_db(transaction=True)
def test_a_reopening_and_a_prune_at_once_leave_all_or_nothing() -> None:
    for _ in range(15):
        cast = make_cast()
        Session.objects.update(status=SessionStatus.EXPIRED, expired_at=timezone.now() - timedelta(days=31))
        now = timezone.now()
        raised = at_once([lambda now=now: _prune(now), lambda cast=cast: _reopen(cast)])  # type: ignore[misc]
        if raised:
            assert [getattr(error, "code", error) for error in raised] == ["not_found"]
            assert not SessionEvent.objects.exists()
        else:
            assert cast.types() == ["member.joined", "session.reopened"]
            assert cast.document.text == "one\n"
        cast.session.delete() if not raised else None
        for user in (cast.ana, cast.ben, cast.vic, cast.eve):
            user.delete()


def _reopen(cast: Cast) -> None:
    sessions.reopen(user=cast.ana, session_id=cast.session.pk)
