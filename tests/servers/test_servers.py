"""The servers that the suite itself starts."""

import psycopg
import pytest
import redis
from django.db import connection

from tests.servers import own_postgres
from tests.servers.postgres import create_database, drop_database

pytestmark = pytest.mark.once


def test_postgres_is_real_and_durable(postgres_url: str) -> None:
    with psycopg.connect(postgres_url) as database:
        assert database.info.server_version >= 160000
        assert database.execute("SHOW fsync").fetchone() == ("on",)


def test_a_database_of_its_own_can_be_made_and_dropped(postgres_url: str) -> None:
    url = create_database(postgres_url)
    with psycopg.connect(url) as database:
        database.execute("CREATE TABLE t (n int)")
    drop_database(postgres_url, url)
    with pytest.raises(psycopg.OperationalError, match="does not exist"):
        psycopg.connect(url)


def test_a_postgres_of_ones_own_that_has_ended_is_not_handed_out_again() -> None:
    """A fixture that is made a second time in one process needs one that runs."""
    first = own_postgres.start()
    try:
        first.stop()
        first.end()
        with psycopg.connect(own_postgres.start().server.url) as database:
            assert database.execute("SELECT 1").fetchone() == (1,)
    finally:
        first.end()


def test_redis_answers(redis_url: str) -> None:
    with redis.Redis.from_url(redis_url) as client:
        assert client.ping()


@pytest.mark.django_db
def test_the_configured_database_answers() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        assert cursor.fetchone() == (1,)
