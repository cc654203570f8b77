"""The limiter never stops counting, whatever becomes of its store, and never makes many wait for it."""

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

import pytest
from pytest_django import Settings

from sessions_app.errors import RateLimited
from sessions_app.limits import limiter, policies
from sessions_app.limits.limiter import RETRY_AFTER_S, Caller, Limiter
from sessions_app.limits.memory_store import MemoryStore
from sessions_app.limits.redis_store import RedisStore
from sessions_app.limits.windows import Counter, Reading
from tests.servers.own_redis import OwnRedis, start_in

pytestmark = pytest.mark.once


@pytest.fixture
def server(tmp_path: Path) -> Iterator[OwnRedis]:
    """A Redis of the test's own, which it may silence and kill."""
    server = start_in(tmp_path)
    yield server
    with suppress(ProcessLookupError):  # the test may have killed it
        server.speak_again()
    server.kill()


@pytest.fixture
def five_a_minute(settings: Settings) -> None:
    settings.RATE_LIMIT_RUNS = "person 5/1m"


def person() -> Caller:
    return Caller(person=uuid4(), ip="192.0.2.1")


def let_in(asked: Limiter, caller: Caller, times: int) -> int:
    count = 0
    for _ in range(times):
        try:
            asked.ask([policies.RUNS], caller)
        except RateLimited:
            continue
        count += 1
    return count


def test_two_processes_count_together_in_redis(five_a_minute: None, redis_url: str) -> None:
    caller = person()
    one, two = (Limiter(MemoryStore(), RedisStore(redis_url)) for _ in range(2))
    assert let_in(one, caller, 3) == 3
    assert let_in(two, caller, 10) == 2


def test_a_dead_redis_refuses_nobody_and_forgets_nobody(five_a_minute: None, server: OwnRedis) -> None:
    caller, asked = person(), Limiter(MemoryStore(), RedisStore(server.url))
    assert let_in(asked, caller, 3) == 3
    server.kill()
    assert let_in(asked, caller, 10) == 2, "what Redis let pass counts here as well"
    assert let_in(asked, person(), 10) == 5


def test_a_silent_redis_costs_a_quarter_of_a_second_once_and_not_everybody(
    five_a_minute: None, server: OwnRedis
) -> None:
    asked = Limiter(MemoryStore(), RedisStore(server.url))
    let_in(asked, person(), 1)
    server.fall_silent()
    took = []
    for _ in range(50):
        began = time.perf_counter()
        assert let_in(asked, person(), 1) == 1
        took.append(time.perf_counter() - began)
    assert len([one for one in took if one > 0.1]) <= 1
    assert max(took) < 1


def test_it_counts_in_redis_again_when_that_is_back(five_a_minute: None, server: OwnRedis) -> None:
    now = [0.0]
    asked = Limiter(MemoryStore(), RedisStore(server.url), clock=lambda: now[0])
    server.kill()
    let_in(asked, person(), 1)
    server.start()
    caller = person()
    let_in(asked, caller, 2)
    now[0] += RETRY_AFTER_S + 1
    let_in(asked, caller, 1)
    other = Limiter(MemoryStore(), RedisStore(server.url))
    assert let_in(other, caller, 10) == 4, "one was counted in Redis, two while it was away"


class Hanging:
    """A store that answers when the test lets it."""

    def __init__(self) -> None:
        self.asked = 0
        self.go_on = threading.Event()

    def add(self, counters: Sequence[Counter], amount: int) -> tuple[bool, list[Reading]]:
        self.asked += 1
        self.go_on.wait(30)
        raise TimeoutError


def test_one_at_a_time_finds_out_whether_a_store_is_back(five_a_minute: None) -> None:
    now, store = [0.0], Hanging()
    asked = Limiter(MemoryStore(), store, clock=lambda: now[0])
    store.go_on.set()
    let_in(asked, person(), 1)
    store.go_on.clear()
    now[0] += RETRY_AFTER_S + 1
    probing = threading.Thread(target=let_in, args=(asked, person(), 1))
    probing.start()
    while store.asked < 2:
        time.sleep(0.001)
    assert [let_in(asked, person(), 1) for _ in range(20)] == [1] * 20
    assert store.asked == 2
    store.go_on.set()
    probing.join()


class Lying:
    """A store that answers what no store would."""

    def __init__(self, answer: object) -> None:
        self.answer = answer

    def add(self, counters: Sequence[Counter], amount: int) -> tuple[bool, list[Reading]]:
        return self.answer  # type: ignore[return-value]


@pytest.mark.parametrize("answer", [None, (True, []), b"OK", (1, 2, 3)])
def test_a_store_that_lies_is_taken_for_away(five_a_minute: None, answer: object) -> None:
    assert let_in(Limiter(MemoryStore(), Lying(answer)), person(), 10) == 5  # type: ignore[arg-type]


def test_redis_with_something_else_under_our_key_is_taken_for_away(five_a_minute: None, server: OwnRedis) -> None:
    store = RedisStore(server.url)
    caller = person()
    store._client.set(f"agentsite:{{limits}}:runs:person/60:{caller.person}", "not ours")
    assert let_in(Limiter(MemoryStore(), store), caller, 10) == 5
    store.close()


def test_the_refusal_says_how_many_in_how_long_and_when_again(five_a_minute: None) -> None:
    now = [1_800_000_000.0]
    asked, caller = Limiter(MemoryStore(clock=lambda: now[0]), None), person()
    assert let_in(asked, caller, 5) == 5
    with pytest.raises(RateLimited) as refused:
        asked.ask([policies.RUNS], caller)
    extra = refused.value.extra
    assert (extra["policy"], extra["limit"], extra["window_s"]) == ("runs", 5, 60)
    now[0] += extra["retry_after_s"] - 1
    assert let_in(asked, caller, 1) == 0
    now[0] += 1
    assert let_in(asked, caller, 1) == 1


def test_a_person_an_address_and_the_site_are_counted_together(settings: Settings) -> None:
    settings.RATE_LIMIT_RUNS = "person 3/1m, ip 5/1m, site 8/1m"
    asked = Limiter(MemoryStore(), None)
    here, there = "192.0.2.1", "192.0.2.2"
    assert let_in(asked, Caller(person=uuid4(), ip=here), 9) == 3
    assert let_in(asked, Caller(person=uuid4(), ip=here), 9) == 2, "a new person of one address is no new allowance"
    assert let_in(asked, Caller(person=uuid4(), ip=there), 9) == 3
    assert let_in(asked, Caller(person=uuid4(), ip=there), 9) == 0, "the site's own is used up"


def test_what_is_switched_off_is_not_counted(settings: Settings) -> None:
    settings.RATE_LIMIT_RUNS = "off"
    assert let_in(Limiter(MemoryStore(), None), person(), 1000) == 1000
    settings.RATE_LIMIT_RUNS, settings.RATE_LIMITS = "person 1/1m", False
    caller = person()
    assert [limiter.ask(policies.RUNS, caller) for _ in range(9)] == [[]] * 9


def test_every_policy_can_be_read_and_has_a_setting_of_its_own() -> None:
    assert len({policy.name for policy in policies.POLICIES}) == len(policies.POLICIES)
    for policy in policies.POLICIES:
        assert policy.setting == f"RATE_LIMIT_{policy.name.upper()}"
        assert policy.rates(), policy
