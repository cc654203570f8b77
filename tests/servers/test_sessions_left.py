"""Who is left in a database is named, and who is leaving is waited for."""

import threading

import psycopg
import pytest

from tests.servers.postgres import create_database, drop_database
from tests.servers.sessions_left import still_there

pytestmark = pytest.mark.once


def test_a_session_that_stays_is_named_with_what_it_did(postgres_url: str) -> None:
    url = create_database(postgres_url)
    name = url.partition("@/")[2].partition("?")[0]
    with psycopg.connect(postgres_url, autocommit=True) as looking:
        with psycopg.connect(url, application_name="forgetful") as left:
            left.execute("SELECT 'the last thing'")
            (line,) = still_there(looking.cursor(), name, within_s=0.0)
            for told in (f"pid {left.info.backend_pid},", "'forgetful'", "idle in transaction", "the last thing"):
                assert told in line
        assert still_there(looking.cursor(), name, within_s=60.0) == []
    drop_database(postgres_url, url)


def test_a_session_that_ends_a_little_later_is_waited_for(postgres_url: str) -> None:
    url = create_database(postgres_url)
    name = url.partition("@/")[2].partition("?")[0]
    leaving = psycopg.connect(url)
    with psycopg.connect(postgres_url, autocommit=True) as looking:
        assert still_there(looking.cursor(), name, within_s=0.0)
        threading.Timer(0.5, leaving.close).start()
        assert still_there(looking.cursor(), name, within_s=60.0) == []
    drop_database(postgres_url, url)
