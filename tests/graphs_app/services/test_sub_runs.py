"""Runs inside runs: sub-graphs and maps, their failures, their people, their cancellation, and what a crash leaves."""

from collections.abc import Mapping
from typing import Any

import pytest

from graphs_app import selectors, worker
from graphs_app.engine.registry import REGISTRY, ToolContext, make_tool
from graphs_app.models import NodeRun, Run, RunStatus
from graphs_app.services import claims, execution, runs
from sessions_app.models import User
from tests.graphs_app import cast
from tests.graphs_app.cast import line, node

DOUBLE = line("Double", node("double", "compute", {"set": {"n": "item * 2"}}))
ASK_ITEM = line("Ask item", node("ask", "ask_human", {"question": "Name?", "write": "name"}))


def mapping(**config: Any) -> dict[str, Any]:
    config = {"items": "items", "as": "item", "graph": "double", "collect": "n", "write": "doubled", **config}
    return line("Map", node("map", "map", config))


def test_a_map_runs_each_item_as_a_run_of_its_own_in_order(here: worker.Worker, ada: User) -> None:
    cast.keep(ada, DOUBLE)
    session = cast.make_session(ada)
    run = cast.execute(cast.start(ada, mapping(), initial_state={"items": [1, 2, 3]}, session_id=session.pk))
    assert (run.status, run.state) == ("completed", {"items": [1, 2, 3], "doubled": [2, 4, 6]})
    below = Run.objects.filter(parent=run)
    assert {one.status for one in below} == {RunStatus.COMPLETED}
    assert below.count() == 3
    assert cast.types_of(session) == ["run.queued", "run.started", "node.started", "node.completed", "run.completed"]


def test_a_sub_run_that_fails_fails_its_node(here: worker.Worker, ada: User) -> None:
    cast.keep(ada, line("Bad", node("bad", "fail", {"message": "no luck"})))
    run = cast.execute(cast.start(ada, line("Up", node("down", "graph", {"graph": "bad"}))))
    assert run.status == RunStatus.FAILED
    assert run.error is not None
    assert "no luck" in run.error["message"]
    assert Run.objects.get(parent=run).status == RunStatus.FAILED


def test_another_attempt_of_a_node_makes_new_sub_runs_for_those_that_failed_and_keeps_the_others(
    here: worker.Worker, ada: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    busy = ["b"]

    async def endpoint(context: ToolContext, state: Mapping[str, Any]) -> dict[str, Any]:
        if state["item"] in busy:
            busy.remove(state["item"])
            raise ValueError("busy")
        return {"n": state["item"].upper()}

    monkeypatch.setitem(REGISTRY._tools, "endpoint", make_tool("endpoint", endpoint))
    cast.keep(ada, line("Asks", node("ask", "endpoint")))
    graph = mapping(graph="asks", max_parallel=1)
    graph["nodes"][0]["retry"] = {"max_attempts": 3, "backoff_s": 0}
    run = cast.execute(cast.start(ada, graph, initial_state={"items": ["a", "b", "c"]}))
    assert (run.status, run.state["doubled"]) == ("completed", ["A", "B", "C"])
    below = Run.objects.filter(parent=run).order_by("parent_key").values_list("parent_key", "status")
    assert list(below) == [("1:0", "completed"), ("1:1", "failed"), ("1:1~2", "completed"), ("1:2", "completed")]


def test_people_are_asked_by_sub_runs_each_by_its_own_interrupt(here: worker.Worker, ada: User) -> None:
    cast.keep(ada, ASK_ITEM)
    run = cast.start(ada, mapping(graph="ask-item", collect="name"), initial_state={"items": [1, 2]})
    cast.execute(run)
    assert run.status == RunStatus.INTERRUPTED
    questions = selectors.waiting_interrupts(run.pk)
    assert len(questions) == 2
    for name, question in zip(("Ann", "Bob"), questions, strict=True):
        runs.resume_run(user=ada, run=run, interrupt_id=question["id"], value=name)
        cast.execute(run)
    assert (run.status, sorted(run.state["doubled"])) == ("completed", ["Ann", "Bob"])
    assert Run.objects.filter(parent=run).count() == 2


def test_cancelling_a_run_cancels_what_runs_below_it(here: worker.Worker, ada: User) -> None:
    cast.keep(ada, line("Nap", node("nap", "sleep", {"seconds": 600})))
    run = cast.start(ada, line("Up", node("down", "graph", {"graph": "nap"})))
    work = execution.execute(run_id=run.pk)
    assert work is not None
    cast.wait_until(lambda: NodeRun.objects.filter(run__parent=run).exists())
    runs.cancel_run(run=run)
    work.result(20)
    run.refresh_from_db()
    assert run.status == RunStatus.CANCELLED
    assert Run.objects.get(parent=run).status == RunStatus.CANCELLED


def test_a_sub_run_that_was_done_before_a_crash_is_not_run_again(here: worker.Worker, ada: User) -> None:
    cast.keep(ada, DOUBLE)
    cast.keep(ada, line("Nap", node("nap", "sleep", {"seconds": 0.2})))
    twice = line(
        "Twice",
        node("first", "graph", {"graph": "double", "input": {"item": "4"}, "write": "first"}),
        node("second", "graph", {"graph": "nap", "write": "second"}),
    )
    run = cast.start(ada, twice)
    execution.execute(run_id=run.pk)
    cast.wait_until(lambda: NodeRun.objects.filter(run__parent=run, node_id="nap").exists())
    # The lease passes to another worker, as when this one had been stopped for too long.
    Run.objects.filter(pk=run.pk).update(lease_until="2000-01-01T00:00:00Z")
    taken = claims.claim_run(run_id=run.pk, owner="another")
    assert taken is not None
    cast.wait_until(lambda: not here.running)
    assert claims.release_lease(run=taken)
    cast.execute(run)
    assert run.status == RunStatus.COMPLETED
    assert run.state["first"]["n"] == 8
    assert Run.objects.get(parent=run, graph_version__graph__slug="double").attempt == 1


def test_an_answer_to_a_question_far_below_is_passed_on_while_the_root_still_works(
    here: worker.Worker, ada: User
) -> None:
    cast.keep(ada, ASK_ITEM)
    cast.keep(ada, line("Middle", node("ask", "graph", {"graph": "ask-item", "write": "asked"})))
    split = {
        "v": 1,
        "name": "Split",
        "entry_node": "begin",
        "nodes": [
            node("begin", "set_state", {"values": {}}),
            node("down", "graph", {"graph": "middle", "write": "below"}),
            node("nap", "sleep", {"seconds": 600}),
        ],
        "edges": [{"from_node": "begin", "to_node": "down"}, {"from_node": "begin", "to_node": "nap"}],
    }
    run = cast.start(ada, split)
    work = execution.execute(run_id=run.pk)
    assert work is not None
    cast.wait_until(lambda: Run.objects.filter(parent=run, status=RunStatus.INTERRUPTED).exists(), 60)
    [question] = selectors.waiting_interrupts(run.pk)
    runs.resume_run(user=ada, run=run, interrupt_id=question["id"], value="Ann")
    cast.wait_until(lambda: NodeRun.objects.filter(run=run, node_id="down", number__isnull=False).exists(), 60)
    run.refresh_from_db()
    assert (run.status, run.attempt) == ("running", 1)
    assert NodeRun.objects.get(run=run, node_id="down").writes == {"below": {"asked": {"name": "Ann"}}}
    runs.cancel_run(run=run)
    work.result(60)


def test_an_answer_to_an_item_of_a_map_is_passed_on_while_other_items_still_work(
    here: worker.Worker, ada: User
) -> None:
    item = {
        "v": 1,
        "name": "Item",
        "entry_node": "look",
        "nodes": [
            node("look", "set_state", {"values": {}}),
            node("ask", "ask_human", {"question": "Who?", "write": "name"}),
            node("nap", "sleep", {"seconds": 600}),
        ],
        "edges": [
            {"from_node": "look", "to_node": "ask", "type": "conditional", "condition": "asks"},
            {"from_node": "look", "to_node": "nap"},
        ],
    }
    cast.keep(ada, item)
    config = {"items": "[true, false]", "as": "asks", "graph": "item", "write": "names"}
    run = cast.start(ada, line("Each", node("each", "map", config)))
    work = execution.execute(run_id=run.pk)
    assert work is not None
    cast.wait_until(lambda: Run.objects.filter(parent=run, status=RunStatus.INTERRUPTED).exists(), 60)
    [question] = selectors.waiting_interrupts(run.pk)
    runs.resume_run(user=ada, run=run, interrupt_id=question["id"], value="Ann")
    cast.wait_until(lambda: Run.objects.filter(parent=run, status=RunStatus.COMPLETED).exists(), 60)
    run.refresh_from_db()
    assert (run.status, run.attempt) == ("running", 1)
    runs.cancel_run(run=run)
    work.result(60)


def test_what_a_sub_run_that_failed_was_answered_queues_nobody_again(here: worker.Worker, ada: User) -> None:
    cast.keep(ada, ASK_ITEM)
    run = cast.execute(cast.start(ada, line("Up", node("down", "graph", {"graph": "ask-item"}))))
    [question] = selectors.waiting_interrupts(run.pk)
    runs.resume_run(user=ada, run=run, interrupt_id=question["id"], value="Ann")
    assert selectors.unused_answers(run.pk).count() == 1
    Run.objects.filter(parent=run).update(status=RunStatus.FAILED)
    assert not selectors.unused_answers(run.pk).exists()
