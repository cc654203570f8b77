"""The ledger's SQL: what has to be known before a model call, and its rows, in as few statements as that takes.

Every call waits for these, and the ORM takes ten times as long to put them together. Both databases understand all of
it; how a value is written for which of them is left to the fields.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import connection, models

from graphs_app.models import Run
from refine_app.models import Budget, Endpoint, EndpointState, ModelCall, ModelCallText


def _columns(model: type[models.Model], names: Sequence[str] = ()) -> list[models.Field[Any, Any]]:
    fields = {field.attname: field for field in model._meta.concrete_fields}
    return [fields[name] for name in names] if names else list(fields.values())


def _listed(fields: Sequence[models.Field[Any, Any]], prefix: str = "") -> str:
    return ", ".join(f'{prefix}"{field.column}"' for field in fields)


RUN = ("id", "session_id", "user_id", "parent_id", "budget_usd", "lease_epoch")
"""In the order of the model's own fields, as the ORM wants them."""
SELECT_RUN = f'SELECT {_listed(_columns(Run, RUN))} FROM graphs_app_run WHERE "id" = %s'  # noqa: S608

ENDPOINT_FIELDS = _columns(Endpoint)
STATE = (
    "slug", "failures", "opened_at", "probe_until", "forced", "last_error", "last_failed_at", "last_completed_at",
    "latency_ms",
)  # fmt: skip
STATE_MOMENTS = [STATE.index(name) for name in ("opened_at", "probe_until", "last_failed_at", "last_completed_at")]
SELECT_ENDPOINTS = f"SELECT {_listed(ENDPOINT_FIELDS)} FROM refine_app_endpoint WHERE enabled ORDER BY slug"  # noqa: S608
SELECT_STATES = f"SELECT {_listed(_columns(EndpointState, STATE))} FROM refine_app_endpointstate"  # noqa: S608

SELECT_EARLIER = """
SELECT run_id, node_run, endpoint, outcome, 0 FROM refine_app_modelcall WHERE node_run = %s
UNION ALL
SELECT run_id, node_run, endpoint, outcome, 1 FROM refine_app_modelcall
  WHERE root_run = %s AND input_hash = %s AND node_id = %s AND outcome = 'completed' AND NOT duplicate"""

ANY_ID = _columns(Budget, ("subject",))[0]
"""By which UUIDs are written, whatever column they are for."""
SELECT_BUDGETS = """
SELECT id, scope, subject, period, limit_usd FROM refine_app_budget
WHERE subject IS NULL OR subject IN (%s, %s) ORDER BY id"""

CALL_FIELDS = _columns(ModelCall)
INSERT_CALL = (
    f"INSERT INTO refine_app_modelcall ({_listed(CALL_FIELDS)}) "  # noqa: S608
    f"VALUES ({', '.join(['%s'] * len(CALL_FIELDS))})"
)
TEXT_FIELDS = _columns(ModelCallText)
INSERT_TEXT = (
    f"INSERT INTO refine_app_modelcalltext ({_listed(TEXT_FIELDS)}) "  # noqa: S608
    f"VALUES ({', '.join(['%s'] * len(TEXT_FIELDS))})"
)
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
    with connection.cursor() as cursor:
        cursor.execute(SELECT_RUN, [_written(Run._meta.pk, run_id)])
        row = cursor.fetchone()
    if row is None:
        raise Run.DoesNotExist(f"There is no run {str(run_id)!r}.")
    key, session, user, parent, budget, epoch = row
    values = (_id(key), _id(session), _id(user), _id(parent), _amount(budget), epoch)
    return Run.from_db(connection.alias, RUN, values)


def endpoint_rows() -> list[tuple[Any, ...]]:
    """The endpoints that are switched on, by name, as the database has them: to be compared with those known."""
    with connection.cursor() as cursor:
        cursor.execute(SELECT_ENDPOINTS)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows


def endpoint_of(row: Sequence[Any]) -> Endpoint:
    """Such a row as the ORM reads it."""
    values = list(row)
    for at, field in enumerate(ENDPOINT_FIELDS):
        column: Any = field.cached_col
        for convert in (*connection.ops.get_db_converters(column), *field.get_db_converters(connection)):
            values[at] = convert(values[at], column, connection)
    return Endpoint.from_db(connection.alias, [field.attname for field in ENDPOINT_FIELDS], values)


def states() -> dict[str, EndpointState]:
    """How the endpoints do."""
    with connection.cursor() as cursor:
        cursor.execute(SELECT_STATES)
        rows = cursor.fetchall()
    found = {}
    for row in rows:
        values = list(row)
        for at in STATE_MOMENTS:
            values[at] = _moment(values[at])
        found[row[0]] = EndpointState.from_db(connection.alias, STATE, values)
    return found


def budgets_for(session: UUID | None, user: UUID | None, *, lock: bool) -> list[Budget]:
    """The budgets of a session, of a user, of each of them and of the site; locked in the order in which all lock."""
    lock_sql = connection.ops.for_update_sql(no_key=True) if lock and connection.features.has_select_for_update else ""
    with connection.cursor() as cursor:
        cursor.execute(f"{SELECT_BUDGETS} {lock_sql}", [_written(ANY_ID, session), _written(ANY_ID, user)])
        rows = cursor.fetchall()
    return [
        Budget(id=_id(key), scope=scope, subject=_id(subject), period=period, limit_usd=Decimal(str(limit)))
        for key, scope, subject, period, limit in rows
    ]


def earlier_calls(
    *, node_run: UUID, root_run: UUID, node_id: str, input_hash: str
) -> tuple[list[Earlier], list[Earlier]]:
    """The calls of this node run; and those of the node in the whole run that asked the same and were answered."""
    values = [_written(ANY_ID, node_run), _written(ANY_ID, root_run), input_hash, node_id]
    with connection.cursor() as cursor:
        cursor.execute(SELECT_EARLIER, values)
        rows = cursor.fetchall()
    found: tuple[list[Earlier], list[Earlier]] = ([], [])
    for run, asked_by, endpoint, outcome, which in rows:
        found[which].append(Earlier(_id(run), _id(asked_by), endpoint, outcome))
    return found


def insert_call(call: ModelCall, text: ModelCallText | None) -> None:
    """Writes a new row of the ledger, and what is kept of what was said."""
    with connection.cursor() as cursor:
        cursor.execute(INSERT_CALL, [_written(field, getattr(call, field.attname)) for field in CALL_FIELDS])
        if text is not None:
            cursor.execute(INSERT_TEXT, [_written(field, getattr(text, field.attname)) for field in TEXT_FIELDS])


def close_call(call_id: UUID, values: Mapping[str, Any], reply: tuple[str, bool]) -> None:
    """Writes what became of a call, and what was heard of its answer."""
    key = _written(ModelCall._meta.pk, call_id)
    with connection.cursor() as cursor:
        cursor.execute(UPDATE_CALL, [*(_written(field, values[field.attname]) for field in CLOSED_FIELDS), key])
        if reply[0]:
            cursor.execute(UPDATE_TEXT, [*reply, key])


def endpoint_completed(slug: str, now: datetime, first_words_ms: float | None) -> None:
    """Says that an endpoint has answered, which closes its breaker."""
    at = _written(_columns(EndpointState, ("last_completed_at",))[0], now)
    with connection.cursor() as cursor:
        cursor.execute(STATE_COMPLETED, [slug, at, first_words_ms])


def _written(field: Any, value: Any) -> Any:
    return field.get_db_prep_save(value, connection)


def _id(value: Any) -> UUID | None:
    return value if value is None or isinstance(value, UUID) else UUID(value)


def _amount(value: Any) -> Decimal | None:
    return value if value is None or isinstance(value, Decimal) else Decimal(str(value))


def _moment(value: datetime | None) -> datetime | None:
    """A time as it is stored: one database tells its zone, the other is always in UTC."""
    return value if value is None or value.tzinfo is not None else value.replace(tzinfo=UTC)
