"""The engine's cast: a clock that only moves when told, short words for definitions, and tools that do as scripted."""

import asyncio
import heapq
from collections.abc import Callable, Coroutine, Mapping
from datetime import UTC, datetime, timedelta
from itertools import count, pairwise
from random import Random
from typing import Any, TypeVar

from graphs_app.engine import checkpoint
from graphs_app.engine.builtin import add_to
from graphs_app.engine.limits import Limits
from graphs_app.engine.memory import MemoryStore, StoredRun
from graphs_app.engine.registry import Registry, Tool, ToolContext, make_tool

NOON = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
QUIET_TURNS = 200
"""Turns of the event loop after which nothing but time can move a run on."""

T = TypeVar("T")


class ManualTimer:
    def __init__(self, callback: Callable[[], None]) -> None:
        self.callback: Callable[[], None] | None = callback

    def cancel(self) -> None:
        self.callback = None


class ManualClock:
    """Time stands still until `through` has nothing left to do but to wait; then it jumps to the next timer."""

    def __init__(self) -> None:
        self.elapsed = 0.0
        self.slept: list[float] = []
        self._timers: list[tuple[float, int, ManualTimer]] = []
        self._tie = count()

    def now(self) -> datetime:
        return NOON + timedelta(seconds=self.elapsed)

    def monotonic(self) -> float:
        return self.elapsed

    def call_later(self, seconds: float, callback: Callable[[], None]) -> ManualTimer:
        timer = ManualTimer(callback)
        heapq.heappush(self._timers, (self.elapsed + seconds, next(self._tie), timer))
        return timer

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        woken = asyncio.get_running_loop().create_future()
        timer = self.call_later(seconds, lambda: None if woken.done() else woken.set_result(None))
        try:
            await woken
        finally:
            timer.cancel()

    def jump(self) -> bool:
        """To the next timer; False when there is none."""
        while self._timers:
            at, _, timer = heapq.heappop(self._timers)
            if timer.callback is not None:
                self.elapsed = max(self.elapsed, at)
                callback, timer.callback = timer.callback, None
                callback()
                return True
        return False

    async def through(self, work: Coroutine[Any, Any, T]) -> T:
        """The result of some work, however long it takes by this clock."""
        task = asyncio.ensure_future(work)
        while not task.done():
            await quiet(task)
            if not task.done() and not self.jump():
                task.cancel()
                raise AssertionError("Everything waits, and no timer is set")
        return await task


def chance(seed: int) -> Random:
    """Chance that is the same every time."""
    return Random(seed)  # noqa: S311


async def quiet(task: "asyncio.Future[Any] | None" = None) -> None:
    """Lets everything happen that needs no time."""
    for _ in range(QUIET_TURNS):
        if task is not None and task.done():
            return
        await asyncio.sleep(0)


def node(node_id: str, tool: str = "note", **rest: Any) -> dict[str, Any]:
    return {"node_id": node_id, "tool": tool, **rest}


def edge(arrow: str, condition: str | None = None) -> dict[str, Any]:
    """edge("a -> b"), edge("a -> b", "x > 1")."""
    source, target = (end.strip() for end in arrow.split("->"))
    drawn = {"from_node": source, "to_node": target}
    return drawn if condition is None else {**drawn, "type": "conditional", "condition": condition}


def chain(*names: str) -> list[dict[str, Any]]:
    return [edge(f"{one} -> {two}") for one, two in pairwise(names)]


def definition(nodes: list[dict[str, Any] | str], edges: list[dict[str, Any] | str], **rest: Any) -> dict[str, Any]:
    """The first node is the entry; a bare string is a node that notes that it ran, or an edge."""
    full = [node(one) if isinstance(one, str) else one for one in nodes]
    return {
        "v": 1,
        "name": "test",
        "entry_node": full[0]["node_id"],
        "nodes": full,
        "edges": [edge(one) if isinstance(one, str) else one for one in edges],
        **rest,
    }


async def note(context: ToolContext, state: Mapping[str, Any]) -> dict[str, Any]:
    """Takes config.seconds by the clock, then writes config.write."""
    if context.config.get("seconds"):
        await context.clock.sleep(context.config["seconds"])
    return dict(context.config.get("write", {}))


async def count_up(context: ToolContext, state: Mapping[str, Any]) -> dict[str, Any]:
    key = context.config.get("key", "n")
    return {key: state.get(key, 0) + 1}


def make_registry(*tools: Tool) -> Registry:
    registry = add_to(Registry())
    for tool in (make_tool("note", note), make_tool("count_up", count_up), *tools):
        registry.add(tool)
    return registry


def tool(function: Callable[..., Any], **rest: Any) -> Tool:
    """A tool by its function's name."""
    return make_tool(function.__name__, function, **rest)


class Stage:
    """A store with a manual clock, and one call for what most tests do."""

    def __init__(self, *tools: Tool, limits: Limits | None = None, durability: str = "sync") -> None:
        self.clock = ManualClock()
        self.registry = make_registry(*tools)
        self.store = MemoryStore(
            self.registry,
            clock=self.clock,
            random=chance(7),
            limits=limits or Limits(cancel_grace_s=2.0),
            durability=durability,  # type: ignore[arg-type]
            secrets={"token": "s3cret"},
        )

    async def run(self, graph: dict[str, Any], state: dict[str, Any] | None = None, **rest: Any) -> StoredRun:
        self.store.save("main", graph)
        stored = self.store.create("main", state or {})
        await self.clock.through(self.store.go_on(stored, **rest))
        return stored

    async def go_on(self, stored: StoredRun) -> checkpoint.RunEnded:
        return await self.clock.through(self.store.go_on(stored))


def entries(stored: StoredRun, kind: type[T]) -> list[T]:
    return [one for one in stored.journal.entries if isinstance(one, kind)]


def trace(stored: StoredRun) -> list[str]:
    """The nodes in the order in which they were done."""
    return [done.node_id for done in entries(stored, checkpoint.NodeDone)]


def status(stored: StoredRun) -> str:
    assert stored.ended is not None
    return stored.ended.status


def final(stored: StoredRun) -> dict[str, Any]:
    assert stored.ended is not None
    assert stored.ended.status == "completed", stored.ended
    return stored.ended.state


def error(stored: StoredRun) -> dict[str, Any]:
    assert stored.ended is not None
    assert stored.ended.error is not None
    return stored.ended.error
