"""Tools that misbehave: each is a clear error that names run, node and attempt, and the other runs go on."""

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import pytest

from graphs_app.engine.checkpoint import NodeFailed
from graphs_app.engine.clock import SystemClock
from graphs_app.engine.limits import Limits
from graphs_app.engine.registry import ToolContext
from graphs_app.engine.watchdog import Watchdog
from tests.graphs_app.engine.cast import Stage, definition, entries, error, final, node, status, tool, trace

Function = Callable[[ToolContext, Mapping[str, Any]], Awaitable[Any]]


async def returns_nothing(context: ToolContext, state: Mapping[str, Any]) -> Any:
    return None


async def returns_a_list(context: ToolContext, state: Mapping[str, Any]) -> Any:
    return [1]


async def returns_an_object_of_its_own(context: ToolContext, state: Mapping[str, Any]) -> Any:
    return {"x": object()}


async def returns_nan(context: ToolContext, state: Mapping[str, Any]) -> Any:
    return {"x": float("nan")}


async def raises_exit(context: ToolContext, state: Mapping[str, Any]) -> Any:
    raise SystemExit(3)


async def raises_interrupt(context: ToolContext, state: Mapping[str, Any]) -> Any:
    await asyncio.sleep(0)
    raise KeyboardInterrupt


async def raises_generator_exit(context: ToolContext, state: Mapping[str, Any]) -> Any:
    await asyncio.sleep(0)
    raise GeneratorExit


class Mute(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no words")


async def raises_what_cannot_be_read(context: ToolContext, state: Mapping[str, Any]) -> Any:
    raise Mute


async def writes_to_half_a_character(context: ToolContext, state: Mapping[str, Any]) -> Any:
    return {"\ud83d": 1}


class Panic(BaseException):
    """As Rust extensions raise them."""


async def panics(context: ToolContext, state: Mapping[str, Any]) -> Any:
    raise Panic("at the disco")


async def raises_cancelled(context: ToolContext, state: Mapping[str, Any]) -> Any:
    raise asyncio.CancelledError


async def cancels_its_task(context: ToolContext, state: Mapping[str, Any]) -> Any:
    task = asyncio.current_task()
    assert task is not None
    task.cancel()
    await asyncio.sleep(0)


async def recurses(context: ToolContext, state: Mapping[str, Any]) -> Any:
    return await recurses(context, state)


async def changes_the_state(context: ToolContext, state: Mapping[str, Any]) -> Any:
    state["list"].append(1)
    return {}


async def divides(context: ToolContext, state: Mapping[str, Any]) -> Any:
    return {"x": 1 / 0}


async def asks_twice(context: ToolContext, state: Mapping[str, Any]) -> Any:
    for _ in range(2):
        await context.ask("?", schema=None, default=None, has_default=False, timeout_s=None)


FAULTS: list[tuple[Function, str, bool]] = [
    (returns_nothing, "WritesInvalid", True),
    (returns_a_list, "WritesInvalid", True),
    (returns_an_object_of_its_own, "WritesInvalid", True),
    (returns_nan, "WritesInvalid", True),
    (raises_exit, "NodeRaisedExit", True),
    (raises_interrupt, "NodeRaisedExit", True),
    (raises_generator_exit, "NodeRaisedExit", True),
    (raises_what_cannot_be_read, "NodeError", True),
    (writes_to_half_a_character, "WritesInvalid", True),
    (panics, "NodeRaisedExit", True),
    (raises_cancelled, "NodeCancelledItself", True),
    (cancels_its_task, "NodeCancelledItself", True),
    (recurses, "NodeRecursed", True),
    (changes_the_state, "StateReadOnly", False),
    (divides, "ZeroDivisionError", False),
]


@pytest.mark.parametrize("parallel", [False, True])
@pytest.mark.parametrize(("function", "kind", "named"), FAULTS, ids=[one[0].__name__ for one in FAULTS])
async def test_a_fault_is_its_nodes_error_and_others_go_on(
    function: Function, kind: str, named: bool, parallel: bool
) -> None:
    graph = definition(
        ["s", node("bad", "faulty", on_error="continue"), *(["good"] if parallel else []), "end"],
        ["s -> bad", "bad -> end", *(["s -> good", "good -> end"] if parallel else [])],
    )
    stage = Stage(tool(function))
    graph["nodes"][1]["tool"] = function.__name__
    stored = await stage.run(graph, {"list": []})
    (recorded,) = final(stored)["errors"]
    assert recorded["type"] == kind
    assert (recorded["node_id"], recorded["attempt"], recorded["run_id"]) == ("bad", 1, str(stored.run_id))
    if named:
        for part in (str(stored.run_id), "'bad'", "attempt 1"):
            assert part in recorded["message"]
    assert trace(stored)[-1] == "end"


@pytest.mark.parametrize("parallel", [False, True])
@pytest.mark.parametrize("stopped_by", ["timeout", "cancel", "run timeout"])
async def test_a_tool_that_ignores_its_cancellation_is_left_behind(stopped_by: str, parallel: bool) -> None:
    release = asyncio.Event()
    heard: list[str] = []

    async def stubborn(context: ToolContext, state: Mapping[str, Any]) -> dict[str, Any]:
        while not release.is_set():
            try:
                await release.wait()
            except asyncio.CancelledError:
                heard.append("cancelled")
        context.emit_text("from beyond")
        context.emit("diff.updated", {})
        return {"too": "late"}

    stage = Stage(tool(stubborn))
    graph = definition(
        ["s", node("a", "stubborn", timeout_s=5 if stopped_by == "timeout" else None, on_error="continue"), "end", "b"],
        ["s -> a", "a -> end", *(["s -> b"] if parallel else [])],
    )
    if not parallel:
        graph["nodes"].pop()
    stage.store.save("main", graph)
    stored = stage.store.create("main", {})
    if stopped_by == "cancel":
        stage.clock.call_later(3, lambda: stored.control.cancel("enough"))
    await stage.clock.through(stage.store.go_on(stored, timeout_s=4 if stopped_by == "run timeout" else None))
    entries_then = list(stored.journal.entries)
    if stopped_by == "timeout":
        (recorded,) = final(stored)["errors"]
        assert recorded["type"] == "NodeIgnoredCancel"
        assert trace(stored)[-1] == "end"
        assert stage.clock.elapsed == 5 + 2
    else:
        assert status(stored) == ("cancelled" if stopped_by == "cancel" else "failed")
        (failed,) = entries(stored, NodeFailed)
        assert failed.error["type"] == "NodeIgnoredCancel"
        assert stage.clock.elapsed == (3 if stopped_by == "cancel" else 4) + 2
    assert heard
    release.set()
    for _ in range(10):
        await asyncio.sleep(0)
    assert stored.journal.entries == entries_then
    assert stored.streamed == []


async def test_a_tool_that_stops_late_but_in_time_is_not_left_behind() -> None:
    async def tidy(context: ToolContext, state: Mapping[str, Any]) -> dict[str, Any]:
        try:
            await context.clock.sleep(100)
        except asyncio.CancelledError:
            await context.clock.sleep(1)
            raise
        return {}

    stored = await Stage(tool(tidy)).run(definition([node("a", "tidy", timeout_s=5)], []))
    assert error(stored)["type"] == "NodeTimeout"


async def test_a_result_that_comes_after_the_timeout_does_not_count() -> None:
    async def late(context: ToolContext, state: Mapping[str, Any]) -> dict[str, Any]:
        try:
            await context.clock.sleep(100)
        except asyncio.CancelledError:
            return {"x": "late"}
        return {}

    stored = await Stage(tool(late)).run(definition([node("a", "late", timeout_s=5)], []))
    assert error(stored)["type"] == "NodeTimeout"
    assert stored.ended is not None
    assert stored.ended.state == {}


async def test_a_tool_that_blocks_the_loop_is_named_and_fails(caplog: pytest.LogCaptureFixture) -> None:
    async def blocks(context: ToolContext, state: Mapping[str, Any]) -> dict[str, Any]:
        await asyncio.sleep(0.01)
        until = time.monotonic() + 0.6
        while time.monotonic() < until:
            pass
        return {"x": 1}

    stage = Stage(tool(blocks), limits=Limits(max_blocked_s=0.2))
    stage.store.clock = SystemClock()
    watchdog = Watchdog(warn_after_s=0.1, beat_s=0.02)
    watchdog.start()
    try:
        for parallel in (False, True):
            graph = definition(["s", node("a", "blocks"), "b"], ["s -> a", *(["s -> b"] if parallel else [])])
            graph["nodes"] = graph["nodes"][: 3 if parallel else 2]
            stage.store.save("main", graph)
            stored = await stage.store.start("main")
            assert error(stored)["type"] == "NodeBlockedLoop"
            for part in (str(stored.run_id), "'a'", "attempt 1"):
                assert part in error(stored)["message"]
                assert part in caplog.text
            assert "blocks" in caplog.text
    finally:
        watchdog.stop()


async def test_what_holds_up_a_loop_that_starts_is_told_once_in_words(caplog: pytest.LogCaptureFixture) -> None:
    def hold_up() -> None:
        until = time.monotonic() + 0.4
        while time.monotonic() < until:
            pass

    watchdog = Watchdog(warn_after_s=0.1, beat_s=0.02, starts_for_s=600)
    watchdog.start()
    try:
        for _ in range(2):
            await asyncio.sleep(0.1)
            hold_up()
    finally:
        watchdog.stop()
    [told] = [record for record in caplog.records if record.name == "graphs_app.engine.watchdog"]
    assert told.levelname == "WARNING"
    assert "while this process starts" in told.message
    assert "File" not in told.message


async def test_a_loop_that_stays_blocked_ends_its_process_after_last_words_that_name_the_node() -> None:
    said: list[str] = []
    ended = threading.Event()

    async def blocks(context: ToolContext, state: Mapping[str, Any]) -> dict[str, Any]:
        await asyncio.sleep(0.01)
        ended.wait(20)
        return {}

    stage = Stage(tool(blocks))
    stage.store.clock = SystemClock()
    stage.store.save("main", definition([node("a", "blocks")], []))
    watchdog = Watchdog(
        warn_after_s=0.1,
        beat_s=0.02,
        end_after_s=0.3,
        last_words=lambda node_run: said.append(str(node_run)),
        end=ended.set,
    )
    watchdog.start()
    try:
        stored = await stage.store.start("main")
        assert ended.is_set()
        assert said == [f"run {stored.run_id}, node 'a', attempt 1"]
    finally:
        watchdog.stop()


async def test_a_tool_that_breaks_its_declared_outputs_is_told_so() -> None:
    async def wrong(context: ToolContext, state: Mapping[str, Any]) -> dict[str, Any]:
        return {"count": "three"}

    outputs = {"type": "object", "properties": {"count": {"type": "integer"}}, "additionalProperties": False}
    stored = await Stage(tool(wrong, outputs=outputs)).run(definition([node("a", "wrong")], []))
    assert error(stored)["type"] == "OutputsMismatch"
    assert "count: expected integer, found string" in error(stored)["message"]


async def test_a_state_without_a_tools_declared_inputs_is_told_so() -> None:
    async def reader(context: ToolContext, *, text: str, most: int = 3) -> dict[str, Any]:
        return {"length": min(len(text), most)}

    stage = Stage(tool(reader))
    graph = definition([node("a", "reader", retry={})], [])
    stored = await stage.run(graph, {"other": 1})
    assert error(stored)["type"] == "InputsMismatch"
    assert "'text' is missing" in error(stored)["message"]
    assert error(stored)["attempt"] == 1
    assert final(await stage.run(graph, {"text": "hello"}))["length"] == 3


async def test_a_node_run_asks_only_once() -> None:
    stage = Stage(tool(asks_twice))
    stored = await stage.run(definition([node("a", "asks_twice")], []))
    assert status(stored) == "interrupted"
    stored.answers = {1: "yes"}
    await stage.go_on(stored)
    assert error(stored)["type"] == "AskedTwice"
