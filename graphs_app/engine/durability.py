"""When a run's entries reach its journal: `sync`, `async` or `exit`.

Whatever is not durable yet is in memory, so there is a bound to it: past that, `async` waits for the disk, and `exit`
writes down what it has.
"""

from collections.abc import Callable
from typing import Literal, Protocol

from graphs_app.engine.checkpoint import Entry, Journal

Durability = Literal["sync", "async", "exit"]


class Recorder(Protocol):
    """How the loop writes to the journal."""

    @property
    def note(self) -> Callable[[Entry], None]:
        """Keeps an entry; does not wait."""

    async def secure(self, entry: Entry) -> None:
        """For entries whose successors must not start before the entry is as durable as was asked for."""

    def hand_over(self) -> None:
        """Gives the journal what is kept back until the end."""

    async def end(self, entry: Entry) -> None:
        """Returns once everything is durable."""


class Sync:
    def __init__(self, journal: Journal, max_pending_bytes: int) -> None:
        self.note: Callable[[Entry], None] = journal.note
        self.secure = journal.commit
        self.end = journal.commit

    def hand_over(self) -> None:
        """Nothing is kept back."""


class Async:
    def __init__(self, journal: Journal, max_pending_bytes: int) -> None:
        self._most = max_pending_bytes
        self._pending = 0
        self._journal = journal
        self.end = journal.commit

    def note(self, entry: Entry) -> None:
        self._pending += entry.size
        self._journal.note(entry)

    async def secure(self, entry: Entry) -> None:
        if self._pending + entry.size <= self._most:
            self.note(entry)
            return
        self._pending = 0
        await self._journal.commit(entry)

    def hand_over(self) -> None:
        """Nothing is kept back."""


class Exit:
    def __init__(self, journal: Journal, max_pending_bytes: int) -> None:
        self._most = max_pending_bytes
        self._pending = 0
        self._journal = journal
        self._kept: list[Entry] = []

    def note(self, entry: Entry) -> None:
        self._pending += entry.size
        self._kept.append(entry)

    async def secure(self, entry: Entry) -> None:
        if self._pending + entry.size <= self._most:
            self.note(entry)
        else:
            await self.end(entry)

    def hand_over(self) -> None:
        kept, self._kept, self._pending = self._kept, [], 0
        for one in kept:
            self._journal.note(one)

    async def end(self, entry: Entry) -> None:
        self.hand_over()
        await self._journal.commit(entry)


RECORDERS: dict[str, Callable[[Journal, int], Recorder]] = {"sync": Sync, "async": Async, "exit": Exit}
