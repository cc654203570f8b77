"""What a graph means when it runs: routing, joins in time, errors, retries, timeouts, and what the journal is told."""

import asyncio
import gc
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest

from graphs_app.engine.checkpoint import (
    Effect,
    Emitted,
    Interrupted,
    NodeDone,
    NodeFailed,
    NodeRetried,
    NodeSkipped,
    NodeStarted,
    RunEnded,
    RunStarted,
    Usage,
)
from graphs_app.engine.errors import PermanentError, RetryableError
from graphs_app.engine.executor import NOT_CALLED, Executor
from graphs_app.engine.registry import ToolContext, make_tool
from graphs_app.engine.run_loop import Loop
from graphs_app.engine.settle import Progress
from tests.graphs_app.engine.cast import (
    Stage,
    chain,
    definition,
    edge,
    entries,
    error,
    final,
    node,
    status,
    tool,
    trace,
)


async def test_nodes_run_in_sequence_and_their_writes_add_up() -> None:
    graph = definition([node("a", "count_up"), node("b", "count_up"), node("c", "count_up")], chain("a", "b", "c"))
    stored = await Stage().run(graph, {"n": 5, "other": True})
    assert trace(stored) == ["a", "b", "c"]
    assert final(stored) == {"n": 8, "other": True}


async def test_a_run_that_is_over_leaves_nothing_for_the_garbage_collector() -> None:
    gc.collect()
    gc.disable()
    try:
        stored = await Stage().run(definition(["a", "b"], ["a -> b"]))
        await asyncio.sleep(0)
        left = [type(one).__name__ for one in gc.get_objects() if type(one) in (Loop, Executor, Progress)]
    finally:
        gc.enable()
    assert (trace(stored), left) == (["a", "b"], [])


async def test_the_journal_is_told_of_everything_in_order() -> None:
    graph = definition(["a", "b", "c"], [edge("a -> b", "x == 1"), "a -> c"])
    stored = await Stage().run(graph)
    kinds = [type(one).__name__ for one in stored.journal.entries]
    assert kinds == ["RunStarted", "NodeStarted", "NodeDone", "NodeSkipped", "NodeStarted", "NodeDone", "RunEnded"]
    (skipped,) = entries(stored, NodeSkipped)
    assert skipped.node_id == "b"
    first, second = entries(stored, NodeDone)
    assert (first.number, first.activation, first.edges_taken, first.seen) == (1, 1, (1,), 0)
    assert (second.number, second.activation, second.edges_taken, second.seen) == (2, 2, (), 1)


async def test_the_first_conditional_edge_that_holds_is_taken_and_normal_ones_are_not() -> None:
    edges = [edge("a -> b", "x > 10"), edge("a -> c", "x > 5"), edge("a -> d", "x > 1"), "a -> e", "a -> f"]
    graph = definition(["a", "b", "c", "d", "e", "f"], edges)
    assert trace(await Stage().run(graph, {"x": 7})) == ["a", "c"]
    assert trace(await Stage().run(graph, {"x": 2})) == ["a", "d"]
    assert trace(await Stage().run(graph, {"x": 0})) == ["a", "e", "f"]


async def test_route_every_takes_each_conditional_edge_that_holds() -> None:
    edges = [edge("a -> b", "x > 10"), edge("a -> c", "x > 5"), edge("a -> d", "x > 1"), "a -> e"]
    graph = definition([node("a", route="every"), "b", "c", "d", "e"], edges)
    assert trace(await Stage().run(graph, {"x": 7})) == ["a", "c", "d"]
    assert trace(await Stage().run(graph, {"x": 0})) == ["a", "e"]


async def test_conditions_see_the_state_after_the_nodes_writes() -> None:
    graph = definition([node("a", config={"write": {"x": 1}}), "b", "c"], [edge("a -> b", "x == 1"), "a -> c"])
    assert trace(await Stage().run(graph, {"x": 0})) == ["a", "b"]


async def test_parallel_branches_have_no_barrier() -> None:
    graph = definition(
        ["s", node("slow", config={"seconds": 10}), node("quick", config={"seconds": 1}), "next", "last", "join"],
        ["s -> slow", "s -> quick", *chain("quick", "next", "last", "join"), "slow -> join"],
    )
    stage = Stage()
    stored = await stage.run(graph)
    assert trace(stored) == ["s", "quick", "next", "last", "slow", "join"]
    at = {done.node_id: (done.started_at - done.finished_at, done.started_at) for done in entries(stored, NodeDone)}
    assert (at["last"][1] - at["s"][1]).total_seconds() == 1.0
    assert stage.clock.elapsed == 10


async def test_a_loop_goes_round_until_its_condition_says_so() -> None:
    graph = definition(
        [node("body", "count_up"), "end"], [edge("body -> body", "n < 7"), "body -> end"], max_iterations=10
    )
    stored = await Stage().run(graph)
    assert final(stored) == {"n": 7}
    assert trace(stored) == ["body"] * 7 + ["end"]


async def test_past_max_iterations_the_run_fails_and_names_the_edge() -> None:
    graph = definition(
        [node("body", "count_up"), "end"], [edge("body -> body", "n > 0"), "body -> end"], max_iterations=5
    )
    stored = await Stage().run(graph)
    assert status(stored) == "failed"
    assert error(stored)["type"] == "LoopLimitError"
    assert error(stored)["code"] == "loop_limit"
    assert "'body' -> 'body'" in error(stored)["message"]
    assert stored.ended is not None
    assert stored.ended.state == {"n": 6}


async def test_a_loop_that_changes_nothing_is_stopped_by_what_it_does_and_not_by_its_count() -> None:
    graph = definition(
        [
            node("begin", "set_state", config={"values": {"tries": 3}}),
            node("look", "compute", config={"set": {"good": "tries > 5"}}),
            node("wait", "sleep", config={"seconds": 60}),
            "end",
        ],
        ["begin -> look", "look -> wait", edge("wait -> look", "good == false"), "wait -> end"],
        max_iterations=1_000,
    )
    stored = await Stage().run(graph)
    assert error(stored)["code"] == "loop_stuck"
    assert "'look'" in error(stored)["message"]
    assert "checkpoint 3" in error(stored)["message"]
    assert trace(stored) == ["begin", "look", "wait", "look", "wait"]


async def test_a_circle_is_found_also_where_the_state_is_the_same_only_after_several_rounds() -> None:
    graph = definition(
        [node("turn", "compute", config={"set": {"at": "(at + 1) % 3"}})],
        [edge("turn -> turn", "at < 9")],
        max_iterations=1_000,
    )
    stored = await Stage().run(graph, {"at": 0})
    assert error(stored)["code"] == "loop_stuck"
    assert len(trace(stored)) <= 8


async def test_a_loop_that_changes_nothing_ends_by_its_count_where_a_graph_allows_no_more_rounds_than_usual() -> None:
    graph = definition([node("body", "set_state", config={"values": {"n": 1}})], [edge("body -> body", "n == 1")])
    stored = await Stage().run(graph)
    assert error(stored)["type"] == "LoopLimitError"
    assert "'body' -> 'body'" in error(stored)["message"]
    assert len(trace(stored)) == 101


async def test_a_loop_with_a_tool_that_may_do_otherwise_the_next_time_is_no_circle() -> None:
    """It might wait for something outside, such as a page that is to appear."""
    graph = definition(
        [node("ask", config={"write": {"there": False}}), node("wait", "sleep", config={"seconds": 1})],
        ["ask -> wait", edge("wait -> ask", "there == false")],
        max_iterations=9,
    )
    assert error(await Stage().run(graph))["code"] == "loop_limit"


async def test_a_loop_whose_list_grows_is_no_circle() -> None:
    graph = definition(
        [node("more", "set_state", config={"values": {"log": "x", "same": 1}})],
        [edge("more -> more", "len(log) < 8")],
        state={"log": {"reducer": "append"}},
    )
    assert final(await Stage().run(graph))["log"] == ["x"] * 8


async def test_exactly_max_iterations_are_allowed() -> None:
    graph = definition(
        [node("body", "count_up"), "end"], [edge("body -> body", "n < 6"), "body -> end"], max_iterations=5
    )
    assert final(await Stage().run(graph)) == {"n": 6}


async def test_without_a_word_an_edge_may_be_taken_a_hundred_times() -> None:
    graph = definition([node("body", "count_up")], [edge("body -> body", "true and n != 0")])
    stored = await Stage().run(graph)
    assert len(trace(stored)) == 101
    assert error(stored)["type"] == "LoopLimitError"


async def test_a_node_sees_the_state_as_it_was_when_it_started() -> None:
    seen: list[Any] = []

    async def late(context: ToolContext, state: Mapping[str, Any]) -> dict[str, Any]:
        await context.clock.sleep(5)
        seen.append(dict(state))
        return {}

    graph = definition(
        ["s", node("late", "late"), node("writer", config={"seconds": 1, "write": {"x": "new"}})],
        ["s -> late", "s -> writer"],
    )
    stored = await Stage(tool(late)).run(graph, {"x": "old"})
    assert seen == [{"x": "old"}]
    assert final(stored) == {"x": "new"}


async def test_a_value_replaced_by_a_node_run_active_at_the_same_time_is_told() -> None:
    graph = definition(
        [
            "s",
            node("a", config={"seconds": 1, "write": {"x": 1, "sum": 1}}),
            node("b", config={"seconds": 2, "write": {"x": 2, "sum": 1}}),
            node("c", config={"write": {"x": 3}}),
        ],
        ["s -> a", "s -> b", "b -> c"],
        state={"sum": {"reducer": "add"}},
    )
    stored = await Stage().run(graph)
    assert {done.node_id: tuple(done.overwritten) for done in entries(stored, NodeDone)} == {
        "s": (),
        "a": (),
        "b": ("x",),
        "c": (),
    }
    assert final(stored) == {"x": 3, "sum": 2}


async def test_no_more_nodes_run_at_once_than_is_allowed() -> None:
    from graphs_app.engine.limits import Limits

    running = most = 0

    async def busy(context: ToolContext, state: Mapping[str, Any]) -> dict[str, Any]:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await context.clock.sleep(1)
        running -= 1
        return {}

    names = [f"n{index}" for index in range(20)]
    graph = definition(["s", *(node(name, "busy") for name in names)], [f"s -> {name}" for name in names])
    stored = await Stage(tool(busy), limits=Limits(max_parallel=3)).run(graph)
    assert status(stored) == "completed"
    assert len(trace(stored)) == 21
    assert most == 3


# Errors


async def test_fail_fast_ends_the_run_with_the_nodes_error_and_stops_the_others() -> None:
    stopped = []

    async def long(context: ToolContext, state: Mapping[str, Any]) -> dict[str, Any]:
        try:
            await context.clock.sleep(1000)
        except asyncio.CancelledError:
            stopped.append(context.node_id)
            raise
        return {}

    graph = definition(
        ["s", node("bad", "fail", config={"message": "no luck"}), node("long", "long"), "after"],
        ["s -> bad", "s -> long", "bad -> after"],
    )
    stage = Stage(tool(long))
    stored = await stage.run(graph)
    assert status(stored) == "failed"
    assert {key: error(stored)[key] for key in ("type", "message", "node_id", "attempt", "run_id")} == {
        "type": "ToolError",
        "message": "no luck",
        "node_id": "bad",
        "attempt": 1,
        "run_id": str(stored.run_id),
    }
    assert stopped == ["long"]
    assert [(one.node_id, one.error["type"]) for one in entries(stored, NodeFailed)] == [
        ("bad", "ToolError"),
        ("long", "NodeCancelled"),
    ]
    assert stage.clock.elapsed < 1


async def test_continue_records_the_error_and_follows_the_edges() -> None:
    graph = definition(
        [
            node("bad", "fail", config={"message": "one"}, on_error="continue"),
            node("worse", "fail", on_error="continue"),
            "end",
        ],
        chain("bad", "worse", "end"),
    )
    stored = await Stage().run(graph)
    assert trace(stored) == ["bad", "worse", "end"]
    assert [(one["node_id"], one["type"], one["message"]) for one in final(stored)["errors"]] == [
        ("bad", "ToolError", "one"),
        ("worse", "ToolError", "This node always fails"),
    ]
    assert [done.status for done in entries(stored, NodeDone)] == ["failed", "failed", "completed"]


@pytest.mark.parametrize("reducer", ["append", "extend", "replace"])
async def test_continue_records_errors_in_the_words_of_the_keys_reducer(reducer: str) -> None:
    graph = definition(
        [node("bad", "fail", on_error="continue"), node("worse", "fail", on_error="continue")],
        chain("bad", "worse"),
        state={"errors": {"reducer": reducer}},
    )
    assert [one["node_id"] for one in final(await Stage().run(graph))["errors"]] == ["bad", "worse"]


async def test_conditions_can_ask_for_recorded_errors() -> None:
    graph = definition(
        [node("bad", "fail", on_error="continue"), "mend", "go"], [edge("bad -> mend", "len(errors) > 0"), "bad -> go"]
    )
    assert trace(await Stage().run(graph)) == ["bad", "mend"]


async def test_fallback_goes_to_the_named_node_instead() -> None:
    graph = definition(
        [node("bad", "fail", on_error="fallback", fallback="plan_b"), "next", "plan_b", "end"],
        ["bad -> next", "next -> end", "plan_b -> end"],
    )
    stored = await Stage().run(graph)
    assert trace(stored) == ["bad", "plan_b", "end"]
    assert "errors" not in final(stored)
    assert [one.node_id for one in entries(stored, NodeSkipped)] == ["next"]


async def test_a_fallback_that_is_not_needed_is_skipped() -> None:
    graph = definition(["good", "next", "plan_b"], ["good -> next"])
    graph["nodes"][0] |= {"on_error": "fallback", "fallback": "plan_b"}
    stored = await Stage().run(graph)
    assert trace(stored) == ["good", "next"]
    assert [one.node_id for one in entries(stored, NodeSkipped)] == ["plan_b"]


async def test_a_failed_attempt_is_made_again_with_full_jitter() -> None:
    graph = definition([node("a", "fail", config={"times": 4}, retry={"max_attempts": 5, "backoff_s": 10})], [])
    stage = Stage()
    stored = await stage.run(graph)
    assert status(stored) == "completed"
    delays = [one.delay_s for one in entries(stored, NodeRetried)]
    assert stage.clock.slept == delays
    assert all(0 <= delay <= ceiling for delay, ceiling in zip(delays, [10, 20, 40, 60], strict=True))
    assert len(set(delays)) == 4
    assert [one.attempt for one in entries(stored, NodeStarted)] == [1, 2, 3, 4, 5]
    assert entries(stored, NodeDone)[0].attempt == 5


async def test_without_jitter_the_wait_doubles_up_to_its_most() -> None:
    retry = {"max_attempts": 6, "backoff_s": 1, "backoff_max_s": 5, "jitter": False}
    stage = Stage()
    stored = await stage.run(definition([node("a", "fail", config={"message": "x"}, retry=retry)], []))
    assert status(stored) == "failed"
    assert stage.clock.slept == [1, 2, 4, 5, 5]
    assert error(stored)["attempt"] == 6


async def test_a_node_that_says_nothing_of_retries_is_tried_once() -> None:
    stored = await Stage().run(definition([node("a", "fail", config={"times": 1})], []))
    assert status(stored) == "failed"


async def test_what_an_error_asks_for_is_waited_for() -> None:
    async def busy(context: ToolContext, state: Mapping[str, Any]) -> dict[str, Any]:
        if context.attempt == 1:
            raise RetryableError("come back later", retry_after_s=90)
        return {}

    stage = Stage(tool(busy))
    stored = await stage.run(definition([node("a", "busy", retry={"max_attempts": 2, "backoff_max_s": 1})], []))
    assert status(stored) == "completed"
    assert stage.clock.slept == [90]


async def test_an_endpoint_that_asks_for_hours_is_not_waited_for() -> None:
    async def busy(context: ToolContext, state: Mapping[str, Any]) -> dict[str, Any]:
        raise RetryableError("come back tomorrow", retry_after_s=86_400)

    stage = Stage(tool(busy))
    assert status(await stage.run(definition([node("a", "busy", retry={})], []))) == "failed"
    assert stage.clock.slept == []


async def test_a_permanent_error_is_not_tried_again() -> None:
    async def wrong(context: ToolContext, state: Mapping[str, Any]) -> dict[str, Any]:
        raise PermanentError("no such model")

    stored = await Stage(tool(wrong)).run(definition([node("a", "wrong", retry={"max_attempts": 9})], []))
    assert error(stored)["attempt"] == 1


async def test_a_node_that_takes_longer_than_its_timeout_fails_and_may_be_tried_again() -> None:
    async def slow_at_first(context: ToolContext, state: Mapping[str, Any]) -> dict[str, Any]:
        await context.clock.sleep(100 if context.attempt == 1 else 1)
        return {"done": context.attempt}

    graph = definition([node("a", "slow_at_first", timeout_s=5, retry={"max_attempts": 2, "backoff_s": 0})], [])
    stage = Stage(tool(slow_at_first))
    stored = await stage.run(graph)
    assert final(stored) == {"done": 2}
    (retried,) = entries(stored, NodeRetried)
    assert retried.error["type"] == "NodeTimeout"
    assert stage.clock.elapsed == 6


@pytest.mark.parametrize("parallel", [False, True])
async def test_a_timeout_names_run_node_and_attempt(parallel: bool) -> None:
    graph = definition(["s", node("a", config={"seconds": 100}, timeout_s=5), "b"], ["s -> a"] + ["s -> b"] * parallel)
    graph["nodes"] = graph["nodes"][: 3 if parallel else 2]
    stored = await Stage().run(graph)
    assert error(stored)["type"] == "NodeTimeout"
    for part in (str(stored.run_id), "'a'", "attempt 1", "5 s"):
        assert part in error(stored)["message"]


async def test_a_run_that_takes_longer_than_its_timeout_fails() -> None:
    graph = definition(
        ["s", node("a", config={"seconds": 100}), node("b", config={"seconds": 50})], ["s -> a", "s -> b"]
    )
    for one in (graph, definition([node("a", config={"seconds": 100})], [])):
        stage = Stage()
        stored = await stage.run(one, timeout_s=60)
        assert status(stored) == "failed"
        assert error(stored)["type"] == "RunTimeout"
        assert stage.clock.elapsed == 60


async def test_a_condition_that_cannot_be_decided_fails_the_run_and_keeps_the_nodes_work() -> None:
    graph = definition([node("a", config={"write": {"x": "text"}}), "b"], [edge("a -> b", "x * 2 > 1")])
    stored = await Stage().run(graph)
    assert status(stored) == "failed"
    assert error(stored)["type"] == "ConditionFailed"
    assert "'x * 2 > 1'" in error(stored)["message"]
    assert error(stored)["node_id"] == "a"
    assert trace(stored) == ["a"]


async def test_a_write_that_does_not_fit_its_reducer_is_the_nodes_error() -> None:
    graph = definition(
        [node("a", config={"write": {"x": 5}}, on_error="continue"), "b"],
        ["a -> b"],
        state={"x": {"reducer": "extend"}},
    )
    stored = await Stage().run(graph)
    assert trace(stored) == ["a", "b"]
    assert final(stored)["errors"][0]["type"] == "ReducerMismatch"
    assert "x" not in final(stored)


async def test_a_write_over_the_states_limit_is_the_nodes_error() -> None:
    async def large(context: ToolContext, state: Mapping[str, Any]) -> dict[str, Any]:
        return {"x": "y" * 4_200_000}

    stored = await Stage(tool(large)).run(definition([node("a", "large")], []))
    assert error(stored)["type"] == "StateTooLarge"
    for part in (str(stored.run_id), "'a'", "attempt 1", "4194304"):
        assert part in error(stored)["message"]


async def test_an_initial_state_that_cannot_be_is_a_failed_run() -> None:
    for state in ({"x": "y" * 4_200_000}, {"x": object()}):
        stored = await Stage().run(definition(["a"], []), state)
        assert status(stored) == "failed"
        assert [type(one) for one in stored.journal.entries] == [RunStarted, RunEnded]


# What a tool can do


async def test_words_are_streamed_with_their_offsets_and_kept() -> None:
    async def words(context: ToolContext, state: Mapping[str, Any]) -> dict[str, Any]:
        context.emit_text("one ")
        context.emit_text("")
        context.emit_text("zwö\0lf \ud800")
        if context.attempt == 1:
            raise RetryableError("again")
        return {}

    stored = await Stage(tool(words)).run(definition([node("a", "words", retry={"max_attempts": 2})], []))
    assert stored.streamed == [
        (1, 1, 0, "one "),
        (1, 1, 4, "zwö\0lf \ud800"),
        (1, 2, 0, "one "),
        (1, 2, 4, "zwö\0lf \ud800"),
    ]
    assert entries(stored, NodeDone)[0].text == "one zwö\ufffdlf \ufffd"


async def test_what_is_kept_of_a_stream_is_bounded() -> None:
    async def endless(context: ToolContext, state: Mapping[str, Any]) -> dict[str, Any]:
        for _ in range(300):
            context.emit_text("x" * 10_000)
        return {}

    stored = await Stage(tool(endless)).run(definition([node("a", "endless")], []))
    assert len(entries(stored, NodeDone)[0].text) == 1_000_000


async def test_stored_events_effects_and_usage_reach_the_journal() -> None:
    async def busy(context: ToolContext, state: Mapping[str, Any]) -> dict[str, Any]:
        data = {"hunks": [1]}
        context.emit("diff.updated", data)
        data["hunks"].append(2)
        context.effect("proposal.create", {"a": 1})
        context.spend(Usage("one", 10, 5, Decimal("0.1")))
        context.spend(Usage("two", 1, 1, None))
        assert context.secret("token") == "s3cret"
        assert context.node_run_id != context.run_id
        return {}

    stored = await Stage(tool(busy)).run(definition([node("a", "busy")], []))
    (emitted,) = entries(stored, Emitted)
    assert (emitted.activation, emitted.type, emitted.data) == (1, "diff.updated", {"hunks": [1]})
    (done,) = entries(stored, NodeDone)
    assert list(done.effects) == [Effect("proposal.create", {"a": 1})]
    assert done.usage == Usage("two", 11, 6, Decimal("0.1"))
    assert len(stored.spent) == 2


async def test_an_effect_of_an_attempt_that_failed_does_not_happen() -> None:
    async def twice(context: ToolContext, state: Mapping[str, Any]) -> dict[str, Any]:
        context.effect("count", {"attempt": context.attempt})
        if context.attempt == 1:
            raise RetryableError("again")
        return {}

    stored = await Stage(tool(twice)).run(
        definition([node("a", "twice", retry={"max_attempts": 2}), node("b", "twice", on_error="continue")], ["a -> b"])
    )
    first, second = entries(stored, NodeDone)
    assert [one.payload for one in first.effects] == [{"attempt": 2}]
    assert second.effects == ()


async def test_what_is_paid_for_is_journaled_with_every_attempt_however_it_ends() -> None:
    async def calls(context: ToolContext, state: Mapping[str, Any]) -> dict[str, Any]:
        context.effect("ledger", {"node": context.node_id, "attempt": context.attempt}, also_on_failure=True)
        context.effect("result", {})
        context.spend(Usage("one", 1, 2, None))
        if context.config.get("asks"):
            return {"answer": await context.ask("?", schema=None, default=None, has_default=False, timeout_s=None)}
        if context.attempt < 3:
            raise RetryableError("again")
        return {}

    nodes = [
        node("a", "calls", retry={"max_attempts": 3, "backoff_s": 0}),
        node("b", "calls", on_error="continue"),
        node("c", "calls", config={"asks": True}),
        node("d", "calls"),
    ]
    stage = Stage(tool(calls))
    stored = await stage.run(definition(nodes, ["a -> b", "b -> c", "c -> d"]))
    stored.answers[entries(stored, Interrupted)[0].activation] = "!"
    await stage.go_on(stored)
    paid = Usage("one", 1, 2, None)
    ends = NodeRetried | NodeDone | NodeFailed | Interrupted
    told = [one for one in stored.journal.entries if isinstance(one, ends)]
    assert [(type(one).__name__, one.node_id, [asked.name for asked in one.effects], one.usage) for one in told] == [
        ("NodeRetried", "a", ["ledger"], paid),
        ("NodeRetried", "a", ["ledger"], paid),
        ("NodeDone", "a", ["ledger", "result"], paid),
        ("NodeDone", "b", ["ledger"], paid),
        ("Interrupted", "c", ["ledger"], paid),
        ("NodeDone", "c", ["ledger", "result"], paid),
        ("NodeFailed", "d", ["ledger"], paid),
    ]
    assert [effect.payload["attempt"] for one in told[:3] for effect in one.effects[:1]] == [1, 2, 3]


@pytest.mark.parametrize("dry", [False, True])
async def test_a_dry_run_does_not_call_what_has_effects_unless_it_asks_whether_the_run_is_dry(dry: bool) -> None:
    called: list[str] = []

    async def send(context: ToolContext, state: Mapping[str, Any]) -> dict[str, Any]:
        called.append("send")
        return {"sent": True}

    async def rehearse(context: ToolContext, state: Mapping[str, Any]) -> dict[str, Any]:
        called.append("rehearse")
        return {"rehearsed": context.dry_run}

    stage = Stage(make_tool("send", send, effects=True), make_tool("rehearse", rehearse, effects=True))
    stage.store.save("main", definition([node("send", "send"), node("rehearse", "rehearse")], ["send -> rehearse"]))
    stored = stage.store.create("main", {})
    stored.dry_run = dry
    await stage.go_on(stored)
    assert final(stored) == ({"rehearsed": True} if dry else {"sent": True, "rehearsed": False})
    assert called == (["rehearse"] if dry else ["send", "rehearse"])
    assert entries(stored, NodeDone)[0].text == (NOT_CALLED if dry else "")


async def test_a_dry_run_writes_nothing_outside() -> None:
    async def writer(context: ToolContext, state: Mapping[str, Any]) -> dict[str, Any]:
        context.effect("x", {})
        return {}

    stage = Stage(tool(writer))
    stage.store.save("main", definition([node("a", "writer")], []))
    stored = stage.store.create("main", {})
    stored.dry_run = True
    await stage.go_on(stored)
    assert "dry run" in error(stored)["message"]


async def test_a_secret_that_a_tool_was_given_is_written_nowhere(caplog: pytest.LogCaptureFixture) -> None:
    async def careless(context: ToolContext, state: Mapping[str, Any]) -> dict[str, Any]:
        token = context.secret("token")
        context.emit_text(f"asking with {token}")
        context.emit("cost.updated", {"by": token})
        if context.attempt < 3:
            raise ValueError(f"https://example.org/?key={token} does not answer")
        return {"url": [f"https://example.org/?key={token}"], token: 1}

    stage = Stage(tool(careless))
    graph = definition([node("a", "careless", retry={"max_attempts": 3, "backoff_s": 0})], [])
    stored = await stage.run(graph)
    assert final(stored) == {"url": ["https://example.org/?key=[secret]"], "[secret]": 1}
    assert entries(stored, NodeRetried)[0].error["message"] == "https://example.org/?key=[secret] does not answer"
    assert entries(stored, NodeDone)[0].text == "asking with [secret]"
    assert "s3cret" not in repr(stored.journal.entries) + repr(stored.streamed) + caplog.text
    assert "raise ValueError" in caplog.text


async def test_a_secret_that_is_missing_is_named_and_not_retried() -> None:
    async def nosy(context: ToolContext, state: Mapping[str, Any]) -> dict[str, Any]:
        context.secret("other")
        return {}

    stored = await Stage(tool(nosy)).run(definition([node("a", "nosy", retry={})], []))
    assert (error(stored)["type"], error(stored)["attempt"]) == ("SecretMissing", 1)
