"""What is read of a run that has written a great deal: never all at once, and no more than one answer can show."""

import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest

from graphs_app import run_log, selectors, worker
from graphs_app.following import Follower
from graphs_app.models import Interrupt, NodeRun, Run
from sessions_app.models import User
from tests.graphs_app import cast
from tests.graphs_app.cast import node

WIDTH = 100_000
ROUNDS = 200


def wordy(rounds: int = ROUNDS) -> dict[str, Any]:
    """Each round writes as much again; the state stays as it is."""
    write = node("write", "set_state", {"values": {"text": "x" * WIDTH}})
    count = node("count", "compute", {"set": {"n": "n + 1"}})
    return {
        "v": 1,
        "name": "Wordy",
        "entry_node": "write",
        "max_iterations": rounds,
        "nodes": [write, count],
        "edges": [
            {"from_node": "write", "to_node": "count"},
            {"from_node": "count", "to_node": "write", "type": "conditional", "condition": f"n < {rounds}"},
        ],
    }


@pytest.fixture
def run(here: worker.Worker, ada: User) -> Run:
    return cast.execute(cast.start(ada, wordy(), initial_state={"n": 0}, durability="exit"))


def peak_of(read: Callable[[], Any]) -> int:
    """Bytes that were held at once while it read."""
    read()
    tracemalloc.start()
    try:
        read()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_a_state_is_rebuilt_without_holding_the_whole_journal(run: Run) -> None:
    assert run.checkpoints == 2 * ROUNDS
    assert run.kept_bytes > ROUNDS * WIDTH
    assert peak_of(lambda: selectors.state_at(run, run.checkpoints)) < ROUNDS * WIDTH / 2
    assert selectors.state_at(run, 3)["n"] == 1
    assert selectors.state_at(run, run.checkpoints)["n"] == ROUNDS


def test_the_result_shows_the_beginning_of_a_long_log_and_says_how_much_more_there_is(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_log, "SHOWN_BYTES", 1_000_000)
    result = run_log.result_of(run)
    assert result["state"]["n"] == ROUNDS
    assert 10 < len(result["logs"]) < 30
    assert len(result["logs"]) + result["logs_left_out"] == 2 * ROUNDS
    assert result["logs"][0]["input"] == {"n": 0}
    assert result["logs"][-1]["input"] is None
    assert result["logs"][-1]["output"] is not None
    monkeypatch.setattr(run_log, "MOST_LOGGED", 5)
    assert len(run_log.result_of(run)["logs"]) == 5


def test_a_page_of_node_runs_leaves_out_states_that_would_be_too_much(run: Run) -> None:
    page = list(selectors.node_runs_of(run).order_by("activation")[100:150])
    inputs = selectors.inputs_of(run, page, most_bytes=10 * WIDTH)
    assert 8 <= len(inputs) <= 10
    (alone,) = selectors.inputs_of(run, page[-1:], most_bytes=10).values()
    assert len(alone["text"]) == WIDTH
    assert len(selectors.inputs_of(run, page)) == 50


def test_who_follows_a_run_is_told_all_of_it_in_parts(run: Run) -> None:
    follower = Follower(run.pk)
    parts = []
    while not follower.is_over:
        parts.append(follower.look())
        assert follower.has_more != follower.is_over
    assert len(parts) == 2 * ROUNDS // selectors.READ_AT_ONCE + 1
    events = [frame["event"] for part in parts for frame in part]
    assert events == ["node_start", "node_complete"] * 2 * ROUNDS + ["execution_complete"]
    assert [frame["event"] for frame in Follower(run.pk).all()] == events


def test_so_many_questions_as_one_can_answer_are_shown_the_oldest_first(ada: User) -> None:
    run = cast.start(ada, cast.SUM)
    Interrupt.objects.bulk_create(
        Interrupt(run=run, activation=number, node_id="ask", question=f"{number}?")
        for number in range(selectors.MOST_ASKED + 50)
    )
    shown = selectors.waiting_interrupts(run.pk)
    assert [one["question"] for one in shown] == [f"{number}?" for number in range(selectors.MOST_ASKED)]
    Interrupt.objects.filter(question="0?").update(status="answered")
    assert selectors.waiting_interrupts(run.pk)[0]["question"] == "1?"


def test_a_step_that_is_not_over_is_told_once(here: worker.Worker, ada: User) -> None:
    run = cast.start(ada, cast.SUM)
    NodeRun.objects.create(run=run, activation=0, node_id="start", tool="set_state")
    follower = Follower(run.pk)
    assert [frame["event"] for frame in [*follower.look(), *follower.look()]] == ["node_start"]
    assert not follower.has_more
