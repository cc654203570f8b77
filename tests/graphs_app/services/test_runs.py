"""What people do with runs, and what becomes of them."""

from typing import Any

import pytest

from graphs_app import selectors, worker
from graphs_app.errors import (
    CheckpointNotFound,
    GraphNotFound,
    InterruptAnswered,
    InvalidAnswer,
    InvalidState,
    NodeNotInVersion,
    RunFinished,
    RunNotFailed,
    RunNotFinished,
)
from graphs_app.models import Interrupt, NodeRun, Run, RunStatus
from graphs_app.services import continuing, execution, graphs, runs
from sessions_app.models import SessionEvent, User
from tests.graphs_app import cast
from tests.graphs_app.cast import line, node

ASK = line(
    "Ask",
    node("prepare", "set_state", {"values": {"ready": True}}),
    node("ask", "ask_human", {"question": "How many?", "schema": {"type": "integer"}, "write": "n"}),
    node("add", "compute", {"set": {"n": "n + 1"}}),
)


def test_a_queued_run_is_cancelled_at_once(here: worker.Worker, ada: User) -> None:
    session = cast.make_session(ada)
    run = runs.cancel_run(run=cast.start(ada, cast.SUM, session_id=session.pk))
    assert run.status == RunStatus.CANCELLED
    assert cast.types_of(session) == ["run.queued", "run.cancel_requested", "run.cancelled"]
    assert execution.execute(run_id=run.pk) is None


def test_a_running_run_is_cancelled_in_two_stages(here: worker.Worker, ada: User) -> None:
    session = cast.make_session(ada)
    run = cast.start(ada, line("Nap", node("nap", "sleep", {"seconds": 600})), session_id=session.pk)
    work = execution.execute(run_id=run.pk)
    assert work is not None
    cast.wait_until(lambda: NodeRun.objects.filter(run=run).exists())
    assert runs.cancel_run(run=run).status == RunStatus.RUNNING
    work.result(20)
    run.refresh_from_db()
    assert run.status == RunStatus.CANCELLED
    types = cast.types_of(session)
    assert types.index("run.cancel_requested") < types.index("run.cancelled")
    assert types.count("run.cancelled") == 1


def test_a_finished_run_cannot_be_cancelled(here: worker.Worker, ada: User) -> None:
    run = cast.execute(cast.start(ada, cast.SUM))
    with pytest.raises(RunFinished):
        runs.cancel_run(run=run)


def test_a_run_waits_for_a_person_and_goes_on_with_the_answer(here: worker.Worker, ada: User) -> None:
    session = cast.make_session(ada)
    run = cast.execute(cast.start(ada, ASK, session_id=session.pk))
    assert run.status == RunStatus.INTERRUPTED
    [question] = selectors.waiting_interrupts(run.pk)
    assert (question["node_id"], question["question"], question["schema"]) == ("ask", "How many?", {"type": "integer"})
    told = SessionEvent.objects.get(session=session, type="run.interrupted")
    assert told.data == {"interrupts": [question]}
    with pytest.raises(InvalidAnswer, match="'many' is not of type 'integer'"):
        runs.resume_run(user=ada, run=run, interrupt_id=question["id"], value="many")
    assert runs.resume_run(user=ada, run=run, interrupt_id=question["id"], value=41).status == RunStatus.QUEUED
    with pytest.raises(InterruptAnswered):
        runs.resume_run(user=ada, run=run, interrupt_id=question["id"], value=42)
    cast.execute(run)
    assert (run.status, run.state) == ("completed", {"ready": True, "n": 42})
    assert cast.types_of(session).count("node.completed") == 3
    assert cast.types_of(session).count("run.interrupted") == 1


def test_an_answer_that_comes_while_others_still_work_is_not_waited_for_twice(here: worker.Worker, ada: User) -> None:
    split = {
        "v": 1,
        "name": "Split",
        "entry_node": "begin",
        "nodes": [
            node("begin", "set_state", {"values": {}}),
            node("ask", "ask_human", {"question": "Go?", "write": "go"}),
            node("nap", "sleep", {"seconds": 1}),
            node("end", "set_state", {"values": {"over": True}}),
        ],
        "edges": [
            {"from_node": "begin", "to_node": "ask"},
            {"from_node": "begin", "to_node": "nap"},
            {"from_node": "ask", "to_node": "end"},
            {"from_node": "nap", "to_node": "end"},
        ],
    }
    run = cast.start(ada, split)
    work = execution.execute(run_id=run.pk)
    assert work is not None
    cast.wait_until(lambda: Interrupt.objects.filter(run=run).exists())
    runs.resume_run(user=ada, run=run, interrupt_id=Interrupt.objects.get(run=run).pk, value=True)
    work.result(20)
    run.refresh_from_db()
    if run.status == RunStatus.QUEUED:
        cast.execute(run)
    assert (run.status, run.state) == ("completed", {"go": True, "over": True})


def test_an_interrupted_run_can_be_cancelled_and_then_takes_no_answer(here: worker.Worker, ada: User) -> None:
    run = cast.execute(cast.start(ada, ASK))
    [question] = selectors.waiting_interrupts(run.pk)
    assert runs.cancel_run(run=run).status == RunStatus.CANCELLED
    with pytest.raises(InterruptAnswered):
        runs.resume_run(user=ada, run=run, interrupt_id=question["id"], value=1)


def test_a_fork_goes_on_from_a_checkpoint_with_edited_state(here: worker.Worker, ada: User) -> None:
    run = cast.execute(cast.start(ada, cast.SUM))
    fork = cast.execute(continuing.fork_run(user=ada, run=run, checkpoint=3, state={"n": 4, "note": "forked"}))
    assert (fork.status, fork.state, fork.forked_from_id) == ("completed", {"n": 5, "note": "forked"}, run.pk)
    assert [one.node_id for one in selectors.checkpoints_of(fork)] == ["start", "add", "add", "add"]
    assert selectors.state_at(fork, 3) == {"n": 4, "note": "forked"}
    assert selectors.state_at(run, 3) == {"n": 2}
    run.refresh_from_db()
    assert run.state == {"n": 5}
    with pytest.raises(CheckpointNotFound):
        continuing.fork_run(user=ada, run=run, checkpoint=7)


def test_a_fork_of_a_fork_keeps_both_edits(here: worker.Worker, ada: User) -> None:
    run = cast.execute(cast.start(ada, cast.SUM))
    first = cast.execute(continuing.fork_run(user=ada, run=run, checkpoint=1, state={"a": 1}))
    second = cast.execute(continuing.fork_run(user=ada, run=first, checkpoint=2, state={"b": 2}))
    assert second.state == {"n": 5, "a": 1, "b": 2}


def broken(message: str = "boom") -> dict[str, Any]:
    return line(
        "Mend",
        node("one", "set_state", {"values": {"n": 1}}),
        node("two", "fail", {"message": message}),
        node("three", "compute", {"set": {"n": "n + 1"}}),
    )


def test_a_failed_run_is_retried_on_a_mended_version(here: worker.Worker, ada: User) -> None:
    graph = cast.keep(ada, broken())
    run = cast.execute(runs.start_run(user=ada, graph=graph.slug, initial_state={}))
    assert run.status == RunStatus.FAILED
    assert run.error is not None
    assert (run.error["node_id"], "boom" in run.error["message"]) == ("two", True)
    mended = broken()
    mended["nodes"][1] = node("two", "compute", {"set": {"n": "n + 10"}})
    graphs.add_version(user=ada, graph=graph, definition=mended)
    plan, version = continuing.retry_plan(run=run)
    assert version.number == 2
    assert [(one.node_id, one.action) for one in plan.nodes] == [("one", "reuse")]
    assert plan.starts == ("two",)
    again = cast.execute(continuing.retry_run(user=ada, run=run))
    assert (again.status, again.state, again.forked_from_id) == ("completed", {"n": 12}, run.pk)
    one = NodeRun.objects.get(run=again, node_id="one")
    assert one.finished_at == NodeRun.objects.get(run=run, node_id="one").finished_at


def test_a_retry_on_a_version_without_what_was_done_begins_anew_there(here: worker.Worker, ada: User) -> None:
    graph = cast.keep(ada, broken())
    run = cast.execute(runs.start_run(user=ada, graph=graph.slug, initial_state={}))
    other = line("Mend", node("zero", "set_state", {"values": {"n": 0}}))
    graphs.add_version(user=ada, graph=graph, definition=other)
    plan, _ = continuing.retry_plan(run=run)
    assert [(one.node_id, one.action) for one in plan.nodes] == [("one", "drop")]
    again = cast.execute(continuing.retry_run(user=ada, run=run))
    assert (again.status, again.state) == ("completed", {"n": 0})


def test_one_node_runs_alone_on_what_it_saw(here: worker.Worker, ada: User) -> None:
    run = cast.execute(cast.start(ada, cast.SUM, initial_state={"seed": 1}))
    third = NodeRun.objects.get(run=run, number=3)
    alone = continuing.run_node_alone(user=ada, run=run, activation=third.activation)
    cast.execute(alone)
    assert (alone.status, alone.state) == ("completed", {"seed": 1, "n": 2})
    assert (alone.only_node, alone.from_node_run, alone.forked_from_id) == ("add", third.pk, run.pk)
    assert [one.node_id for one in NodeRun.objects.filter(run=alone)] == ["add"]
    edited = continuing.run_node_alone(user=ada, run=run, activation=third.activation, state={"n": 40})
    assert cast.execute(edited).state == {"seed": 1, "n": 41}


def test_one_node_runs_alone_as_a_mended_version_draws_it(here: worker.Worker, ada: User) -> None:
    run = cast.execute(cast.start(ada, cast.SUM))
    graph = run.graph_version.graph
    mended = {**cast.SUM, "nodes": [cast.SUM["nodes"][0], node("add", "compute", {"set": {"n": "n + 100"}})]}
    graphs.add_version(user=ada, graph=graph, definition=mended)
    second = NodeRun.objects.get(run=run, number=2).activation
    assert cast.execute(continuing.run_node_alone(user=ada, run=run, activation=second, version=2)).state == {"n": 100}
    assert cast.execute(continuing.run_node_alone(user=ada, run=run, activation=second)).state == {"n": 1}
    graphs.add_version(user=ada, graph=graph, definition=line("Sum", node("other", "set_state", {"values": {}})))
    with pytest.raises(NodeNotInVersion):
        continuing.run_node_alone(user=ada, run=run, activation=second, version=3)
    with pytest.raises(CheckpointNotFound):
        continuing.run_node_alone(user=ada, run=run, activation=99)


def test_one_node_that_fails_alone_can_be_retried_alone(here: worker.Worker, ada: User) -> None:
    broken = line("Two", node("first", "set_state", {"values": {"n": 1}}), node("bad", "fail", {"message": "no luck"}))
    run = cast.execute(cast.start(ada, broken))
    bad = NodeRun.objects.get(run=run, node_id="bad")
    alone = cast.execute(continuing.run_node_alone(user=ada, run=run, activation=bad.activation))
    assert (alone.status, alone.initial_state) == ("failed", {"n": 1})
    mended = line("Two", node("first", "set_state", {"values": {}}), node("bad", "set_state", {"values": {"m": 2}}))
    graphs.add_version(user=ada, graph=run.graph_version.graph, definition=mended)
    again = cast.execute(continuing.retry_run(user=ada, run=alone))
    assert (again.status, again.state, again.from_node_run) == ("completed", {"n": 1, "m": 2}, bad.pk)
    assert [one.node_id for one in NodeRun.objects.filter(run=again)] == ["bad"]


def test_only_what_failed_can_be_retried(here: worker.Worker, ada: User) -> None:
    queued = cast.start(ada, cast.SUM)
    with pytest.raises(RunNotFinished):
        continuing.retry_run(user=ada, run=queued)
    cast.execute(queued)
    with pytest.raises(RunNotFailed):
        continuing.retry_run(user=ada, run=queued)


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("state", "code"),
    [
        ([], "not_an_object"),
        ({"x": float("inf")}, "not_json"),
        ({"x": "y" * 5_000_000}, "state_too_large"),
        ({"x": [[] for _ in range(70_000)]}, "state_too_large"),  # 210 kB of text, and all of a state's memory
        ({"x": nested(65)}, "writes_invalid"),
        ({"x": 2**1025}, "writes_invalid"),
    ],
)
def test_a_state_that_cannot_be_stored_is_refused(ada: User, state: Any, code: str) -> None:
    with pytest.raises(InvalidState) as caught:
        cast.start(ada, cast.SUM, initial_state=state)
    assert caught.value.errors[0]["code"] == code
    assert not Run.objects.exists()


def test_the_graph_of_another_person_is_not_there(ada: User) -> None:
    graph = cast.keep(ada, cast.SUM)
    eve = User.objects.create(username="eve")
    with pytest.raises(GraphNotFound):
        runs.start_run(user=eve, graph=graph.slug, initial_state={})
