"""Which requests get a web thread: few of one address and few that compute long, so that others find one free.

What a request will cost is learnt from those before it: the processor time of its route, method and size of body.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field

from django.urls import Resolver404, resolve

HEAVY_S = 0.1
"""Processor seconds of a request, from which it has no share of the threads that light ones have."""
HEAVY_BYTES = 100_000
"""A body from which a request is heavy as long as nothing like it was seen."""
FADING = 0.9
"""How much of a costly request's estimate is left after a cheap one of its kind."""
WAITING_OF_ADDRESS = 8
WAITING_AT_ALL = 24
"""Heavy requests that wait; they hold their bodies, of which all together may hold only so much."""
WAITING_S = 20.0

PASSWORD_ROUTES = frozenset({"v1/auth/token", "sign-in/", "admin/login/"})
"""Checking a password takes long by intent, and lets other threads compute meanwhile; how often is bounded for itself.
Nobody's sign-in stands in a line with what others compute."""
METHODS = frozenset({"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"})

Kind = tuple[str, str, int]
"""Method, route, and how many bits the length of the body has."""


class Busy(Exception):
    """Raised when too many heavy requests wait already, or one has waited too long."""


def kind_of(method: str, path: str, body_bytes: int) -> Kind:
    try:
        route = resolve(path).route
    except Resolver404:
        route = ""
    return method if method in METHODS else "", route, body_bytes.bit_length()


class Costs:
    """What requests of each kind cost: the highest of late, fading."""

    def __init__(self) -> None:
        self._seconds: dict[Kind, float] = {}

    def is_heavy(self, kind: Kind) -> bool:
        if kind[1] in PASSWORD_ROUTES:
            return False
        known = self._seconds.get(kind)
        return kind[2] >= HEAVY_BYTES.bit_length() if known is None else known >= HEAVY_S

    def note(self, kind: Kind, seconds: float) -> None:
        before = self._seconds.get(kind, seconds)
        self._seconds[kind] = max(seconds, FADING * before + (1 - FADING) * seconds)

    @contextlib.contextmanager
    def measured(self, kind: Kind, clock: Callable[[], float] = time.thread_time) -> Iterator[None]:
        """Notes what this thread spends within."""
        began = clock()
        try:
            yield
        finally:
            self.note(kind, clock() - began)


@dataclass(slots=True)
class _Address:
    """The requests of one address: how many there are, and which may go on."""

    share: asyncio.Semaphore
    heavy: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(1))
    there: int = 0
    heavy_there: int = 0


class ThreadShares:
    """Of one address at most `most` requests at once; of all heavy ones at most `heavy`, of one address one at a time.

    The others wait in their order, on the event loop. Light requests never wait for heavy ones of other addresses.
    """

    def __init__(self, most: int, heavy: int) -> None:
        self._most = most
        self._heavy = asyncio.Semaphore(heavy)
        self._heavy_waiting = 0
        self._addresses: dict[str, _Address] = {}

    @contextlib.asynccontextmanager
    async def of(self, address: str, *, is_heavy: bool = False) -> AsyncIterator[None]:
        """Raises Busy."""
        one = self._addresses.setdefault(address, _Address(asyncio.Semaphore(self._most)))
        one.there += 1
        try:
            async with contextlib.AsyncExitStack() as held:
                if is_heavy:
                    await held.enter_async_context(self._heavy_turn(one))
                await held.enter_async_context(one.share)
                yield
        finally:
            one.there -= 1
            if not one.there:
                del self._addresses[address]

    @contextlib.asynccontextmanager
    async def _heavy_turn(self, one: _Address) -> AsyncIterator[None]:
        if one.heavy_there > WAITING_OF_ADDRESS or self._heavy_waiting >= WAITING_AT_ALL:
            raise Busy
        one.heavy_there += 1
        try:
            async with contextlib.AsyncExitStack() as held:
                self._heavy_waiting += 1
                try:
                    async with asyncio.timeout(WAITING_S):
                        await held.enter_async_context(one.heavy)  # first: nobody waits twice in the line of all
                        await held.enter_async_context(self._heavy)
                except TimeoutError as error:
                    raise Busy from error
                finally:
                    self._heavy_waiting -= 1
                yield
        finally:
            one.heavy_there -= 1
