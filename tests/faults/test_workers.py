"""Workers that die, freeze, stop or lose their database, and runs that come to their one end all the same."""

import random
import signal
import subprocess
from pathlib import Path

import psycopg
import pytest
from redis import Redis

from graphs_app.engine.watchdog import EXIT_BLOCKED
from tests.faults.field import HEALTHY, Field, wait_until

STEPS = 6

pytestmark = [pytest.mark.once, pytest.mark.timeout(300)]


@pytest.mark.parametrize(
    ("failpoint", "outside"),
    [
        ("before_checkpoint:3", False),
        ("in_checkpoint:3", False),
        ("after_checkpoint:3", True),
        ("after_commit", True),
        ("before_ack", False),
    ],
)
def test_a_worker_that_dies_at_any_point_of_a_nodes_life_loses_and_repeats_nothing(
    field: Field, failpoint: str, outside: bool
) -> None:
    """Outside sessions a node run is written from the event loop itself, else by the journal's thread."""
    field.start(steps=STEPS, outside=outside)
    victim = field.worker("victim", CRASH_AT=failpoint)
    assert victim.wait(120) == -signal.SIGKILL
    field.worker("heir", sweeps=True, **HEALTHY)
    field.wait_for_the_end()
    field.check(steps=STEPS, crashes=1 if failpoint.startswith(("before_checkpoint", "in_checkpoint")) else 0)


def test_a_frozen_worker_that_wakes_after_its_lease_writes_nothing(field: Field) -> None:
    field.start(steps=STEPS, seconds=0.5)
    zombie = field.worker("zombie")
    field.wait_for_checkpoints(2)
    field.send(zombie, signal.SIGSTOP)
    field.worker("heir", sweeps=True, **HEALTHY)
    field.wait_for_the_end()
    field.send(zombie, signal.SIGCONT)
    log = field.folder / "zombie.log"
    wait_until(lambda: "another worker" in log.read_text() or "given back" in log.read_text(), "the zombie's insight")
    field.check(steps=STEPS, crashes=2)
    assert all(row["attempt"] == 2 for row in field.run_rows())


def test_a_message_that_is_delivered_many_times_is_one_execution(field: Field) -> None:
    field.worker("one", **HEALTHY)
    field.worker("two", sweeps=True, **HEALTHY)
    field.start(steps=STEPS, seconds=0.1, runs=5, times=4)
    field.wait_for_the_end()
    field.check(steps=STEPS)
    assert {row["attempt"] for row in field.run_rows()} == {1}


def test_a_broker_that_forgets_everything_costs_time_only(field: Field) -> None:
    field.start(steps=STEPS, runs=3)
    with Redis.from_url(field.environment["BROKER_URL"]) as redis:
        redis.flushdb()
    field.worker("worker", sweeps=True, **HEALTHY)
    field.wait_for_the_end()
    field.check(steps=STEPS)


def test_a_database_that_cuts_every_connection_stops_no_run(field: Field) -> None:
    field.worker("worker", sweeps=True, **HEALTHY)
    field.start(steps=20, seconds=0.1, runs=3)
    for count in (6, 20, 40):
        field.wait_for_checkpoints(count)
        with psycopg.connect(field.site.database_url, autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
    field.wait_for_the_end()
    field.check(steps=20)


def test_a_worker_that_is_told_to_stop_hands_its_runs_to_another_long_before_its_leases_end(field: Field) -> None:
    leaving = field.worker("leaving", RUN_LEASE_S="3600")
    field.start(steps=20, seconds=0.3, runs=2)
    field.wait_for_checkpoints(2)
    field.send(leaving, signal.SIGTERM)
    assert leaving.wait(120) == 0
    assert {row["status"] for row in field.run_rows()} <= {"queued", "running"}
    # Only now, so that the runs cannot end by themselves while it starts.
    field.worker("heir", sweeps=True, **HEALTHY)
    wait_until(lambda: all(row["attempt"] == 2 for row in field.run_rows()), "the second claims")
    field.wait_for_the_end()
    field.check(steps=20)
    assert {row["crashes"] for row in field.run_rows()} == {0}


def test_workers_that_are_killed_at_random_finish_a_long_loop_with_each_result_once(field: Field) -> None:
    chance = random.Random(20261121)  # noqa: S311 -- to be the same every time
    field.start(steps=50, seconds=0.05, runs=2)
    workers = {name: field.worker(name, sweeps=name == "w0") for name in ("w0", "w1", "w2")}
    kills = 0
    for goal in range(5, 80, 10):
        field.wait_for_checkpoints(goal)
        name = chance.choice(sorted(workers))
        victim = workers[name]
        field.send(victim, signal.SIGKILL)
        victim.wait()
        kills += 1
        workers[name] = _again(field, name)
    field.wait_for_the_end(150)
    field.check(steps=50, crashes=kills)


def test_the_beat_of_a_worker_that_is_killed_ends_with_it(field: Field) -> None:
    worker = field.worker("worker", sweeps=True)
    children = Path(f"/proc/{worker.pid}/task/{worker.pid}/children")
    wait_until(lambda: bool(children.read_text().split()), "the start of the beat")
    beat = Path(f"/proc/{children.read_text().split()[0]}")
    field.start(runs=1)
    field.wait_for_the_end()
    worker.kill()
    worker.wait()
    wait_until(lambda: not beat.exists(), "the end of the beat", within_s=60)


def _again(field: Field, name: str) -> "subprocess.Popen[bytes]":
    return field.worker(name, sweeps=name == "w0")


@pytest.mark.parametrize(("tool", "status"), [("block", EXIT_BLOCKED), ("burn", 1)])
def test_a_run_that_silences_each_of_its_workers_fails_and_the_others_go_on(
    field: Field, tool: str, status: int
) -> None:
    """One keeps the loop, which a thread sees; the other the interpreter's lock, so that no thread sees anything."""
    field.environment |= {"RUN_MAX_ATTEMPTS": "3", "LOOP_BLOCKED_MAX_S": "3"}
    field.start(steps=30, seconds=0.1, runs=2, tool=tool)
    worker = field.worker("w0", sweeps=True)
    ends: list[int] = []
    other = "SELECT * FROM graphs_app_run WHERE id = %s"

    def over() -> bool:
        nonlocal worker
        if (ended := worker.poll()) is not None:
            ends.append(ended)
            worker = field.worker("w0", sweeps=True)
        return bool(field.rows(other, field.other)[0]["status"] == "failed")

    wait_until(over, "the end of the run that blocks", within_s=200)
    blocking = field.rows(other, field.other)[0]
    assert (blocking["error"]["code"], blocking["crashes"], blocking["lease_owner"]) == ("poison", 3, "")
    assert "'one'" in blocking["error"]["message"]
    assert ends == [status] * 3
    field.wait_for_the_end()
    field.check(steps=30, crashes=3)
    if tool == "block":
        assert {row["crashes"] for row in field.run_rows()} == {0}, "who blocks is known, so nobody else is blamed"
    log = (field.folder / "w0.log").read_text()
    assert "tools.py" in log, "the stack says where it was"
