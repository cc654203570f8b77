"""The site's limits of runs, over claims and sub-runs, and what a run shows of having reached one."""

from typing import Any

import pytest
from pytest_django import Settings

from graphs_app import quotas, run_limits
from graphs_app.models import Run, RunStatus
from graphs_app.services.runs import start_run
from sessions_app.errors import QuotaExceeded
from sessions_app.models import User

pytestmark = pytest.mark.django_db


def run_of(user: User, **values: Any) -> Run:
    run = start_run(user=user, graph="human_approval", initial_state={"message": "x"})
    Run.objects.filter(pk=run.pk).update(**values)
    run.refresh_from_db()
    return run


def test_a_later_claim_goes_on_counting_with_all_that_hangs_on_the_run(ada: User) -> None:
    root = run_of(ada, kept_bytes=1_000, checkpoints=3, lease_epoch=2)
    inner = run_of(ada, parent=root, parent_key="1:0", kept_bytes=500, checkpoints=2)
    run_of(ada, parent=inner, parent_key="1:0", kept_bytes=50, checkpoints=1)
    run_of(ada, kept_bytes=7_000, checkpoints=7)
    taken = run_limits.consumption_of(root)
    assert (taken.kept_bytes, taken.steps, taken.sub_runs) == (1_550, 6, 2)


def test_the_first_claim_has_taken_nothing(ada: User) -> None:
    taken = run_limits.consumption_of(run_of(ada, lease_epoch=1))
    assert (taken.kept_bytes, taken.steps, taken.sub_runs) == (0, 0, 0)


def test_the_settings_are_the_limits(settings: Settings) -> None:
    settings.RUN_MAX_STEPS, settings.MAP_MAX_ITEMS = 12, 3
    assert (run_limits.limits().max_steps, run_limits.limits().max_items) == (12, 3)


def test_whose_runs_keep_too_many_bytes_starts_no_more(ada: User, settings: Settings) -> None:
    settings.QUOTA_RUN_BYTES = "person 1000"
    quotas._bytes_found.clear()
    run_of(ada, kept_bytes=1_001, status=RunStatus.COMPLETED)
    quotas._bytes_found.clear()
    with pytest.raises(QuotaExceeded, match="1,001") as caught:
        start_run(user=ada, graph="human_approval", initial_state={"message": "x"})
    assert caught.value.code == "quota_exceeded"
    quotas._bytes_found.clear()
