"""What every store of counters has to do for the limiter: count in windows that slide, all or none, whoever asks."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count

import pytest
import redis
from hypothesis import given
from hypothesis import strategies as st

from sessions_app.limits.memory_store import MemoryStore
from sessions_app.limits.redis_store import PREFIX, RedisStore
from sessions_app.limits.windows import Counter, CounterStore, used, wait_s

pytestmark = pytest.mark.once
NUMBERS = count()


@dataclass
class Clock:
    now: float = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Stage:
    store: CounterStore
    clock: Clock

    def take(self, counter: Counter, times: int = 1) -> list[bool]:
        return [self.store.add([counter], 1)[0] for _ in range(times)]

    def used(self, counter: Counter) -> float:
        return used(counter, self.store.add([counter], 0)[1][0])


@pytest.fixture(params=["memory", "redis"])
def stage(request: pytest.FixtureRequest) -> Iterator[Stage]:
    clock = Clock()
    if request.param == "memory":
        yield Stage(MemoryStore(clock=clock), clock)
        return
    store = RedisStore(request.getfixturevalue("redis_url"), clock=clock)
    yield Stage(store, clock)
    store.close()


def counter(limit: int = 5, window_s: int = 60, name: str = "") -> Counter:
    return Counter(f"test:{name or next(NUMBERS)}", limit, window_s)


def test_as_many_as_the_limit_fit_and_no_more(stage: Stage) -> None:
    assert stage.take(counter(limit=5), 8) == [True] * 5 + [False] * 3


def test_what_does_not_fit_is_not_counted(stage: Stage) -> None:
    one = counter(limit=5)
    stage.take(one, 50)
    assert stage.used(one) == 5


def test_keys_count_apart(stage: Stage) -> None:
    ana, ben = counter(limit=2), counter(limit=2)
    stage.take(ana, 2)
    assert stage.take(ben, 2) == [True, True]


def test_a_window_slides_and_nobody_gets_twice_the_limit_at_its_seam(stage: Stage) -> None:
    one = counter(limit=60, window_s=60)
    stage.clock.now += 59
    assert all(stage.take(one, 60))
    stage.clock.now += 1  # the next window begins, and nothing of the last 60 s is forgotten
    assert stage.take(one) == [False]
    stage.clock.now += 30
    assert stage.take(one, 40).count(True) == 30


def test_after_two_windows_nothing_counts_any_more(stage: Stage) -> None:
    one = counter(limit=3)
    stage.take(one, 3)
    stage.clock.now += 120
    assert stage.used(one) == 0
    assert all(stage.take(one, 3))


def test_several_counters_are_all_counted_or_none(stage: Stage) -> None:
    wide, narrow = counter(limit=100), counter(limit=1)
    assert stage.store.add([wide, narrow], 1)[0]
    assert not stage.store.add([wide, narrow], 1)[0]
    assert (stage.used(wide), stage.used(narrow)) == (1, 1)


def test_what_is_given_back_can_be_taken_again_and_is_never_less_than_nothing(stage: Stage) -> None:
    one = counter(limit=2)
    stage.take(one, 2)
    assert stage.store.add([one], -1)[0]
    assert stage.take(one, 2) == [True, False]
    stage.store.add([one], -100)
    assert stage.used(one) == 0


def test_an_amount_larger_than_what_is_left_does_not_fit(stage: Stage) -> None:
    one = counter(limit=10)
    assert stage.store.add([one], 8)[0]
    assert not stage.store.add([one], 3)[0]
    assert stage.store.add([one], 2)[0]


def test_a_clock_that_goes_back_frees_nothing(stage: Stage) -> None:
    one = counter(limit=2)
    stage.take(one, 2)
    stage.clock.now -= 3600
    assert stage.take(one) == [False]


def test_fifty_at_once_are_let_in_as_often_as_the_limit_says(stage: Stage) -> None:
    one, together, let_in = counter(limit=20), threading.Barrier(50), []

    def come() -> None:
        together.wait()
        let_in.append(stage.store.add([one], 1)[0])

    threads = [threading.Thread(target=come) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert let_in.count(True) == 20


@pytest.mark.parametrize("before", [0, 13, 59.5])
def test_who_waits_as_long_as_is_said_fits_and_a_moment_sooner_does_not(stage: Stage, before: float) -> None:
    one = counter(limit=7)
    stage.clock.now += before
    while stage.take(one)[0]:
        stage.clock.now += 3
    _, [reading] = stage.store.add([one], 0)
    wait = wait_s(one, reading, 1)
    assert wait > 0
    stage.clock.now += wait - 0.05
    assert stage.store.add([one], 1)[0] is False
    stage.clock.now += 0.1
    assert stage.store.add([one], 1)[0] is True


def test_both_stores_say_the_same_of_the_same_history(redis_url: str) -> None:
    clock = Clock()
    shared = RedisStore(redis_url, clock=clock)
    names = count()

    @given(st.lists(st.tuples(st.floats(0, 90), st.integers(-2, 4)), max_size=30), st.integers(1, 9))
    def agree(steps: list[tuple[float, int]], limit: int) -> None:
        local, one = MemoryStore(clock=clock), counter(limit, name=f"agree-{next(names)}")
        for later, amount in steps:
            clock.now += later
            ours, theirs = local.add([one], amount), shared.add([one], amount)
            assert ours[0] == theirs[0]
            assert (ours[1][0].previous, ours[1][0].current) == (theirs[1][0].previous, theirs[1][0].current)

    try:
        agree()
    finally:
        shared.close()


def test_redis_forgets_what_no_longer_counts(redis_url: str) -> None:
    store, one = RedisStore(redis_url), counter(window_s=7)
    store.add([one], 1)
    with redis.Redis.from_url(redis_url) as client:
        assert 0 < client.ttl(PREFIX + one.key) <= 14
    store.close()


@pytest.fixture
def forget_nothing() -> Callable[[], MemoryStore]:
    return lambda: MemoryStore(keys_max=100, clock=Clock())


def test_memory_is_bounded_in_keys_and_yet_forgets_nobody(forget_nothing: Callable[[], MemoryStore]) -> None:
    store, known = forget_nothing(), counter(limit=3, name="known")
    for _ in range(3):
        store.add([known], 1)
    for number in range(20_000):
        store.add([counter(limit=3, name=f"stranger-{number}")], 1)
    assert len(store) <= 100 + 256
    assert store.add([known], 1)[0] is False


def test_newcomers_beyond_the_bound_are_still_counted(forget_nothing: Callable[[], MemoryStore]) -> None:
    store = forget_nothing()
    let_in = sum(store.add([counter(limit=3, name=f"stranger-{number}")], 1)[0] for number in range(20_000))
    assert let_in <= 100 + 256 * 3


def test_a_flood_at_one_door_leaves_room_at_another(forget_nothing: Callable[[], MemoryStore]) -> None:
    store = forget_nothing()
    for number in range(1000):
        store.add([counter(limit=3, name=f"stranger-{number}")], 1)
    others = [Counter(f"other:{number}", 1, 60) for number in range(100)]
    assert all(store.add([one], 1)[0] for one in others)


def test_memory_gives_the_room_of_what_no_longer_counts_to_others() -> None:
    clock = Clock()
    store = MemoryStore(keys_max=100, clock=clock)
    for number in range(100):
        store.add([counter(name=f"early-{number}")], 1)
    clock.now += 121
    late = [counter(limit=1, name=f"late-{number}") for number in range(100)]
    assert all(store.add([one], 1)[0] for one in late)
    assert len(store) <= 100
