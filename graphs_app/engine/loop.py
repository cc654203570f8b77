"""Runs a graph: plan, execute, journal, and again, without a barrier between steps.

A host calls `run` once for each claim of a run, on its event loop:

    compiled = compile_definition(definition_json, registry)      # cache it by graph version
    ended = await run(compiled=compiled, initial_state=..., history=History(...), journal=..., host=..., control=...)

What it hands to the journal, in this order: RunStarted; then for each attempt NodeStarted, NodeRetried...; for each
node run NodeDone followed by the NodeSkipped that it caused; Interrupted; NodeFailed; at last exactly one RunEnded,
which is also returned. `sync`: NodeDone and Interrupted are committed before their successors start; `async`: they are
noted; `exit`: all but RunStarted is handed over at the end, when RunEnded is committed. RunEnded is always committed.
When the journal raises (LeaseLost, say), nodes are stopped and `run` raises the same; when the task that awaits `run`
is cancelled, nodes are stopped, nothing more is written and CancelledError is raised: another claim goes on.
"""

from collections.abc import Mapping
from random import Random
from typing import Any, Literal

from graphs_app.engine.checkpoint import History, Journal, RunEnded
from graphs_app.engine.clock import SystemClock
from graphs_app.engine.compiled import Compiled
from graphs_app.engine.host import Control, Host
from graphs_app.engine.limits import DEFAULT_LIMITS, Limits
from graphs_app.engine.registry import Clock

NO_HISTORY = History()
SYSTEM_CLOCK = SystemClock()
CHANCE = Random()  # noqa: S311 (spreads retries out; protects nothing)


async def run(
    *,
    compiled: Compiled,
    initial_state: Mapping[str, Any],
    journal: Journal,
    host: Host,
    history: History = NO_HISTORY,
    control: Control | None = None,
    clock: Clock = SYSTEM_CLOCK,
    random: Random = CHANCE,
    durability: Literal["sync", "async", "exit"] = "sync",
    timeout_s: float | None = None,
    limits: Limits = DEFAULT_LIMITS,
) -> RunEnded:
    """Runs to the end, or until only people's answers are missing."""
    raise NotImplementedError
