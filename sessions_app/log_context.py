"""What the work under way belongs to: fields that each log line written in it carries, in this task or thread alone."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

_fields: ContextVar[Mapping[str, Any]] = ContextVar("log_fields", default={})  # noqa: B039 - never changed, replaced


def fields() -> Mapping[str, Any]:
    """Those that hold here; empty values are left out."""
    return _fields.get()


@contextmanager
def bound(**more: Any) -> Iterator[None]:
    """Adds fields for what is done within; inner ones take the place of outer ones."""
    token = _fields.set({**_fields.get(), **{name: value for name, value in more.items() if value not in (None, "")}})
    try:
        yield
    finally:
        _fields.reset(token)
