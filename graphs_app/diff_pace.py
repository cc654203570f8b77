"""Keeps a run's diff.updated events at four a second at most: what comes faster is merged into the next one.

Nothing is lost by it: a hunk's latest form stands, and what was removed stays removed unless it came back.
"""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from graphs_app.engine.checkpoint import Emitted, Entry, NodeStarted, RunEnded

PACED_TYPE = "diff.updated"
INTERVAL_S = 0.25


class DiffPace:
    """What one run has not yet said of its diff. Belongs to the event loop."""

    __slots__ = ("_keep", "_loop", "_next_at", "_timer", "_waiting")

    def __init__(self, loop: asyncio.AbstractEventLoop, keep: Callable[[Emitted], Any]) -> None:
        self._loop = loop
        self._keep = keep
        self._waiting: Emitted | None = None
        self._next_at = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def take(self, entry: Emitted) -> None:
        """Passes the event on now, or merges it with what waits."""
        if entry.type != PACED_TYPE:
            self._keep(entry)
            return
        if self._waiting is not None:
            self._waiting = merged(self._waiting, entry)
            return
        self._waiting = entry
        delay = self._next_at - self._loop.time()
        if delay <= 0:
            self._say()
        else:
            self._timer = self._loop.call_later(delay, self._say)

    def before(self, entry: Entry) -> None:
        """Passes on what waits, if this is the end of the node run that said it, or of the run."""
        if self._waiting is None or isinstance(entry, NodeStarted):
            return
        if isinstance(entry, RunEnded) or getattr(entry, "activation", None) == self._waiting.activation:
            self._say()

    def _say(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._waiting is None:
            return
        entry, self._waiting = self._waiting, None
        self._next_at = self._loop.time() + INTERVAL_S
        self._keep(entry)


def merged(earlier: Emitted, later: Emitted) -> Emitted:
    """Two updates of a diff as one."""
    removed = set(earlier.data.get("removed", ())) | set(later.data.get("removed", ()))
    hunks = {hunk["n"]: hunk for hunk in earlier.data.get("hunks", ())}
    for n in later.data.get("removed", ()):
        hunks.pop(n, None)
    for hunk in later.data.get("hunks", ()):
        hunks[hunk["n"]] = hunk
        removed.discard(hunk["n"])
    data = {**later.data, "hunks": [hunks[n] for n in sorted(hunks)], "removed": sorted(removed)}
    return replace(later, data=data)
