"""Pauses for people: several at once, in loops, in maps and sub-graphs; answers by activation."""

import asyncio
from typing import Any

from graphs_app.engine.checkpoint import Interrupted, NodeDone, NodeStarted
from tests.graphs_app.engine.cast import Stage, definition, edge, entries, final, node, quiet, status, tool, trace


def ask(node_id: str, write: str, **config: Any) -> dict[str, Any]:
    return node(node_id, "ask_human", config={"question": f"{node_id}?", "write": write, **config})


async def test_a_run_waits_for_an_answer_and_goes_on_with_it() -> None:
    stage = Stage()
    stored = await stage.run(definition([ask("a", "x", schema={"type": "integer"}), "b"], ["a -> b"]))
    assert status(stored) == "interrupted"
    (asked,) = entries(stored, Interrupted)
    assert (asked.activation, asked.question, asked.schema, asked.has_default, asked.timeout_s) == (
        1,
        "a?",
        {"type": "integer"},
        False,
        None,
    )
    stored.answers = {1: 5}
    await stage.go_on(stored)
    assert final(stored) == {"x": 5}
    assert trace(stored) == ["a", "b"]


async def test_a_question_that_times_out_tells_its_default() -> None:
    stage = Stage()
    graph = definition(
        [ask("a", "x", timeout_s=60, default="no"), ask("b", "y", timeout_s=5), "c"], ["a -> b", "b -> c"]
    )
    stored = await stage.run(graph)
    (asked,) = entries(stored, Interrupted)
    assert (asked.timeout_s, asked.has_default, asked.default) == (60, True, "no")
    stored.answers = {1: asked.default}
    await stage.go_on(stored)
    asked = entries(stored, Interrupted)[-1]
    assert (asked.timeout_s, asked.has_default, asked.default) == (5, True, None)


async def test_other_branches_go_on_first_and_several_questions_wait_at_once() -> None:
    graph = definition(
        ["s", ask("a", "x"), ask("b", "y"), node("slow", config={"seconds": 100}), "next", "join"],
        ["s -> a", "s -> b", "s -> slow", "slow -> next", "a -> join", "b -> join", "next -> join"],
    )
    stage = Stage()
    stored = await stage.run(graph)
    assert status(stored) == "interrupted"
    assert trace(stored) == ["s", "slow", "next"]
    asked = entries(stored, Interrupted)
    assert [one.node_id for one in asked] == ["a", "b"]

    stored.answers = {asked[1].activation: "second"}
    await stage.go_on(stored)
    assert status(stored) == "interrupted"
    assert trace(stored) == ["s", "slow", "next", "b"]
    assert len(entries(stored, Interrupted)) == 2

    stored.answers[asked[0].activation] = None
    await stage.go_on(stored)
    assert final(stored) == {"x": None, "y": "second"}
    assert trace(stored)[-1] == "join"


async def test_an_answer_reaches_a_run_that_is_still_under_way() -> None:
    graph = definition(
        ["s", ask("a", "x"), node("slow", config={"seconds": 100}), "after"], ["s -> a", "s -> slow", "a -> after"]
    )
    stage = Stage()
    stage.store.save("main", graph)
    stored = stage.store.create("main", {})
    stage.clock.call_later(10, lambda: stored.control.answer(2, "now"))
    await stage.go_on(stored)
    assert trace(stored) == ["s", "a", "after", "slow"]
    done = {one.node_id: one for one in entries(stored, NodeDone)}
    assert (done["after"].finished_at - done["s"].finished_at).total_seconds() == 10
    assert final(stored) == {"x": "now"}


async def test_an_answer_to_nobody_changes_nothing() -> None:
    stage = Stage()
    stage.store.save("main", definition([node("a", config={"seconds": 5})], []))
    stored = stage.store.create("main", {})
    stage.clock.call_later(1, lambda: stored.control.answer(99, "?"))
    await stage.go_on(stored)
    assert status(stored) == "completed"


async def test_a_question_in_a_loop_is_asked_each_time_round_by_its_own_activation() -> None:
    graph = definition([ask("a", "x"), "b"], [edge("a -> a", "x != 'done'"), "a -> b"])
    stage = Stage()
    stored = await stage.run(graph)
    for answer in ("more", "more", "done"):
        activation = entries(stored, Interrupted)[-1].activation
        stored.answers[activation] = answer
        await stage.go_on(stored)
    assert [one.activation for one in entries(stored, Interrupted)] == [1, 2, 3]
    assert trace(stored) == ["a", "a", "a", "b"]


async def test_a_question_that_waits_is_not_asked_again_after_a_restart() -> None:
    stage = Stage()
    stored = await stage.run(definition([ask("a", "x")], []))
    await stage.go_on(stored)
    assert len(entries(stored, Interrupted)) == 1
    assert len(entries(stored, NodeStarted)) == 1
    assert status(stored) == "interrupted"


async def test_a_join_waits_for_a_person() -> None:
    graph = definition(["s", ask("a", "x"), "b", "join"], ["s -> a", "s -> b", "a -> join", "b -> join"])
    stored = await Stage().run(graph)
    assert trace(stored) == ["s", "b"]


async def test_questions_in_sub_graphs_and_maps_pause_every_run_above() -> None:
    stage = Stage()
    stage.store.save("leaf", definition([ask("a", "answer")], []))
    stage.store.save("middle", definition([node("sub", "graph", config={"graph": "leaf", "input": {"n": "item"}})], []))
    mapping = {"items": "[1, 2, 3]", "as": "item", "graph": "middle", "collect": "answer", "write": "answers"}
    stage.store.save("main", definition([node("map", "map", config=mapping), "end"], ["map -> end"]))
    main = stage.store.create("main", {})
    await stage.go_on(main)
    assert status(main) == "interrupted"
    leaves = [one for one in stage.store.runs.values() if one.graph == "leaf"]
    assert {status(one) for one in stage.store.runs.values()} == {"interrupted"}
    assert sorted(one.initial_state["n"] for one in leaves) == [1, 2, 3]
    assert entries(main, Interrupted) == []

    for leaf in leaves[:2]:
        leaf.answers = {1: f"answer {leaf.initial_state['n']}"}
    await stage.go_on(main)
    assert status(main) == "interrupted"
    leaves[2].answers = {1: f"answer {leaves[2].initial_state['n']}"}
    await stage.go_on(main)
    assert final(main)["answers"] == ["answer 1", "answer 2", "answer 3"]
    assert len(stage.store.runs) == 7
    assert [len(entries(leaf, NodeDone)) for leaf in leaves] == [1, 1, 1]


async def test_an_answer_to_a_sub_run_is_passed_on_while_other_branches_still_work() -> None:
    stage = Stage()
    stage.store.save("inner", definition([node("ask", "ask_human", config={"question": "?", "write": "a"})], []))
    down = node("down", "graph", config={"graph": "inner", "write": "below"})
    long = node("long", config={"seconds": 100})
    stage.store.save("main", definition(["s", down, long, "next"], ["s -> down", "s -> long", "down -> next"]))
    stored = stage.store.create("main", {})
    parked: list[list[int]] = []

    def answer() -> None:
        parked.append(list(stored.control.parked))
        [(activation, _), below] = next(iter(stored.sub_runs.items()))
        stage.store.runs[below].answers[1] = "yes"
        stored.control.wake(activation)

    stage.clock.call_later(10, answer)
    await stage.go_on(stored)
    assert [len(one) for one in parked] == [1]
    assert trace(stored) == ["s", "down", "next", "long"]
    assert final(stored)["below"] == {"a": "yes"}


async def test_an_item_of_a_map_goes_on_with_its_answer_while_other_items_still_work() -> None:
    stage = Stage()
    inner = definition(
        [
            "look",
            node("ask", "ask_human", config={"question": "?", "write": "a"}),
            node("long", config={"seconds": 100}),
        ],
        [edge("look -> ask", "item < 2"), "look -> long"],
    )
    stage.store.save("inner", inner)
    config = {"items": "items", "as": "item", "graph": "inner", "write": "found", "collect": "a"}
    stage.store.save("main", definition([node("all", "map", config=config)], []))
    stored = stage.store.create("main", {"items": [0, 1, 2]})
    ended: list[list[str]] = []

    def answer() -> None:
        for (activation, key), below in stored.sub_runs.items():
            if key != "2":
                stage.store.runs[below].answers[2] = f"yes {key}"
                stored.control.wake(activation, key)
                stored.control.wake(activation, key)

    def look() -> None:
        below = [stage.store.runs[run_id].ended for run_id in stored.sub_runs.values()]
        ended.append(["" if one is None else one.status for one in below])

    stage.clock.call_later(10, answer)
    stage.clock.call_later(50, look)
    await stage.go_on(stored)
    assert ended == [["completed", "completed", ""]]
    assert final(stored)["found"] == ["yes 0", "yes 1", None]


async def test_a_tool_cannot_swallow_its_own_question() -> None:
    async def guarded(context: Any, state: Any) -> dict[str, Any]:
        try:
            return {"x": await context.ask("?", schema=None, default=None, has_default=False, timeout_s=None)}
        except Exception:
            return {"x": "swallowed"}

    stored = await Stage(tool(guarded)).run(definition([node("a", "guarded")], []))
    assert status(stored) == "interrupted"


async def test_failing_elsewhere_ends_a_run_that_has_asked() -> None:
    graph = definition(
        ["s", ask("a", "x"), node("late", config={"seconds": 1}), node("bad", "fail")],
        ["s -> a", "s -> late", "late -> bad"],
    )
    stored = await Stage().run(graph)
    assert status(stored) == "failed"


async def test_cancelling_ends_a_run_that_only_waits_for_others() -> None:
    stage = Stage()
    stage.store.save(
        "main", definition(["s", ask("a", "x"), node("slow", config={"seconds": 100})], ["s -> a", "s -> slow"])
    )
    stored = stage.store.create("main", {})
    running = asyncio.ensure_future(stage.store.go_on(stored))
    await quiet()
    stored.control.cancel()
    await running
    assert status(stored) == "cancelled"
