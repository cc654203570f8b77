import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from uuid import UUID

import pytest
from django.core.cache import cache
from django.db import connection, connections, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from graphs_app.models import GraphVersion, NodeRun, NodeRunStatus, Run, RunStatus, node_run_id
from graphs_app.streams import text_key
from sessions_app import tasks
from sessions_app.events import MemberLeft
from sessions_app.models import Session, SessionEvent, SessionStatus, User
from sessions_app.realtime import agents, texts
from sessions_app.realtime.agents import Place
from sessions_app.services import lifetimes, sessions
from sessions_app.services.events import append


@pytest.fixture
def session(ada: User) -> Session:
    return sessions.create(user=ada)


def idle(session: Session) -> None:
    """As if nobody had been there for a day."""
    long_ago = timezone.now() - timedelta(days=1)
    Session.objects.filter(pk=session.pk).update(last_active_at=long_ago, expires_at=long_ago)


def make_run(session: Session, version: GraphVersion, status: RunStatus) -> Run:
    return Run.objects.create(session=session, user=session.created_by, graph_version=version, status=status)


@pytest.mark.parametrize(("status", "stays"), [(RunStatus.RUNNING, True), (RunStatus.INTERRUPTED, False)])
def test_a_running_run_keeps_its_session_alive_and_a_waiting_one_does_not(
    session: Session, version: GraphVersion, status: RunStatus, stays: bool
) -> None:
    make_run(session, version, status)
    idle(session)
    tasks.expire_sessions()
    session.refresh_from_db()
    assert (session.status == SessionStatus.ACTIVE) is stays


def test_the_runs_of_a_session_that_expires_are_cancelled(session: Session, version: GraphVersion) -> None:
    run = make_run(session, version, RunStatus.INTERRUPTED)
    idle(session)
    tasks.expire_sessions()
    run.refresh_from_db()
    assert run.status == RunStatus.CANCELLED
    types = list(session.events.order_by("seq").values_list("type", flat=True))
    assert types[-3:] == ["session.expired", "run.cancel_requested", "run.cancelled"]


def test_the_text_so_far_is_for_the_node_runs_own_session_alone(session: Session, version: GraphVersion) -> None:
    run = make_run(session, version, RunStatus.RUNNING)
    speaking = node_run_id(run.pk, 1)
    row = NodeRun.objects.create(
        id=speaking, run=run, activation=1, node_id="rewrite", tool="t", started_at=timezone.now()
    )
    cache.set(text_key(speaking), {"attempt": 2, "text": "half of"})
    known = texts.so_far(session.pk, speaking)
    assert known is not None
    assert (known.run, known.node_id, known.attempt, known.text) == (run.pk, "rewrite", 2, "half of")
    other = sessions.create(user=session.created_by)
    assert texts.so_far(other.pk, speaking) is None
    assert texts.so_far(session.pk, UUID(int=7)) is None
    NodeRun.objects.filter(pk=row.pk).update(
        status=NodeRunStatus.COMPLETED, attempt=2, text="half of it", finished_at=timezone.now()
    )
    done = texts.so_far(session.pk, speaking)
    assert done is not None
    assert done.text == "half of it"


def test_a_run_is_an_agent_at_work_while_its_lease_lasts_and_where_its_last_hunk_is(
    session: Session, version: GraphVersion
) -> None:
    now = timezone.now()
    run = make_run(session, version, RunStatus.RUNNING)
    for status in (RunStatus.QUEUED, RunStatus.INTERRUPTED, RunStatus.COMPLETED):
        make_run(session, version, status)
    assert agents.at_work([session.pk]) == [], "a worker that died holds no lease"
    Run.objects.update(lease_until=now + timedelta(hours=1), metadata={"document": str(session.documents.get().pk)})
    [agent] = agents.at_work([session.pk])
    assert (agent.run, agent.document, agent.via, agent.place) == (run.pk, session.documents.get().pk, "Ada", None)
    hunk = {"old_start": 3, "text": " three\n-four\n+FOUR\n five\n+and more\n six\n"}
    for seq, text in ((50, "-no\n"), (51, hunk["text"])):
        SessionEvent.objects.create(
            session=session, seq=seq, type="diff.updated", at=now, run=run.pk, data={"hunks": [hunk | {"text": text}]}
        )
    with CaptureQueriesContext(connection) as queries:
        [agent] = agents.at_work([session.pk])
    assert len(queries) == 1, "however many there are"
    assert agent.place == Place(lines=("three", "four", "five", "six"), line=2, at=3)
    Run.objects.update(lease_until=now - timedelta(seconds=1))
    assert agents.at_work([session.pk]) == []


def test_a_run_that_is_parked_stays_an_agent_at_work(session: Session, version: GraphVersion) -> None:
    """As it is `running` to everybody: its agent does not leave the document while it waits for a retry, say."""
    run = make_run(session, version, RunStatus.RUNNING)
    Run.objects.update(wake_at=timezone.now() + timedelta(hours=1))
    assert [agent.run for agent in agents.at_work([session.pk])] == [run.pk]
    Run.objects.update(status=RunStatus.CANCELLED)
    assert agents.at_work([session.pk]) == []


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has one writer at a time")
@pytest.mark.parametrize("how", ["deleted", "pruned"])
def test_a_session_goes_while_the_journal_writes_of_its_run(session: Session, version: GraphVersion, how: str) -> None:
    run = make_run(session, version, RunStatus.RUNNING)
    long_ago = timezone.now() - timedelta(days=1000)
    if how == "pruned":
        Session.objects.filter(pk=session.pk).update(status=SessionStatus.EXPIRED, expired_at=long_ago)

    def goes() -> int:
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute("SET LOCAL deadlock_timeout = '10ms'")
                if how == "deleted":
                    sessions.delete(user=session.created_by, session_id=session.pk)
                    return 1
                return len(lifetimes.prune(now=timezone.now()))
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as threads, transaction.atomic():
        # As the journal does it: the run, and then the session that it tells of it.
        Run.objects.filter(pk=run.pk).update(worked_ms=1)
        going = threads.submit(goes)
        wait_for_a_lock()
        append(session.pk, [MemberLeft(user=session.created_by_id, name="Ada")])
    assert going.result(60) == 1
    assert not Session.objects.filter(pk=session.pk).exists()


def wait_for_a_lock() -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
            )
            if cursor.fetchone()[0]:
                return
        time.sleep(0.01)
    raise AssertionError("nobody waits for a lock")
