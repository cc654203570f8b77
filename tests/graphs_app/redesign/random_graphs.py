"""Random graphs of deterministic tools, wasteful on purpose: lines, forks, branches, loops, duplicates, dead ends; and
an event loop that takes no time, on which they are run."""

import asyncio
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from itertools import pairwise
from random import Random
from typing import Any

from graphs_app.engine.checkpoint import RunEnded
from graphs_app.engine.memory import MemoryStore
from graphs_app.engine.registry import Registry, Tool, ToolContext, make_tool
from tests.graphs_app.engine.cast import NOON, chance, make_registry

KEYS = ("a", "b", "c", "d", "e", "f", "g", "h")


class TimelessLoop(asyncio.SelectorEventLoop):
    """When there is nothing left to do but to wait, the time that is waited for has come."""

    def __init__(self) -> None:
        super().__init__()
        self.elapsed = 0.0
        selector = self._selector  # type: ignore[attr-defined]
        select = selector.select

        def skip(timeout: float | None = None) -> Any:
            self.elapsed += timeout or 0.0
            return select(0)

        selector.select = skip

    def time(self) -> float:
        return self.elapsed


class LoopClock:
    """The loop's own time."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop

    def now(self) -> datetime:
        return datetime.fromtimestamp(NOON.timestamp() + self.loop.time(), UTC)

    def monotonic(self) -> float:
        return self.loop.time()

    def call_later(self, seconds: float, callback: Callable[[], None]) -> asyncio.TimerHandle:
        return self.loop.call_later(seconds, callback)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


def run(definition: Mapping[str, Any], state: dict[str, Any], registry: Registry) -> tuple[RunEnded, float]:
    """How a run ended, and how long it took in the time that it believes in."""
    loop = TimelessLoop()
    try:
        store = MemoryStore(registry, clock=LoopClock(loop), random=chance(7))
        store.save("main", definition)
        stored = loop.run_until_complete(store.start("main", state))
        assert stored.ended is not None
        return stored.ended, loop.elapsed
    finally:
        loop.close()


def registry_of(took: Mapping[str, float]) -> Registry:
    return make_registry(*mixers(took))


def mixers(took: Mapping[str, float]) -> list[Tool]:
    """Tools that read some keys and write one; how long each node takes comes from outside."""
    picks = chance(5)
    return [_mixer(f"mix{n}", picks.sample(KEYS, picks.randint(0, 2)), picks.choice(KEYS), took) for n in range(10)] + [
        _mixer("ask", ["a"], "h", took, {"endpoint": {"type": "string"}})
    ]


def _mixer(
    name: str, reads: list[str], write: str, took: Mapping[str, float], config: dict[str, Any] | None = None
) -> Tool:
    async def mix(context: ToolContext, state: Mapping[str, Any]) -> dict[str, Any]:
        await context.clock.sleep(took.get(context.node_id, 0.01))
        known = [state[key] for key in reads if isinstance(state.get(key), int)]
        return {write: (sum(known) * 7 + len(name) + int(name[-1:].isdigit() and name[-1])) % 101}

    keys = {key: {} for key in reads}
    return make_tool(
        name,
        mix,
        inputs={"type": "object", "properties": keys},
        outputs={"type": "object", "properties": {write: {}}, "required": [write]},
        config={"type": "object", "properties": config or {}},
    )


class Maker:
    """One random graph."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.nodes: list[dict[str, Any]] = []
        self.edges: list[dict[str, Any]] = []

    def graph(self) -> dict[str, Any]:
        self.block(self.random.randint(1, 2))
        if self.random.random() < 0.3:
            self.edge(self.node(), self.node())
        state = {"c": {"reducer": "append"}} if self.random.random() < 0.15 else {}
        entry = self.nodes[0]["node_id"]
        return {"v": 1, "entry_node": entry, "state": state, "nodes": self.nodes, "edges": self.edges}

    def node(self) -> str:
        name = f"n{len(self.nodes)}"
        random = self.random
        kind = random.choices(["mix", "set", "compute", "nothing", "again", "ask"], [8, 3, 3, 1, 4, 1])[0]
        if kind == "again" and self.nodes:
            self.nodes.append({**random.choice(self.nodes[-4:]), "node_id": name})
            return name
        made: dict[str, Any] = {
            "set": {"tool": "set_state", "config": {"values": {random.choice(KEYS): random.randint(0, 9)}}},
            "compute": {"tool": "compute", "config": {"set": {random.choice(KEYS): f"len('{name}') + 1"}}},
            "nothing": {"tool": "set_state", "config": {"values": {}}},
            "ask": {"tool": "ask"},
        }.get(kind) or {"tool": f"mix{random.randrange(10)}"}
        self.nodes.append({"node_id": name, **made})
        return name

    def edge(self, one: str, other: str, condition: str | None = None) -> None:
        drawn = {"from_node": one, "to_node": other}
        self.edges.append(drawn if condition is None else {**drawn, "type": "conditional", "condition": condition})

    def line(self) -> tuple[str, str]:
        names = [self.node() for _ in range(self.random.randint(1, 5))]
        for one, other in pairwise(names):
            self.edge(one, other)
        return names[0], names[-1]

    def block(self, depth: int) -> tuple[str, str]:
        """Its first node and its last."""
        kind = self.random.choice(["line", "fork", "branch", "branch", "loop"]) if depth else "line"
        if kind == "line":
            return self.line()
        first, last = self.line()
        checked = kind == "branch" and self.random.random() < 0.6
        if checked:
            asking, checking = self.node(), self.node()
            self.nodes[-2].update(tool="ask", config={})
            self.nodes[-1].update(
                tool="compute", config={"set": {f"ok_{checking}": f"{self.random.choice('abd')} > 9"}}
            )
            self.edge(last, asking)
            self.edge(asking, checking)
            last = checking
        if kind == "loop":
            start, end = self.block(depth - 1)
            self.edge(last, start)
            count, key = self.node(), f"n_{len(self.nodes)}"
            self.nodes[-1].update(tool="compute", config={"set": {key: f"{key} + 1"}})
            init = next(node for node in self.nodes if node["node_id"] == first)
            init.update(tool="set_state", config={"values": {key: 0}})
            self.edge(end, count)
            self.edge(count, start, f"{key} < {self.random.randint(1, 3)}")
            after, out = self.line()
            self.edge(count, after)
            return first, out
        one, other = self.block(depth - 1), self.block(depth - 1)
        heads = [next(node for node in self.nodes if node["node_id"] == names[0]) for names in (one, other)]
        if kind == "fork" and self.random.random() < 0.5:
            heads[1].update({key: value for key, value in heads[0].items() if key != "node_id"})
        elif checked and self.random.random() < 0.7:
            heads[self.random.randrange(2)].update(tool="mix4", config={})
        join, out = self.line()
        condition = self.random.choice([f"{self.random.choice(KEYS)} > 4", f"{self.random.choice(KEYS)} > 50", "1 > 2"])
        condition = f"ok_{last}" if checked else condition
        self.edge(last, one[0], condition if kind == "branch" else None)
        self.edge(last, other[0])
        for _, end in (one, other):
            if self.random.random() < 0.8:
                self.edge(end, join)
        if not any(edge["to_node"] == join for edge in self.edges):
            self.edge(one[1], join)
        return first, out
