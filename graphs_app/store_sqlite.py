"""The journal's SQL for SQLite: a batch of runs in a transaction of the caller's, which locks the database.

A step of one run is one statement, and needs none.
"""

from collections.abc import Sequence
from datetime import datetime
from operator import attrgetter
from typing import Any
from uuid import UUID

from django.db.backends.base.base import BaseDatabaseWrapper

from graphs_app.line import Line
from graphs_app.rows import NodeRow, RunRow
from graphs_app.store import (
    DEFAULTS,
    GOING_ON,
    NODE_TYPES,
    PLAIN_NODE,
    PLAIN_RUN,
    RUN_TYPES,
    Fenced,
    Standing,
    names,
    updates,
)

SQLITE_NOW = "strftime('%Y-%m-%d %H:%M:%f000', 'now')"
SQLITE_STATUS = (
    "CASE WHEN :status = 'interrupted' AND cancel_requested_at IS NOT NULL THEN 'cancelled' "
    "ELSE coalesce(:status, status) END"
)
SQLITE_FENCE = f"""
UPDATE graphs_app_run SET
  journaled = :journaled,
  checkpoints = max(checkpoints, :checkpoints),
  worked_ms = max(worked_ms, :worked_ms),
  kept_bytes = max(kept_bytes, :kept_bytes),
  prompt_tokens = prompt_tokens + :prompt_tokens,
  completion_tokens = completion_tokens + :completion_tokens,
  cost_usd = CASE WHEN :cost_usd IS NULL THEN cost_usd ELSE coalesce(cost_usd, 0) + :cost_usd END,
  status = {SQLITE_STATUS},
  state = coalesce(:state, state),
  error = coalesce(:error, error),
  finished_at = CASE WHEN :status IS NULL OR {SQLITE_STATUS} = 'interrupted' THEN finished_at ELSE {SQLITE_NOW} END,
  lease_owner = CASE WHEN :status IS NULL THEN lease_owner ELSE '' END,
  lease_until = CASE WHEN :status IS NULL THEN lease_until END
WHERE id = :id AND lease_epoch = :lease_epoch AND lease_owner = :lease_owner
RETURNING status, CAST(round((julianday(finished_at) - julianday(started_at)) * 86400000) AS INTEGER),
  prompt_tokens, completion_tokens, cost_usd"""  # noqa: S608

SQLITE_PLAIN_FENCE = (
    "SELECT 1 FROM graphs_app_run WHERE id = :id AND lease_epoch = :lease_epoch AND lease_owner = :lease_owner"
)
PLAIN_VALUES = (str, int, float)
SQLITE_UPDATES = updates(tuple(NODE_TYPES)[2:], "graphs_app_noderun")
SQLITE_NODES = f"""
INSERT INTO graphs_app_noderun ({names(NODE_TYPES)}) VALUES ({", ".join("?" * len(NODE_TYPES))})
ON CONFLICT (run_id, activation) DO UPDATE SET {SQLITE_UPDATES} WHERE number IS NULL"""  # noqa: S608
SQLITE_FRESH_NODE = f"""
INSERT INTO graphs_app_noderun ({names((*PLAIN_NODE, *DEFAULTS))})
SELECT {", ".join("?" * len(PLAIN_NODE))}, {", ".join(DEFAULTS.values())} FROM graphs_app_run
WHERE id = ? AND lease_epoch = ? AND lease_owner = ?"""  # noqa: S608
_fresh_node, _fence = attrgetter(*PLAIN_NODE), attrgetter(*PLAIN_RUN)


class SqliteStore:
    """The same in a transaction, which locks the database: a look at each run, one executemany for the node runs."""

    def __init__(self, connection: BaseDatabaseWrapper) -> None:
        self.connection = connection

    def prepare(self) -> None:
        """The connection's settings are those of every connection."""

    def open_line(self) -> Line | None:
        return None

    def writes_at_once(self, runs: Sequence[RunRow]) -> bool:
        """What a step of one run is nearly always: a row, if the fence holds."""
        if len(runs) != 1:
            return False
        run = runs[0]
        return run.is_plain and run.is_fresh and len(run.nodes) == 1 and next(iter(run.nodes.values())).is_plain

    def write(self, runs: Sequence[RunRow]) -> dict[UUID, Fenced]:
        if self.writes_at_once(runs):
            return self._write_fresh(runs[0])
        raw = self.connection.connection
        fenced: dict[UUID, Fenced] = {}
        with self.connection.wrap_database_errors:
            for run in runs:
                row = raw.execute(SQLITE_PLAIN_FENCE if run.is_plain else SQLITE_FENCE, _sqlite_run(run)).fetchone()
                if row is not None:
                    fenced[run.id] = GOING_ON if run.is_plain else _fenced_from_sqlite(row)
            nodes = [_sqlite_node(node) for run in runs if run.id in fenced for node in run.nodes.values()]
            if nodes:
                raw.executemany(SQLITE_NODES, nodes)
        return fenced

    def _write_fresh(self, run: RunRow) -> dict[UUID, Fenced]:
        (node,) = run.nodes.values()
        values = [_sqlite_value(value) for value in _fresh_node(node) + _fence(run)]
        with self.connection.wrap_database_errors:
            written = self.connection.connection.execute(SQLITE_FRESH_NODE, values).rowcount
        return {run.id: GOING_ON} if written else {}

    def standing(self, run_ids: Sequence[UUID]) -> dict[UUID, Standing]:
        raw = self.connection.connection
        sql = "SELECT journaled, lease_epoch, lease_owner FROM graphs_app_run WHERE id = ?"
        with self.connection.wrap_database_errors:
            rows = {run_id: raw.execute(sql, (run_id.hex,)).fetchone() for run_id in run_ids}
        return {run_id: Standing(*row) for run_id, row in rows.items() if row is not None}


def _fenced_from_sqlite(row: Sequence[Any]) -> Fenced:
    status, duration_ms, prompt_tokens, completion_tokens, cost_usd = row
    return Fenced(
        status,
        None if duration_ms is None else max(0, duration_ms),
        prompt_tokens,
        completion_tokens,
        None if cost_usd is None else str(cost_usd),
    )


def _sqlite_run(run: RunRow) -> dict[str, Any]:
    values = {name: getattr(run, name) for name in RUN_TYPES}
    values["id"] = run.id.hex
    values["cost_usd"] = None if run.cost_usd is None else str(run.cost_usd)
    return values


def _sqlite_node(node: NodeRow) -> tuple[Any, ...]:
    return tuple(_sqlite_value(getattr(node, name)) for name in NODE_TYPES)


def _sqlite_value(value: Any) -> Any:
    """As Django stores it: UUIDs as 32 hex digits, times as text in UTC, decimals as text for the column's affinity."""
    if value is None or isinstance(value, PLAIN_VALUES):
        return value
    if isinstance(value, UUID):
        return value.hex
    if isinstance(value, datetime):
        return value.replace(tzinfo=None).isoformat(sep=" ", timespec="microseconds")
    return str(value)
