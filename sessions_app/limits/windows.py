"""A sliding window of two counts: how much of a rate is used, and when there is room again; pure.

Windows begin at multiples of their length. What was counted in the one before still counts by the share of it that lies
within the last `window_s` seconds, as if it had come evenly.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Counter:
    """One thing that is counted: the key names who and what."""

    key: str
    limit: int
    window_s: int


@dataclass(frozen=True, slots=True)
class Reading:
    """A counter as it stood before anything was added."""

    previous: int
    current: int
    elapsed_s: float
    """Since the current window began."""


class CounterStore(Protocol):
    """Where counters are kept. Raises OSError or RedisError when it cannot say."""

    def add(self, counters: Sequence[Counter], amount: int) -> tuple[bool, list[Reading]]:
        """Adds to every counter if it fits in each, else to none; whether it did, and how they stood before.

        Zero only reads; what is negative is given back, and always fits.
        """
        ...


def used(counter: Counter, reading: Reading) -> float:
    """How much of the limit was used when it was read."""
    return reading.previous * (1 - reading.elapsed_s / counter.window_s) + reading.current


def fits(counter: Counter, reading: Reading, amount: int) -> bool:
    return used(counter, reading) + amount <= counter.limit


def wait_s(counter: Counter, reading: Reading, amount: int) -> float:
    """How long until the amount fits, if nothing else is counted meanwhile; 0 when it does now."""
    if fits(counter, reading, amount):
        return 0.0
    window = counter.window_s
    if reading.current + amount <= counter.limit and reading.previous:
        room = counter.limit - reading.current - amount
        return max(window * (1 - room / reading.previous) - reading.elapsed_s, 0.0)
    left = window - reading.elapsed_s
    room = max(counter.limit - amount, 0)
    return left + window * (1 - room / reading.current) if reading.current > room else left
