"""Does again what PostgreSQL has rolled back because it crossed somebody else's transaction: a deadlock.

Every transaction can meet one, however well locks are ordered, and then nothing of it is done: it is for the process to
try again, and not for a person. What has already committed something is not repeated, since that would be done twice.
"""

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from django.db import DatabaseError, connection

T = TypeVar("T")

AGAIN_AT_MOST = 3
STATES = frozenset({"40001", "40P01"})
"""PostgreSQL's serialization_failure and deadlock_detected."""
PAUSE_S = 0.02
"""Doubled each time, and never the same for two that met."""
WRITES = ("INSERT", "UPDATE", "DELETE", "MERGE ", "WITH")


def is_conflict(error: BaseException) -> bool:
    """Whether this transaction was ended for the sake of another."""
    return getattr(error.__cause__, "sqlstate", None) in STATES


def retried(function: Callable[[], T], *, sleep: Callable[[float], object] = time.sleep) -> T:
    """Calls the function, and again after a conflict unless something of it was committed.

    Within a transaction it is called once: only whoever began that can begin it again.
    """
    if connection.in_atomic_block or connection.vendor != "postgresql":
        return function()
    for attempt in range(AGAIN_AT_MOST):
        seen = _Seen()
        try:
            with connection.execute_wrapper(seen):
                return function()
        except DatabaseError as error:
            if seen.has_committed or not is_conflict(error):
                raise
        sleep(PAUSE_S * 2**attempt * (1 + random.random()))  # noqa: S311 -- no secret
    return function()


class _Seen:
    """Whether something was committed on this thread's connection since this was made."""

    def __init__(self) -> None:
        self._commits = getattr(connection, "commits", 0)
        self._wrote_alone = False

    @property
    def has_committed(self) -> bool:
        return self._wrote_alone or getattr(connection, "commits", 0) != self._commits

    def __call__(self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        """Django's wrapper of statements: one that writes outside of a transaction is committed by itself."""
        result = execute(sql, params, many, context)
        if connection.in_atomic_block or _repeatable in connection.execute_wrappers:
            return result
        if str(sql).lstrip()[:6].upper().startswith(WRITES):
            self._wrote_alone = True
        return result


@contextmanager
def repeatable() -> Iterator[None]:
    """What is written in here, outside of a transaction, may as well be written twice."""
    with connection.execute_wrapper(_repeatable):
        yield


def _repeatable(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
    return execute(sql, params, many, context)
