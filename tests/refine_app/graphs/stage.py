"""The built-in graphs on the real engine, in memory, with a clock that does not wait."""

import json
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from graphs_app.engine.checkpoint import Emitted, NodeDone, NodeFailed, NodeRetried, RunEnded
from graphs_app.engine.clock import SystemClock
from graphs_app.engine.memory import MemoryStore, StoredRun
from graphs_app.engine.registry import Registry, Timer
from refine_app.tools.catalogue import TOOLS

GRAPHS = Path(__file__).resolve().parents[3] / "refine_app" / "graphs"


class PatientClock:
    """Real time for tools; pauses between attempts are noted and skipped."""

    all_skipped_s = 0.0
    """By all of these clocks: the desk has one time for all runs."""

    def __init__(self) -> None:
        self._system = SystemClock()
        self.skipped: list[float] = []

    def now(self) -> datetime:
        return self._system.now() + timedelta(seconds=sum(self.skipped))

    def monotonic(self) -> float:
        return self._system.monotonic() + sum(self.skipped)

    async def sleep(self, seconds: float) -> None:
        self.skipped.append(seconds)
        PatientClock.all_skipped_s += seconds

    def call_later(self, seconds: float, callback: Callable[[], None]) -> Timer:
        return self._system.call_later(seconds, callback)


def patient_time() -> float:
    """The desk's time: what was skipped has passed for endpoints too."""
    return time.time() + PatientClock.all_skipped_s


class Played:
    """A run that is over."""

    def __init__(self, stored: StoredRun, clock: PatientClock, store: MemoryStore) -> None:
        self.stored = stored
        self.store = store
        self.clock = clock
        assert stored.ended is not None
        self.ended: RunEnded = stored.ended
        self.state = self.ended.state

    def of(self, kind: type) -> list[Any]:
        return [entry for entry in self.stored.journal.entries if isinstance(entry, kind)]

    @property
    def path(self) -> list[str]:
        return [done.node_id for done in self.of(NodeDone)]

    @property
    def effects(self) -> list[tuple[str, dict[str, Any]]]:
        """In their order, also those of attempts that failed."""
        ends = (NodeDone, NodeFailed, NodeRetried)
        return [
            (effect.name, effect.payload)
            for entry in self.stored.journal.entries
            if isinstance(entry, ends)
            for effect in entry.effects
        ]

    @property
    def retries(self) -> list[NodeRetried]:
        return self.of(NodeRetried)

    @property
    def failure(self) -> dict[str, Any]:
        failed: list[NodeFailed] = self.of(NodeFailed)
        return failed[0].error

    @property
    def updates(self) -> list[dict[str, Any]]:
        return [entry.data for entry in self.of(Emitted) if entry.type == "diff.updated"]

    @property
    def text(self) -> str:
        return "".join(text for _, _, _, text in self.stored.streamed)


async def play(graph: str, state: dict[str, Any]) -> Played:
    clock = PatientClock()
    store = MemoryStore(Registry(TOOLS), clock=clock)
    store.save(graph, json.loads((GRAPHS / f"{graph}.json").read_text()))
    return Played(await store.start(graph, state), clock, store)


async def play_again(played: Played) -> Played:
    """A retry: a new run that goes on from the last good checkpoint of one that failed."""
    new = played.store.create(played.stored.graph, played.stored.initial_state)
    for done in played.of(NodeDone):
        new.journal.note(done)
    await played.store.go_on(new)
    return Played(new, played.clock, played.store)


def request(code: str, instruction: str = "Compare with None by identity.", **more: Any) -> dict[str, Any]:
    """The state that a request starts with."""
    return {
        "code": code,
        "instruction": instruction,
        "language": "python",
        "history": [],
        "base_revision": 3,
        "document": "0199",
        **more,
    }
