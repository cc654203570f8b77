"""Everything a run needs, kept in memory: the store for tests, benchmarks and throw-away runs.

store = MemoryStore(registry)
store.save("review", definition_json)
ended = await store.start("review", {"code": "..."})
ended = await store.resume(ended_run_id, {activation: answer})
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any
from uuid import UUID, uuid4, uuid5

from graphs_app.engine.checkpoint import (
    Done,
    Entry,
    History,
    Interrupted,
    Json,
    NodeDone,
    NodeSkipped,
    NodeStarted,
    RunEnded,
    Usage,
)
from graphs_app.engine.compiled import Compiled, compile_definition
from graphs_app.engine.consumption import Consumption
from graphs_app.engine.durability import Durability
from graphs_app.engine.errors import EngineError, NestingTooDeep, SecretMissing, SubRunFailed
from graphs_app.engine.host import Control, key_of_try, keys_of_tries
from graphs_app.engine.interrupt import SubRunInterrupted
from graphs_app.engine.limits import DEFAULT_LIMITS, Limits
from graphs_app.engine.loop import CHANCE, SYSTEM_CLOCK, run
from graphs_app.engine.registry import Clock, Registry
from graphs_app.engine.values import frozen_object


class GraphUnknown(EngineError):
    """Raised when no graph is saved by a name."""

    code = "graph_unknown"
    retryable = False


class MemoryJournal:
    """A journal that keeps its entries in a list."""

    __slots__ = ("entries", "note")

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.note = self.entries.append

    async def commit(self, entry: Entry) -> None:
        self.note(entry)

    def history(self, answers: Mapping[int, Any] | None = None) -> History:
        """What a run goes on from after these entries."""
        return history_of(self.entries, answers)


def history_of(entries: list[Entry], answers: Mapping[int, Any] | None = None) -> History:
    """The history that a list of entries tells of."""
    done = [one for one in entries if isinstance(one, NodeDone)]
    over = {one.activation for one in done}
    attempts = {one.activation: one.attempt for one in entries if isinstance(one, NodeStarted)}
    asked = {one.activation for one in entries if isinstance(one, Interrupted)}
    given = dict(answers or {})
    return History(
        done=[Done(one.number, one.activation, one.node_id, one.writes, one.edges_taken) for one in done],
        answers=given,
        attempts={activation: attempt for activation, attempt in attempts.items() if activation not in over},
        interrupted=frozenset(asked - over - given.keys()),
        skipped=frozenset(one.node_id for one in entries if isinstance(one, NodeSkipped)),
    )


@dataclass
class StoredRun:
    """One run and what became of it."""

    run_id: UUID
    graph: str
    version: int
    initial_state: Json
    consumption: Consumption
    """Shared with the run that it is part of."""
    parent: UUID | None = None
    depth: int = 0
    dry_run: bool = False
    metadata: Json = field(default_factory=dict)
    journal: MemoryJournal = field(default_factory=MemoryJournal)
    control: Control = field(default_factory=Control)
    answers: dict[int, Any] = field(default_factory=dict)
    edits: dict[int, Json] = field(default_factory=dict)
    """Of a fork: see History."""
    streamed: list[tuple[int, int, int, str]] = field(default_factory=list)
    """(activation, attempt, offset, text)."""
    spent: list[Usage] = field(default_factory=list)
    sub_runs: dict[tuple[int, str], UUID] = field(default_factory=dict)
    ended: RunEnded | None = None


class MemoryHost:
    """The surroundings of one stored run."""

    def __init__(self, store: "MemoryStore", stored: StoredRun) -> None:
        self.store = store
        self.stored = stored
        self.run_id = stored.run_id
        self.metadata = stored.metadata
        self.dry_run = stored.dry_run

    def node_run_id(self, activation: int) -> UUID:
        return uuid5(self.run_id, str(activation))

    def stream(self, activation: int, node_id: str, attempt: int, offset: int, text: str) -> None:
        self.stored.streamed.append((activation, attempt, offset, text))

    def progress(self, activation: int, node_id: str, attempt: int, done: int, total: int | None) -> None:
        """Nobody watches."""

    def spend(self, activation: int, usage: Usage) -> None:
        self.stored.spent.append(usage)

    def secret(self, name: str) -> str:
        if name not in self.store.secrets:
            raise SecretMissing(f"There is no secret {name!r}")
        return self.store.secrets[name]

    async def sub_run(
        self, activation: int, key: str, graph: str, version: int | None, initial_state: Json, tries: int
    ) -> Json:
        stored = self.store.sub_run(self.stored, activation, key, graph, version, initial_state, tries)
        ended = stored.ended
        if ended is None or ended.status == "interrupted":
            ended = await self._go_on(stored)
        if ended.status == "interrupted":
            raise SubRunInterrupted
        if ended.status != "completed":
            what = f"{ended.status}: {(ended.error or {}).get('message', '')}"
            raise SubRunFailed(f"Sub-run {stored.run_id} of graph {graph!r} {what}", ended.error)
        return ended.state

    def listen(self, activation: int) -> "asyncio.Queue[str]":
        return self.stored.control.listen(activation)

    def unlisten(self, activation: int) -> None:
        self.stored.control.unlisten(activation)

    async def _go_on(self, stored: StoredRun) -> RunEnded:
        going_on = asyncio.ensure_future(self.store.go_on(stored))
        try:
            return await asyncio.shield(going_on)
        except asyncio.CancelledError:
            if self.stored.control.let_go:
                going_on.cancel()
            else:
                stored.control.cancel("The run that it belongs to stopped it")
            await asyncio.wait([going_on])
            raise


class MemoryStore:
    """Graphs and runs in memory."""

    def __init__(
        self,
        registry: Registry,
        *,
        clock: Clock = SYSTEM_CLOCK,
        random: Random = CHANCE,
        durability: Durability = "sync",
        limits: Limits = DEFAULT_LIMITS,
        secrets: Mapping[str, str] | None = None,
    ) -> None:
        self.registry = registry
        self.clock = clock
        self.random = random
        self.durability = durability
        self.limits = limits
        self.secrets = dict(secrets or {})
        self.graphs: dict[str, list[Compiled]] = {}
        self.runs: dict[UUID, StoredRun] = {}

    def save(self, name: str, definition: Any) -> Compiled:
        """A new version of a graph."""
        compiled = compile_definition(definition, self.registry)
        self.graphs.setdefault(name, []).append(compiled)
        return compiled

    def compiled(self, name: str, version: int | None = None) -> Compiled:
        versions = self.graphs.get(name, [])
        if not versions or (version is not None and not 0 < version <= len(versions)):
            raise GraphUnknown(f"There is no graph {name!r}" + (f" in version {version}" if version else ""))
        return versions[-1 if version is None else version - 1]

    def create(self, graph: str, initial_state: Json, version: int | None = None) -> StoredRun:
        self.compiled(graph, version)
        consumption = Consumption(self.limits)
        stored = StoredRun(uuid4(), graph, version or len(self.graphs[graph]), initial_state, consumption)
        self.runs[stored.run_id] = stored
        return stored

    async def start(self, graph: str, initial_state: Json | None = None) -> StoredRun:
        """Runs a graph to its end or to its interrupts."""
        stored = self.create(graph, initial_state or {})
        await self.go_on(stored)
        return stored

    async def go_on(self, stored: StoredRun, *, timeout_s: float | None = None, worked_s: float = 0.0) -> RunEnded:
        """One claim of a run: from its history to the end or to its interrupts."""
        stored.control.let_go = False
        stored.ended = await run(
            compiled=self.compiled(stored.graph, stored.version),
            initial_state=stored.initial_state,
            journal=stored.journal,
            host=MemoryHost(self, stored),
            history=replace(stored.journal.history(stored.answers), edits=stored.edits),
            control=stored.control,
            clock=self.clock,
            random=self.random,
            durability=self.durability,
            timeout_s=timeout_s,
            worked_s=worked_s,
            consumption=stored.consumption,
        )
        return stored.ended

    def sub_run(
        self,
        parent: StoredRun,
        activation: int,
        key: str,
        graph: str,
        version: int | None,
        initial_state: Json,
        tries: int,
    ) -> StoredRun:
        """The sub-run of a node run, made when there is none yet, or none of the tries before came to an end."""
        keys = keys_of_tries(key, tries)
        made = {one: self.runs[run_id] for one in keys if (run_id := parent.sub_runs.get((activation, one)))}
        key = key_of_try(keys, {one: run.ended.status for one, run in made.items() if run.ended is not None})
        if key in made:
            return made[key]
        if parent.depth >= self.limits.max_nesting:
            raise NestingTooDeep(f"Graph {graph!r} would be nested deeper than {self.limits.max_nesting} levels")
        parent.consumption.take_sub_run(frozen_object(initial_state)[1])
        stored = self.create(graph, initial_state, version)
        stored.consumption = parent.consumption
        stored.parent, stored.depth, stored.dry_run = parent.run_id, parent.depth + 1, parent.dry_run
        stored.metadata = parent.metadata
        parent.sub_runs[activation, key] = stored.run_id
        return stored
