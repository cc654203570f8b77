"""The journal's SQL, for PostgreSQL and for SQLite: a batch of runs in one round trip, fence and rows together.

Where the time goes (PostgreSQL, one-row batches, 0.5 ms): the commit's fsync 0.2, then the round trip. So the fence,
the run's counters and the node runs are one statement with data-modifying CTEs, which needs no BEGIN and COMMIT of its
own unless there is more to write with it. The ORM would be four round trips and, for a batch of a hundred, ten times
the processor time. Of a hundred rows (3.5 ms): inserting and their two indexes 0.7, the fence 0.4, reading the arrays
0.4, the foreign key to the run 1.3, the commit 0.5 to 1. A join of rows and fence was 6 more, a nested loop.
All SQL here is put together from this module's constants; values are parameters.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from operator import attrgetter
from typing import Any, Protocol
from uuid import UUID

import psycopg
from django.conf import settings
from django.db.backends.base.base import BaseDatabaseWrapper

from graphs_app.arrays import LITERALS, uuids
from graphs_app.rows import NodeRow, RunRow


@dataclass(frozen=True, slots=True)
class Fenced:
    """A run whose rows were written, as it is now."""

    status: str
    duration_ms: int | None
    prompt_tokens: int
    completion_tokens: int
    cost_usd: str | None


LEAST_PATIENCE_S = 10.0

GOING_ON = Fenced("running", None, 0, 0, None)
"""How a run stands that neither ends nor spends; its totals are not asked for."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How far a run's journal has come, and under which lease."""

    journaled: int
    lease_epoch: int
    lease_owner: str


class Store(Protocol):
    """What the journal needs of a database."""

    def prepare(self) -> None:
        """Called for every new connection of the writer."""

    def write(self, runs: Sequence[RunRow]) -> dict[UUID, Fenced]:
        """Writes what the batch comes to; runs that are not in the answer belong to another worker now.

        One statement or many, but all or nothing only inside a transaction of the caller, unless `is_atomic`.
        """

    def standing(self, run_ids: Sequence[UUID]) -> dict[UUID, Standing]:
        """Locks the runs, so that a transaction which is still ending has ended, and says how far they are."""

    is_atomic: bool
    """Whether write() is one statement, and so needs no transaction around it."""


def store_for(connection: BaseDatabaseWrapper) -> Store:
    """The store that speaks the connection's dialect."""
    return PostgresStore(connection) if connection.vendor == "postgresql" else SqliteStore(connection)


NODE_TYPES = {
    "id": "uuid",
    "run_id": "uuid",
    "activation": "int",
    "number": "int",
    "seen": "int",
    "node_id": "text",
    "tool": "text",
    "status": "text",
    "attempt": "int",
    "writes": "jsonb",
    "edges_taken": "jsonb",
    "started_at": "timestamptz",
    "finished_at": "timestamptz",
    "duration_ms": "float8",
    "error": "jsonb",
    "text": "text",
    "endpoint": "text",
    "prompt_tokens": "int",
    "completion_tokens": "int",
    "cost_usd": "numeric",
}
PLAIN_NODE = tuple(NODE_TYPES)[:14]
"""The columns of a node run that neither failed, nor spoke, nor spent; the others then have their defaults."""
DEFAULTS = {"text": "''", "endpoint": "''", "prompt_tokens": "0", "completion_tokens": "0"}
NEWER = 'excluded."{name}"'
ADDED = {
    "endpoint": "coalesce(nullif(excluded.endpoint, ''), {old}.endpoint)",
    "prompt_tokens": "{old}.prompt_tokens + excluded.prompt_tokens",
    "completion_tokens": "{old}.completion_tokens + excluded.completion_tokens",
    "cost_usd": "CASE WHEN excluded.cost_usd IS NULL THEN {old}.cost_usd "
    "ELSE coalesce({old}.cost_usd, 0) + excluded.cost_usd END",
}

RUN_TYPES = {
    "id": "uuid",
    "lease_epoch": "bigint",
    "lease_owner": "text",
    "journaled": "bigint",
    "checkpoints": "int",
    "worked_ms": "bigint",
    "prompt_tokens": "bigint",
    "completion_tokens": "bigint",
    "cost_usd": "numeric",
    "status": "text",
    "state": "jsonb",
    "error": "jsonb",
}
PLAIN_RUN = tuple(RUN_TYPES)[:3]
"""What the fence alone needs to know."""


@dataclass(frozen=True, slots=True)
class Form:
    """What kind of batch a statement is for: the plainer, the cheaper."""

    is_single: bool
    """One run with one node run: its parameters are plain values; else they are arrays, one for each column."""
    is_plain_run: bool
    has_nodes: bool
    is_plain_node: bool
    is_fresh: bool
    """No node run has a row yet, so that nothing needs to be looked for before it is inserted."""


def form_of(runs: Sequence[RunRow], nodes: Sequence[NodeRow]) -> Form:
    """The plainest form that all of the batch fits."""
    return Form(
        is_single=len(runs) == 1 and len(nodes) == 1,
        is_plain_run=all(run.is_plain for run in runs),
        has_nodes=bool(nodes),
        is_plain_node=all(node.is_plain for node in nodes),
        is_fresh=all(run.is_fresh for run in runs),
    )


STATUS = (
    "CASE WHEN v.status = 'interrupted' AND r.cancel_requested_at IS NOT NULL THEN 'cancelled' "
    "ELSE coalesce(v.status, r.status) END"
)
"""A run that pauses for a person after somebody cancelled it would wait for ever."""

HOLDS = "r.id = v.id AND r.lease_epoch = v.lease_epoch AND r.lease_owner = v.lease_owner"
PLAIN_FENCE = f"SELECT r.id FROM graphs_app_run r, {{source}} WHERE {HOLDS} FOR SHARE OF r"  # noqa: S608
"""A claim has to wait for this lock, and it costs less than a new version of the run's row."""
FENCE = f"""
UPDATE graphs_app_run r SET
  journaled = v.journaled,
  checkpoints = greatest(r.checkpoints, v.checkpoints),
  worked_ms = greatest(r.worked_ms, v.worked_ms),
  prompt_tokens = r.prompt_tokens + v.prompt_tokens,
  completion_tokens = r.completion_tokens + v.completion_tokens,
  cost_usd = CASE WHEN v.cost_usd IS NULL THEN r.cost_usd ELSE coalesce(r.cost_usd, 0) + v.cost_usd END,
  status = {STATUS},
  state = coalesce(v.state, r.state),
  error = coalesce(v.error, r.error),
  finished_at = CASE WHEN v.status IS NULL OR {STATUS} = 'interrupted' THEN r.finished_at
                ELSE statement_timestamp() END,
  lease_owner = CASE WHEN v.status IS NULL THEN r.lease_owner ELSE '' END,
  lease_until = CASE WHEN v.status IS NULL THEN r.lease_until END
FROM {{source}} WHERE {HOLDS}
RETURNING r.id, r.status, r.started_at, r.finished_at, r.prompt_tokens, r.completion_tokens, r.cost_usd"""  # noqa: S608

HELD = "(v.run_id IN (SELECT id FROM fenced)) IS TRUE"
"""Not a join: that would be a nested loop, whose cost grows with the square of the batch. This looks into a hash."""


@cache
def postgres_sql(form: Form) -> str:
    """Fence, counters and node runs of a batch of this form, as one statement."""
    run_columns = PLAIN_RUN if form.is_plain_run else tuple(RUN_TYPES)
    source = _source(run_columns, RUN_TYPES, form.is_single)
    fence = (PLAIN_FENCE if form.is_plain_run else FENCE).format(source=source)
    if not form.has_nodes:
        return fence
    columns = PLAIN_NODE if form.is_plain_node else tuple(NODE_TYPES)
    defaults = DEFAULTS if form.is_plain_node else {}
    updates = _updates(columns[2:], "n")
    insert = f"""
INSERT INTO graphs_app_noderun AS n ({_names((*columns, *defaults))})
SELECT {", ".join([*(f'v."{name}"' for name in columns), *defaults.values()])}
FROM {_source(columns, NODE_TYPES, form.is_single)} WHERE {HELD}"""  # noqa: S608
    if not form.is_fresh:
        insert += f" ON CONFLICT (run_id, activation) DO UPDATE SET {updates} WHERE n.number IS NULL"
    return f"WITH fenced AS ({fence}), written AS ({insert}) SELECT * FROM fenced"  # noqa: S608


def _updates(columns: Iterable[str], old: str) -> str:
    """What an attempt spent is added to what those before it did; all else is as it is now."""
    return ", ".join(f'"{name}" = {ADDED.get(name, NEWER).format(name=name, old=old)}' for name in columns)


def _names(columns: Iterable[str]) -> str:
    return ", ".join(f'"{name}"' for name in columns)


def _source(columns: Sequence[str], types: dict[str, str], is_single: bool) -> str:
    """The parameters as a table v. Arrays carry JSON as text, because an array of jsonb would be parsed twice."""
    if is_single:
        values = ", ".join(f'%s::{types[name]} AS "{name}"' for name in columns)
        return f"(SELECT {values}) AS v"
    arrays = ", ".join(f"%s::{'text' if types[name] == 'jsonb' else types[name]}[]" for name in columns)
    values = ", ".join(f'"{name}"::jsonb' if types[name] == "jsonb" else f'"{name}"' for name in columns)
    return f"(SELECT {values} FROM unnest({arrays}) AS u({_names(columns)})) AS v"  # noqa: S608


POSTGRES_STANDING = """
SELECT id, journaled, lease_epoch, lease_owner FROM graphs_app_run WHERE id = ANY(%s::uuid[]) ORDER BY id FOR UPDATE"""


class PostgresStore:
    """One prepared statement for a batch; its parameters are arrays, one for each column."""

    is_atomic = True

    def __init__(self, connection: BaseDatabaseWrapper) -> None:
        self.connection = connection

    def prepare(self) -> None:
        """Prepares from the first use on, and never lets a plan scan the table of runs.

        The planner cannot know how long an array will be, and would hash all runs for a batch of one.
        """
        raw = self.connection.connection
        raw.prepare_threshold = 0
        with self.connection.cursor() as cursor:
            cursor.execute(
                "SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off; "
                "SET enable_hashjoin = off; SET enable_mergejoin = off; SET jit = off"
            )
            # A worker that freezes within a transaction would keep its runs locked, and nobody could claim them.
            patience_ms = round(1000 * max(LEAST_PATIENCE_S, settings.RUN_LEASE_S))
            cursor.execute("SELECT set_config('idle_in_transaction_session_timeout', %s, false)", [str(patience_ms)])

    def write(self, runs: Sequence[RunRow]) -> dict[UUID, Fenced]:
        nodes = [node for run in runs for node in run.nodes.values()]
        form = form_of(runs, nodes)
        run_columns = PLAIN_RUN if form.is_plain_run else tuple(RUN_TYPES)
        node_columns = () if not nodes else PLAIN_NODE if form.is_plain_node else tuple(NODE_TYPES)
        arguments: list[Any]
        if form.is_single:
            arguments = [getattr(runs[0], name) for name in run_columns]
            arguments += [getattr(nodes[0], name) for name in node_columns]
        else:
            arguments = [LITERALS[RUN_TYPES[name]](map(GETTERS[name], runs)) for name in run_columns]
            arguments += [LITERALS[NODE_TYPES[name]](map(GETTERS[name], nodes)) for name in node_columns]
        rows = self._fetch(postgres_sql(form), arguments)
        if form.is_plain_run:
            return {row[0]: GOING_ON for row in rows}
        return {row[0]: _fenced(row) for row in rows}

    def standing(self, run_ids: Sequence[UUID]) -> dict[UUID, Standing]:
        rows = self._fetch(POSTGRES_STANDING, [uuids(run_ids)])
        return {row[0]: Standing(row[1], row[2], row[3]) for row in rows}

    def _fetch(self, sql: str, arguments: list[Any]) -> list[tuple[Any, ...]]:
        """By a cursor of the driver's own: Django's binds on the client, so that nothing could be prepared."""
        with self.connection.wrap_database_errors, psycopg.Cursor(self.connection.connection) as cursor:
            rows: list[tuple[Any, ...]] = cursor.execute(sql, arguments).fetchall()
            return rows


GETTERS = {name: attrgetter(name) for name in (*RUN_TYPES, *NODE_TYPES)}


def _fenced(row: Sequence[Any]) -> Fenced:
    _, status, started_at, finished_at, prompt_tokens, completion_tokens, cost_usd = row
    duration_ms = _duration_ms(started_at, finished_at)
    return Fenced(status, duration_ms, prompt_tokens, completion_tokens, None if cost_usd is None else str(cost_usd))


def _duration_ms(started_at: datetime | None, finished_at: datetime | None) -> int | None:
    if started_at is None or finished_at is None:
        return None
    return max(0, round((finished_at - started_at).total_seconds() * 1000))


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
SQLITE_UPDATES = _updates(tuple(NODE_TYPES)[2:], "graphs_app_noderun")
SQLITE_NODES = f"""
INSERT INTO graphs_app_noderun ({_names(NODE_TYPES)}) VALUES ({", ".join("?" * len(NODE_TYPES))})
ON CONFLICT (run_id, activation) DO UPDATE SET {SQLITE_UPDATES} WHERE number IS NULL"""  # noqa: S608


class SqliteStore:
    """The same in a transaction, which locks the database: a look at each run, one executemany for the node runs."""

    is_atomic = False

    def __init__(self, connection: BaseDatabaseWrapper) -> None:
        self.connection = connection

    def prepare(self) -> None:
        """The connection's settings are those of every connection."""

    def write(self, runs: Sequence[RunRow]) -> dict[UUID, Fenced]:
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
    if value is None or isinstance(value, str | int | float):
        return value
    if isinstance(value, UUID):
        return value.hex
    if isinstance(value, datetime):
        return value.replace(tzinfo=None).isoformat(sep=" ", timespec="microseconds")
    return str(value)
