"""Values, and columns of them as arrays, in the form in which PostgreSQL reads them.

A driver that finds out each value's type takes longer for a batch than the server takes to store it.
"""

from collections.abc import Callable, Iterable
from datetime import datetime
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


def _number(value: object) -> bytes:
    return str(value).encode()


def _time(value: datetime) -> bytes:
    return value.isoformat().encode()


ENCODERS: dict[str, Callable[[Any], bytes]] = {
    "uuid": lambda value: value.hex.encode(),
    "text": str.encode,
    "jsonb": str.encode,
    "timestamptz": _time,
    "int": _number,
    "bigint": _number,
    "float8": _number,
    "numeric": _number,
}
"""How a single value of a type is written."""
