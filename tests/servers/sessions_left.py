"""That nobody is left in the tests' PostgreSQL when it is to be dropped, which the server refuses as long as one is.

A connection that was closed here is still a session there until its process has noticed and gone, and a thread that has
nothing to do gives its own back a little later: these are waited for. What stays is a leak, and is named.
"""

import time
from collections.abc import Iterator
from typing import Any

import pytest
from asgiref.sync import SyncToAsync
from django.db import connection, connections
from pytest_django import DjangoDbBlocker

GONE_WITHIN_S = 15.0
LOOK_EVERY_S = 0.05
OTHERS = """
    SELECT pid, application_name, state, state_change::time(0), backend_start::time(0), left(query, 300)
    FROM pg_stat_activity
    WHERE datname = %s AND pid <> pg_backend_pid() AND backend_type = 'client backend'
    ORDER BY backend_start
"""


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """Django's test databases; before they are dropped, everybody has left."""
    yield
    if connection.vendor == "postgresql":
        with django_db_blocker.unblock():
            _let_go()
            with connection._nodb_cursor() as cursor:  # by the server's own database
                left = still_there(cursor, str(connection.settings_dict["NAME"]), within_s=GONE_WITHIN_S)
        if left:
            pytest.fail(f"the tests left {len(left)} sessions of the database open:\n" + "\n".join(left))


def _let_go() -> None:
    """Gives back what pytest's own threads hold, and closes the pool, which keeps some for the next who asks."""
    SyncToAsync.single_thread_executor.submit(connections.close_all).result()
    connections.close_all()
    connection.close_pool()  # type: ignore[attr-defined]  # PostgreSQL's backend has it


def still_there(cursor: Any, database: str, *, within_s: float) -> list[str]:
    """The sessions of a database that are there after so long, each in a line; none as soon as there is none."""
    until = time.monotonic() + within_s
    while True:
        cursor.execute(OTHERS, [database])
        left = cursor.fetchall()
        if not left or time.monotonic() > until:
            return [_line(*row) for row in left]
        time.sleep(LOOK_EVERY_S)


def _line(pid: int, name: str, state: str, changed: Any, opened: Any, query: str) -> str:
    return f"pid {pid}, application {name!r}, {state} since {changed}, opened {opened}, last query: {query!r}"
