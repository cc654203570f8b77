"""Built-in tools: values, expressions, words; sub-graphs and maps."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from graphs_app.engine.checkpoint import NodeDone
from graphs_app.engine.limits import MAX_NESTING
from graphs_app.engine.registry import ToolContext, make_tool
from tests.graphs_app.engine.cast import Stage, definition, edge, entries, error, final, node, status, tool, trace


async def test_set_state_writes_its_values() -> None:
    graph = definition([node("a", "set_state", config={"values": {"x": 1, "y": {"z": [None]}}})], [])
    assert final(await Stage().run(graph, {"x": 0})) == {"x": 1, "y": {"z": [None]}}


async def test_compute_writes_what_its_expressions_come_to_on_the_state_before() -> None:
    config = {"set": {"n": "n + 1", "double": "n * 2", "big": "n > 1 and true", "gone": "nothing.at.all"}}
    assert final(await Stage().run(definition([node("a", "compute", config=config)], []), {"n": 3})) == {
        "n": 4,
        "double": 6,
        "big": True,
        "gone": None,
    }


async def test_an_expression_that_fails_is_the_nodes_error_with_its_column() -> None:
    graph = definition([node("a", "compute", config={"set": {"x": "name * 2"}}, retry={"max_attempts": 3})], [])
    stored = await Stage().run(graph, {"name": "Ada"})
    assert (error(stored)["type"], error(stored)["attempt"]) == ("ConditionFailed", 1)
    assert "column 6" in error(stored)["message"]


async def test_sleep_takes_its_time_by_the_clock() -> None:
    stage = Stage()
    await stage.run(definition([node("a", "sleep", config={"seconds": 12.5})], []))
    assert stage.clock.elapsed == 12.5


async def test_fail_fails_its_first_attempts_or_always() -> None:
    always = definition([node("a", "fail", config={"message": "boom"}, retry={"max_attempts": 3, "backoff_s": 0})], [])
    stored = await Stage().run(always)
    assert (error(stored)["message"], error(stored)["attempt"]) == ("boom", 3)
    never = definition([node("a", "fail", config={"message": "boom", "times": 0})], [])
    assert status(await Stage().run(never)) == "completed"


async def test_emit_streams_its_text_word_by_word() -> None:
    stored = await Stage().run(definition([node("a", "emit", config={"text": "one  two\nthree"})], []))
    assert [text for _, _, _, text in stored.streamed] == ["one  ", "two\n", "three"]
    assert entries(stored, NodeDone)[0].text == "one  two\nthree"


ADDER = definition([node("add", "compute", config={"set": {"sum": "a + b"}})], [])


async def test_a_sub_graph_runs_on_its_input_and_its_state_is_kept_under_a_key() -> None:
    stage = Stage()
    stage.store.save("adder", ADDER)
    config = {"graph": "adder", "input": {"a": "x", "b": "x * 10"}, "write": "result"}
    stored = await stage.run(definition([node("sub", "graph", config=config)], []), {"x": 2})
    assert final(stored) == {"x": 2, "result": {"a": 2, "b": 20, "sum": 22}}
    (child,) = [one for one in stage.store.runs.values() if one.parent]
    assert child.parent == stored.run_id
    assert trace(child) == ["add"]


async def test_a_sub_graph_without_words_takes_the_state_and_writes_what_it_changed() -> None:
    stage = Stage()
    stage.store.save("adder", ADDER)
    stored = await stage.run(
        definition([node("sub", "graph", config={"graph": "adder"})], []), {"a": 1, "b": 2, "c": 3}
    )
    assert entries(stored, NodeDone)[0].writes == {"sum": 3}


async def test_a_version_of_a_sub_graph_can_be_named() -> None:
    stage = Stage()
    stage.store.save("g", definition([node("a", "set_state", config={"values": {"v": 1}})], []))
    stage.store.save("g", definition([node("a", "set_state", config={"values": {"v": 2}})], []))
    for version, value in ((1, 1), (2, 2), (None, 2)):
        config = {"graph": "g", "version": version}
        assert final(await stage.run(definition([node("sub", "graph", config=config)], []))) == {"v": value}


async def test_a_sub_run_that_fails_fails_its_node_which_may_go_on() -> None:
    stage = Stage()
    stage.store.save("bad", definition([node("x", "fail", config={"message": "deep trouble"})], []))
    graph = definition([node("sub", "graph", config={"graph": "bad"}, on_error="continue"), "end"], ["sub -> end"])
    stored = await stage.run(graph)
    (recorded,) = final(stored)["errors"]
    assert recorded["type"] == "SubRunFailed"
    assert "deep trouble" in recorded["message"]


async def test_another_attempt_runs_a_sub_graph_that_failed_again() -> None:
    calls: list[int] = []

    async def flaky(context: ToolContext, state: Mapping[str, Any]) -> dict[str, Any]:
        calls.append(context.attempt)
        if len(calls) < 3:
            raise ValueError("not yet")
        return {"calls": len(calls)}

    stage = Stage(make_tool("flaky", flaky))
    stage.store.save("part", definition([node("x", "flaky")], []))
    sub = node("sub", "graph", config={"graph": "part"}, retry={"max_attempts": 3, "backoff_s": 0})
    assert final(await stage.run(definition([sub], []))) == {"calls": 3}
    assert sorted(status(one) for one in stage.store.runs.values() if one.parent) == ["completed", "failed", "failed"]


async def test_an_unknown_sub_graph_is_the_nodes_error() -> None:
    stored = await Stage().run(definition([node("sub", "graph", config={"graph": "nope"})], []))
    assert "'nope'" in error(stored)["message"]


async def test_a_graph_that_calls_itself_without_end_fails_clearly() -> None:
    stage = Stage()
    stage.store.save("main", definition([node("again", "graph", config={"graph": "main"})], []))
    stored = stage.store.create("main", {})
    await stage.go_on(stored)
    assert status(stored) == "failed"
    assert "nested deeper than 20" in error(stored)["message"]
    assert len(stage.store.runs) == MAX_NESTING + 1


async def test_a_graph_may_call_itself_as_long_as_it_ends() -> None:
    stage = Stage()
    graph = definition(
        [
            "start",
            node("down", "graph", config={"graph": "main", "input": {"n": "n - 1"}, "write": "below"}),
            node("up", "compute", config={"set": {"sum": "n + below.sum"}}),
            node("bottom", "set_state", config={"values": {"sum": 0}}),
        ],
        [edge("start -> bottom", "n == 0"), "start -> down", "down -> up"],
    )
    stage.store.save("main", graph)
    stored = stage.store.create("main", {"n": 5})
    await stage.go_on(stored)
    assert final(stored)["sum"] == 15


def mapping(**config: Any) -> dict[str, Any]:
    return definition(
        [node("map", "map", config={"items": "list", "as": "item", "graph": "each", "write": "out", **config})], []
    )


def stage_of_items(**rest: Any) -> Stage:
    running: list[int] = []
    most: list[int] = [0]

    async def work(context: ToolContext, state: Mapping[str, Any]) -> dict[str, Any]:
        running.append(1)
        most[0] = max(most[0], len(running))
        await context.clock.sleep(10 - state["item"])
        running.pop()
        if state["item"] in rest.get("bad", ()):
            raise ValueError(f"bad item {state['item']}")
        return {"square": state["item"] ** 2, "seen": dict(state)}

    stage = Stage(tool(work))
    stage.store.save("each", definition([node("work", "work")], []))
    stage.clock.most = most  # type: ignore[attr-defined]
    return stage


async def test_a_map_collects_in_the_order_of_its_items() -> None:
    stage = stage_of_items()
    stored = await stage.run(mapping(collect="square"), {"list": [5, 1, 3]})
    assert final(stored)["out"] == [25, 1, 9]
    assert stage.clock.elapsed == 9


async def test_a_map_runs_no_more_at_once_than_it_may() -> None:
    stage = stage_of_items()
    await stage.run(mapping(max_parallel=2), {"list": list(range(9))})
    assert stage.clock.most == [2]  # type: ignore[attr-defined]


async def test_an_item_sees_itself_and_the_input_only() -> None:
    stage = stage_of_items()
    stored = await stage.run(mapping(collect="seen", input={"rate": "rate * 2"}), {"list": [1], "rate": 4, "other": 1})
    assert final(stored)["out"] == [{"rate": 8, "item": 1}]


async def test_a_map_without_collect_keeps_whole_states_and_one_of_nothing_is_empty() -> None:
    stage = stage_of_items()
    assert final(await stage.run(mapping(), {"list": [2]}))["out"][0]["square"] == 4
    assert final(await stage.run(mapping(), {"list": []}))["out"] == []


async def test_the_first_item_that_fails_stops_a_map() -> None:
    stage = stage_of_items(bad=[7])
    stored = await stage.run(mapping(), {"list": [1, 7, 2]})
    assert status(stored) == "failed"
    assert "Item 1 of 3" in error(stored)["message"]
    assert stage.clock.elapsed == 3
    assert sorted(status(one) for one in stage.store.runs.values() if one.parent) == [
        "cancelled",
        "cancelled",
        "failed",
    ]


async def test_items_that_fail_may_be_kept_in_their_place() -> None:
    stage = stage_of_items(bad=[7])
    stored = await stage.run(mapping(on_item_error="keep", collect="square"), {"list": [1, 7, 2]})
    one, bad, two = final(stored)["out"]
    assert (one, two) == (1, 4)
    assert bad["error"]["message"] == "bad item 7"


@pytest.mark.parametrize(("items", "kind"), [(None, "null"), ("text", "a string"), ({"a": 1}, "an object")])
async def test_a_map_over_what_is_no_list_is_a_clear_error(items: Any, kind: str) -> None:
    stored = await stage_of_items().run(mapping(), {"list": items})
    assert error(stored)["type"] == "InputsMismatch"
    assert kind in error(stored)["message"]


async def test_a_map_goes_on_after_a_crash_with_the_items_that_are_left() -> None:
    stage = stage_of_items()
    stage.store.save("main", mapping(collect="square", max_parallel=1))
    stored = stage.store.create("main", {"list": [1, 2, 3]})
    running = asyncio.ensure_future(stage.store.go_on(stored))
    for _ in range(2):
        for _ in range(30):
            await asyncio.sleep(0)
        stage.clock.jump()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    finished = [one.run_id for one in stage.store.runs.values() if one.parent and one.ended]
    assert finished
    await stage.go_on(stored)
    assert final(stored)["out"] == [1, 4, 9]
    for run_id in finished:
        assert trace(stage.store.runs[run_id]) == ["work"]
