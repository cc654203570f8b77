"""The journal's SQL for PostgreSQL: a batch of runs in one round trip, fence and rows together.

Where the time goes (one-row batches, on an idle machine 0.25 ms, of which the server computes half): the commit's
fsync more than half, so all statements that could be thought of differ by a tenth. The fence, the run's counters and
the node runs are one statement with data-modifying CTEs, which needs no BEGIN and COMMIT of its own unless there is
more to write with it. The ORM would be four round trips and, for a batch of a hundred, ten times the processor time.
Of a hundred rows (3.5 ms when they had a foreign key): inserting and their two indexes 0.7, the fence 0.4, reading the
arrays 0.4, the commit 0.5 to 1, and 1.3 for that key, which asked what the fence knows. Six checks of numbers cost each
statement 22 µs, since PostgreSQL reads them anew. A join of rows and fence was 6 ms more, a nested loop.
All SQL here is put together from this module's constants; values are parameters.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import cache
from operator import attrgetter
from typing import Any, NamedTuple
from uuid import UUID

import psycopg
from django.conf import settings
from django.db.backends.base.base import BaseDatabaseWrapper

from graphs_app.arrays import ENCODERS, IN_TEXT, LITERALS, float8, int4, int8, jsonb, timestamptz, uuids
from graphs_app.line import Line, Statement
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

LEAST_PATIENCE_S = 10.0
RUN_COLUMNS = tuple(RUN_TYPES)
NODE_COLUMNS = tuple(NODE_TYPES)


class Form(NamedTuple):
    """What kind of batch a statement is for: the plainer, the cheaper."""

    is_single: bool
    """One run with one node run: its parameters are plain values; else they are arrays, one for each column."""
    is_plain_run: bool
    has_nodes: bool
    is_plain_node: bool
    is_fresh: bool
    """No node run has a row yet, so that nothing needs to be looked for before it is inserted."""

    @property
    def run_columns(self) -> tuple[str, ...]:
        return PLAIN_RUN if self.is_plain_run else RUN_COLUMNS

    @property
    def node_columns(self) -> tuple[str, ...]:
        if not self.has_nodes:
            return ()
        return PLAIN_NODE if self.is_plain_node else NODE_COLUMNS


def form_of(runs: Sequence[RunRow], nodes: Sequence[NodeRow]) -> Form:
    """The plainest form that all of the batch fits."""
    if len(runs) == len(nodes) == 1:
        run, node = runs[0], nodes[0]
        return Form(True, run.is_plain, True, node.is_plain, run.is_fresh)
    return Form(
        is_single=False,
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
  kept_bytes = greatest(r.kept_bytes, v.kept_bytes),
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
FROM {{source}} WHERE {HOLDS} AND r.journaled < v.journaled
RETURNING r.id, r.status, r.started_at, r.finished_at, r.prompt_tokens, r.completion_tokens, r.cost_usd"""  # noqa: S608

HELD = "(v.run_id IN (SELECT id FROM fenced)) IS TRUE"
"""Not a join: that would be a nested loop, whose cost grows with the square of the batch. This looks into a hash."""


@cache
def postgres_sql(form: Form, told: str = "*") -> str:
    """Fence, counters and node runs of a batch of this form, as one statement."""
    source = _source(form.run_columns, RUN_TYPES, form.is_single)
    fence = (PLAIN_FENCE if form.is_plain_run else FENCE).format(source=source)
    if not form.has_nodes:
        return fence if told == "*" else f"WITH fenced AS ({fence}) SELECT {told} FROM fenced"  # noqa: S608
    columns = form.node_columns
    defaults = DEFAULTS if form.is_plain_node else {}
    insert = f"""
INSERT INTO graphs_app_noderun AS n ({names((*columns, *defaults))})
SELECT {", ".join([*(f'v."{name}"' for name in columns), *defaults.values()])}
FROM {_source(columns, NODE_TYPES, form.is_single)} WHERE {HELD}"""  # noqa: S608
    if not form.is_fresh:
        newer = updates(columns[2:], "n")
        insert += f" ON CONFLICT (run_id, activation) DO UPDATE SET {newer} WHERE n.number IS NULL"
    return f"WITH fenced AS ({fence}), written AS ({insert}) SELECT {told} FROM fenced"  # noqa: S608


FRESH_NODE = f"""
INSERT INTO graphs_app_noderun ({names((*PLAIN_NODE, *DEFAULTS))})
SELECT {{values}}, {", ".join(DEFAULTS.values())}
FROM (SELECT r.id FROM graphs_app_run r WHERE r.id = {{run_id}}
  AND r.lease_epoch = {{lease_epoch}} AND r.lease_owner = {{lease_owner}} FOR SHARE OF r) AS fenced"""  # noqa: S608
"""What a step of one run is nearly always: fence and row in one pass, without the two CTEs between them. It returns no
rows: how many it inserted tells whether the run is still held."""


def _fresh_sql() -> str:
    """FRESH_NODE with the parameters that _fresh_values() gives: the node run's, and the rest of the fence."""
    types = {**{name: NODE_TYPES[name] for name in PLAIN_NODE}, **{name: RUN_TYPES[name] for name in PLAIN_RUN[1:]}}
    numbers = {name: f"${number}::{type_}" for number, (name, type_) in enumerate(types.items(), start=1)}
    return FRESH_NODE.format(values=", ".join(numbers[name] for name in PLAIN_NODE), **numbers)


def _fresh_values(run: RunRow, node: NodeRow) -> list[bytes | None]:
    """One after the other: going through the columns by their names takes twice as long."""
    number, writes, edges_taken = node.number, node.writes, node.edges_taken
    started_at, finished_at, duration_ms = node.started_at, node.finished_at, node.duration_ms
    return [
        node.id.bytes,
        run.id.bytes,
        int4(node.activation),
        None if number is None else int4(number),
        int4(node.seen),
        node.node_id.encode(),
        node.tool.encode(),
        node.status.encode(),
        int4(node.attempt),
        None if writes is None else jsonb(writes),
        None if edges_taken is None else jsonb(edges_taken),
        None if started_at is None else timestamptz(started_at),
        None if finished_at is None else timestamptz(finished_at),
        None if duration_ms is None else float8(duration_ms),
        int8(run.lease_epoch),
        run.lease_owner.encode(),
    ]


FRESH_SQL = _fresh_sql()
FRESH_FORMATS = (1,) * (len(PLAIN_NODE) + len(PLAIN_RUN) - 1)
"""All of its parameters are in binary form."""


def _source(columns: Sequence[str], types: dict[str, str], is_single: bool) -> str:
    """The parameters as a table v. Arrays carry JSON as text, because an array of jsonb would be parsed twice."""
    if is_single:
        values = ", ".join(f'%s::{types[name]} AS "{name}"' for name in columns)
        return f"(SELECT {values}) AS v"
    arrays = ", ".join(f"%s::{'text' if types[name] == 'jsonb' else types[name]}[]" for name in columns)
    values = ", ".join(f'"{name}"::jsonb' if types[name] == "jsonb" else f'"{name}"' for name in columns)
    return f"(SELECT {values} FROM unnest({arrays}) AS u({names(columns)})) AS v"  # noqa: S608


@cache
def line_sql(form: Form) -> str:
    """The same as libpq takes it, with numbered parameters."""
    first, *others = postgres_sql(form, "id").split("%s")
    return first + "".join(f"${number}{part}" for number, part in enumerate(others, start=1))


POSTGRES_STANDING = """
SELECT id, journaled, lease_epoch, lease_owner FROM graphs_app_run WHERE id = ANY(%s::uuid[]) ORDER BY id FOR UPDATE"""


class PostgresStore:
    """One prepared statement for a batch; its parameters are arrays, one for each column."""

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

    def writes_at_once(self, runs: Sequence[RunRow]) -> bool:
        return True

    def write(self, runs: Sequence[RunRow]) -> dict[UUID, Fenced]:
        nodes = [node for run in runs for node in run.nodes.values()]
        form = form_of(runs, nodes)
        arguments: list[Any]
        if form.is_single:
            arguments = [getattr(runs[0], name) for name in form.run_columns]
            arguments += [getattr(nodes[0], name) for name in form.node_columns]
        else:
            arguments = list(_arrays(form, runs, nodes))
        rows = self._fetch(postgres_sql(form), arguments)
        if form.is_plain_run:
            return {row[0]: GOING_ON for row in rows}
        return {row[0]: _fenced(row) for row in rows}

    def open_line(self) -> Line | None:
        own = self.connection.copy()
        own.settings_dict["OPTIONS"].pop("pool", None)
        own.connect()
        PostgresStore(own).prepare()
        return Line(own.connection, statement_of)

    def standing(self, run_ids: Sequence[UUID]) -> dict[UUID, Standing]:
        rows = self._fetch(POSTGRES_STANDING, [uuids(run_ids)])
        return {row[0]: Standing(row[1], row[2], row[3]) for row in rows}

    def _fetch(self, sql: str, arguments: list[Any]) -> list[tuple[Any, ...]]:
        """By a cursor of the driver's own: Django's binds on the client, so that nothing could be prepared."""
        with self.connection.wrap_database_errors, psycopg.Cursor(self.connection.connection) as cursor:
            rows: list[tuple[Any, ...]] = cursor.execute(sql, arguments).fetchall()
            return rows


GETTERS = {name: attrgetter(name) for name in (*RUN_TYPES, *NODE_TYPES)}


def _arrays(form: Form, runs: Sequence[RunRow], nodes: Sequence[NodeRow]) -> list[str]:
    """A batch as parameters: an array for each column."""
    arguments = [LITERALS[RUN_TYPES[name]](map(GETTERS[name], runs)) for name in form.run_columns]
    return arguments + [LITERALS[NODE_TYPES[name]](map(GETTERS[name], nodes)) for name in form.node_columns]


def _types(form: Form) -> list[str]:
    """Those of a single form's parameters."""
    return [RUN_TYPES[name] for name in form.run_columns] + [NODE_TYPES[name] for name in form.node_columns]


class Single(NamedTuple):
    """How the two rows of a single form become parameters."""

    sql: str
    of_run: Callable[[Any], tuple[Any, ...]]
    of_node: Callable[[Any], tuple[Any, ...]]
    encoders: tuple[Callable[[Any], bytes], ...]
    formats: tuple[int, ...]


@cache
def _single(form: Form) -> Single:
    types = _types(form)
    return Single(
        line_sql(form),
        attrgetter(*form.run_columns),
        attrgetter(*form.node_columns),
        tuple(ENCODERS[name] for name in types),
        tuple(0 if name in IN_TEXT else 1 for name in types),
    )


def statement_of(runs: Sequence[RunRow]) -> Statement:
    """What write() does, for a line."""
    if len(runs) == 1 and len(runs[0].nodes) == 1:
        (run,), (node,) = runs, runs[0].nodes.values()
        if run.is_plain and run.is_fresh and node.is_plain:
            return Statement(FRESH_SQL, _fresh_values(run, node), FRESH_FORMATS)
    nodes = [node for run in runs for node in run.nodes.values()]
    form = form_of(runs, nodes)
    if not form.is_single:
        return Statement(line_sql(form), [array.encode() for array in _arrays(form, runs, nodes)])
    sql, of_run, of_node, encoders, formats = _single(form)
    read = zip(encoders, of_run(runs[0]) + of_node(nodes[0]), strict=True)
    return Statement(sql, [None if value is None else encode(value) for encode, value in read], formats)


def _fenced(row: Sequence[Any]) -> Fenced:
    _, status, started_at, finished_at, prompt_tokens, completion_tokens, cost_usd = row
    duration_ms = _duration_ms(started_at, finished_at)
    return Fenced(status, duration_ms, prompt_tokens, completion_tokens, None if cost_usd is None else str(cost_usd))


def _duration_ms(started_at: datetime | None, finished_at: datetime | None) -> int | None:
    if started_at is None or finished_at is None:
        return None
    return max(0, round((finished_at - started_at).total_seconds() * 1000))
