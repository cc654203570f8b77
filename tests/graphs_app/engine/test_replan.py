"""Forks from any checkpoint, and retries on a mended graph version."""

from typing import Any

import pytest

from graphs_app.engine.checkpoint import History, NodeDone
from graphs_app.engine.errors import HistoryMismatch
from graphs_app.engine.memory import StoredRun
from graphs_app.engine.replan import Plan, fork, plan_retry, state_at, states_at
from tests.graphs_app.engine.cast import Stage, chain, definition, edge, entries, final, node, status, tool, trace


def write(node_id: str, **values: Any) -> dict[str, Any]:
    return node(node_id, config={"write": values})


async def continue_from(stage: Stage, history: History, state: dict[str, Any]) -> StoredRun:
    """A new run of the newest version that goes on from a history."""
    stored = stage.store.create("main", state)
    for done in history.done:
        stored.journal.entries.append(
            NodeDone(
                done.number,
                done.activation,
                done.node_id,
                "",
                1,
                0,
                "completed",
                done.writes,
                done.edges_taken,
                stage.clock.now(),
                stage.clock.now(),
                0.0,
            )
        )
    stored.edits = dict(history.edits)
    await stage.go_on(stored)
    return stored


LINE = definition([write("a", x=1), write("b", y=1), write("c", z=1)], chain("a", "b", "c"))


async def test_the_state_at_every_checkpoint_can_be_rebuilt() -> None:
    stage = Stage()
    graph = definition(
        [node("a", "count_up"), "b"], [edge("a -> a", "n < 3"), "a -> b"], state={"log": {"reducer": "append"}}
    )
    graph["nodes"][1] = write("b", log="end")
    stored = await stage.run(graph, {"n": 0, "log": ["start"]})
    compiled, history = stage.store.compiled("main"), stored.journal.history()
    expected = [
        {"n": 0, "log": ["start"]},
        {"n": 1, "log": ["start"]},
        {"n": 2, "log": ["start"]},
        {"n": 3, "log": ["start"]},
        {"n": 3, "log": ["start", "end"]},
    ]
    given: dict[str, Any] = {"compiled": compiled, "initial_state": stored.initial_state, "history": history}
    assert [state_at(**given, number=number) for number in range(5)] == expected
    assert states_at(**given, numbers=range(5)) == dict(enumerate(expected))
    with pytest.raises(HistoryMismatch):
        state_at(**given, number=6)


@pytest.mark.parametrize("number", [0, 1, 2, 3])
async def test_a_fork_goes_on_from_its_checkpoint_with_the_edited_state(number: int) -> None:
    stage = Stage()
    stored = await stage.run(LINE, {"start": True})
    history = fork(
        compiled=stage.store.compiled("main"),
        initial_state=stored.initial_state,
        history=stored.journal.history(),
        number=number,
        edit={"x": "edited", "new": [1]},
    )
    assert len(history.done) == number
    forked = await continue_from(stage, history, stored.initial_state)
    assert trace(forked) == ["a", "b", "c"]
    assert final(forked) == {
        "start": True,
        "x": 1 if number == 0 else "edited",
        "y": 1,
        "z": 1,
        "new": [1],
    }
    assert [one.activation for one in entries(forked, NodeDone)] == [1, 2, 3]


async def test_an_edit_replaces_whatever_the_keys_reducer_is_and_forks_can_be_forked() -> None:
    stage = Stage()
    graph = definition([write("a", log=1), write("b", log=2), write("c", log=3)], chain("a", "b", "c"))
    graph["state"] = {"log": {"reducer": "append"}}
    stored = await stage.run(graph)
    compiled = stage.store.compiled("main")
    once = fork(compiled=compiled, initial_state={}, history=stored.journal.history(), number=1, edit={"log": ["once"]})
    first = await continue_from(stage, once, {})
    assert final(first) == {"log": ["once", 2, 3]}
    whole = History(done=first.journal.history().done, edits=once.edits)
    twice = fork(compiled=compiled, initial_state={}, history=whole, number=2, edit={"extra": 1})
    assert twice.edits == {1: {"log": ["once"]}, 2: {"extra": 1}}
    assert final(await continue_from(stage, twice, {})) == {"log": ["once", 2, 3], "extra": 1}
    assert fork(compiled=compiled, initial_state={}, history=whole, number=0, edit={}).edits == {}


async def test_a_fork_may_turn_a_branch() -> None:
    stage = Stage()
    graph = definition(
        ["a", "decide", "left", "right"], ["a -> decide", edge("decide -> left", "x > 5"), "decide -> right"]
    )
    stored = await stage.run(graph, {"x": 1})
    assert trace(stored) == ["a", "decide", "right"]
    history = fork(
        compiled=stage.store.compiled("main"),
        initial_state={"x": 1},
        history=stored.journal.history(),
        number=1,
        edit={"x": 10},
    )
    assert trace(await continue_from(stage, history, {"x": 1})) == ["a", "decide", "left"]


async def test_a_fork_of_what_is_not_there_is_refused() -> None:
    stage = Stage()
    stored = await stage.run(LINE)
    for number in (-1, 4):
        with pytest.raises(HistoryMismatch, match="checkpoint"):
            fork(
                compiled=stage.store.compiled("main"),
                initial_state={},
                history=stored.journal.history(),
                number=number,
                edit={},
            )


async def replan(
    stage: Stage, old: dict[str, Any], new: dict[str, Any], state: dict[str, Any] | None = None
) -> tuple[Plan, StoredRun]:
    stored = await stage.run(old, state)
    compiled = stage.store.compiled("main")
    plan = plan_retry(
        old=compiled, new=stage.store.save("main", new), initial_state=state or {}, history=stored.journal.history()
    )
    return plan, stored


def actions(plan: Plan) -> dict[str, str]:
    return {one.node_id: one.action for one in plan.nodes}


async def test_a_failed_node_that_was_mended_is_all_that_runs_again() -> None:
    stage = Stage()
    old = definition([write("a", x=1), write("b", y=1), node("c", "fail"), write("d", z=1)], chain("a", "b", "c", "d"))
    new = definition([write("a", x=1), write("b", y=1), write("c", c=1), write("d", z=1)], chain("a", "b", "c", "d"))
    plan, stored = await replan(stage, old, new)
    assert status(stored) == "failed"
    assert actions(plan) == {"a": "reuse", "b": "reuse"}
    assert plan.starts == ("c",)
    assert not plan.blocked
    retried = await continue_from(stage, plan.history, {})
    assert trace(retried) == ["a", "b", "c", "d"]
    assert final(retried) == {"x": 1, "y": 1, "c": 1, "z": 1}


async def test_a_retry_on_the_same_version_goes_on_at_the_failed_node() -> None:
    stage = Stage()
    graph = definition([write("a", x=1), node("b", "fail")], ["a -> b"])
    plan, _ = await replan(stage, graph, graph)
    assert (actions(plan), plan.starts) == ({"a": "reuse"}, ("b",))


async def test_a_changed_node_and_all_behind_it_run_again_but_not_its_neighbours() -> None:
    stage = Stage()
    nodes = [write("s", s=1), write("a", a=1), write("b", b=1), write("a2", a2=1), write("j", j=1), node("end", "fail")]
    edges = ["s -> a", "s -> b", "a -> a2", "a2 -> j", "b -> j", "j -> end"]
    changed = [write("s", s=1), write("a", a=2), write("b", b=1), write("a2", a2=1), write("j", j=1), write("end", e=1)]
    plan, _ = await replan(stage, definition(nodes, edges), definition(changed, edges))
    assert actions(plan) == {"s": "reuse", "a": "run_again", "b": "reuse", "a2": "run_again", "j": "run_again"}
    why = {one.node_id: one.why for one in plan.nodes}
    assert why["a"] == "Its config changed"
    assert "'a'" in why["a2"]
    retried = await continue_from(stage, plan.history, {})
    assert sorted(trace(retried)) == ["a", "a2", "b", "end", "j", "s"]
    assert final(retried) == {"s": 1, "a": 2, "b": 1, "a2": 1, "j": 1, "e": 1}


async def test_edges_that_changed_are_chosen_anew_on_the_work_that_is_kept() -> None:
    stage = Stage()
    nodes = [write("a", x=5), "wrong", "right"]
    old = definition([*nodes, node("bad", "fail")], [edge("a -> wrong", "x > 3"), "a -> right", "wrong -> bad"])
    new = definition(nodes, [edge("a -> wrong", "x > 30"), "a -> right"])
    plan, _ = await replan(stage, old, new)
    assert actions(plan) == {"a": "reuse", "wrong": "drop"}
    assert plan.starts == ("right",)
    assert "anew" in plan.nodes[0].why
    assert trace(await continue_from(stage, plan.history, {})) == ["a", "right"]


async def test_a_condition_that_could_not_be_decided_is_decided_by_its_mended_form() -> None:
    stage = Stage()
    old = definition([write("a", x="text"), "b"], [edge("a -> b", "x * 2 > 1")])
    new = definition([write("a", x="text"), "b"], [edge("a -> b", "len(x) > 1")])
    plan, stored = await replan(stage, old, new)
    assert status(stored) == "failed"
    assert (actions(plan), plan.starts) == ({"a": "reuse"}, ("b",))
    same, _ = await replan(stage, old, old)
    assert actions(same) == {"a": "blocked"}


async def test_a_loop_past_its_limit_goes_on_under_a_higher_one() -> None:
    stage = Stage()
    old = definition([node("a", "count_up"), "b"], [edge("a -> a", "n < 9"), "a -> b"], max_iterations=3)
    plan, stored = await replan(stage, old, {**old, "max_iterations": 50})
    assert status(stored) == "failed"
    assert [one.action for one in plan.nodes] == ["reuse"] * 4
    retried = await continue_from(stage, plan.history, {})
    assert final(retried) == {"n": 9}
    assert trace(retried) == ["a"] * 9 + ["b"]


async def test_a_node_that_wrote_outside_the_run_blocks_what_would_run_it_again() -> None:
    async def publish(context: Any, state: Any) -> dict[str, Any]:
        return {}

    stage = Stage(tool(publish, effects=True))
    nodes = [write("a", x=1), node("out", "publish"), node("bad", "fail")]
    changed = [write("a", x=2), node("out", "publish"), node("bad", "note")]
    plan, _ = await replan(
        stage, definition(nodes, chain("a", "out", "bad")), definition(changed, chain("a", "out", "bad"))
    )
    assert actions(plan) == {"a": "run_again", "out": "blocked"}
    assert plan.blocked
    assert "'publish'" in plan.nodes[1].why


async def test_a_node_that_is_gone_is_dropped_and_a_new_one_runs() -> None:
    stage = Stage()
    old = definition([write("a", x=1), write("b", y=1), node("c", "fail")], chain("a", "b", "c"))
    new = definition([write("a", x=1), write("b2", y=2), write("c", z=1)], chain("a", "b2", "c"))
    plan, _ = await replan(stage, old, new)
    assert actions(plan) == {"a": "reuse", "b": "drop"}
    assert final(await continue_from(stage, plan.history, {})) == {"x": 1, "y": 2, "z": 1}


async def test_a_fallback_that_was_taken_is_kept_while_there_is_one() -> None:
    stage = Stage()
    old = definition([node("a", "fail", on_error="fallback", fallback="b"), "b", node("c", "fail")], ["b -> c"])
    new = definition([node("a", "fail", on_error="fallback", fallback="b"), "b", "c"], ["b -> c"])
    without = definition([node("a", "fail", on_error="continue"), "b", "c"], ["a -> b", "b -> c"])
    plan, _ = await replan(stage, old, new)
    assert (actions(plan), plan.starts) == ({"a": "reuse", "b": "reuse"}, ("c",))
    plan, _ = await replan(stage, old, without)
    assert (actions(plan), plan.starts) == ({"a": "run_again", "b": "run_again"}, ("a",))


async def test_a_changed_reducer_reduces_what_is_reused_anew() -> None:
    stage = Stage()
    nodes = [write("a", x=1), write("b", x=2), node("c", "fail")]
    mended = [*nodes[:2], "c"]
    plan, _ = await replan(
        stage,
        definition(nodes, chain("a", "b", "c")),
        definition(mended, chain("a", "b", "c"), state={"x": {"reducer": "append"}}),
    )
    assert final(await continue_from(stage, plan.history, {})) == {"x": [1, 2]}


async def test_the_edits_of_a_fork_stay_in_force_in_its_retry() -> None:
    stage = Stage()
    graph = definition([write("a", x=1), write("b", y=1), node("c", "fail")], chain("a", "b", "c"))
    stored = await stage.run(graph)
    compiled = stage.store.compiled("main")
    history = History(done=stored.journal.history().done, edits={1: {"x": "edited"}})
    plan = plan_retry(old=compiled, new=compiled, initial_state={}, history=history)
    assert plan.history.edits == {1: {"x": "edited"}}
