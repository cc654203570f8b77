"""Who gets a web thread: light requests find one, however many addresses send heavy ones."""

import asyncio
from contextlib import AsyncExitStack

import pytest

from agentsite.web_threads import (
    FADING,
    HEAVY_BYTES,
    HEAVY_S,
    WAITING_AT_ALL,
    WAITING_OF_ADDRESS,
    Busy,
    Costs,
    ThreadShares,
    kind_of,
)  # fmt: skip

pytestmark = pytest.mark.once
VALIDATE = kind_of("POST", "/v1/graphs/validate", 1000)


async def turns_until_idle() -> None:
    """Lets every task go on as far as it can without anybody leaving."""
    for _ in range(50):
        await asyncio.sleep(0)


async def taken(shares: ThreadShares, *requests: tuple[str, bool]) -> list[asyncio.Task[None]]:
    """Requests that keep their thread until they are cancelled; those that wait are tasks as well."""
    loop_tasks = []
    for address, is_heavy in requests:
        inside = asyncio.Event()
        task = asyncio.create_task(_hold(shares, address, is_heavy, inside), name=f"{address}")
        task.inside = inside  # type: ignore[attr-defined]
        loop_tasks.append(task)
    await turns_until_idle()
    return loop_tasks


async def _hold(shares: ThreadShares, address: str, is_heavy: bool, inside: asyncio.Event) -> None:
    async with shares.of(address, is_heavy=is_heavy):
        inside.set()
        await asyncio.Event().wait()


def running(tasks: list[asyncio.Task[None]]) -> list[str]:
    return [task.get_name() for task in tasks if task.inside.is_set() and not task.done()]  # type: ignore[attr-defined]


async def stop(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_heavy_requests_of_many_addresses_leave_most_threads_to_light_ones() -> None:
    shares = ThreadShares(most=4, heavy=2)
    heavy = await taken(shares, *[(f"attacker {at}", True) for at in range(8) for _ in range(2)])
    assert running(heavy) == ["attacker 0", "attacker 1"]
    light = await taken(shares, ("colleague", False), ("attacker 0", False))
    assert running(light) == ["colleague", "attacker 0"], "light ones go on, of whichever address"
    await stop([*heavy, *light])


async def test_of_one_address_one_heavy_request_goes_on_and_others_get_their_turn_next() -> None:
    shares = ThreadShares(most=4, heavy=1)
    first = await taken(shares, *[("attacker", True)] * 5)
    colleague = await taken(shares, ("colleague", True))
    assert (running(first), running(colleague)) == (["attacker"], [])
    first[0].cancel()
    await turns_until_idle()
    assert running(colleague) == ["colleague"], "the attacker's four others stood in their own line"
    await stop([*first, *colleague])
    assert shares._addresses == {}


async def test_light_requests_of_one_address_are_bounded_as_before() -> None:
    shares = ThreadShares(most=2, heavy=1)
    tasks = await taken(shares, *[("one", False)] * 5, ("another", False))
    assert running(tasks) == ["one", "one", "another"]
    await stop(tasks)


async def test_more_heavy_requests_than_may_wait_are_refused_at_once() -> None:
    shares = ThreadShares(most=4, heavy=1)
    tasks = await taken(shares, *[("one", True)] * (1 + WAITING_OF_ADDRESS))
    with pytest.raises(Busy):
        async with shares.of("one", is_heavy=True):
            pass
    others = await taken(shares, *[(f"other {at}", True) for at in range(WAITING_AT_ALL - WAITING_OF_ADDRESS)])
    with pytest.raises(Busy):
        async with shares.of("the last", is_heavy=True):
            pass
    await stop([*tasks, *others])
    async with AsyncExitStack() as held:  # nothing is left of those who waited
        await held.enter_async_context(shares.of("one", is_heavy=True))


async def test_who_has_waited_too_long_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agentsite.web_threads.WAITING_S", 0.01)
    shares = ThreadShares(most=4, heavy=1)
    first = await taken(shares, ("one", True))
    with pytest.raises(Busy):
        async with shares.of("two", is_heavy=True):
            pass
    await stop(first)


def test_what_a_kind_costs_is_learnt_and_fades() -> None:
    costs = Costs()
    assert not costs.is_heavy(VALIDATE)
    costs.note(VALIDATE, 2 * HEAVY_S)
    assert costs.is_heavy(VALIDATE)
    assert not costs.is_heavy(kind_of("POST", "/v1/graphs/validate", 10)), "a smaller body is another kind"
    rounds = 0
    while costs.is_heavy(VALIDATE):
        costs.note(VALIDATE, 0.001)
        rounds += 1
    assert 3 < rounds < 20, FADING


def test_a_large_body_is_heavy_until_it_is_known_better() -> None:
    costs, kind = Costs(), kind_of("PUT", "/v1/sessions/x/document", 2 * HEAVY_BYTES)
    assert costs.is_heavy(kind)
    costs.note(kind, 0.01)
    assert not costs.is_heavy(kind)


def test_invented_methods_and_paths_are_one_kind() -> None:
    assert kind_of("FROB1", "/nowhere/1", 0) == kind_of("FROB2", "/nowhere/2", 0)


def test_the_processor_time_is_what_counts() -> None:
    costs, times = Costs(), iter([1.0, 1.0 + HEAVY_S])
    with costs.measured(VALIDATE, clock=lambda: next(times)):
        pass
    assert costs.is_heavy(VALIDATE)


@pytest.mark.parametrize("path", ["/v1/auth/token", "/sign-in/", "/admin/login/"])
def test_a_sign_in_never_waits_for_what_others_compute(path: str) -> None:
    costs, kind = Costs(), kind_of("POST", path, 100)
    costs.note(kind, 10 * HEAVY_S)
    assert not costs.is_heavy(kind)
