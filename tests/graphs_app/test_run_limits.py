"""The site's limits of runs, over claims and sub-runs, and what a run shows of having reached one."""

from typing import Any

import pytest
from pytest_django import Settings

from graphs_app import quotas, run_limits, selectors, worker
from graphs_app.engine.checkpoint import ENTRY_BYTES
from graphs_app.errors import InvalidGraph
from graphs_app.models import Run, RunStatus
from graphs_app.services import continuing
from graphs_app.services.runs import start_run
from sessions_app.errors import QuotaExceeded
from sessions_app.models import User
from tests.graphs_app import cast

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def nothing_known() -> None:
    quotas._bytes_found.clear()


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


def test_the_first_claim_has_taken_what_its_run_begins_with(ada: User) -> None:
    taken = run_limits.consumption_of(run_of(ada, lease_epoch=1))
    assert (taken.kept_bytes, taken.steps, taken.sub_runs) == (ENTRY_BYTES + len('{"message":"x"}'), 0, 0)


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


LARGE = cast.line(
    "Large",
    cast.node("one", "set_state", {"values": {"text": "x" * 20_000}}),
    cast.node("say", "emit", {"text": "y" * 10_000}),
    cast.node("two", "set_state", {"values": {"text": "z" * 20_000}}),
)


def test_what_a_run_keeps_is_on_its_row_when_it_ends(here: worker.Worker, ada: User) -> None:
    run = cast.execute(cast.start(ada, LARGE, initial_state={"given": "w" * 5_000}))
    assert run.status == RunStatus.COMPLETED
    # What it began with, what three nodes wrote, and its last state.
    assert 80_000 < run.kept_bytes < 85_000


def test_what_a_sub_run_begins_with_is_counted_on_its_row(here: worker.Worker, ada: User) -> None:
    inner = cast.keep(ada, cast.line("Inner", cast.node("one", "set_state", {"values": {}})))
    outer = cast.line("Outer", cast.node("call", "graph", {"graph": inner.slug, "write": "out"}))
    run = cast.execute(cast.start(ada, outer, initial_state={"given": "w" * 5_000}))
    assert 10_000 < Run.objects.get(parent=run).kept_bytes < 12_000


def test_a_fork_counts_what_it_copies(here: worker.Worker, ada: User) -> None:
    """A fork of a fork of a run at its limit took as much of the disk again each time, and nobody counted it."""
    first = cast.execute(cast.start(ada, LARGE))
    fork = continuing.fork_run(user=ada, run=first, checkpoint=2)
    assert 31_000 < fork.kept_bytes < 33_000
    assert run_limits.consumption_of(fork).steps == 2
    done = cast.execute(fork)
    again = continuing.fork_run(user=ada, run=done, checkpoint=3)
    assert again.kept_bytes > 51_000


def test_a_fork_of_what_has_reached_its_limit_ends_at_once_with_the_same_error(
    here: worker.Worker, ada: User, settings: Settings
) -> None:
    settings.RUN_MAX_BYTES = 30_000
    first = cast.execute(cast.start(ada, LARGE))
    assert first.error is not None
    assert (first.status, first.error["code"], first.error["limit"]) == ("failed", "run_too_large", 30_000)
    fork = cast.execute(continuing.fork_run(user=ada, run=first, checkpoint=first.checkpoints))
    assert fork.error is not None
    assert (fork.status, fork.error["code"], fork.checkpoints) == ("failed", "run_too_large", first.checkpoints)


def test_nobody_forks_past_what_their_runs_may_keep(here: worker.Worker, ada: User, settings: Settings) -> None:
    first = cast.execute(cast.start(ada, LARGE))
    settings.QUOTA_RUN_BYTES = "person 150000"
    quotas._bytes_found.clear()
    continuing.fork_run(user=ada, run=first, checkpoint=3)
    with pytest.raises(QuotaExceeded, match="150,000"):
        continuing.fork_run(user=ada, run=first, checkpoint=3)
    assert Run.objects.count() == 2


def test_what_was_kept_under_a_higher_limit_can_still_be_read(
    here: worker.Worker, ada: User, settings: Settings
) -> None:
    run = cast.execute(cast.start(ada, LARGE))
    settings.RUN_STATE_MAX_BYTES = 1_000
    assert len(selectors.state_at(run, 3)["text"]) == 20_000


# When a graph is saved


@pytest.mark.parametrize(
    ("setting", "limit", "changes", "pointer", "code"),
    [
        ("GRAPH_MAX_ITERATIONS", 500, {"max_iterations": 501}, "/max_iterations", "too_many_iterations"),
        ("GRAPH_MAX_NODES", 2, {}, "/nodes", "too_many_nodes"),
        ("GRAPH_MAX_EDGES", 1, {}, "/edges", "too_many_edges"),
        ("RUN_STATE_MAX_BYTES", 10_000, {}, "/nodes/0/config/values", "state_too_large"),
    ],
)
def test_what_is_certain_of_a_graph_is_refused_when_it_is_saved(
    ada: User, settings: Settings, setting: str, limit: int, changes: dict[str, Any], pointer: str, code: str
) -> None:
    setattr(settings, setting, limit)
    with pytest.raises(InvalidGraph) as refused:
        cast.keep(ada, {**LARGE, **changes})
    first = refused.value.errors[0]
    assert (first["pointer"], first["code"]) == (pointer, code)
    assert setting in first["message"]
    assert f"{limit:,}" in first["message"]


@pytest.mark.parametrize(
    "items", ["[" + ", ".join(["1"] * 1001) + "]", "[" + "1," * 500 + "1] + [" + "1," * 500 + "1]"]
)
def test_a_map_of_a_literal_with_too_many_items_is_refused_when_it_is_saved(ada: User, items: str) -> None:
    inner = cast.keep(ada, cast.line("Inner", cast.node("one", "set_state", {"values": {}})))
    config = {"items": items, "as": "item", "graph": inner.slug, "write": "out"}
    with pytest.raises(InvalidGraph) as refused:
        cast.keep(ada, cast.line("Many", cast.node("each", "map", config)))
    (problem,) = refused.value.errors
    assert (problem["pointer"], problem["code"]) == ("/nodes/0/config/items", "too_many_items")
    assert "1,000" in problem["message"]
    cast.keep(ada, cast.line("Unknown", cast.node("each", "map", {**config, "items": "list"})))


def test_a_graph_that_was_saved_under_higher_limits_still_runs(
    here: worker.Worker, ada: User, settings: Settings
) -> None:
    run = cast.start(ada, cast.SUM)
    settings.GRAPH_MAX_NODES = settings.GRAPH_MAX_ITERATIONS = 1
    assert cast.execute(run).status == RunStatus.COMPLETED


@pytest.mark.parametrize("definition", [None, [], {"nodes": [1, {"config": 2}], "edges": {}, "max_iterations": "many"}])
def test_what_is_no_definition_is_told_by_those_who_know(definition: Any) -> None:
    assert list(run_limits.problems(definition)) == []
