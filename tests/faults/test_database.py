"""A database that restarts, is full, or does not say whether it has committed; and machines whose clocks are wrong."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.faults.field import Field, wait_until
from tests.faults.proxy import Proxy
from tests.faults.starter import Starter
from tests.servers import own_postgres, shared
from tests.servers.own_postgres import OwnPostgres
from tests.servers.postgres import create_database, start_postgres
from tests.servers.site import build, tear_down

STEPS = 20

pytestmark = [pytest.mark.once, pytest.mark.timeout(300)]


@pytest.fixture
def own() -> Iterator[OwnPostgres]:
    server = own_postgres.start()
    yield server
    server.end()


def test_a_database_that_crashes_and_comes_back_loses_nothing_of_any_run(own: OwnPostgres) -> None:
    url = create_database(own.server.url)
    site = build(scaled=True, environment={"DATABASE_URL": url, "RUN_LEASE_S": "2", "RUN_MAX_ATTEMPTS": "10"})
    starter = Starter(site)
    try:
        migrated = site.manage("migrate", "--verbosity", "0")
        assert migrated.returncode == 0, migrated.stderr
        field = Field(site, starter)
        field.worker("worker", sweeps=True)
        field.start(steps=STEPS, seconds=0.1, runs=3)
        for count in (6, 30):
            field.wait_for_checkpoints(count)
            own.restart()
        field.wait_for_the_end()
        field.check(steps=STEPS, crashes=2)
    finally:
        starter.stop()
        tear_down(site)


FULL = """
CREATE TABLE full_disk ();
CREATE FUNCTION refuse_when_full() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF to_regclass('full_disk') IS NOT NULL THEN
    RAISE EXCEPTION USING ERRCODE = 'disk_full', MESSAGE = 'could not extend file: No space left on device';
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER full_for_node_runs BEFORE INSERT OR UPDATE ON graphs_app_noderun EXECUTE FUNCTION refuse_when_full();
CREATE TRIGGER full_for_runs BEFORE INSERT OR UPDATE ON graphs_app_run EXECUTE FUNCTION refuse_when_full();
"""
"""Every write is refused as PostgreSQL refuses it, with its own code, without filling the machine's disk."""


def test_runs_wait_while_the_disk_is_full_and_go_on_when_there_is_space(field: Field) -> None:
    field.worker("worker", sweeps=True)
    field.start(steps=STEPS, seconds=0.1, runs=3)
    field.wait_for_checkpoints(6)
    log = field.folder / "worker.log"
    with psycopg.connect(field.site.database_url, autocommit=True) as connection:
        connection.execute(FULL)
        try:
            wait_until(lambda: log.read_text().count("wait for the database") >= 3, "the journal's patience")
        finally:
            connection.execute("DROP TABLE full_disk")
    field.wait_for_the_end()
    field.execute("DROP FUNCTION refuse_when_full CASCADE")
    # The lease may have run out meanwhile, since it could not be renewed either.
    field.check(steps=STEPS, crashes=1)


def test_a_commit_whose_answer_is_lost_is_neither_lost_nor_repeated() -> None:
    site = build(scaled=True, environment={"RUN_LEASE_S": "30", "RUN_MAX_ATTEMPTS": "10"})
    starter = Starter(site)
    direct = Path(start_postgres().url.partition("host=")[2])
    with tempfile.TemporaryDirectory(dir=shared.folder()) as folder:
        proxy = Proxy(Path(folder), direct)
        proxy.start()
        try:
            field = Field(site, starter)
            field.start(steps=STEPS, seconds=0.05, runs=3)
            through_proxy = proxy.url(site.database_url)
            field.worker("worker", sweeps=True, DATABASE_URL=through_proxy)
            for count in (3, 15, 30, 40):
                field.wait_for_checkpoints(count)
                proxy.lose_answers(2)
            field.wait_for_the_end()
            field.check(steps=STEPS)
            assert proxy.lost >= 4
        finally:
            starter.stop()
            tear_down(site)


def test_clocks_that_are_wrong_by_ten_minutes_take_no_lease_too_early_or_too_late(field: Field) -> None:
    field.start(steps=STEPS, seconds=0.1, runs=4)
    early = field.worker("early", CLOCK_SKEW="600", RUN_LEASE_S="10")
    field.worker("late", CLOCK_SKEW="-600", RUN_LEASE_S="10", sweeps=True)
    field.wait_for_checkpoints(20)
    assert {row["attempt"] for row in field.run_rows()} == {1}
    owned = (
        "SELECT count(*) AS n FROM graphs_app_run WHERE status = 'running' AND lease_until > now() + interval '20 s'"
    )
    assert field.rows(owned)[0]["n"] == 0
    early.kill()
    early.wait()
    field.wait_for_the_end()
    field.check(steps=STEPS, crashes=1)
    negative = "SELECT count(*) AS n FROM graphs_app_noderun WHERE duration_ms < 0 OR duration_ms > 60000"
    assert field.rows(negative)[0]["n"] == 0
    assert all(row["started_at"] <= row["finished_at"] for row in field.run_rows())


def test_a_run_that_kills_each_of_its_workers_fails_and_the_others_go_on(field: Field) -> None:
    field.environment["RUN_MAX_ATTEMPTS"] = "3"
    field.start(steps=40, seconds=0.1, runs=2, tool="die")
    worker = field.worker("w0", sweeps=True)
    deaths = 0
    other = "SELECT * FROM graphs_app_run WHERE id = %s"

    def over() -> bool:
        nonlocal worker, deaths
        if worker.poll() is not None:
            deaths += 1
            worker = field.worker("w0", sweeps=True)
        return bool(field.rows(other, field.other)[0]["status"] == "failed")

    wait_until(over, "the end of the poison run", within_s=120)
    poisoned = field.rows(other, field.other)[0]
    assert (poisoned["error"]["code"], poisoned["crashes"], poisoned["lease_owner"]) == ("poison", 3, "")
    assert deaths == 3
    field.wait_for_the_end()
    field.check(steps=40, crashes=deaths)
    told = "SELECT count(*) AS n FROM sessions_app_sessionevent WHERE run = %s AND type = 'run.failed'"
    assert field.rows(told, field.other)[0]["n"] == 1
