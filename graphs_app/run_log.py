"""A run's log: every attempt of every node, with what it saw, wrote and failed with."""

import sys
from collections.abc import Mapping, Sequence
from typing import Any

from graphs_app import selectors
from graphs_app.engine.values import frozen
from graphs_app.models import NodeAttempt, NodeRun, NodeRunStatus, Run
from graphs_app.selectors import READ_AT_ONCE, SHOWN_BYTES

MOST_LOGGED = 1000
MOST_ATTEMPTS = 2000
"""Earlier attempts in one answer; each has an error."""

Attempts = Mapping[int, Sequence[NodeAttempt]]
"""By activation, in their order."""


def attempts_of(run: Run, node_runs: Sequence[NodeRun]) -> dict[int, list[NodeAttempt]]:
    """The attempts of these node runs that failed and were made again; their last ones are the node runs themselves."""
    if not node_runs:
        return {}
    activations = [node_run.activation for node_run in node_runs]
    rows = NodeAttempt.objects.filter(run=run, activation__range=(min(activations), max(activations)))
    found: dict[int, list[NodeAttempt]] = {}
    for row in rows.order_by("activation", "started_at", "attempt")[:MOST_ATTEMPTS]:
        found.setdefault(row.activation, []).append(row)
    return found


def with_inputs(run: Run, node_runs: Sequence[NodeRun], *, most_bytes: int = sys.maxsize) -> dict[str, dict[int, Any]]:
    """What node runs are shown with: their `inputs` and `attempts` by activation, and `saw`: what those attempts saw,
    by their own ids, as far as there is room."""
    attempts = attempts_of(run, node_runs)
    earlier = [attempt for found in attempts.values() for attempt in found]
    numbers = {node_run.seen for node_run in node_runs} | {attempt.seen for attempt in earlier}
    states = selectors.states_at(run, numbers, most_bytes=most_bytes)
    inputs = {row.activation: states[row.seen] for row in node_runs if row.seen in states}
    return {"inputs": inputs, "attempts": attempts, "saw": _saw(earlier, states)}


def _saw(attempts: Sequence[NodeAttempt], states: Mapping[int, dict[str, Any]]) -> dict[int, dict[str, Any]]:
    """A hundred attempts that saw one state would show it a hundred times."""
    sizes: dict[int, int] = {}
    left = SHOWN_BYTES
    saw = {}
    for attempt in attempts:
        state = states.get(attempt.seen)
        if state is None:
            continue
        if attempt.seen not in sizes:
            sizes[attempt.seen] = frozen(state)[1]
        left -= sizes[attempt.seen]
        if left < 0:
            break
        saw[attempt.pk] = state
    return saw


def result_of(run: Run) -> dict[str, Any]:
    """A run's state, its log and how long it took, as the documents tell it.

    The log is its beginning where all of it would be too much for one answer; the pages of node runs have the rest.
    """
    node_runs = _logged(run)
    shown = with_inputs(run, node_runs, most_bytes=SHOWN_BYTES)
    entries = [entry for node_run in node_runs for entry in _entries(node_run, shown)]
    untold = len(node_runs) + sum(map(len, shown["attempts"].values())) - len(entries)
    of_all = selectors.node_runs_of(run).count() + NodeAttempt.objects.filter(run=run).count() - untold
    logs = entries[:MOST_LOGGED]
    took = None
    if run.started_at is not None and run.finished_at is not None:
        took = max(0.0, (run.finished_at - run.started_at).total_seconds() * 1000)
    return {"state": run.state, "logs": logs, "logs_left_out": max(0, of_all - len(logs)), "execution_time": took}


def _entries(node_run: NodeRun, shown: Mapping[str, Mapping[int, Any]]) -> list[dict[str, Any]]:
    """An entry for each attempt."""
    earlier: Sequence[NodeAttempt] = shown["attempts"].get(node_run.activation, ())
    entries = [_entry(attempt, NodeRunStatus.FAILED, shown["saw"].get(attempt.pk)) for attempt in earlier]
    if earlier and node_run.status == NodeRunStatus.STARTED and node_run.attempt == earlier[-1].attempt:
        return entries  # it waits for its next attempt
    last = _entry(node_run, node_run.status, shown["inputs"].get(node_run.activation))
    return [*entries, {**last, "output": node_run.writes}]


def _entry(row: NodeRun | NodeAttempt, status: str, saw: dict[str, Any] | None) -> dict[str, Any]:
    return {
        "node_id": row.node_id,
        "status": str(status),
        "attempt": row.attempt,
        "input": saw,
        "output": None,
        "error": row.error,
        "timestamp": row.started_at or row.finished_at,
        "duration_ms": row.duration_ms,
    }


def _logged(run: Run) -> list[NodeRun]:
    """The first node runs, as many as one answer shows."""
    logged: list[NodeRun] = []
    left = SHOWN_BYTES
    while left > 0 and len(logged) < MOST_LOGGED:
        rows = selectors.node_runs_of(run).order_by("activation").defer("text")
        if logged:
            rows = rows.filter(activation__gt=logged[-1].activation)
        found = list(rows[:READ_AT_ONCE])
        for node_run in found:
            left -= frozen(node_run.writes)[1]
            logged.append(node_run)
            if left <= 0 or len(logged) == MOST_LOGGED:
                break
        if len(found) < READ_AT_ONCE:
            break
    return logged
