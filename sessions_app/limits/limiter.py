"""Asks whether somebody may do something now, and counts it: in Redis for all processes, or in this one's memory.

Every door calls ask() before it does anything; nothing here knows of HTTP. A Redis that is down, slow or talks
nonsense costs one caller a quarter of a second; then this process counts by itself, and one caller at a time finds out
whether Redis is back. What Redis let pass is counted here as well, so that its failing gives nobody a new allowance.
"""

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from uuid import UUID

from django.conf import settings
from redis.exceptions import RedisError

from sessions_app.errors import RateLimited
from sessions_app.limits.memory_store import MemoryStore
from sessions_app.limits.policies import Policy
from sessions_app.limits.rates import Rate
from sessions_app.limits.redis_store import RedisStore
from sessions_app.limits.windows import Counter, CounterStore, Reading, used, wait_s

logger = logging.getLogger(__name__)

AWAY = (RedisError, OSError, ValueError, TypeError, IndexError)
"""What a store raises that is away, or answers what no script of ours returns."""
RETRY_AFTER_S = 5.0


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: what is not known is not counted by."""

    person: UUID | None = None
    ip: str | None = None
    more: Mapping[str, str] = field(default_factory=dict)
    """By scopes that only some policies have."""

    def keys(self) -> dict[str, str]:
        keys = {"site": "all", **self.more}
        if self.person is not None:
            keys["person"] = str(self.person)
        if self.ip is not None:
            keys["ip"] = self.ip
        return keys


@dataclass(frozen=True, slots=True)
class Standing:
    """How one rate stands for a caller after they asked."""

    policy: str
    rate: Rate
    remaining: int
    resets_s: float
    """Until the current window ends, from when on it is free again."""


class Limiter:
    """Counts in a shared store while that answers, and in its own always."""

    def __init__(
        self, local: CounterStore, shared: CounterStore | None, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._local = local
        self._shared = shared
        self._clock = clock
        self._lock = threading.Lock()
        self._away_until = float("-inf")
        self._is_away = False

    def ask(self, policies: Sequence[Policy], caller: Caller, amount: int = 1) -> list[Standing]:
        """Counts it, and says how much is left; raises RateLimited, and then nothing is counted."""
        asked = _counters(policies, caller.keys())
        counters = [counter for _, _, counter in asked]
        fit, readings = self.add(counters, amount)
        if not fit:
            waits = [wait_s(counter, reading, amount) for counter, reading in zip(counters, readings, strict=True)]
            policy, rate, _ = asked[waits.index(max(waits))]
            raise RateLimited(
                policy=policy.name, what=policy.what, limit=rate.limit, window_s=rate.window_s, retry_after_s=max(waits)
            )
        return [_standing(one, reading, amount) for one, reading in zip(asked, readings, strict=True)]

    def give_back(self, policies: Sequence[Policy], caller: Caller, amount: int = 1) -> None:
        """Undoes what ask() counted."""
        self.add([counter for _, _, counter in _counters(policies, caller.keys())], -amount)

    def used(self, policy: Policy, caller: Caller) -> float:
        """The most that is used of any of the policy's rates; nothing is counted."""
        counters = [counter for _, _, counter in _counters([policy], caller.keys())]
        _, readings = self.add(counters, 0)
        return max((used(counter, reading) for counter, reading in zip(counters, readings, strict=True)), default=0.0)

    def add(self, counters: Sequence[Counter], amount: int) -> tuple[bool, list[Reading]]:
        if not counters:
            return True, []
        if self._shared is not None and self._may_try():
            try:
                fit, readings = self._shared.add(counters, amount)
                if len(readings) != len(counters):
                    raise ValueError(f"{len(readings)} readings of {len(counters)} counters")
            except AWAY as error:
                self._note_away(error)
            else:
                self._note_back()
                if fit and amount:
                    self._local.add(counters, amount)
                return fit, readings
        return self._local.add(counters, amount)

    def _may_try(self) -> bool:
        """Whether the shared store is asked; of those who come while it is away, one every few seconds."""
        if not self._is_away:
            return True
        with self._lock:
            if self._clock() < self._away_until:
                return False
            self._away_until = self._clock() + RETRY_AFTER_S
            return True

    def _note_away(self, error: Exception) -> None:
        with self._lock:
            was_away, self._is_away = self._is_away, True
            self._away_until = self._clock() + RETRY_AFTER_S
        if not was_away:
            logger.warning("rate limits are counted by this process alone until Redis is back: %s", error)

    def _note_back(self) -> None:
        if not self._is_away:
            return
        with self._lock:
            self._is_away = False
        logger.warning("rate limits are counted in Redis again")


def refused(error: RateLimited) -> Standing:
    """How the rate stands that refused."""
    rate = Rate("", error.extra["limit"], error.extra["window_s"])
    return Standing(error.extra["policy"], rate, 0, error.extra["retry_after_s"])


Asked = tuple[Policy, Rate, Counter]


def _counters(policies: Sequence[Policy], keys: Mapping[str, str]) -> list[Asked]:
    return [
        (policy, rate, Counter(f"{policy.name}:{rate.scope}/{rate.window_s}:{keys[rate.scope]}", *_bounds(rate)))
        for policy in policies
        for rate in policy.rates()
        if rate.scope in keys
    ]


def _bounds(rate: Rate) -> tuple[int, int]:
    return rate.limit, rate.window_s


def _standing(asked: Asked, reading: Reading, amount: int) -> Standing:
    policy, rate, counter = asked
    left = counter.limit - used(counter, reading) - amount
    return Standing(policy.name, rate, max(int(left), 0), counter.window_s - reading.elapsed_s)


# The site's own -----------------------------------------------------------------------------------


@cache
def current() -> Limiter:
    """This process's limiter, made by the settings when it is first asked."""
    is_redis = settings.CACHE_URL.startswith(("redis://", "rediss://", "unix://"))
    return Limiter(MemoryStore(), RedisStore(settings.CACHE_URL) if is_redis else None)


def ask(policies: Policy | Sequence[Policy], caller: Caller, amount: int = 1) -> list[Standing]:
    """Counts it, and says how much is left; raises RateLimited, and then nothing is counted."""
    if not settings.RATE_LIMITS:
        return []
    return current().ask([policies] if isinstance(policies, Policy) else policies, caller, amount)
