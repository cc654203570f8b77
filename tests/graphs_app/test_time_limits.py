"""Nobody's run, node, sleep or question may be promised more time than the operator allows."""

import json
from pathlib import Path
from typing import Any

import pytest
from pytest_django import Settings

from graphs_app import time_limits, worker
from graphs_app.errors import InvalidGraph, RunTimeTooLong
from graphs_app.models import Run
from graphs_app.services import continuing, runs
from sessions_app.models import User
from tests.graphs_app.cast import SUM, execute, keep, line, node, start

WEEK = 604_800
BUILT_IN = sorted((Path(__file__).parents[2] / "refine_app" / "graphs").glob("*.json"))


@pytest.mark.parametrize("timeout_s", [86_400.001, WEEK, float("inf"), float("nan")])
def test_a_run_that_asks_for_more_than_the_limit_is_refused_with_the_number(ada: User, timeout_s: float) -> None:
    slug = keep(ada, SUM).slug
    with pytest.raises(RunTimeTooLong) as refused:
        runs.start_run(user=ada, graph=slug, initial_state={}, timeout_s=timeout_s)
    assert "at most 86400 s" in refused.value.message
    assert refused.value.errors[0]["pointer"] == "/timeout_s"
    assert not Run.objects.exists()


def test_a_run_may_ask_for_all_of_the_limit(ada: User, settings: Settings) -> None:
    settings.RUN_TIMEOUT_MAX_S = 50.0
    assert start(ada, SUM, timeout_s=50).timeout_s == 50


@pytest.mark.parametrize(
    ("changes", "pointer", "setting"),
    [
        ({"tool": "sleep", "config": {"seconds": WEEK}}, "config/seconds", "RUN_TIMEOUT_MAX_S"),
        ({"timeout_s": WEEK}, "timeout_s", "RUN_TIMEOUT_MAX_S"),
        ({"retry": {"max_attempts": 2, "backoff_s": WEEK}}, "retry/backoff_s", "RUN_TIMEOUT_MAX_S"),
        ({"retry": {"max_attempts": 2, "backoff_max_s": WEEK}}, "retry/backoff_max_s", "RUN_TIMEOUT_MAX_S"),
        (
            {"tool": "ask_human", "config": {"question": "?", "write": "x", "timeout_s": WEEK + 1}},
            "config/timeout_s",
            "QUESTION_TIMEOUT_MAX_S",
        ),
    ],
)
def test_a_graph_with_a_longer_time_is_refused_when_it_is_saved(
    ada: User, changes: dict[str, Any], pointer: str, setting: str
) -> None:
    definition = line("Long", {**node("a", "set_state", {"values": {}}), **changes})
    with pytest.raises(InvalidGraph) as refused:
        keep(ada, definition)
    (problem,) = refused.value.errors
    assert (problem["pointer"], problem["code"]) == (f"/nodes/0/{pointer}", "time_too_long")
    assert setting in problem["message"]


@pytest.mark.parametrize("times", [{"timeout_s": "x"}, {"retry": 7}, {"config": []}, {"timeout_s": True}])
def test_what_is_no_time_is_the_business_of_other_checks(times: dict[str, Any]) -> None:
    broken = {"nodes": [{"node_id": "a", "tool": "sleep", **times}, 7]}
    assert not list(time_limits.problems(broken))
    assert not list(time_limits.problems([]))


def test_forks_and_retries_of_an_older_run_take_no_more_than_the_limit(
    here: worker.Worker, ada: User, settings: Settings
) -> None:
    done = execute(start(ada, SUM, timeout_s=1000))
    failing = line("Failing", node("a", "fail", {"message": "x"}))
    failed = execute(start(ada, failing, timeout_s=1000))
    settings.RUN_TIMEOUT_MAX_S = 60.0
    assert continuing.fork_run(user=ada, run=done, checkpoint=1).timeout_s == 60
    assert continuing.retry_run(user=ada, run=failed).timeout_s == 60


def test_a_run_and_a_default_from_before_a_lower_limit_end_with_the_limit(ada: User, settings: Settings) -> None:
    run = start(ada, SUM, timeout_s=1000)
    settings.RUN_TIMEOUT_MAX_S = 60.0
    assert time_limits.of_run(run) == 60
    run.timeout_s = None
    assert time_limits.of_run(run) == 60
    settings.RUN_TIMEOUT_S = 5.0
    assert time_limits.of_run(run) == 5


@pytest.mark.parametrize("path", BUILT_IN, ids=lambda path: path.stem)
def test_every_built_in_graph_keeps_to_the_limits(path: Path) -> None:
    assert not list(time_limits.problems(json.loads(path.read_text())))
