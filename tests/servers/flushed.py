"""A database as migrating leaves it, for each process of the run a copy; and again so after every flush.

Migrating takes as long as a hundred tests. And tests that commit end with a flush, after which Django makes
permissions, prompts and built-in graphs anew: most of what such a test cost.
"""

import os
import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.management.commands import flush
from django.db import connection, transaction
from pytest_django import DjangoDbBlocker

from tests.servers import migrated, shared
from tests.servers.postgres import create_database, start_postgres

Rows = dict[str, tuple[list[str], list[tuple[Any, ...]]]]
"""For each table its columns, and its rows."""


@pytest.fixture(scope="session")
def django_db_keepdb(django_db_modify_db_settings: None) -> bool:
    """Whether the test database is there already: it is copied here, where the server is the run's own."""
    settings, name = connection.settings_dict, str(connection.creation._get_test_db_name())
    if connection.vendor == "sqlite":
        shutil.copy(migrated.sqlite(os.environ), name)
        return True
    if not str(settings["HOST"]).startswith(str(shared.folder())):
        return False
    create_database(start_postgres().url, template=migrated.postgres(os.environ), name=name)
    return True


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """The test database, whose flushes leave what migrating made."""
    with django_db_blocker.unblock():
        made = read()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(flush, "emit_post_migrate_signal", lambda *given, **named: put_back(made))
        yield


def read() -> Rows:
    """All rows of all tables that have some, but for the history of migrations, which no flush touches."""
    found: Rows = {}
    with connection.cursor() as cursor:
        for table in connection.introspection.django_table_names(only_existing=True, include_views=False):
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")  # noqa: S608  # a table of our own
            if rows := cursor.fetchall():
                found[table] = ([column[0] for column in cursor.description], rows)
    return found


def put_back(made: Rows) -> None:
    """Writes the rows; the order is no matter, since references are checked when it is done."""
    with transaction.atomic(), connection.cursor() as cursor:
        for table, (columns, rows) in made.items():
            names = ", ".join(map(connection.ops.quote_name, columns))
            marks = ", ".join(["%s"] * len(columns))
            statement = f"INSERT INTO {connection.ops.quote_name(table)} ({names}) VALUES ({marks})"  # noqa: S608
            cursor.executemany(statement, rows)
