"""Whether a text is SQL, in any of the dialects that people write. Runs in the child: the parser is slow."""

import logging
import re
from collections.abc import Mapping
from typing import Any

from refine_app.tools.checks import Fault, fault_at

_PSQL = re.compile(r"^\\[a-z!?][^\n]*", re.MULTILINE)
"""Lines for psql, as pg_dump writes them; they are not SQL, and stand beside it."""
DIALECTS = ("postgres", "mysql", "sqlite", "tsql", "oracle", "snowflake", "bigquery")


def sql_faults(text: str) -> list[Fault]:
    """None when a dialect can read it; else those of the dialect that came farthest."""
    farthest: list[Fault] = []
    statements = _PSQL.sub("", text)
    for dialect in DIALECTS:
        faults = _faults_in_dialect(statements, dialect)
        if not faults:
            return []
        if not farthest or faults[0]["line"] > farthest[0]["line"]:
            farthest = faults
    return farthest


def _faults_in_dialect(text: str, dialect: str) -> list[Fault]:
    # Loaded here: it takes a quarter of a second, and other kinds do without it.
    import sqlglot
    from sqlglot import exp
    from sqlglot.errors import SqlglotError

    logging.getLogger("sqlglot").setLevel(logging.CRITICAL)
    try:
        statements = sqlglot.parse(text, read=dialect)
    except SqlglotError as error:
        place: Mapping[str, Any] = (getattr(error, "errors", None) or [{}])[0]
        words = f"no SQL: {place.get('description') or str(error)}, at {place.get('highlight') or 'the end'!r}"
        return [fault_at(place.get("line") or 1, place.get("col") or 1, words)]
    # A few words of prose are read as an expression with another name, which is no statement.
    return [
        fault_at(1, 1, f"no statement of SQL: {statement.sql()[:60]!r}")
        for statement in statements
        if isinstance(statement, exp.Condition | exp.Alias)
    ]
