from datetime import timedelta
from uuid import UUID

import pytest
from django.core.cache import cache
from django.utils import timezone

from graphs_app.models import GraphVersion, NodeRun, NodeRunStatus, Run, RunStatus, node_run_id
from graphs_app.streams import text_key
from sessions_app import tasks
from sessions_app.models import Session, SessionStatus, User
from sessions_app.realtime import texts
from sessions_app.services import sessions


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
