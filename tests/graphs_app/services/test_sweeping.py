"""What gets lost on the way is found again: messages, workers, and answers that never came."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.utils import timezone

from agentsite import celery
from graphs_app import dispatch, selectors, worker
from graphs_app.models import Interrupt, Run, RunStatus
from graphs_app.services import claims, sweeping
from sessions_app.models import User
from tests.graphs_app import cast
from tests.graphs_app.cast import line, node

LONG_AGO = "2000-01-01T00:00:00Z"


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[UUID]:
    """The ids that are handed to the broker."""
    ids: list[UUID] = []

    def send_task(name: str, *, kwargs: dict[str, Any], **options: Any) -> None:
        ids.append(UUID(kwargs["task_id"]))

    monkeypatch.setattr(celery.app, "send_task", send_task)
    return ids


def test_a_queued_run_whose_message_was_lost_is_sent_once_by_two_sweepers(ada: User, sent: list[UUID]) -> None:
    run = cast.start(ada, cast.SUM)
    assert sent == [run.pk]
    sweeping.sweep()
    assert sent == [run.pk]
    Run.objects.filter(pk=run.pk).update(queued_at=LONG_AGO)
    sweeping.sweep()
    sweeping.sweep()
    assert sent == [run.pk, run.pk]


def test_a_run_whose_worker_is_gone_is_sent_and_claimed_again(ada: User, sent: list[UUID]) -> None:
    run = cast.start(ada, cast.SUM)
    assert claims.claim_run(run_id=run.pk, owner="w1") is not None
    sweeping.sweep()
    assert sent == [run.pk]
    Run.objects.filter(pk=run.pk).update(lease_until=LONG_AGO)
    sweeping.sweep()
    assert sent == [run.pk, run.pk]
    taken = claims.claim_run(run_id=run.pk, owner="w2")
    assert taken is not None
    assert (taken.attempt, taken.lease_epoch, taken.crashes) == (2, 2, 1)


def test_a_run_whose_worker_is_gone_keeps_its_priority(ada: User, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[tuple[UUID, int]] = []
    run = cast.start(ada, cast.SUM, priority=9)
    assert claims.claim_run(run_id=run.pk, owner="w1") is not None
    Run.objects.filter(pk=run.pk).update(lease_until=LONG_AGO)
    monkeypatch.setattr(dispatch, "send", lambda run_id, priority=0: sent.append((run_id, priority)))
    sweeping.sweep()
    assert sent == [(run.pk, 9)]


def test_a_lease_that_holds_cannot_be_taken(ada: User, sent: list[UUID]) -> None:
    run = cast.start(ada, cast.SUM)
    assert claims.claim_run(run_id=run.pk, owner="w1") is not None
    assert claims.claim_run(run_id=run.pk, owner="w2") is None


def test_a_run_that_ends_its_workers_without_progress_is_poison(ada: User, sent: list[UUID]) -> None:
    session = cast.make_session(ada)
    run = cast.start(ada, cast.SUM, session_id=session.pk)
    for owner in ("w1", "w2", "w3"):
        assert claims.claim_run(run_id=run.pk, owner=owner) is not None
        Run.objects.filter(pk=run.pk).update(lease_until=LONG_AGO)
    assert claims.claim_run(run_id=run.pk, owner="w4") is None
    run.refresh_from_db()
    assert run.status == RunStatus.FAILED
    assert run.error is not None
    assert (run.error["code"], run.crashes) == ("poison", 3)
    assert cast.types_of(session) == ["run.queued", "run.failed"]


def test_a_crash_after_progress_does_not_count(ada: User, sent: list[UUID]) -> None:
    run = cast.start(ada, cast.SUM)
    for checkpoints in range(1, 6):
        assert claims.claim_run(run_id=run.pk, owner="w") is not None
        Run.objects.filter(pk=run.pk).update(lease_until=LONG_AGO, checkpoints=checkpoints)
    run.refresh_from_db()
    assert (run.status, run.crashes) == ("running", 0)


def asking(**config: Any) -> dict[str, Any]:
    return line("Ask", node("ask", "ask_human", {"question": "Well?", "write": "x", "timeout_s": 60, **config}))


def test_an_interrupt_whose_time_is_over_gets_its_default(here: worker.Worker, ada: User) -> None:
    run = cast.execute(cast.start(ada, asking(default="never mind")))
    [question] = selectors.waiting_interrupts(run.pk)
    assert question["expires_at"] is not None
    sweeping.expire_interrupts()
    assert Run.objects.get(pk=run.pk).status == RunStatus.INTERRUPTED
    Interrupt.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert sweeping.expire_interrupts() == 1
    assert sweeping.expire_interrupts() == 0
    cast.execute(run)
    assert (run.status, run.state) == ("completed", {"x": "never mind"})


def test_an_interrupt_without_default_fails_its_run_when_time_is_over(here: worker.Worker, ada: User) -> None:
    run = cast.execute(cast.start(ada, asking()))
    Interrupt.objects.update(expires_at=timezone.now() - timedelta(seconds=1), has_default=False)
    sweeping.expire_interrupts()
    run.refresh_from_db()
    assert run.status == RunStatus.FAILED
    assert run.error is not None
    assert run.error["code"] == "interrupt_expired"
