"""What a worker's upkeep thread runs: its calls to the database, which its event loop must not wait for."""

from collections.abc import Callable
from functools import partial
from typing import Any

from django.db import DatabaseError, InterfaceError, connection

from graphs_app.services import claims
from sessions_app.conflicts import retried


def say_goodbye(name: str) -> None:
    """The thread's last work."""
    try:
        claims.retire(name=name)
    finally:
        connection.close()


def with_fresh_connection(function: Callable[..., Any], arguments: dict[str, Any]) -> Any:
    """A connection that broke is closed, so that the next call opens another."""
    try:
        return retried(partial(function, **arguments))
    except (DatabaseError, InterfaceError):
        connection.close()
        raise
