"""Runs on their way to a broker that is slow, away or broken: nobody who starts one waits for it."""

import threading
import time
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

import pytest

from agentsite.celery import app
from graphs_app import dispatch, intake
from graphs_app.dispatch import Publisher


class Broker:
    """Takes runs, or fails, or keeps who sends waiting."""

    def __init__(self) -> None:
        self.taken: list[UUID] = []
        self.error: Exception | None = None
        self.answers = threading.Event()
        self.answers.set()
        self.asked = 0

    def __call__(self, run_id: UUID, priority: int) -> None:
        self.asked += 1
        self.answers.wait(60)
        if self.error is not None:
            raise self.error
        self.taken.append(run_id)


def test_runs_are_sent_in_their_order() -> None:
    broker = Broker()
    publisher, runs = Publisher(broker), [uuid4() for _ in range(50)]
    assert all(publisher.put(run, 0) for run in runs)
    assert publisher.flush(60)
    assert broker.taken == runs


def test_a_silent_broker_keeps_nobody_waiting_and_its_backlog_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatch, "BACKLOG", 20)
    broker = Broker()
    broker.answers.clear()
    publisher = Publisher(broker)
    taken = [publisher.put(uuid4(), 0) for _ in range(100)]
    assert 20 <= sum(taken) <= 21
    assert not publisher.flush(0.01)
    broker.answers.set()
    assert publisher.flush(60)
    assert len(broker.taken) == sum(taken)


@pytest.mark.parametrize("error", [OSError("gone"), RuntimeError("whatever a driver raises")])
def test_after_a_failure_the_broker_is_left_alone_for_a_while_and_then_used_again(
    error: Exception, settings: Any
) -> None:
    settings.DEPENDENCY_RETRY_S = 0.3
    broker = Broker()
    broker.error = error
    publisher = Publisher(broker)
    assert publisher.put(uuid4(), 0)
    assert publisher.flush(60)
    asked = broker.asked
    assert not publisher.put(uuid4(), 0), "the sweeper sends it"
    assert broker.asked == asked == 1
    broker.error = None
    deadline = time.monotonic() + 60
    while not publisher.put(last := uuid4(), 0):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert publisher.flush(60)
    assert broker.taken == [last]


def test_a_run_is_sent_as_the_task_process_task_on_the_queue_agent_tasks() -> None:
    run = uuid4()
    with app.connection_for_write() as link:
        queue = app.amqp.queues["agent_tasks"](link.default_channel)
        queue.declare()
        queue.purge()
        assert dispatch.send(run, priority=2)
        assert dispatch._publisher is None or dispatch._publisher.flush(60)
        message = queue.get(no_ack=True)
    assert message.headers["task"] == "process_task"
    assert message.payload[:2] == [[], {"task_id": str(run)}]
    assert message.properties["priority"] == 7
    assert intake._run_id_in(message, None) == run


def test_a_message_of_a_release_before_is_taken_as_well() -> None:
    run = uuid4()
    assert intake._run_id_in(SimpleNamespace(headers={}, payload=[[str(run)], {}, {}]), None) == run
