"""Runs a graph: plan, execute, journal, and again, without a barrier between steps.

A host calls `run` once for each claim of a run, on its event loop:

    compiled = compile_definition(definition_json, registry)      # cache it by graph version
    ended = await run(compiled=compiled, initial_state=..., history=History(...), journal=..., host=..., control=...)

What it hands to the journal, in this order: RunStarted; then for each attempt NodeStarted, NodeRetried... (before an
attempt that follows one which a crash has cut off: NodeLost); for each node run NodeDone followed by the NodeSkipped
that it caused; Interrupted; NodeFailed; at last exactly one RunEnded, which is also returned. `sync`: NodeDone and
Interrupted are committed before their successors start; `async`: they are noted; `exit`: all but RunStarted is handed
over at the end, when RunEnded is committed; `async` and `exit` commit also whenever so much is not durable yet that it
would fill the memory. RunEnded is always committed. When the journal raises (LeaseLost, say), nodes are stopped and
`run` raises the same; when the task that awaits `run` is cancelled, nodes are stopped, nothing more is written and
CancelledError is raised: another claim goes on.

Where the time of a step goes (linear graph of 1,000, in memory, 14.5 µs of processor time): planning 1.5; checking and
freezing what the tool returned 1.2; the state 1; what the tool is given 0.9; its outcome 0.9; the times 0.9; the two
entries 0.7; the other half is the sixty calls between them. A task of its own adds 4, a condition 0.5; a run as such
costs 140. Making the entries frozen cost 6 more, a barrier between rounds would cost a turn of the event loop each.
"""

from collections.abc import Mapping
from random import Random
from typing import Any

from graphs_app.engine.checkpoint import History, Journal, RunEnded, RunStarted
from graphs_app.engine.clock import SystemClock
from graphs_app.engine.compiled import Compiled
from graphs_app.engine.consumption import Consumption
from graphs_app.engine.durability import RECORDERS, Durability
from graphs_app.engine.errors import (
    ReducerMismatch,
    StateTooLarge,
    WritesInvalid,
    error_json,
)
from graphs_app.engine.host import Control, Host
from graphs_app.engine.limits import DEFAULT_LIMITS, Limits
from graphs_app.engine.registry import Clock
from graphs_app.engine.run_loop import Loop
from graphs_app.engine.settle import Progress

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
    durability: Durability = "sync",
    timeout_s: float | None = None,
    worked_s: float = 0.0,
    limits: Limits = DEFAULT_LIMITS,
    consumption: Consumption | None = None,
) -> RunEnded:
    """Runs to the end, or until only people's answers are missing.

    `timeout_s` is the run's time over all its claims, `worked_s` what those before this one took of it. `consumption`
    is what the run that it is part of, or claims before this one, have taken of its limits, which are then its own.
    """
    consumption = consumption or Consumption(limits)
    limits = consumption.limits
    resumed = bool(history.done or history.attempts or history.answers or history.interrupted)
    consumption.kept_bytes += RunStarted.size
    journal.note(RunStarted(clock.now(), resumed))
    recorder = RECORDERS[durability](journal, limits.max_pending_bytes)
    try:
        progress = Progress(compiled, initial_state, history, recorder, clock, host.run_id, consumption)
    except (WritesInvalid, StateTooLarge, ReducerMismatch) as error:
        state = dict(initial_state) if isinstance(error, StateTooLarge) else {}
        ended = RunEnded("failed", state, clock.now(), error_json(error, run_id=host.run_id))
        await recorder.end(ended)
        return ended
    del history  # what was ever written would stay in memory as long as the run
    loop = Loop(progress, host, control or Control(), clock, random, limits)
    return await loop.run(timeout_s, worked_s)
