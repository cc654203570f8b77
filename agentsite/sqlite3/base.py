"""Django's backend for SQLite with turns for what writes; its name is what ENGINE says."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db.backends.sqlite3 import base

from agentsite.sqlite3 import turns

WRITES = ("INSERT", "UPDATE", "DELETE", "REPLAC")


class TurnCursor(base.SQLiteCursorWrapper):
    """A statement that writes outside of a transaction is a transaction of its own, so it needs a turn."""

    turns: turns.Turns

    def execute(self, query: str, params: Any = None) -> Any:
        if self.connection.in_transaction or query.lstrip()[:6].upper() not in WRITES:
            return super().execute(query, params)
        with turns.taken(self.turns):
            return super().execute(query, params)


class DatabaseWrapper(base.DatabaseWrapper):
    """Holds a turn from the beginning of a transaction to its end."""

    _has_turn = False

    @property
    def _turns(self) -> turns.Turns:
        return turns.of(str(self.settings_dict["NAME"]))

    @contextmanager
    def write_turn(self) -> Iterator[None]:
        """For one statement that goes to the driver itself."""
        if self._has_turn:
            yield
            return
        with turns.taken(self._turns):
            yield

    def create_cursor(self, name: str | None = None) -> TurnCursor:
        cursor: TurnCursor = self.connection.cursor(factory=TurnCursor)
        cursor.turns = self._turns
        return cursor

    def _start_transaction_under_autocommit(self) -> None:
        if self._has_turn or not self._turns.take():
            super()._start_transaction_under_autocommit()  # type: ignore[misc]  # Django's, unknown to its stubs
            return
        self._has_turn = True
        try:
            super()._start_transaction_under_autocommit()  # type: ignore[misc]  # Django's, unknown to its stubs
        except BaseException:
            self._end_turn()
            raise

    def _commit(self) -> None:
        try:
            super()._commit()  # type: ignore[misc]  # Django's, unknown to its stubs
        finally:
            self._end_turn()

    def _rollback(self) -> None:
        try:
            super()._rollback()  # type: ignore[misc]  # Django's, unknown to its stubs
        finally:
            self._end_turn()

    def _close(self) -> None:
        try:
            super()._close()  # type: ignore[misc]  # Django's, unknown to its stubs
        finally:
            self._end_turn()

    def _end_turn(self) -> None:
        """When the transaction is really over: a commit that failed is still to be rolled back."""
        connection = self.connection
        if self._has_turn and not _is_writing(connection):
            self._has_turn = False
            self._turns.give_on()


def _is_writing(connection: Any) -> bool:
    try:
        return connection is not None and connection.in_transaction
    except sqlite3.ProgrammingError:  # it is closed
        return False
