"""Counters in this process's memory, bounded in number whatever keys come."""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sessions_app.limits.windows import Counter, Reading, fits

KEYS_MAX = 10_000
"""Of one policy (the key up to its first colon): a flood of strangers at one door takes nothing from another."""
SHARED_KEYS = 256
"""Newcomers beyond that count together in so many counters for each length of window: nobody is forgotten, nobody is
uncounted."""
SWEEP_EVERY_S = 1.0


@dataclass(slots=True)
class _Kept:
    window: int
    """The number of the current window."""
    previous: int
    current: int
    dead_at: float


class MemoryStore:
    """A CounterStore; for one process, and for when the shared one is away."""

    def __init__(self, *, keys_max: int = KEYS_MAX, clock: Callable[[], float] = time.time) -> None:
        self._keys_max = keys_max
        self._clock = clock
        self._lock = threading.Lock()
        self._groups: dict[str, dict[str, _Kept]] = {}
        self._swept: dict[str, float] = {}

    def add(self, counters: Sequence[Counter], amount: int) -> tuple[bool, list[Reading]]:
        now = self._clock()
        with self._lock:
            found = [self._find(counter, now) for counter in counters]
            readings = [
                Reading(kept.previous, kept.current, max(now - kept.window * counter.window_s, 0.0))
                for counter, kept in zip(counters, found, strict=True)
            ]
            pairs = zip(counters, readings, strict=True)
            fit = amount <= 0 or all(fits(counter, reading, amount) for counter, reading in pairs)
            if fit and amount:
                for kept in found:
                    kept.current = max(kept.current + amount, 0)
            return fit, readings

    def __len__(self) -> int:
        return sum(map(len, self._groups.values()))

    def _find(self, counter: Counter, now: float) -> _Kept:
        group = self._groups.setdefault(counter.key.partition(":")[0], {})
        key = counter.key if counter.key in group or self._has_room(counter.key, group, now) else _shared(counter)
        window = int(now // counter.window_s)
        kept = group.get(key)
        if kept is None:
            kept = group[key] = _Kept(window, 0, 0, 0.0)
        if kept.window < window:  # a clock that went back changes nothing
            kept.previous = kept.current if window - kept.window == 1 else 0
            kept.window, kept.current = window, 0
        kept.dead_at = float((kept.window + 2) * counter.window_s)
        return kept

    def _has_room(self, key: str, group: dict[str, _Kept], now: float) -> bool:
        if len(group) < self._keys_max:
            return True
        name = key.partition(":")[0]
        if now - self._swept.get(name, float("-inf")) >= SWEEP_EVERY_S:
            self._swept[name] = now
            for dead in [one for one, kept in group.items() if kept.dead_at <= now]:
                del group[dead]
        return len(group) < self._keys_max


def _shared(counter: Counter) -> str:
    """Which of the common counters a newcomer is counted in; nobody can tell beforehand (hash() is seeded)."""
    return f"shared:{counter.window_s}:{hash(counter.key) % SHARED_KEYS}"
