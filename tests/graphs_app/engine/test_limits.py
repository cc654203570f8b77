"""What one run may take: bytes written down, node runs, sub-runs, memory; and that a busy run gives way."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import pytest

from graphs_app.engine.checkpoint import Emitted, Entry, NodeDone, NodeRetried, RunEnded
from graphs_app.engine.durability import RECORDERS
from graphs_app.engine.errors import RunLimitReached
from graphs_app.engine.limits import MAX_QUESTION, Limits
from graphs_app.engine.memory import MemoryJournal, MemoryStore
from graphs_app.engine.registry import ToolContext
from graphs_app.engine.state import State, check_writes
from graphs_app.engine.values import frozen
from tests.graphs_app.engine.cast import (
    Stage,
    definition,
    edge,
    entries,
    error,
    final,
    make_registry,
    node,
    status,
    tool,
)

ENDLESS = definition(["begin", node("again", "count_up")], ["begin -> again", edge("again -> again", "n > 0")])
ENDLESS["max_iterations"] = 1_000_000


def wrote(stored: Any) -> int:
    return sum(one.size for one in stored.journal.entries)


@pytest.mark.parametrize("durability", ["sync", "async", "exit"])
async def test_a_run_that_writes_more_than_it_may_fails_with_the_number_and_keeps_what_it_did(durability: str) -> None:
    stage = Stage(limits=Limits(max_kept_bytes=50_000), durability=durability)
    stored = await stage.run(ENDLESS)
    assert status(stored) == "failed"
    assert (error(stored)["code"], error(stored)["limit"]) == ("run_too_large", 50_000)
    assert "50,000" in error(stored)["message"]
    assert f"{error(stored)['used']:,}" in error(stored)["message"]
    assert 50_000 < error(stored)["used"] < 51_000
    done = entries(stored, NodeDone)
    assert len(done) > 50
    assert stored.ended is not None
    assert stored.ended.state["n"] == len(done) - 1
    # What is counted is what is written, but for the run's own start and end.
    assert abs(wrote(stored) - stored.consumption.kept_bytes) < 1000


async def test_a_run_that_has_more_node_runs_than_it_may_fails_with_the_number() -> None:
    stored = await Stage(limits=Limits(max_steps=500)).run(ENDLESS)
    assert (error(stored)["code"], error(stored)["limit"], error(stored)["used"]) == ("too_many_steps", 500, 501)
    assert "501 node runs; the limit is 500" in error(stored)["message"]


@pytest.mark.parametrize(
    ("reducer", "write"),
    [("append", "x" * 100), ("extend", ["x" * 50, "y" * 50]), ("merge", None), ("replace", None)],
)
async def test_no_reducer_lets_a_state_grow_past_its_limit(reducer: str, write: Any) -> None:
    async def grow(context: ToolContext, state: Mapping[str, Any]) -> dict[str, Any]:
        n = state.get("n", 0) + 1
        value = {"merge": {f"key {n}": "x" * 100}, "replace": "x" * n * 100}.get(reducer, write)
        return {"n": n, "held": value}

    graph = definition([node("grow", "grow")], [edge("grow -> grow", "n > 0")], max_iterations=10_000)
    graph["state"] = {"held": {"reducer": reducer}}
    stage = Stage(tool(grow), limits=Limits(max_state_bytes=20_000))
    stored = await stage.run(graph)
    assert error(stored)["code"] == "state_too_large"
    assert "20000" in error(stored)["message"]
    assert stored.ended is not None
    assert 15_000 < len(json.dumps(stored.ended.state)) < 20_100 or reducer == "extend"


def test_many_small_values_are_counted_as_the_memory_that_they_take() -> None:
    """4 MB of JSON such as [[],[],…] were 100 MB of memory, and whole numbers of 300 digits counted as six bytes."""
    for value in ([[]] * 10_000, [{}] * 10_000):
        _, size = frozen(value)
        assert size > 10_000 * 56
    _, size = frozen([2**1000] * 1000)
    assert size > len(json.dumps([2**1000] * 1000))
    _, size = frozen([-1.7976931348623157e308] * 1000)
    assert size >= len(json.dumps([-1.7976931348623157e308] * 1000, separators=(",", ":"))) - 1
    assert State({"a": [2**1000]}, {}).size > 300
    assert check_writes({"a": "x" * 10}).size == 17


@pytest.mark.parametrize("durability", ["async", "exit"])
async def test_what_is_not_durable_yet_is_written_down_before_it_fills_the_memory(durability: str) -> None:
    class Watching(MemoryJournal):
        """Counts what is noted and not committed."""

        __slots__ = ("commits", "most", "pending")

        def __init__(self) -> None:
            super().__init__()
            self.pending = self.most = self.commits = 0
            keep = self.entries.append

            def note(entry: Entry) -> None:
                self.pending += entry.size
                self.most = max(self.most, self.pending)
                keep(entry)

            self.note = note

        async def commit(self, entry: Entry) -> None:
            self.note(entry)
            self.pending = 0
            self.commits += 1

    stage = Stage(limits=Limits(max_kept_bytes=2_000_000, max_pending_bytes=20_000), durability=durability)
    stage.store.save("main", ENDLESS)
    stored = stage.store.create("main", {})
    journal = stored.journal = Watching()
    await stage.clock.through(stage.store.go_on(stored))
    assert error(stored)["code"] == "run_too_large"
    assert journal.most < 25_000
    assert 80 < journal.commits < 120


@pytest.mark.parametrize("durability", ["sync", "async", "exit"])
async def test_every_durability_keeps_all_entries_in_their_order(durability: str) -> None:
    journal = MemoryJournal()
    recorder = RECORDERS[durability](journal, 1000)
    clock = Stage().clock
    given: list[Entry] = [
        NodeRetried(1, "a", "t", number, 0, {"message": ""}, 0.0, clock.now(), size=number * 50) for number in range(50)
    ]
    for number, entry in enumerate(given):
        if number % 3:
            recorder.note(entry)
        else:
            await recorder.secure(entry)
    last = RunEnded("completed", {}, clock.now())
    await recorder.end(last)
    assert journal.entries == [*given, last]


async def test_a_tool_that_emits_without_end_is_stopped_by_what_its_run_may_write() -> None:
    async def flood(context: ToolContext, state: Mapping[str, Any]) -> dict[str, Any]:
        while True:
            context.emit("noise.made", {"text": "x" * 1000})

    stored = await Stage(tool(flood), limits=Limits(max_kept_bytes=100_000)).run(definition([node("a", "flood")], []))
    assert error(stored)["code"] == "run_too_large"
    assert 70 < len(entries(stored, Emitted)) < 100


async def test_a_tool_that_swallows_the_refusal_does_not_go_on_in_the_next_node() -> None:
    async def flood(context: ToolContext, state: Mapping[str, Any]) -> dict[str, Any]:
        try:
            while True:
                context.emit("noise.made", {"text": "x" * 1000})
        except RunLimitReached:
            return {"text": "x" * 2000}

    graph = definition([node("a", "flood", on_error="continue"), "b"], ["a -> b"])
    stored = await Stage(tool(flood), limits=Limits(max_kept_bytes=100_000)).run(graph)
    assert error(stored)["code"] == "run_too_large"
    assert [one.node_id for one in entries(stored, NodeDone)] == ["a"]


async def test_text_that_is_streamed_ends_at_its_limit_for_readers_and_for_the_journal() -> None:
    text = "word " * 1000
    graph = definition([node("say", "emit", config={"text": text})], [])
    stored = await Stage(limits=Limits(max_text=1234)).run(graph)
    (done,) = entries(stored, NodeDone)
    assert done.text == text[:1234]
    assert "".join(piece for *_, piece in stored.streamed) == text[:1234]
    assert done.size > 1234


async def test_failing_attempts_are_counted_too() -> None:
    async def complain(context: ToolContext, state: Mapping[str, Any]) -> dict[str, Any]:
        raise ValueError("x" * 3000)

    graph = definition(
        [node("a", "complain", retry={"max_attempts": 100, "backoff_s": 0.001}, on_error="continue")], []
    )
    stored = await Stage(tool(complain), limits=Limits(max_kept_bytes=50_000)).run(graph)
    assert error(stored)["code"] == "run_too_large"
    assert 10 < len(entries(stored, NodeRetried)) < 20


async def words_while_it_lasts(context: ToolContext, state: Mapping[str, Any]) -> dict[str, Any]:
    for _ in range(1000):
        context.emit_text("x" * 1000)
    return {}


async def events(context: ToolContext, state: Mapping[str, Any]) -> dict[str, Any]:
    for _ in range(1000):
        context.emit("noise.made", {"text": "x" * 1000})
    return {}


async def outside_effects(context: ToolContext, state: Mapping[str, Any]) -> dict[str, Any]:
    for _ in range(1000):
        context.effect("noise.make", {"text": "x" * 1000})
    return {}


async def what_happened_anyway(context: ToolContext, state: Mapping[str, Any]) -> dict[str, Any]:
    for _ in range(1000):
        context.effect("noise.make", {"text": "x" * 1000}, also_on_failure=True)
    return {}


async def what_is_kept_beside_it(context: ToolContext, state: Mapping[str, Any]) -> dict[str, Any]:
    for _ in range(1000):
        context.hold(1000)
    return {}


async def state_values(context: ToolContext, state: Mapping[str, Any]) -> dict[str, Any]:
    return {"text": "x" * 1_000_000}


async def failed_attempts(context: ToolContext, state: Mapping[str, Any]) -> dict[str, Any]:
    context.emit_text("x" * 10_000)
    raise ValueError("x" * 1000)


async def questions(context: ToolContext, state: Mapping[str, Any]) -> dict[str, Any]:
    context.emit_text("x" * 5000)
    await context.ask("x" * 9000, schema={"enum": ["y" * 90_000]}, default=None, has_default=False, timeout_s=None)
    return {}


WAYS = (
    words_while_it_lasts, events, outside_effects, what_happened_anyway, what_is_kept_beside_it, state_values,
    failed_attempts, questions,
)  # fmt: skip


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
async def test_whatever_a_run_writes_is_counted_and_refused_with_number_and_limit(way: Any) -> None:
    retry = {"max_attempts": 100, "backoff_s": 0.001}
    graph = definition([node("a", way.__name__, retry=retry), "b"], ["a -> b"])
    stored = await Stage(tool(way), limits=Limits(max_kept_bytes=90_000)).run(graph)
    failed = error(stored)
    assert (failed["code"], failed["limit"]) == ("run_too_large", 90_000)
    assert failed["used"] > 90_000
    assert "90,000" in failed["message"]
    assert f"{failed['used']:,}" in failed["message"]
    assert "b" not in [one.node_id for one in entries(stored, NodeDone)]
    assert len("".join(piece for *_, piece in stored.streamed)) <= 90_000


@pytest.mark.parametrize("way", WAYS[:5], ids=lambda way: way.__name__)
async def test_what_is_counted_is_in_the_sizes_of_the_entries_that_a_store_adds_up(way: Any) -> None:
    """Else it is forgotten with the claim, and no quota of its person knows of it."""
    stored = await Stage(tool(way)).run(definition([node("a", way.__name__)], []))
    assert status(stored) == "completed"
    assert wrote(stored) > 1_000_000
    assert abs(wrote(stored) - stored.consumption.kept_bytes) < 1000


async def test_a_question_and_what_was_kept_before_it_are_in_the_sizes_too() -> None:
    graph = definition([node("first", "questions")], [])
    stored = await Stage(tool(questions)).run(graph)
    assert status(stored) == "interrupted"
    assert abs(wrote(stored) - stored.consumption.kept_bytes) < 1000


# Sub-runs


def mapping(items: int, **config: Any) -> dict[str, Any]:
    config = {"items": "list", "as": "item", "graph": "inner", "write": "out", **config}
    return definition(
        [node("fill", "note", config={"write": {"list": list(range(items))}}), node("each", "map", config=config)],
        ["fill -> each"],
    )


async def test_a_run_and_its_sub_runs_share_one_allowance() -> None:
    stage = Stage(limits=Limits(max_kept_bytes=60_000))
    stage.store.save("inner", definition([node("w", "set_state", config={"values": {"text": "x" * 1000}})], []))
    stored = await stage.run(mapping(100, max_parallel=1, on_item_error="keep", collect="text"))
    assert status(stored) == "failed"
    assert error(stored)["code"] == "run_too_large"
    assert 10 < len(stage.store.runs) < 40


async def test_the_sub_runs_of_a_run_are_counted_at_all_depths() -> None:
    stage = Stage(limits=Limits(max_sub_runs=20))
    stage.store.save("leaf", definition([node("w", "note")], []))
    stage.store.save("inner", mapping(10, graph="leaf"))
    stored = await stage.run(mapping(10))
    assert "at most 20 sub-runs" in error(stored)["message"]
    assert len(stage.store.runs) == 21


async def test_a_map_of_more_items_than_it_may_have_makes_no_sub_run() -> None:
    stage = Stage(limits=Limits(max_items=50))
    stage.store.save("inner", definition([node("w", "note")], []))
    stored = await stage.run(mapping(51))
    assert error(stored)["code"] == "inputs_mismatch"
    assert "at most 50 items" in error(stored)["message"]
    assert "51" in error(stored)["message"]
    assert len(stage.store.runs) == 1
    assert len(final(await stage.run(mapping(50)))["out"]) == 50


async def test_how_deep_graphs_may_nest_is_a_limit() -> None:
    stage = Stage(limits=Limits(max_nesting=3))
    stored = await stage.run(definition([node("self", "graph", config={"graph": "main"})], []))
    assert "deeper than 3 levels" in error(stored)["message"]
    assert len(stage.store.runs) == 4


# Questions


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"question": "x" * (MAX_QUESTION + 1)}, "10,001"),
        ({"question": "?", "schema": {"enum": ["y" * 100_000]}}, "100,000 bytes"),
        ({"question": "?", "default": ["y" * 1000] * 101}, "100,000 bytes"),
    ],
)
async def test_a_question_that_is_too_large_to_be_shown_fails_its_node(asked: dict[str, Any], words: str) -> None:
    async def inquire(context: ToolContext, state: Mapping[str, Any]) -> dict[str, Any]:
        rest = {"schema": None, "default": None, "has_default": True, "timeout_s": None}
        return {"answer": await context.ask(**{**rest, **asked})}

    stored = await Stage(tool(inquire)).run(definition([node("a", "inquire")], []))
    assert error(stored)["code"] == "permanent_error"
    assert words in error(stored)["message"]


# Giving way


@pytest.mark.parametrize("durability", ["sync", "async", "exit"])
async def test_a_loop_of_tools_that_wait_for_nothing_lets_others_work_and_hears_a_cancel(durability: str) -> None:
    """In memory nothing waits for a disk: without a pause of its own the run would have the loop for a minute."""
    store = MemoryStore(make_registry(), durability=durability, limits=Limits(max_steps=1_000_000))  # type: ignore[arg-type]
    store.save("main", ENDLESS)
    stored = store.create("main", {})
    work = asyncio.ensure_future(store.go_on(stored))
    for _ in range(5):
        await asyncio.sleep(0)
    stored.control.cancel("enough")
    ended = await work
    assert ended.status == "cancelled"
    assert len(entries(stored, NodeDone)) < 20_000


async def test_words_of_a_long_text_let_others_work() -> None:
    store = MemoryStore(make_registry())
    store.save("main", definition([node("say", "emit", config={"text": "a " * 100_000})], []))
    stored = store.create("main", {})
    work = asyncio.ensure_future(store.go_on(stored))
    turns = 0
    while not work.done():
        await asyncio.sleep(0)
        turns += 1
    assert turns > 100
