"""Redis that dies, falls silent, or holds what nobody of the site has sent: no process goes with it, and no run."""

import base64
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agentsite import redis_broker
from tests.faults.field import HEALTHY, Field, wait_until
from tests.faults.starter import Starter
from tests.servers import own_redis, shared
from tests.servers.own_redis import OwnRedis
from tests.servers.site import build, tear_down

STEPS = 20

pytestmark = [pytest.mark.once, pytest.mark.timeout(300)]


@pytest.fixture
def redis() -> Iterator[OwnRedis]:
    with tempfile.TemporaryDirectory(dir=shared.folder()) as folder:
        own = own_redis.start_in(Path(folder))
        try:
            yield own
        finally:
            own.kill()


@pytest.fixture
def field(redis: OwnRedis) -> Iterator[Field]:
    """With a Redis of its own for everything."""
    names = ("BROKER_URL", "CACHE_URL", "CHANNEL_LAYER_URL")
    site = build(scaled=True, environment=dict.fromkeys(names, redis.url) | {"RUN_LEASE_S": "5"})
    starter = Starter(site)
    try:
        yield Field(site, starter)
    finally:
        starter.stop()
        tear_down(site)


def test_workers_outlive_a_redis_that_is_killed_with_runs_in_flight_and_take_more_when_it_is_back(
    field: Field, redis: OwnRedis
) -> None:
    workers = [field.worker("one", **HEALTHY), field.worker("two", sweeps=True, **HEALTHY)]
    field.start(steps=STEPS, seconds=0.2, runs=4)
    field.wait_for_checkpoints(6)
    redis.kill()
    field.wait_for_the_end()
    field.check(steps=STEPS)
    assert [worker.poll() for worker in workers] == [None, None]
    redis.start()
    field.start(steps=2, runs=4)
    field.wait_for_the_end()
    field.check(steps=2)
    assert [worker.poll() for worker in workers] == [None, None]


GARBAGE = (
    b"no JSON at all \xff",
    b"[]",
    b"null",
    b"{}",
    b'{"body": "x", "properties": {}}',
    b'{"body": "bm90IGpzb24=", "content-encoding": "utf-8", "content-type": "application/json", "headers": {"task": '
    b'"process_task", "id": "1"}, "properties": {"delivery_tag": "a", "body_encoding": "base64", '
    b'"delivery_info": {"exchange": "", "routing_key": "agent_tasks"}}}',
    b"[" * 100_000,
)
"""What somebody else might have written into the list of a queue."""
BODIES: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("not json", "application/json", {}),
    ("gASVAQAAAAAAAACMAWGULg==", "application/x-python-serialize", {}),
    ("<run/>", "application/xml", {}),
    ("[]", "application/json", {}),
    ("{}", "application/json", {}),
    ("7", "application/json", {}),
    ("[[], {}, {}]", "application/json", {}),
    ('[["no run"], {}, {}]', "application/json", {}),
    ('[["no run"], {}, {}]', "application/json", {"task": "no.such.task"}),
    ('[["no run"], {}, {}]', "application/json", {"eta": "yesterday"}),
    ('[["no run"], {}, {}]', "application/json", {"expires": {"at": []}}),
    ('[["no run"], {}, {}]', "application/json", {"timelimit": 7}),
    ('[["no run"], {}, {}]', "application/json", {"id": None}),
    ('[["no run"], {}, {}]', "no type", {"task": None}),
    ("[" * 50_000, "application/json", {}),
)
"""Bodies, content types and headers of letters whose envelope is in order."""


def letter(body: str, content_type: str, headers: dict[str, Any], tag: str) -> bytes:
    return json.dumps(
        {
            "body": base64.b64encode(body.encode()).decode(),
            "content-encoding": "utf-8",
            "content-type": content_type,
            "headers": {"task": "process_task", "id": tag, "lang": "py", "argsrepr": ""} | headers,
            "properties": {
                "delivery_tag": tag,
                "body_encoding": "base64",
                "delivery_info": {"exchange": "", "routing_key": "agent_tasks"},
            },
        }
    ).encode()


def test_a_message_that_is_none_is_set_aside_and_the_worker_lives(field: Field, redis: OwnRedis) -> None:
    worker = field.worker("worker", sweeps=True, MAX_CONCURRENT_RUNS="2", **HEALTHY)
    letters = [*GARBAGE, *(letter(*one, tag=f"tag-{at}") for at, one in enumerate(BODIES))]
    with redis.client() as client:
        for one in letters:
            client.lpush("agent_tasks", one)
        client.lpush("upkeep", b"no JSON")
        client.lpush("upkeep", letter("[]", "application/json", {"task": "graphs_app.tasks.sweep_runs"}, tag="sweep"))
        # A worker of two places that forgot to free them would take no run after the first few.
        field.start(steps=2, runs=4)
        field.wait_for_the_end()
        field.check(steps=2)
        wait_until(lambda: client.llen("agent_tasks") == client.hlen("unacked") == 0, "the end of all messages")
        assert client.llen(redis_broker.DEAD_LETTERS) >= len(GARBAGE) - 1
    assert worker.poll() is None


def test_a_worker_outlives_a_queue_that_is_no_list_and_takes_runs_when_it_is_one_again(
    field: Field, redis: OwnRedis
) -> None:
    with redis.client() as client:
        client.set("agent_tasks", "no list")
        worker = field.worker("worker", sweeps=True, **HEALTHY)
        log = field.folder / "worker.log"
        wait_until(lambda: "ResponseError" in log.read_text(), "the worker's complaint")
        client.delete("agent_tasks")
    field.start(steps=2, runs=2)
    field.wait_for_the_end()
    field.check(steps=2)
    assert worker.poll() is None


def test_a_worker_outlives_a_redis_that_is_silent_for_long_and_goes_on_when_it_speaks(
    field: Field, redis: OwnRedis
) -> None:
    worker = field.worker("worker", sweeps=True, **HEALTHY)
    field.start(steps=STEPS, seconds=0.1, runs=2)
    field.wait_for_checkpoints(6)
    redis.fall_silent()
    field.wait_for_the_end()
    field.check(steps=STEPS)
    redis.speak_again()
    field.start(steps=2, runs=2)
    field.wait_for_the_end()
    field.check(steps=2)
    assert worker.poll() is None
