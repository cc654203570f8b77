"""Messages that become runs: each is acknowledged once, when there is nothing left to do for it."""

import threading
from collections import Counter
from dataclasses import dataclass, field
from time import monotonic
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
from celery.worker import strategy as celery_strategy

from graphs_app import intake, worker
from graphs_app.models import Run, RunStatus
from graphs_app.services import claims
from sessions_app.models import User
from tests.graphs_app.cast import SUM, line, node, start, wait_until


@dataclass
class Broker:
    """Counts what becomes of each message."""

    acknowledged: Counter[str] = field(default_factory=Counter)
    given_back: Counter[str] = field(default_factory=Counter)
    changed: threading.Condition = field(default_factory=threading.Condition)

    def message(self, name: str, run_id: UUID) -> intake.Message:
        return intake.Message(
            run_id, lambda: self._count(self.acknowledged, name), lambda: self._count(self.given_back, name)
        )

    def _count(self, where: Counter[str], name: str) -> None:
        with self.changed:
            where[name] += 1
            self.changed.notify_all()

    def wait_for(self, count: int) -> None:
        with self.changed:
            assert self.changed.wait_for(lambda: self.acknowledged.total() >= count, 60)


def test_runs_that_are_to_be_had_are_executed_and_all_messages_acknowledged_once(
    here: worker.Worker, ada: User
) -> None:
    broker, runs = Broker(), [start(ada, SUM) for _ in range(3)]
    batch = [broker.message(f"run {number}", run.pk) for number, run in enumerate(runs)]
    batch += [broker.message("again", runs[0].pk), broker.message("unknown", UUID(int=7))]
    intake.start(batch)
    broker.wait_for(5)
    assert broker.acknowledged == {"run 0": 1, "run 1": 1, "run 2": 1, "again": 1, "unknown": 1}
    assert set(Run.objects.values_list("status", "attempt")) == {(RunStatus.COMPLETED, 1)}


def test_a_message_is_not_acknowledged_before_its_run_is_over(here: worker.Worker, ada: User) -> None:
    broker, run = Broker(), start(ada, line("Nap", node("nap", "sleep", {"seconds": 3600})))
    intake.start([broker.message("nap", run.pk)])
    wait_until(lambda: Run.objects.get(pk=run.pk).status == RunStatus.RUNNING)
    assert not broker.acknowledged
    worker.stop(grace_s=0)
    broker.wait_for(1)
    assert Run.objects.get(pk=run.pk).status == RunStatus.QUEUED


def test_a_process_that_is_told_to_stop_gives_back_what_was_delivered(
    here: worker.Worker, ada: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    broker, run = Broker(), start(ada, SUM)
    monkeypatch.setattr(worker, "is_ending", lambda: True)
    intake.start([broker.message("late", run.pk)])
    assert (broker.given_back, broker.acknowledged) == ({"late": 1}, {})
    assert Run.objects.get(pk=run.pk).status == RunStatus.QUEUED


def test_what_comes_in_is_started_in_its_own_thread(here: worker.Worker, ada: User) -> None:
    broker, own = Broker(), intake.Intake()
    for number in range(5):
        own.put(broker.message(str(number), start(ada, SUM).pk))
    broker.wait_for(5)
    assert Run.objects.filter(status=RunStatus.COMPLETED).count() == 5


@pytest.mark.parametrize(
    ("headers", "arguments"),
    [
        ({"eta": "2030-01-01T00:00:00Z"}, [str(UUID(int=7))]),
        ({"expires": "2030-01-01T00:00:00Z"}, [str(UUID(int=7))]),
        ({}, ["no run"]),
        ({}, [7]),
        ({}, []),
    ],
)
def test_other_messages_go_the_usual_way(
    monkeypatch: pytest.MonkeyPatch, headers: dict[str, Any], arguments: list[Any]
) -> None:
    usual = []
    monkeypatch.setattr(celery_strategy, "default", lambda *_: lambda message, *_: usual.append(message))
    take = intake.strategy(None, None, SimpleNamespace(connection_errors=()))
    message = SimpleNamespace(headers=headers, payload=(arguments, {}, {}))
    take(message, None, None, None, None)
    assert usual == [message]


def test_while_people_share_the_slots_a_message_starts_whose_turn_it_is(here: worker.Worker, ada: User) -> None:
    broker, mallory = Broker(), User.objects.create(username="mallory")
    nap = line("Nap", node("nap", "sleep", {"seconds": 600}))
    flood = [start(mallory, nap, priority=9) for _ in range(4)]
    first, second = start(ada, SUM), start(ada, SUM)
    here.slots.is_shared = True
    intake.start([broker.message("flood 0", flood[0].pk), broker.message("flood 1", flood[1].pk)])
    statuses = dict(Run.objects.values_list("pk", "status"))
    assert [statuses[run.pk] for run in flood].count(RunStatus.RUNNING) == 1
    assert statuses[second.pk] == RunStatus.QUEUED
    broker.wait_for(1)
    # The message of a run that was started already starts the next one.
    intake.start([broker.message("ada 0", first.pk)])
    broker.wait_for(2)
    assert set(Run.objects.filter(user=ada).values_list("status", flat=True)) == {RunStatus.COMPLETED}
    # Nobody but mallory waits now.
    here.slots.is_shared = False
    here.slots._shared_at = monotonic()
    intake.start([broker.message("ada 1", second.pk)])
    assert Run.objects.filter(user=mallory, status=RunStatus.RUNNING).count() == 2
    assert broker.acknowledged.total() == 2


def test_while_people_share_the_slots_messages_without_work_are_acknowledged(here: worker.Worker, ada: User) -> None:
    broker = Broker()
    here.slots.is_shared = True
    run = start(ada, SUM)
    intake.start([broker.message("run", run.pk), broker.message("again", run.pk), broker.message("x", UUID(int=7))])
    broker.wait_for(3)
    assert Run.objects.get(pk=run.pk).status == RunStatus.COMPLETED


def test_while_people_share_the_slots_a_run_that_lost_its_worker_goes_on(here: worker.Worker, ada: User) -> None:
    broker, lost = Broker(), start(ada, SUM)
    assert claims.claim_run(run_id=lost.pk, owner="dead") is not None
    Run.objects.filter(pk=lost.pk).update(lease_until="2000-01-01T00:00:00Z")
    here.slots.is_shared = True
    intake.start([broker.message("lost", lost.pk)])
    broker.wait_for(1)
    lost.refresh_from_db()
    assert (lost.status, lost.crashes) == (RunStatus.COMPLETED, 1)
