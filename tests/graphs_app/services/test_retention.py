"""Runs outside sessions are deleted after their retention, and no others."""

from datetime import timedelta
from uuid import UUID

import pytest
from django.utils import timezone
from pytest_django import Settings

from graphs_app.models import Run, RunStatus
from graphs_app.services import retention
from graphs_app.services.runs import start_run
from sessions_app.models import User
from sessions_app.services import sessions

pytestmark = pytest.mark.django_db


def ended(user: User, *, days: float, session: UUID | None = None) -> Run:
    run = start_run(user=user, graph="human_approval", initial_state={"message": "x"}, session_id=session)
    finished_at = timezone.now() - timedelta(days=days)
    Run.objects.filter(pk=run.pk).update(status=RunStatus.COMPLETED, finished_at=finished_at)
    return run


def test_only_runs_outside_sessions_that_ended_long_ago_are_deleted(ada: User, settings: Settings) -> None:
    settings.RUN_RETENTION_S = 10 * 86_400
    old = [ended(ada, days=11) for _ in range(3)]
    sub_run = ended(ada, days=11)
    Run.objects.filter(pk=sub_run.pk).update(parent=old[0], parent_key="1:0")
    session = sessions.create(user=ada, title="Kept")
    kept = [ended(ada, days=9), ended(ada, days=11, session=session.pk)]
    kept.append(start_run(user=ada, graph="human_approval", initial_state={"message": "x"}))
    assert retention.prune_runs() == 3
    assert set(Run.objects.values_list("pk", flat=True)) == {run.pk for run in kept}
    assert retention.prune_runs() == 0
