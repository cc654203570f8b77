"""A database connection on the event loop itself, for what is stored with every keystroke: no thread is woken for it.

Waking the writer's thread and being woken by it costs more than the statements do. So what needs no waiting and no
asking is stored here, and everything else is left to the thread: whoever writes under a new client id, is refused, or
missed what others stored, and any batch that finds somebody else writing.
"""

import contextlib
import logging
import os
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol
from uuid import UUID

from django.db.backends.base.base import BaseDatabaseWrapper

from sessions_app import update_sql
from sessions_app.crdt.store import Batch, Stored, StoreFailed
from sessions_app.plain_sql import identity, with_marks

log = logging.getLogger(__name__)

LOG_BYTES = 8 * 1024 * 1024
"""So long the write-ahead log is made at once: a file that grows makes every commit wait for its new length as well."""
STEP_BYTES = 1024 * 1024
MOVE_AFTER = 480
"""So many commits of four or five pages fill that; then the log is moved into the database and begun anew."""
WAIT_MS = 5_000


class Line(Protocol):
    """Belongs to one event loop once it is open; used by one thread at a time."""

    def write(self, batches: Sequence[Batch]) -> list[Stored] | None:
        """Writes all of them, to be committed next, or nothing of them: then it is None, and the store has to be asked.

        Never waits for anybody.
        """

    def commit(self) -> None:
        """Returns when what was written is on disk. Raises StoreFailed when it may or may not be."""

    def is_log_long(self) -> bool:
        """Whether there should be a pause to move_log() soon."""

    def move_log(self) -> None:
        """Takes the time between two commits for what makes the next ones quick. Blocks."""

    def close(self) -> None:
        """Gives the connection back."""


@dataclass(slots=True)
class Checked:
    """What this connection found of a document in the newest version of the database, and has written itself since."""

    epoch: int
    last: int
    editors: set[UUID | None] = field(default_factory=set)


class SqliteLine:
    """On a file in this machine: a commit takes as long as the disk does, and never waits for another writer."""

    def __init__(self, own: BaseDatabaseWrapper) -> None:
        self._own = own
        self._connection: sqlite3.Connection = own.connection
        self._insert = with_marks(update_sql.insert(), "sqlite")
        self._set_number = with_marks(update_sql.set_number(), "sqlite")
        self._version = -1
        """Of the database: another one as soon as any other connection has committed anything."""
        self._checked: dict[UUID, Checked] = {}
        """For documents in that version; so one that nobody else has touched is not asked about again."""
        self._commits = 0
        self._connection.execute(f"PRAGMA busy_timeout = {WAIT_MS}")
        self._lengthen_log()
        self._connection.execute("PRAGMA busy_timeout = 0")
        # Moving the log into the database takes long, and others that commit do it too.
        self._connection.execute("PRAGMA wal_autocheckpoint = 0")

    def setting(self, name: str) -> int | str:
        """How the database does something on this connection."""
        value: int | str = self._connection.execute(f"PRAGMA {name}").fetchone()[0]
        return value

    def write(self, batches: Sequence[Batch]) -> list[Stored] | None:
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
        return stored

    def commit(self) -> None:
        try:
            self._connection.execute("COMMIT")
        except sqlite3.Error as error:
            self._take_back()
            raise StoreFailed(str(error)) from error
        self._commits += 1

    def is_log_long(self) -> bool:
        return self._commits >= MOVE_AFTER

    def move_log(self) -> None:
        """Moves it into the database; when nobody reads in it just then, the next commit begins it anew."""
        self._commits = 0
        try:
            self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
        except sqlite3.Error as error:
            log.warning("the write-ahead log could not be moved into the database: %s", error)

    def _write(self, batches: Sequence[Batch]) -> list[Stored] | None:
        now = _now()
        version = self.setting("data_version")
        if version != self._version:
            self._checked.clear()
            self._version = int(version)
        stored, new = [], list[list[Any]]()
        for batch in batches:
            users = update_sql.users_of(batch, self._own)
            last = batch.known + len(batch.entries)
            if not self._allot(batch, users, now, last):
                return None
            stored.append(Stored(last=last))
            new += update_sql.rows(batch, last, users, now, self._own)
        self._connection.executemany(self._insert, new)
        return stored

    def _allot(self, batch: Batch, users: dict[UUID, Any], now: Any, last: int) -> bool:
        """Raises the document's number; asks first who may edit it, unless that is known of this very version."""
        checked = self._checked.get(batch.document)
        if (
            checked is not None
            and checked.last == batch.known
            and checked.epoch == batch.epoch
            and checked.editors >= users.keys()
        ):
            document = identity(batch.document, self._own)
            self._connection.execute(self._set_number, [last, batch.size, now, document])
            checked.last = last
            return True
        allot = with_marks(update_sql.allot(len(users)), "sqlite")
        allotted = self._connection.execute(allot, update_sql.allot_values(batch, users, now, self._own)).fetchone()
        if allotted is None or allotted[0] != last:
            return False
        if checked is None or checked.epoch != batch.epoch:
            checked = self._checked[batch.document] = Checked(batch.epoch, last)
        checked.last = last
        checked.editors |= users.keys()
        return True

    def _take_back(self) -> None:
        self._checked.clear()  # the numbers in it are of what is taken back
        try:
            self._connection.rollback()
        except sqlite3.Error:
            log.exception("a commit on the loop could not be taken back")

    def _lengthen_log(self) -> None:
        """Appends zeros to the write-ahead log, which nobody takes for anything written; only while nobody writes.

        In steps, so that nobody waits for long, neither to write nor for the disk.
        """
        if self.setting("journal_mode") != "wal":
            return
        path = self._connection.execute("PRAGMA database_list").fetchone()[2]
        try:
            with contextlib.ExitStack() as opened:
                self._connection.execute("BEGIN IMMEDIATE")  # from here on there is a file, and it is not taken away
                self._connection.rollback()
                file = os.open(f"{path}-wal", os.O_RDWR)
                opened.callback(os.close, file)
                while self._append_zeros(file):
                    os.fdatasync(file)
        except (OSError, sqlite3.Error) as error:
            log.warning("the write-ahead log stays short (%s); commits take a little longer", error)

    def _append_zeros(self, file: int) -> bool:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            missing = LOG_BYTES - os.fstat(file).st_size
            if missing > 0:
                os.pwrite(file, bytes(min(STEP_BYTES, missing)), LOG_BYTES - missing)
            return missing > 0
        finally:
            self._connection.rollback()

    def close(self) -> None:
        self._connection.close()


def _now() -> str:
    """As Django writes moments into this database, which takes it as long as a whole statement takes the database."""
    return str(datetime.now(UTC).replace(tzinfo=None))
