"""What a batch of journal entries comes to in rows: one for each run, one for each node run.

A node run that starts and ends within one batch is one row. Everything here is plain values, ready for either database.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from graphs_app.engine.checkpoint import (
    Effect,
    Entry,
    Interrupted,
    Json,
    NodeDone,
    NodeFailed,
    NodeLost,
    NodeRetried,
    NodeSkipped,
    NodeStarted,
    RunEnded,
    Usage,
)
from graphs_app.engine.errors import clean_text
from graphs_app.jsontext import dump
from graphs_app.models import node_run_id, skipped_activation


@dataclass(slots=True)
class NodeRow:
    """One node run; the fields are the columns."""

    id: UUID
    run_id: UUID
    activation: int
    number: int | None
    seen: int
    node_id: str
    tool: str
    status: str
    attempt: int
    writes: str | None
    edges_taken: str | None
    started_at: datetime | None
    finished_at: datetime | None
    duration_ms: float | None
    is_plain: bool = True
    """Whether what follows has its defaults."""
    error: str | None = None
    text: str = ""
    endpoint: str = ""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost_usd: Decimal | None = None

    def add(self, error: Json | None, text: str, usage: Usage | None) -> "NodeRow":
        """Takes what only some node runs have."""
        if error is not None or text or usage is not None:
            self.is_plain = False
            self.error = None if error is None else dump(error)
            self.text = clean_text(text)
            self.spend(usage)
        return self

    def spend(self, usage: Usage | None) -> None:
        """Adds what an attempt spent; one that was retried counts too."""
        if usage is None:
            return
        self.is_plain = False
        self.endpoint = self.endpoint or usage.endpoint
        self.prompt_tokens += usage.prompt_tokens
        self.completion_tokens += usage.completion_tokens
        if usage.cost_usd is not None:
            self.cost_usd = (self.cost_usd or Decimal(0)) + usage.cost_usd


@dataclass(slots=True)
class RunRow:
    """What a batch changes in one run. Counts and the time worked are absolute, what was spent is added."""

    id: UUID
    lease_epoch: int
    lease_owner: str
    journaled: int
    checkpoints: int
    worked_ms: int
    kept_bytes: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost_usd: Decimal | None = None
    status: str | None = None
    """Not None when the run ends or pauses; the lease is given back with it."""
    state: str | None = None
    error: str | None = None
    nodes: dict[int, NodeRow] = field(default_factory=dict)
    """By activation."""

    has_checkpoint: bool = False
    has_effects: bool = False
    has_more: bool = False
    """Whether more than these rows is to be written with them."""
    is_plain: bool = True
    """Whether the run's own row can stay as it is, since its node runs tell all."""
    is_fresh: bool = True
    """Whether none of the node runs has a row yet."""

    def take_all(self, entries: Sequence[Entry]) -> None:
        """Takes what the run said, from the last entry to the first: a start whose end is known needs no row."""
        for entry in reversed(entries):
            take = TAKERS.get(type(entry))
            if take is not None:
                take(self, entry)
        if not self.nodes:
            self.is_plain = False

    def take_done(self, entry: NodeDone) -> None:
        self.has_checkpoint = True
        if entry.number > self.checkpoints:
            self.checkpoints = entry.number
        if entry.usage is not None:
            self._spend(entry.usage)
        self.nodes[entry.activation] = _done_row(self.id, entry)
        if entry.effects:
            self._ask(entry.effects)

    def take_started(self, entry: NodeStarted) -> None:
        known = self.nodes.get(entry.activation)
        if known is None:
            self.nodes[entry.activation] = _open_row(self.id, entry, entry.attempt)
        elif known.status == "started":
            known.attempt = max(known.attempt, entry.attempt)

    def take_skipped(self, entry: NodeSkipped) -> None:
        row = _skipped_row(self.id, entry)
        self.nodes[row.activation] = row

    def take_lost(self, entry: NodeLost) -> None:
        """The attempt is a record of its own, written after these rows."""
        self.has_more = True
        self.is_plain = False

    def take_retried(self, entry: NodeRetried) -> None:
        self.has_more = True
        self.is_plain = False
        if entry.usage is not None:
            known = self.nodes.get(entry.activation)
            if known is None:
                known = self.nodes[entry.activation] = _open_row(self.id, entry, entry.attempt)
            known.spend(entry.usage)
        self._spend(entry.usage)
        self._ask(entry.effects)

    def take_interrupted(self, entry: Interrupted) -> None:
        self.has_more = True
        row = self.nodes[entry.activation] = _open_row(self.id, entry, 1)
        row.spend(entry.usage)
        self._spend(entry.usage)
        self._ask(entry.effects)

    def take_failed(self, entry: NodeFailed) -> None:
        self._spend(entry.usage)
        self.nodes[entry.activation] = _failed_row(self.id, entry)
        self._ask(entry.effects)

    def take_end(self, entry: RunEnded) -> None:
        self.is_plain = False
        self.status = entry.status
        self.state = dump(entry.state)
        self.error = _json_or_none(entry.error)
        self.has_more = entry.status != "completed"

    def _ask(self, effects: Sequence[Effect]) -> None:
        if effects:
            self.has_effects = self.has_more = True

    def _spend(self, usage: Usage | None) -> None:
        if usage is None:
            return
        self.is_plain = False
        self.prompt_tokens += usage.prompt_tokens
        self.completion_tokens += usage.completion_tokens
        if usage.cost_usd is not None:
            self.cost_usd = (self.cost_usd or Decimal(0)) + usage.cost_usd


TAKERS: dict[type[Any], Callable[[RunRow, Any], None]] = {
    NodeDone: RunRow.take_done,
    NodeStarted: RunRow.take_started,
    NodeSkipped: RunRow.take_skipped,
    NodeRetried: RunRow.take_retried,
    NodeLost: RunRow.take_lost,
    Interrupted: RunRow.take_interrupted,
    NodeFailed: RunRow.take_failed,
    RunEnded: RunRow.take_end,
}
"""What becomes rows; other entries are told to the session only."""


def _json_or_none(value: Json | None) -> str | None:
    return None if value is None else dump(value)


def _done_row(run_id: UUID, entry: NodeDone) -> NodeRow:
    row = NodeRow(
        node_run_id(run_id, entry.activation),
        run_id,
        entry.activation,
        entry.number,
        entry.seen,
        entry.node_id,
        entry.tool,
        entry.status,
        entry.attempt,
        dump(entry.writes),
        _indexes(entry.edges_taken),
        entry.started_at,
        entry.finished_at,
        entry.duration_ms,
    )
    if entry.error is None and entry.usage is None and not entry.text:
        return row
    return row.add(entry.error, entry.text, entry.usage)


def _indexes(edges: Sequence[int]) -> str:
    return f"[{','.join(map(str, edges))}]"


def _open_row(run_id: UUID, entry: NodeStarted | NodeRetried | Interrupted, attempt: int) -> NodeRow:
    """A node run that is going on."""
    return NodeRow(
        node_run_id(run_id, entry.activation),
        run_id,
        entry.activation,
        None,
        entry.seen,
        entry.node_id,
        entry.tool,
        "started",
        attempt,
        None,
        None,
        entry.at,
        None,
        None,
    )


def _skipped_row(run_id: UUID, entry: NodeSkipped) -> NodeRow:
    """A node that never ran, and will not."""
    activation = skipped_activation(entry.node)
    return NodeRow(
        node_run_id(run_id, activation),
        run_id,
        activation,
        None,
        entry.seen,
        entry.node_id,
        entry.tool,
        "skipped",
        0,
        None,
        None,
        None,
        entry.at,
        None,
    )


def _failed_row(run_id: UUID, entry: NodeFailed) -> NodeRow:
    row = NodeRow(
        node_run_id(run_id, entry.activation),
        run_id,
        entry.activation,
        None,
        entry.seen,
        entry.node_id,
        entry.tool,
        "failed",
        entry.attempt,
        None,
        None,
        entry.started_at,
        entry.finished_at,
        entry.duration_ms,
    )
    return row.add(entry.error, entry.text, entry.usage)
