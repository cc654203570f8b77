"""When a run's entries reach its journal: `sync`, `async` or `exit`."""

from collections.abc import Callable
from typing import Literal, Protocol

from graphs_app.engine.checkpoint import Entry, Journal

Durability = Literal["sync", "async", "exit"]


class Recorder(Protocol):
    """How the loop writes to the journal."""

    note: Callable[[Entry], None]

    async def secure(self, entry: Entry) -> None:
        """For entries whose successors must not start before the entry is as durable as was asked for."""

    def hand_over(self) -> None:
        """Gives the journal what is kept back until the end."""

    async def end(self, entry: Entry) -> None:
        """Returns once everything is durable."""


class Sync:
    def __init__(self, journal: Journal) -> None:
        self.note: Callable[[Entry], None] = journal.note
        self.secure = journal.commit
        self.end = journal.commit

    def hand_over(self) -> None:
        """Nothing is kept back."""


class Async:
    def __init__(self, journal: Journal) -> None:
        self.note: Callable[[Entry], None] = journal.note
        self.end = journal.commit

    async def secure(self, entry: Entry) -> None:
        self.note(entry)

    def hand_over(self) -> None:
        """Nothing is kept back."""


class Exit:
    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._kept: list[Entry] = []
        self.note: Callable[[Entry], None] = self._kept.append

    async def secure(self, entry: Entry) -> None:
        self._kept.append(entry)

    def hand_over(self) -> None:
        for kept in self._kept:
            self._journal.note(kept)
        self._kept.clear()

    async def end(self, entry: Entry) -> None:
        self.hand_over()
        await self._journal.commit(entry)


RECORDERS: dict[str, Callable[[Journal], Recorder]] = {"sync": Sync, "async": Async, "exit": Exit}
