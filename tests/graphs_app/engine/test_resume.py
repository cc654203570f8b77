"""After a crash a run goes on from its journal: the same end, and no completed node run twice."""

import asyncio
from collections import Counter
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphs_app.engine.checkpoint import (
    Done,
    Entry,
    History,
    NodeDone,
    NodeSkipped,
    NodeStarted,
    RunEnded,
    RunStarted,
)
from graphs_app.engine.errors import HistoryMismatch, LeaseLost
from graphs_app.engine.loop import run
from graphs_app.engine.memory import MemoryHost, MemoryJournal, StoredRun, history_of
from graphs_app.engine.registry import ToolContext
from graphs_app.engine.replan import state_at
from tests.graphs_app.engine.cast import (
    Stage,
    chain,
    definition,
    edge,
    entries,
    error,
    final,
    node,
    quiet,
    status,
    tool,
    trace,
)

MIXED = definition(
    [
        "start",
        node("left", config={"seconds": 1, "write": {"log": "left"}}),
        node("right", config={"seconds": 2, "write": {"log": "right"}}),
        node("far", config={"seconds": 1, "write": {"log": "far"}}),
        node("join", "count_up"),
        node("risky", "fail", config={"times": 1}, retry={"max_attempts": 2}),
        node("broken", "fail", on_error="continue"),
        node("worse", "fail", on_error="fallback", fallback="rescue"),
        "rescue",
        "unused",
        "end",
    ],
    [
        "start -> left",
        "start -> right",
        "right -> far",
        "left -> join",
        "far -> join",
        edge("join -> start", "n < 3"),
        "join -> risky",
        *chain("risky", "broken", "worse", "unused"),
        "rescue -> end",
    ],
    state={"log": {"reducer": "append"}},
)


class Crash(Exception):
    """The process dies here."""


class CrashingJournal(MemoryJournal):
    """Keeps so many entries, and then never answers again."""

    __slots__ = ("room",)

    def __init__(self, room: int) -> None:
        super().__init__()
        self.room = room
        self.note = self._keep

    def _keep(self, entry: Entry) -> None:
        if len(self.entries) >= self.room:
            raise Crash
        self.entries.append(entry)


async def with_crash(stage: Stage, stored: StoredRun, room: int) -> None:
    journal = CrashingJournal(room)
    stored.journal = journal
    with pytest.raises(Crash):
        await stage.go_on(stored)
    stored.journal = MemoryJournal()
    stored.journal.entries += journal.entries


async def test_a_run_that_crashes_anywhere_ends_as_if_it_had_not() -> None:
    stage = Stage()
    undisturbed = await stage.run(MIXED)
    assert trace(undisturbed).count("join") == 3
    for room in range(1, len(undisturbed.journal.entries)):
        stage = Stage()
        stage.store.save("main", MIXED)
        stored = stage.store.create("main", {})
        await with_crash(stage, stored, room)
        await stage.go_on(stored)
        assert status(stored) == "completed"
        done = entries(stored, NodeDone)
        assert [one.number for one in done] == list(range(1, len(done) + 1))
        assert max(Counter(one.activation for one in done).values()) == 1
        assert Counter(trace(stored)) == Counter(trace(undisturbed))
        assert sorted(final(stored)["log"]) == sorted(final(undisturbed)["log"])
        assert final(stored)["n"] == 3
        assert [one["node_id"] for one in final(stored)["errors"]] == ["broken"]


async def test_an_attempt_that_was_begun_counts_after_a_crash() -> None:
    stage = Stage()
    stage.store.save("main", definition(["a", "b"], ["a -> b"]))
    stored = stage.store.create("main", {})
    await with_crash(stage, stored, 4)
    assert isinstance(stored.journal.entries[-1], NodeStarted)
    await stage.go_on(stored)
    assert [(one.node_id, one.attempt) for one in entries(stored, NodeStarted)] == [("a", 1), ("b", 1), ("b", 2)]
    assert [one.resumed for one in entries(stored, RunStarted)] == [False, True]


async def test_the_last_attempt_is_made_again_when_the_process_died_in_it() -> None:
    stage = Stage()
    stage.store.save("main", definition([node("a", retry={"max_attempts": 1})], []))
    stored = stage.store.create("main", {})
    await with_crash(stage, stored, 2)
    await stage.go_on(stored)
    assert status(stored) == "completed"


async def test_edges_are_not_chosen_again_in_a_replay() -> None:
    chosen: list[str] = []

    async def fickle(context: ToolContext, state: Mapping[str, Any]) -> dict[str, Any]:
        chosen.append(context.node_id)
        return {"x": 1}

    graph = definition([node("a", "fickle"), "b", "c"], [edge("a -> b", "x == 1"), "a -> c"])
    stage = Stage(tool(fickle))
    stage.store.save("main", graph)
    stored = stage.store.create("main", {})
    ended = await stage.clock.through(
        run(
            compiled=stage.store.compiled("main"),
            initial_state={},
            journal=stored.journal,
            host=MemoryHost(stage.store, stored),
            history=History(done=[Done(1, 1, "a", {"x": 1}, (1,))]),
            clock=stage.clock,
        )
    )
    assert ended.status == "completed"
    assert trace(stored) == ["c"]
    assert chosen == []


async def test_a_failure_lost_with_the_process_is_found_again() -> None:
    loop = definition([node("a", "count_up")], [edge("a -> a", "n > 0")], max_iterations=2)
    undecided = definition([node("a", config={"write": {"x": "y"}}), "b"], [edge("a -> b", "x * 2 == 4")])
    for graph, kind in ((loop, "LoopLimitError"), (undecided, "ConditionFailed")):
        stage = Stage()
        stored = await stage.run(graph)
        assert error(stored)["type"] == kind
        assert isinstance(stored.journal.entries.pop(), RunEnded)
        done = len(trace(stored))
        await stage.go_on(stored)
        assert error(stored)["type"] == kind
        assert len(trace(stored)) == done


@pytest.mark.parametrize(
    "done",
    [
        [Done(1, 5, "a", {}, ())],
        [Done(1, 1, "b", {}, ())],
        [Done(2, 1, "a", {}, ())],
        [Done(1, 1, "a", {}, (0,)), Done(1, 2, "b", {}, ())],
        [Done(1, 1, "a", {}, (0,)), Done(2, 1, "a", {}, ())],
    ],
)
async def test_a_history_of_another_graph_is_refused(done: list[Done]) -> None:
    stage = Stage()
    compiled = stage.store.save("main", definition(["a", "b"], ["a -> b"]))
    stored = stage.store.create("main", {})
    with pytest.raises(HistoryMismatch):
        await run(
            compiled=compiled,
            initial_state={},
            journal=stored.journal,
            host=MemoryHost(stage.store, stored),
            history=History(done=done),
        )


# Durability


class WatchingJournal(MemoryJournal):
    """Tells notes from commits, and takes a turn of the loop for each commit."""

    __slots__ = ("told",)

    def __init__(self) -> None:
        super().__init__()
        self.told: list[tuple[str, str]] = []
        self.note = self._note

    def _note(self, entry: Entry) -> None:
        self.entries.append(entry)
        self.told.append(("note", type(entry).__name__))

    async def commit(self, entry: Entry) -> None:
        self.entries.append(entry)
        self.told.append(("commit", type(entry).__name__))
        for _ in range(3):
            await asyncio.sleep(0)
        self.told.append(("durable", type(entry).__name__))


async def told(durability: str, graph: dict[str, Any]) -> list[tuple[str, str]]:
    stage = Stage(durability=durability)
    stage.store.save("main", graph)
    stored = stage.store.create("main", {})
    journal = WatchingJournal()
    stored.journal = journal
    await stage.go_on(stored)
    return journal.told


TWO = definition(["a", "b"], ["a -> b"])


async def test_sync_secures_each_node_before_its_successors_start() -> None:
    assert await told("sync", TWO) == [
        ("note", "RunStarted"),
        ("note", "NodeStarted"),
        ("commit", "NodeDone"),
        ("durable", "NodeDone"),
        ("note", "NodeStarted"),
        ("note", "NodeDone"),
        ("commit", "RunEnded"),
        ("durable", "RunEnded"),
    ]


async def test_async_notes_and_goes_on() -> None:
    kinds = [one for one in await told("async", TWO) if one[0] != "note"]
    assert kinds == [("commit", "RunEnded"), ("durable", "RunEnded")]


async def test_exit_keeps_everything_until_the_end() -> None:
    stage = Stage(durability="exit")
    stage.store.save("main", definition([node("a", config={"seconds": 5}), "b"], ["a -> b"]))
    stored = stage.store.create("main", {})
    running = asyncio.ensure_future(stage.go_on(stored))
    await quiet()
    assert [type(one) for one in stored.journal.entries] == [RunStarted]
    await running
    kinds = [type(one).__name__ for one in stored.journal.entries]
    assert kinds == ["RunStarted", "NodeStarted", "NodeDone", "NodeStarted", "NodeDone", "RunEnded"]


async def test_nodes_that_finish_together_share_a_commit() -> None:
    names = [f"n{index}" for index in range(20)]
    graph = definition(
        ["s", *names, "j", "k"], [*(f"s -> {one}" for one in names), *(f"{one} -> j" for one in names), "j -> k"]
    )
    assert [one for one in await told("sync", graph) if one[0] == "commit"] == [("commit", "NodeDone")] * 3 + [
        ("commit", "RunEnded")
    ]


class LosingJournal(MemoryJournal):
    """Loses its lease after so many entries."""

    __slots__ = ("left",)

    def __init__(self, left: int) -> None:
        super().__init__()
        self.left = left
        self.note = self._keep

    def _keep(self, entry: Entry) -> None:
        if self.left == 0:
            raise LeaseLost("The run is another's now")
        self.left -= 1
        self.entries.append(entry)


@pytest.mark.parametrize("left", range(1, 12))
async def test_a_lost_lease_stops_every_node_and_is_raised(left: int) -> None:
    stopped: list[str] = []

    async def long(context: ToolContext, state: Mapping[str, Any]) -> dict[str, Any]:
        try:
            await context.clock.sleep(100)
        except asyncio.CancelledError:
            stopped.append(context.node_id)
            raise
        return {}

    graph = definition(
        ["s", node("x", "long"), node("y", "long"), node("a", "count_up"), node("b", "count_up")],
        ["s -> x", "s -> y", "s -> a", "a -> b", edge("b -> a", "n < 99")],
    )
    stage = Stage(tool(long))
    stage.store.save("main", graph)
    stored = stage.store.create("main", {})
    stored.journal = LosingJournal(left)
    with pytest.raises(LeaseLost):
        await stage.go_on(stored)
    started = [one.node_id for one in entries(stored, NodeStarted) if one.node_id in ("x", "y")]
    assert sorted(stopped) == sorted(started) or left < 8
    assert len(stored.journal.entries) == left


async def test_a_worker_that_lets_go_of_a_run_writes_nothing_more() -> None:
    for graph in (
        definition([node("a", config={"seconds": 9})], []),
        definition(["s", node("a", config={"seconds": 9}), node("b", config={"seconds": 9})], ["s -> a", "s -> b"]),
        definition([node("a", "fail", retry={"jitter": False, "backoff_s": 50})], []),
    ):
        stage = Stage()
        stage.store.save("main", graph)
        stored = stage.store.create("main", {})
        running = asyncio.ensure_future(stage.store.go_on(stored))
        await quiet()
        before = list(stored.journal.entries)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert stored.journal.entries == before
        assert stored.ended is None
        await stage.go_on(stored)
        assert status(stored) == ("failed" if graph["nodes"][0]["tool"] == "fail" else "completed")


# Any graph


@st.composite
def drawings(draw: st.DrawFn) -> dict[str, Any]:
    size = draw(st.integers(1, 6))
    names = [f"n{index}" for index in range(size)]
    nodes = [
        node(
            name,
            draw(st.sampled_from(["note", "count_up", "shaky"])),
            config={"seconds": draw(st.integers(0, 3)), "write": {"log": name}} if index % 2 else {"key": "n"},
            join=draw(st.sampled_from(["all", "all", "any", "first"])),
            route=draw(st.sampled_from(["first", "every"])),
            on_error=draw(st.sampled_from(["fail_fast", "continue"])),
            retry={"max_attempts": 2, "backoff_s": 1},
        )
        for index, name in enumerate(names)
    ]
    pairs = draw(st.lists(st.tuples(st.integers(0, size - 1), st.integers(0, size - 1)), max_size=9, unique=True))
    edges = []
    for one, two in pairs:
        if two <= one:
            edges.append(edge(f"n{one} -> n{two}", f"n < {draw(st.integers(0, 6))}"))
        elif draw(st.booleans()):
            edges.append(edge(f"n{one} -> n{two}", f"len(log) < {draw(st.integers(0, 4))}"))
        else:
            edges.append(edge(f"n{one} -> n{two}"))
    return definition(nodes, edges, state={"log": {"reducer": "append"}, "n": {"reducer": "add"}}, max_iterations=6)


async def count_up(context: ToolContext, state: Mapping[str, Any]) -> dict[str, Any]:
    return {"n": 1}


async def shaky(context: ToolContext, state: Mapping[str, Any]) -> dict[str, Any]:
    """Fails or not by what it is, so that it does the same after a crash."""
    await context.clock.sleep(1)
    if (len(state.get("log", ())) + len(context.node_id) + state.get("n", 0)) % 3 == 0:
        raise ValueError("shaky")
    return {"n": 1}


def reachable(graph: dict[str, Any]) -> dict[str, Any]:
    """Only what the entry node reaches: the rest would be refused."""
    seen, work = {graph["entry_node"]}, [graph["entry_node"]]
    while work:
        one = work.pop()
        for drawn in graph["edges"]:
            if drawn["from_node"] == one and drawn["to_node"] not in seen:
                seen.add(drawn["to_node"])
                work.append(drawn["to_node"])
    nodes = [one for one in graph["nodes"] if one["node_id"] in seen]
    return {**graph, "nodes": nodes, "edges": [one for one in graph["edges"] if one["from_node"] in seen]}


def make_stage() -> Stage:
    stage = Stage(tool(shaky))
    registry = stage.registry
    registry._tools["count_up"] = tool(count_up)
    return stage


@settings(max_examples=60, deadline=None)
@given(drawings(), st.data())
def test_any_graph_replays_to_what_it_was_and_survives_a_crash_anywhere(
    graph: dict[str, Any], data: st.DataObject
) -> None:
    async def check() -> None:
        stage = make_stage()
        whole = await stage.run(reachable(graph))
        assert whole.ended is not None
        skipped = [one.node_id for one in entries(whole, NodeSkipped)]
        assert len(skipped) == len(set(skipped))
        assert not set(skipped) & set(trace(whole))

        room = data.draw(st.integers(1, max(1, len(whole.journal.entries) - 1)))
        stage = make_stage()
        stage.store.save("main", reachable(graph))
        stored = stage.store.create("main", {})
        await with_crash(stage, stored, room)
        replayed = history_of(stored.journal.entries)
        assert len(replayed.done) == len(entries(stored, NodeDone))
        await stage.go_on(stored)
        assert stored.ended is not None
        done = entries(stored, NodeDone)
        assert [one.number for one in done] == list(range(1, len(done) + 1))
        assert len({one.activation for one in done}) == len(done)
        if stored.ended.status == "completed":
            compiled = stage.store.compiled("main")
            rebuilt = state_at(
                compiled=compiled, initial_state={}, history=history_of(stored.journal.entries), number=len(done)
            )
            assert rebuilt == stored.ended.state

    asyncio.run(check())
