"""The ledger's SQL: what has to be known before a model call, and its rows, in as few statements as that takes.

Every call waits for these, and the ORM takes ten times as long to put them together. Both databases understand all of
it, but for how they mark the places of values and write some kinds of them.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache, partial
from typing import Any
from uuid import UUID

from django.db import connection, connections, models
from django.db.backends.base.base import BaseDatabaseWrapper

from graphs_app import jsontext
from graphs_app.models import GraphVersion, Run
from refine_app.models import Budget, Endpoint, EndpointState, ModelCall
from sessions_app.models import new_id
from sessions_app.plain_sql import identity, with_marks

PLAIN = frozenset({str, int, float, bool})


def _columns(model: type[models.Model], names: Sequence[str] = ()) -> "list[models.Field[Any, Any]]":
    fields = {field.attname: field for field in model._meta.concrete_fields}
    return [fields[name] for name in names] if names else list(fields.values())


def _listed(fields: "Sequence[models.Field[Any, Any]]", prefix: str = "") -> str:
    return ", ".join(f'{prefix}"{field.column}"' for field in fields)


RUN = ("id", "session_id", "user_id", "graph_version_id", "parent_id", "budget_usd", "at_budget", "lease_epoch")
"""In the order of the model's own fields, as the ORM wants them."""
SELECT_RUN = f'SELECT {_listed(_columns(Run, RUN))} FROM graphs_app_run WHERE "id" = %s'  # noqa: S608

ENDPOINT_FIELDS = _columns(Endpoint)
STATE = (
    "slug", "failures", "opened_at", "probe_until", "forced", "rests_until", "last_error", "last_failed_at",
    "last_completed_at", "latency_ms", "quirks",
)  # fmt: skip
MOMENTS = ("opened_at", "probe_until", "rests_until", "last_failed_at", "last_completed_at")
STATE_MOMENTS = [STATE.index(name) for name in MOMENTS]
SELECT_ENDPOINTS = f"SELECT {_listed(ENDPOINT_FIELDS)} FROM refine_app_endpoint WHERE enabled ORDER BY slug"  # noqa: S608
SELECT_STATES = f"SELECT {_listed(_columns(EndpointState, STATE))} FROM refine_app_endpointstate"  # noqa: S608

SELECT_EARLIER = """
SELECT run_id, node_run, endpoint, outcome, 0 FROM refine_app_modelcall WHERE node_run = %s
UNION ALL
SELECT run_id, node_run, endpoint, outcome, 1 FROM refine_app_modelcall
  WHERE root_run = %s AND input_hash = %s AND node_id = %s AND outcome = 'completed' AND NOT duplicate"""

SELECT_BUDGETS = """
SELECT id, scope, subject, period, limit_usd FROM refine_app_budget
WHERE subject IS NULL OR subject IN (%s, %s, %s) ORDER BY id"""

CALL_FIELDS = {field.attname: field for field in _columns(ModelCall)}
CALL_DEFAULTS = {name: field.get_default() for name, field in CALL_FIELDS.items() if name != "id"}
INSERT_CALL = (
    f"INSERT INTO refine_app_modelcall ({_listed(_columns(ModelCall))}) "  # noqa: S608
    f"VALUES ({', '.join(['%s'] * len(CALL_FIELDS))})"
)
INSERT_TEXT = """
INSERT INTO refine_app_modelcalltext (call_id, run_id, prompt, reply, truncated) VALUES (%s, %s, %s, '', %s)"""
UPDATE_TEXT = "UPDATE refine_app_modelcalltext SET reply = %s, truncated = truncated OR %s WHERE call_id = %s"

CLOSED_FIELDS = _columns(
    ModelCall,
    (
        "outcome", "prompt_tokens", "completion_tokens", "tokens_estimated", "cost_usd", "reserved_usd", "latency_ms",
        "discarded",
    ),
)  # fmt: skip
UPDATE_CALL = (
    f"UPDATE refine_app_modelcall SET {', '.join(f'{field.column} = %s' for field in CLOSED_FIELDS)} WHERE id = %s"  # noqa: S608
)

UPDATE_HEARD = """
UPDATE refine_app_modelcall SET completion_tokens = %s, discarded = %s WHERE id = %s AND outcome = 'started'"""

SMOOTHING = 0.3
STATE_COMPLETED = f"""
INSERT INTO refine_app_endpointstate (slug, failures, forced, last_error, last_completed_at, latency_ms)
VALUES (%s, 0, '', '', %s, %s)
ON CONFLICT (slug) DO UPDATE SET failures = 0, opened_at = NULL, probe_until = NULL,
  last_completed_at = excluded.last_completed_at,
  latency_ms = coalesce(
    refine_app_endpointstate.latency_ms
      + {SMOOTHING} * (excluded.latency_ms - refine_app_endpointstate.latency_ms),
    excluded.latency_ms, refine_app_endpointstate.latency_ms)"""  # noqa: S608


@dataclass(frozen=True, slots=True)
class Earlier:
    """A call that was made before."""

    run: UUID | None
    node_run: UUID | None
    endpoint: str
    outcome: str


def find_run(run_id: UUID) -> Run:
    """A run with what money needs to know of it: its states are large. Raises Run.DoesNotExist."""
    database = _database()
    row = _execute(database, SELECT_RUN, [_id_for(database, run_id)]).fetchone()
    if row is None:
        raise Run.DoesNotExist(f"There is no run {str(run_id)!r}.")
    key, session, user, version, parent, budget, at_budget, epoch = row
    values = (_id(key), _id(session), _id(user), _id(version), _id(parent), _amount(budget), at_budget, epoch)
    return Run.from_db(database.alias, RUN, values)


def endpoint_rows() -> list[tuple[Any, ...]]:
    """The endpoints that are switched on, by name, as the database has them: to be compared with those known."""
    rows: list[tuple[Any, ...]] = _execute(_database(), SELECT_ENDPOINTS).fetchall()
    return rows


def endpoint_of(row: Sequence[Any]) -> Endpoint:
    """Such a row as the ORM reads it."""
    values = list(row)
    for at, field in enumerate(ENDPOINT_FIELDS):
        column: Any = field.cached_col
        for convert in (*connection.ops.get_db_converters(column), *field.get_db_converters(connection)):
            values[at] = convert(values[at], column, connection)
    return Endpoint.from_db(connection.alias, [field.attname for field in ENDPOINT_FIELDS], values)


def states() -> dict[str, Callable[[], EndpointState]]:
    """How the endpoints do, by name: what makes the row as the ORM reads it, for those who need it."""
    return {row[0]: partial(_state_of, row) for row in _execute(_database(), SELECT_STATES).fetchall()}


def _state_of(row: Sequence[Any]) -> EndpointState:
    values = list(row)
    for at in STATE_MOMENTS:
        values[at] = _moment(values[at])
    quirks = values[STATE.index("quirks")]
    values[STATE.index("quirks")] = json.loads(quirks) if isinstance(quirks, str) else quirks
    return EndpointState.from_db(connection.alias, STATE, values)


@lru_cache(maxsize=2000)
def graph_of(version: UUID) -> UUID | None:
    """The graph that a version is of, which never changes."""
    return GraphVersion.objects.filter(pk=version).values_list("graph_id", flat=True).first()


def budgets_for(session: UUID | None, user: UUID | None, graph: UUID | None, *, lock: bool) -> list[Budget]:
    """The budgets of a session, a user and a graph, of each of them and of the site; locked in the order of all."""
    database = _database()
    locks = lock and database.features.has_select_for_update
    sql = f"{SELECT_BUDGETS} {database.ops.for_update_sql(no_key=True)}" if locks else SELECT_BUDGETS
    rows = _execute(database, sql, [_id_for(database, one) for one in (session, user, graph)]).fetchall()
    return [
        Budget(id=_id(key), scope=scope, subject=_id(subject), period=period, limit_usd=Decimal(str(limit)))
        for key, scope, subject, period, limit in rows
    ]


def earlier_calls(
    *, node_run: UUID, root_run: UUID, node_id: str, input_hash: str
) -> tuple[list[Earlier], list[Earlier]]:
    """The calls of this node run; and those of the node in the whole run that asked the same and were answered."""
    database = _database()
    values = [_id_for(database, node_run), _id_for(database, root_run), input_hash, node_id]
    rows = _execute(database, SELECT_EARLIER, values).fetchall()
    found: tuple[list[Earlier], list[Earlier]] = ([], [])
    for run, asked_by, endpoint, outcome, which in rows:
        found[which].append(Earlier(_id(run), _id(asked_by), endpoint, outcome))
    return found


def insert_call(values: Mapping[str, Any]) -> UUID:
    """Writes a new row of the ledger; what is left out has its default."""
    database = _database()
    key = new_id()
    row = {**CALL_DEFAULTS, **values, "id": key}
    _execute(database, INSERT_CALL, [_written(field, row[name], database) for name, field in CALL_FIELDS.items()])
    return key


def insert_text(call: UUID, run: UUID, prompt: Sequence[Mapping[str, str]], *, truncated: bool) -> None:
    """Writes what is kept of what a call was asked."""
    database = _database()
    _execute(database, INSERT_TEXT, [_id_for(database, call), _id_for(database, run), jsontext.dump(prompt), truncated])


def close_call(call_id: UUID, values: Mapping[str, Any], reply: tuple[str, bool]) -> None:
    """Writes what became of a call, and what was heard of its answer."""
    database = _database()
    key = _id_for(database, call_id)
    _execute(database, UPDATE_CALL, [*(_written(one, values[one.attname], database) for one in CLOSED_FIELDS), key])
    if reply[0]:
        _execute(database, UPDATE_TEXT, [*reply, key])


def hear(call_id: UUID, tokens: int, length: int) -> None:
    """Writes how much of a call's answer was heard so far; one that is closed stays as it is."""
    database = _database()
    _execute(database, UPDATE_HEARD, [tokens, length, _id_for(database, call_id)])


def endpoint_completed(slug: str, now: datetime, first_words_ms: float | None) -> None:
    """Says that an endpoint has answered, which closes its breaker."""
    database = _database()
    _execute(database, STATE_COMPLETED, [slug, _written(CALL_FIELDS["created_at"], now, database), first_words_ms])


def _database() -> BaseDatabaseWrapper:
    """This thread's connection itself; the proxy looks it up for every attribute."""
    return connections[connection.alias]


def _execute(database: BaseDatabaseWrapper, sql: str, values: Sequence[Any] = ()) -> Any:
    """Straight at the driver, whose connections both have an execute(): between us is as much again as they do."""
    database.ensure_connection()
    with database.wrap_database_errors:
        return database.connection.execute(with_marks(sql, database.vendor), values)


def _id_for(database: BaseDatabaseWrapper, value: UUID | None) -> UUID | str | None:
    return None if value is None else identity(value, database)


def _written(field: "models.Field[Any, Any]", value: Any, database: BaseDatabaseWrapper) -> Any:
    """A value as the database takes it; most are what they are."""
    return value if value is None or type(value) in PLAIN else field.get_db_prep_save(value, database)


def _id(value: Any) -> UUID | None:
    return value if value is None or isinstance(value, UUID) else UUID(value)


def _amount(value: Any) -> Decimal | None:
    return value if value is None or isinstance(value, Decimal) else Decimal(str(value))


def _moment(value: datetime | None) -> datetime | None:
    """A time as it is stored: one database tells its zone, the other is always in UTC."""
    return value if value is None or value.tzinfo is not None else value.replace(tzinfo=UTC)
