"""The cache in Redis: what is away is missed, in a bounded time, and each process keeps its own until it is back."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agentsite.redis_cache import Cache
from tests.servers import own_redis
from tests.servers.own_redis import OwnRedis

TIMEOUT_S = 0.3


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[OwnRedis]:
    own = own_redis.start_in(tmp_path)
    try:
        yield own
    finally:
        own.kill()


@pytest.fixture
def cache(redis: OwnRedis, settings: Any) -> Cache:
    settings.DEPENDENCY_RETRY_S = 0.2
    return Cache(redis.url, {"OPTIONS": {"socket_timeout": TIMEOUT_S, "socket_connect_timeout": TIMEOUT_S}})


def again(cache: Cache, key: str) -> object:
    """What Redis itself has, once it is asked again."""
    deadline = time.monotonic() + 20
    while (found := cache.get(key)) is None and time.monotonic() < deadline:
        time.sleep(0.02)
    return found


def test_a_cache_that_is_gone_is_a_miss_and_counts_for_this_process_until_it_is_back(
    cache: Cache, redis: OwnRedis
) -> None:
    cache.set("shared", 1)
    redis.kill()
    assert cache.get("shared") is None
    assert cache.get_many(["shared"]) == {}
    assert cache.get_or_set("own", 5) == 5
    assert cache.incr("own") == 6
    assert cache.add("own", 1) is False
    assert cache.delete("own") is True
    cache.set_many({"a": 1, "b": 2})
    assert cache.has_key("a")
    cache.delete_many(["a", "b"])
    with pytest.raises(ValueError, match="not found"):
        cache.incr("unset")
    redis.start()
    with redis.client() as client:
        client.set(cache.make_key("marked"), "7")
    assert again(cache, "marked") == 7


def test_a_silent_cache_is_waited_for_once_and_then_left_alone(cache: Cache, redis: OwnRedis) -> None:
    cache.set("shared", 1)
    redis.fall_silent()
    began = time.monotonic()
    for _ in range(200):
        assert cache.get("shared") is None
    # Each would wait for its whole time-out: sixty seconds for two hundred.
    assert time.monotonic() - began < 20
    redis.speak_again()
    assert again(cache, "shared") == 1


def test_what_an_earlier_outage_left_is_not_believed_in_the_next_one(cache: Cache, redis: OwnRedis) -> None:
    redis.kill()
    cache.set("count", 59)
    redis.start()
    with redis.client() as client:
        client.set(cache.make_key("marked"), "7")
    assert again(cache, "marked") == 7
    redis.kill()
    assert cache.get("count") is None


def test_what_is_no_value_of_ours_is_a_miss(cache: Cache, redis: OwnRedis) -> None:
    with redis.client() as client:
        client.set(cache.make_key("lie"), b"not ours")
    assert cache.get("lie") is None
    assert cache.get_many(["lie"]) == {}
    cache.set("lie", "true")
    assert cache.get("lie") == "true"
