"""Cancelling: running nodes are stopped, sub-runs too, and a run ends exactly once."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from graphs_app.engine.checkpoint import NodeDone, NodeFailed, RunEnded
from graphs_app.engine.errors import LeaseLost, RetryableError
from graphs_app.engine.host import Control
from graphs_app.engine.registry import ToolContext
from tests.graphs_app.engine.cast import Stage, definition, edge, entries, error, node, quiet, status, tool, trace


@pytest.mark.parametrize("parallel", [False, True])
async def test_a_cancelled_run_stops_its_nodes_and_says_why(parallel: bool) -> None:
    stopped: list[str] = []

    async def long(context: ToolContext, state: Mapping[str, Any]) -> dict[str, Any]:
        try:
            await context.clock.sleep(1000)
        except asyncio.CancelledError:
            stopped.append(context.node_id)
            raise
        return {}

    stage = Stage(tool(long))
    names = ["a", "b"] if parallel else ["a"]
    stage.store.save("main", definition(["s", *(node(name, "long") for name in names)], [f"s -> {n}" for n in names]))
    stored = stage.store.create("main", {"x": 1})
    stage.clock.call_later(10, lambda: stored.control.cancel("the person asked"))
    await stage.go_on(stored)
    assert status(stored) == "cancelled"
    assert error(stored)["type"] == "RunCancelled"
    assert "the person asked" in error(stored)["message"]
    assert stopped == names
    assert [one.error["type"] for one in entries(stored, NodeFailed)] == ["NodeCancelled"] * len(names)
    assert stage.clock.elapsed == 10
    assert stored.ended is not None
    assert stored.ended.state == {"x": 1}


async def test_a_run_that_is_drained_ends_what_runs_and_starts_nothing_more() -> None:
    async def wait(context: ToolContext, state: Mapping[str, Any]) -> dict[str, Any]:
        await context.clock.sleep(context.config["seconds"])
        return {}

    stage = Stage(tool(wait))
    quick, slow = node("quick", "wait", config={"seconds": 5}), node("slow", "wait", config={"seconds": 20})
    stage.store.save("main", definition(["s", quick, slow, "next"], ["s -> quick", "s -> slow", "quick -> next"]))
    stored = stage.store.create("main", {})
    stage.clock.call_later(4, stored.control.drain)
    with pytest.raises(LeaseLost):
        await stage.go_on(stored)
    assert (trace(stored), stage.clock.elapsed) == (["s", "quick", "slow"], 20)
    assert entries(stored, NodeFailed) == []
    stored.control = Control()
    await stage.go_on(stored)
    assert (status(stored), trace(stored)) == ("completed", ["s", "quick", "slow", "next"])


async def test_a_run_that_is_drained_while_it_would_wait_for_a_person_waits_elsewhere() -> None:
    question = node("ask", "ask_human", config={"question": "?", "write": "answer"})
    stage = Stage()
    stage.store.save("main", definition(["s", question], ["s -> ask"]))
    stored = stage.store.create("main", {})
    stored.control.drain()
    with pytest.raises(LeaseLost):
        await stage.go_on(stored)
    assert trace(stored) == []
    stored.control = Control()
    await stage.go_on(stored)
    assert status(stored) == "interrupted"


@pytest.mark.parametrize("seconds", [20, 2])
async def test_a_node_that_waits_for_its_next_attempt_lets_its_siblings_end_when_the_worker_stops(
    seconds: float,
) -> None:
    async def wait(context: ToolContext, state: Mapping[str, Any]) -> dict[str, Any]:
        await context.clock.sleep(context.config["seconds"])
        return {}

    stage = Stage(tool(wait))
    retry = {"max_attempts": 3, "backoff_s": 1000, "backoff_max_s": 1000, "jitter": False}
    shaky = node("shaky", "fail", config={"times": 1, "message": "not yet"}, retry=retry)
    slow = node("slow", "wait", config={"seconds": seconds})
    stage.store.save("main", definition(["s", shaky, slow], ["s -> shaky", "s -> slow"]))
    stored = stage.store.create("main", {})
    stage.clock.call_later(4, stored.control.drain)
    with pytest.raises(LeaseLost):
        await stage.go_on(stored)
    assert (trace(stored), stage.clock.elapsed) == (["s", "slow"], max(4, seconds))
    assert entries(stored, NodeFailed) == []
    stored.control = Control()
    await stage.go_on(stored)
    assert (status(stored), trace(stored)) == ("completed", ["s", "slow", "shaky"])
    assert stage.clock.elapsed == max(4, seconds)


async def test_a_node_that_fails_while_the_worker_stops_is_tried_again_elsewhere() -> None:
    async def shaky(context: ToolContext, state: Mapping[str, Any]) -> dict[str, Any]:
        if context.attempt == 1:
            stored.control.drain()
            raise RetryableError("not yet")
        return {}

    stage = Stage(tool(shaky))
    stage.store.save("main", definition(["s", node("a", "shaky", retry={"max_attempts": 2})], ["s -> a"]))
    stored = stage.store.create("main", {})
    with pytest.raises(LeaseLost):
        await stage.go_on(stored)
    assert (trace(stored), entries(stored, NodeFailed), stage.clock.elapsed) == (["s"], [], 0)
    stored.control = Control()
    await stage.go_on(stored)
    assert (status(stored), trace(stored)) == ("completed", ["s", "a"])


async def test_a_run_cancelled_while_its_worker_stops_stops_what_waits_for_its_next_attempt() -> None:
    async def wait(context: ToolContext, state: Mapping[str, Any]) -> dict[str, Any]:
        await context.clock.sleep(20)
        return {}

    stage = Stage(tool(wait))
    shaky = node("shaky", "fail", retry={"max_attempts": 3, "backoff_s": 1000, "backoff_max_s": 1000, "jitter": False})
    stage.store.save("main", definition(["s", shaky, node("slow", "wait")], ["s -> shaky", "s -> slow"]))
    stored = stage.store.create("main", {})
    stage.clock.call_later(4, stored.control.drain)
    stage.clock.call_later(8, stored.control.cancel)
    await stage.go_on(stored)
    assert (status(stored), stage.clock.elapsed) == ("cancelled", 8)
    assert sorted(one.node_id for one in entries(stored, NodeFailed)) == ["shaky", "slow"]


async def test_a_run_cancelled_before_it_starts_runs_nothing() -> None:
    stage = Stage()
    stage.store.save("main", definition(["a"], []))
    stored = stage.store.create("main", {})
    stored.control.cancel()
    await stage.go_on(stored)
    assert status(stored) == "cancelled"
    assert trace(stored) == []


async def test_cancelling_while_a_retry_is_waited_for_ends_the_run_at_once() -> None:
    stage = Stage()
    retry = {"max_attempts": 3, "backoff_s": 50, "jitter": False}
    stage.store.save("main", definition([node("a", "fail", retry=retry)], []))
    stored = stage.store.create("main", {})
    stage.clock.call_later(10, stored.control.cancel)
    await stage.go_on(stored)
    assert (status(stored), stage.clock.elapsed) == ("cancelled", 10)


@pytest.mark.parametrize("suspends", [False, True])
async def test_a_tool_may_cancel_its_own_run(suspends: bool) -> None:
    async def spender(context: ToolContext, state: Mapping[str, Any]) -> dict[str, Any]:
        stored.control.cancel("over budget")
        if suspends:
            await asyncio.sleep(0)
        return {"x": 1}

    stage = Stage(tool(spender))
    stage.store.save("main", definition([node("a", "spender"), "b"], ["a -> b"]))
    stored = stage.store.create("main", {})
    await stage.go_on(stored)
    assert status(stored) == "cancelled"
    assert trace(stored) == ([] if suspends else ["a"])


async def test_what_completes_in_spite_of_being_cancelled_is_kept() -> None:
    async def dutiful(context: ToolContext, state: Mapping[str, Any]) -> dict[str, Any]:
        try:
            await context.clock.sleep(100)
        except asyncio.CancelledError:
            return {"saved": True}
        return {}

    stage = Stage(tool(dutiful))
    stage.store.save("main", definition([node("a", "dutiful")], []))
    stored = stage.store.create("main", {})
    stage.clock.call_later(1, stored.control.cancel)
    await stage.go_on(stored)
    assert status(stored) == "cancelled"
    assert trace(stored) == ["a"]
    assert stored.ended is not None
    assert stored.ended.state == {"saved": True}


async def test_cancelling_reaches_sub_runs_at_any_depth() -> None:
    stage = Stage()
    stage.store.save("leaf", definition([node("slow", config={"seconds": 1000})], []))
    stage.store.save("middle", definition([node("sub", "graph", config={"graph": "leaf", "write": "x"})], []))
    items = {"items": "[1, 2, 3]", "as": "item", "graph": "middle", "write": "out", "max_parallel": 2}
    stage.store.save("main", definition([node("map", "map", config=items)], []))
    stored = stage.store.create("main", {})
    stage.clock.call_later(10, stored.control.cancel)
    await stage.go_on(stored)
    assert status(stored) == "cancelled"
    assert len(stage.store.runs) == 5
    assert {one.ended.status for one in stage.store.runs.values() if one.ended} == {"cancelled"}
    assert all(one.ended for one in stage.store.runs.values())


async def test_cancel_racing_completion_ends_the_run_exactly_once() -> None:
    ends = set()
    for turns in range(40):
        stage = Stage()
        graph = definition(
            [node("a", "count_up"), node("b", config={"seconds": 0})], [edge("a -> a", "n < 8"), "a -> b"]
        )
        stage.store.save("main", graph)
        stored = stage.store.create("main", {})
        running = asyncio.ensure_future(stage.store.go_on(stored))
        for _ in range(turns):
            await asyncio.sleep(0)
        stored.control.cancel()
        await running
        ended = entries(stored, RunEnded)
        assert len(ended) == 1
        ends.add(ended[0].status)
        done = [one.activation for one in entries(stored, NodeDone)]
        assert len(done) == len(set(done))
        if ended[0].status == "completed":
            assert len(done) == 9
    assert ends == {"cancelled", "completed"}


async def test_runs_do_not_leave_tasks_behind() -> None:
    before = asyncio.all_tasks()
    stage = Stage()
    graph = definition(["s", node("a", config={"seconds": 50}), node("b", "fail")], ["s -> a", "s -> b"])
    await stage.run(graph)
    await quiet()
    assert asyncio.all_tasks() == before
