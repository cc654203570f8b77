"""Values in PostgreSQL's binary form: the server reads what Python means."""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

import psycopg
import pytest

from graphs_app.arrays import ENCODERS, IN_TEXT

SAMPLES: dict[str, list[Any]] = {
    "uuid": [UUID(int=0), UUID(int=2**128 - 1), UUID("0190163d-8694-739b-aea5-966c26f8ad91")],
    "text": ["", "plain", "Straße 🚲 {}\\\"'"],
    "int": [0, 1, -1, 2**31 - 1],
    "bigint": [0, -1, 2**63 - 1],
    "float8": [0.0, 0.1, -1e300],
    "numeric": [Decimal("0"), Decimal("-12.345678901234567890")],
    "timestamptz": [
        datetime(1999, 12, 31, 23, 59, 59, 999999, UTC),
        datetime(2000, 1, 1, tzinfo=UTC),
        datetime(2026, 2, 28, 1, 2, 3, 4, timezone(timedelta(hours=5, minutes=30))),
    ],
}


@pytest.mark.parametrize("name", SAMPLES)
def test_the_server_reads_a_value_as_python_means_it(postgres_url: str, name: str) -> None:
    with psycopg.connect(postgres_url) as connection:
        for value in SAMPLES[name]:
            format = 0 if name in IN_TEXT else 1
            query = f"SELECT $1::{name}".encode()
            result = connection.pgconn.exec_params(query, [ENCODERS[name](value)], param_formats=[format])
            found = psycopg.adapt.Transformer(connection)
            found.set_pgresult(result)
            assert found.load_row(0, tuple) == (value,)


def test_json_is_parsed(postgres_url: str) -> None:
    with psycopg.connect(postgres_url) as connection:
        encoded = ENCODERS["jsonb"]('{"a":[1,null,"\\u00e9"]}')
        result = connection.pgconn.exec_params(b"SELECT ($1::jsonb)->'a'->>2", [encoded], param_formats=[1])
        assert result.get_value(0, 0) == "é".encode()


def test_a_nul_is_refused_and_ends_no_text(postgres_url: str) -> None:
    with psycopg.connect(postgres_url) as connection:
        result = connection.pgconn.exec_params(b"SELECT $1::text", [ENCODERS["text"]("a\0b")], param_formats=[1])
        assert b"invalid byte sequence" in result.error_message
