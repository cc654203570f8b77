"""A database connection on the event loop itself, for what is stored with every keystroke: no thread is woken for it.

Waking the writer's thread and being woken by it costs more than the statements do. So what needs no waiting and no
asking is stored here, and everything else is left to the thread: whoever writes under a new client id, is refused, or
missed what others stored, and any batch that finds somebody else writing.
"""

import logging
import sqlite3
from collections.abc import Sequence
from typing import Any, Protocol

from django.db.backends.base.base import BaseDatabaseWrapper
from django.utils import timezone

from sessions_app import update_sql
from sessions_app.crdt.store import Batch, Stored, StoreFailed
from sessions_app.plain_sql import with_marks

log = logging.getLogger(__name__)


class Line(Protocol):
    """Belongs to one event loop once it is open."""

    def append(self, batches: Sequence[Batch]) -> list[Stored] | None:
        """Stores all of them in one commit, or nothing of them: then it is None, and the store has to be asked.

        Raises StoreFailed when they may or may not be stored.
        """

    def close(self) -> None:
        """Gives the connection back."""


class SqliteLine:
    """On a file in this machine: a commit takes as long as the disk does, and never waits for another writer."""

    def __init__(self, own: BaseDatabaseWrapper) -> None:
        self._own = own
        self._connection: sqlite3.Connection = own.connection
        self._connection.execute("PRAGMA busy_timeout = 0")
        # Moving the log into the database takes long, and others that commit do it too.
        self._connection.execute("PRAGMA wal_autocheckpoint = 0")

    def setting(self, name: str) -> int | str:
        """How the database does something on this connection."""
        value: int | str = self._connection.execute(f"PRAGMA {name}").fetchone()[0]
        return value

    def append(self, batches: Sequence[Batch]) -> list[Stored] | None:
        if any(batch.claims for batch in batches):
            return None
        try:
            self._connection.execute("BEGIN IMMEDIATE")
        except sqlite3.Error:  # somebody else is writing
            return None
        try:
            stored = self._write(batches)
        except sqlite3.Error as error:
            log.warning("updates could not be stored on the loop (%s); the writer's thread tries", error)
            stored = None
        if stored is None:
            self._take_back()
            return None
        try:
            self._connection.execute("COMMIT")
        except sqlite3.Error as error:
            self._take_back()
            raise StoreFailed(str(error)) from error
        return stored

    def _write(self, batches: Sequence[Batch]) -> list[Stored] | None:
        now = update_sql.moment(timezone.now(), self._own)
        stored, new = [], list[list[Any]]()
        for batch in batches:
            users = update_sql.users_of(batch, self._own)
            allotted = self._connection.execute(
                with_marks(update_sql.allot(len(users)), "sqlite"),
                update_sql.allot_values(batch, users, now, self._own),
            ).fetchone()
            if allotted is None or allotted[0] != batch.known + len(batch.entries):
                return None
            stored.append(Stored(last=allotted[0]))
            new += update_sql.rows(batch, allotted[0], users, now, self._own)
        self._connection.executemany(with_marks(update_sql.insert(), "sqlite"), new)
        return stored

    def _take_back(self) -> None:
        try:
            self._connection.rollback()
        except sqlite3.Error:
            log.exception("a commit on the loop could not be taken back")

    def close(self) -> None:
        self._connection.close()
