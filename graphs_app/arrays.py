"""Values in PostgreSQL's binary form, and columns of them as arrays in its text form.

A driver that finds out each value's type takes longer for a batch than the server takes to store it.
"""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from struct import Struct
from typing import Any
from uuid import UUID


def numbers(values: Iterable[Any]) -> str:
    return "{" + ",".join(["NULL" if value is None else str(value) for value in values]) + "}"


def texts(values: Iterable[str | None]) -> str:
    """Quoted, so that neither a comma nor the word NULL is taken for what it is not."""
    return "{" + ",".join(["NULL" if value is None else _quoted(value) for value in values]) + "}"


def _quoted(value: str) -> str:
    if "\\" in value or '"' in value:
        value = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{value}"'


def uuids(values: Iterable[UUID]) -> str:
    return "{" + ",".join([value.hex for value in values]) + "}"


def times(values: Iterable[datetime | None]) -> str:
    return "{" + ",".join(["NULL" if value is None else value.isoformat() for value in values]) + "}"


LITERALS: dict[str, Callable[[Iterable[Any]], str]] = {
    "uuid": uuids,
    "text": texts,
    "jsonb": texts,
    "timestamptz": times,
    "int": numbers,
    "bigint": numbers,
    "float8": numbers,
    "numeric": numbers,
}
"""How a column of a type is written as an array."""


int4, int8, float8 = Struct(">i").pack, Struct(">q").pack, Struct(">d").pack
EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
"""PostgreSQL's."""


def timestamptz(value: datetime) -> bytes:
    since = value - EPOCH
    return int8((since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds)


def _digits(value: object) -> bytes:
    return str(value).encode()


def jsonb(value: str) -> bytes:
    return b"\1" + value.encode()


ENCODERS: dict[str, Callable[[Any], bytes]] = {
    "uuid": lambda value: value.bytes,
    "text": str.encode,
    "jsonb": jsonb,
    "timestamptz": timestamptz,
    "int": int4,
    "bigint": int8,
    "float8": float8,
    "numeric": _digits,
}
"""How a single value of a type is written. Neither side has to read a number's digits, and a NUL ends no text."""
IN_TEXT = frozenset({"numeric"})
"""Types whose single values are in text form all the same."""
