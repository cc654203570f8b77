"""The statements that store an update, written out: composing them takes the ORM longer than running them.

Numbers are allotted by the UPDATE that locks the document's row; it also refuses, in the same transaction, what a
sender whose role was taken away or a session that has expired would have stored.
"""

import json
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import DateTimeField

from sessions_app.crdt.store import Batch
from sessions_app.models import Document, DocumentUpdate, Member, Role, Session, SessionStatus, User
from sessions_app.plain_sql import identity

EDITORS = (Role.OWNER.value, Role.EDITOR.value)
EDIT = {"kind": "edit"}
EDIT_ORIGIN = json.dumps(EDIT)
MOMENT = DateTimeField()
"""How a time is written for the database at hand."""


@lru_cache(maxsize=64)
def allot(users: int) -> str:
    """Raises the document's number if all of so many users may edit; no row comes back when they may not."""
    document, session = Document._meta.db_table, Session._meta.db_table
    member, user = Member._meta.db_table, User._meta.db_table
    return (
        f"UPDATE {document} SET revision = revision + %s, held_bytes = held_bytes + %s, updated_at = %s "  # noqa: S608  # names of our own tables
        f"WHERE id = %s AND epoch = %s "
        f"AND (SELECT s.status FROM {session} s WHERE s.id = {document}.session_id) = %s "
        f"AND (SELECT COUNT(*) FROM {member} m JOIN {user} u ON u.id = m.user_id "
        f"WHERE m.session_id = {document}.session_id AND u.is_active AND m.role IN (%s, %s) "
        f"AND m.user_id IN ({', '.join(['%s'] * users) or 'NULL'})) = %s RETURNING revision"
    )


def allot_values(batch: Batch, users: Mapping[UUID, Any], now: Any, database: BaseDatabaseWrapper) -> list[Any]:
    document = identity(batch.document, database)
    active = SessionStatus.ACTIVE.value
    return [len(batch.entries), batch.size, now, document, batch.epoch, active, *EDITORS, *users.values(), len(users)]


@lru_cache(maxsize=1)
def set_number() -> str:
    """Raises the document's number where it is known that all may edit."""
    return (
        f"UPDATE {Document._meta.db_table} "  # noqa: S608  # the same
        "SET revision = %s, held_bytes = held_bytes + %s, updated_at = %s WHERE id = %s"
    )


@lru_cache(maxsize=1)
def insert() -> str:
    return (
        f"INSERT INTO {DocumentUpdate._meta.db_table} "  # noqa: S608  # the name of our own table
        f'(document_id, number, "update", user_id, origin, created_at) VALUES (%s, %s, %s, %s, %s, %s)'
    )


def rows(
    batch: Batch, last: int, users: Mapping[UUID, Any], now: Any, database: BaseDatabaseWrapper
) -> list[list[Any]]:
    """The rows of a batch whose numbers end with this one."""
    document, first = identity(batch.document, database), last - len(batch.entries) + 1
    return [
        [
            document,
            number,
            entry.update,
            None if entry.user is None else users[entry.user],
            EDIT_ORIGIN if entry.origin == EDIT else json.dumps(dict(entry.origin)),
            now,
        ]
        for number, entry in enumerate(batch.entries, start=first)
    ]


def users_of(batch: Batch, database: BaseDatabaseWrapper) -> dict[UUID, Any]:
    """Who wrote what is in a batch, and how the database writes their ids."""
    return {entry.user: identity(entry.user, database) for entry in batch.entries if entry.user is not None}


def moment(at: datetime, database: BaseDatabaseWrapper) -> Any:
    return MOMENT.get_db_prep_value(at, database)
