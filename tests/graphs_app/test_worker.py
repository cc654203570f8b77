"""A run from start_run to its end, on a worker's own loop, as Celery's task would have it."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest

from graphs_app import worker
from graphs_app.models import NodeRun, NodeRunStatus, Run, RunStatus
from graphs_app.services import execution, graphs, runs
from sessions_app.models import Session, SessionEvent, User

SUM = {
    "v": 1,
    "name": "Sum",
    "entry_node": "start",
    "nodes": [
        {"node_id": "start", "tool": "set_state", "config": {"values": {"n": 0}}},
        {"node_id": "add", "tool": "compute", "config": {"set": {"n": "n + 1"}}},
    ],
    "edges": [
        {"from_node": "start", "to_node": "add"},
        {"from_node": "add", "to_node": "add", "type": "conditional", "condition": "n < 5"},
    ],
}


@pytest.fixture
def here(transactional_db: None) -> Iterator[worker.Worker]:
    yield worker.current()
    worker.stop(grace_s=5)


def execute(run: Run) -> Run:
    """What Celery's task does, without Celery."""
    future = execution.execute(run_id=run.pk)
    assert future is not None
    future.result(30)
    run.refresh_from_db()
    return run


def start(user: User, definition: dict[str, Any], **given: Any) -> Run:
    graph = graphs.create_graph(user=user, definition=definition)
    return runs.start_run(user=user, graph=graph.slug, initial_state=given.pop("initial_state", {}), **given)


def test_a_run_goes_from_queued_to_completed(here: worker.Worker, ada: User) -> None:
    run = start(ada, SUM)
    assert run.status == RunStatus.QUEUED
    execute(run)
    assert (run.status, run.state, run.checkpoints, run.attempt) == ("completed", {"n": 5}, 6, 1)
    node_runs = list(NodeRun.objects.filter(run=run).order_by("activation"))
    assert [one.node_id for one in node_runs] == ["start", *["add"] * 5]
    assert {one.status for one in node_runs} == {NodeRunStatus.COMPLETED}


def test_a_session_sees_the_run_from_queued_to_completed(here: worker.Worker, ada: User) -> None:
    session = Session.objects.create(title="Sums", created_by=ada, idle_ttl_s=600, max_ttl_s=6000)
    session.members.create(user=ada, role="owner")
    run = execute(start(ada, SUM, session_id=session.pk, metadata={"request": "r1"}))
    log = list(SessionEvent.objects.filter(session=session).order_by("seq"))
    assert [event.seq for event in log] == list(range(1, len(log) + 1))
    assert [event.type for event in log] == [
        "run.queued",
        "run.started",
        *["node.started", "node.completed"] * 6,
        "run.completed",
    ]
    assert {event.run for event in log} == {run.pk}
    assert log[0].data == {"graph": "sum", "graph_version": 1, "metadata": {"request": "r1"}}


def test_a_run_is_executed_once_however_often_its_message_comes(here: worker.Worker, ada: User) -> None:
    run = execute(start(ada, SUM))
    assert execution.execute(run_id=run.pk) is None
    assert execution.execute(run_id=UUID(int=7)) is None
    run.refresh_from_db()
    assert run.attempt == 1
