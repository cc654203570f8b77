"""Group commit between the loop's own connection and the thread, over a store in memory that says who came to it."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Collection, Sequence
from uuid import UUID, uuid4

import pytest

from sessions_app.crdt.store import Batch, Entry, Loaded, Outcome, Owner, Row, Stored, StoreFailed
from sessions_app.realtime import document_writer
from sessions_app.realtime.document_writer import Writer


class Shelf:
    """Stores anything; a store for the thread and a line for the loop in one."""

    def __init__(self) -> None:
        self.now = 100.0
        self.commit_s = 0.0
        self.commits: list[tuple[str, int]] = []
        """Who committed how many batches."""
        self.disk = threading.Event()
        """Set while the disk answers those who wait for it in a thread."""
        self.disk.set()
        self.log_is_long = False
        self.is_locked = False
        self.fails = False
        self.closed = 0
        self.opened = 0
        self.may_open = threading.Event()
        """Set while a connection can be opened."""
        self.may_open.set()

    def clock(self) -> float:
        return self.now

    def open_line(self) -> "LineToShelf":
        assert self.may_open.wait(60)
        self.opened += 1
        return LineToShelf(self)

    def append(self, batches: Sequence[Batch]) -> list[Outcome]:
        assert threading.current_thread().name == "document-writer"
        self.commits.append(("thread", len(batches)))
        return [Stored(batch.known + len(batch.entries)) for batch in batches]

    def load(self, document: UUID) -> Loaded:
        raise NotImplementedError

    def after(self, document: UUID, epoch: int, number: int) -> list[Row]:
        raise NotImplementedError

    def owners(self, document: UUID, clients: Collection[int]) -> dict[int, Owner]:
        raise NotImplementedError

    def quarantine(self, document: UUID, user: UUID | None, update: bytes, reason: str) -> None:
        raise NotImplementedError


class LineToShelf:
    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf

        self._written = 0
        """How many batches are to be committed."""

    def write(self, batches: Sequence[Batch]) -> list[Stored] | None:
        assert threading.current_thread() is threading.main_thread()
        assert not self._written, "one commit after the other"
        if self._shelf.is_locked:
            return None
        self._written = len(batches)
        return [Stored(batch.known + len(batch.entries)) for batch in batches]

    def commit(self) -> None:
        shelf = self._shelf
        on_loop = threading.current_thread() is threading.main_thread()
        if not on_loop:
            assert shelf.disk.wait(60)
        shelf.commits.append(("loop" if on_loop else "disk", self._written))
        self._written = 0
        shelf.now += shelf.commit_s
        if shelf.fails:
            raise StoreFailed("the disk is full")

    def is_log_long(self) -> bool:
        return self._shelf.log_is_long

    def move_log(self) -> None:
        assert threading.current_thread() is not threading.main_thread()
        assert not self._written, "not within a commit"
        self._shelf.log_is_long = False
        assert self._shelf.disk.wait(60)
        self._shelf.commits.append(("moved", 0))

    def close(self) -> None:
        assert not self._written, "not within a commit"
        self._shelf.closed += 1


def batch() -> Batch:
    return Batch(uuid4(), 1, 0, [Entry(b"update", uuid4())])


async def with_line(shelf: Shelf) -> Writer:
    """A writer whose thread has stored something, and then opened the loop's connection."""
    writer = Writer(shelf, open_line=shelf.open_line, clock=shelf.clock)
    assert await writer.append(batch()) == Stored(1)
    await writer.between_commits(lambda: None)  # the thread does this after it has offered the connection
    assert shelf.commits == [("thread", 1)]
    shelf.commits.clear()
    return writer


async def test_after_the_first_commit_the_loop_stores_by_itself() -> None:
    shelf = Shelf()
    writer = await with_line(shelf)
    for _ in range(3):
        shelf.now += 1
        assert await writer.append(batch()) == Stored(1)
    assert shelf.commits == [("loop", 1)] * 3


async def test_what_the_loop_cannot_store_at_once_the_thread_does() -> None:
    shelf = Shelf()
    writer = await with_line(shelf)
    shelf.is_locked = True
    assert await writer.append(batch()) == Stored(1)
    shelf.is_locked = False
    assert await writer.append(batch()) == Stored(1)
    assert shelf.commits == [("thread", 1), ("loop", 1)]


async def with_slow_disk(shelf: Shelf) -> Writer:
    """A writer whose loop has just waited long for a commit."""
    writer = await with_line(shelf)
    shelf.commit_s = 2 * document_writer.SLOW_S
    await writer.append(batch())
    shelf.commit_s = 0.0
    assert shelf.commits == [("loop", 1)]
    shelf.commits.clear()
    return writer


async def test_a_slow_disk_holds_up_the_loop_once_and_then_a_thread() -> None:
    shelf = Shelf()
    writer = await with_slow_disk(shelf)
    await writer.append(batch())
    shelf.now += document_writer.SLOW_FOR_S
    await writer.append(batch())
    assert [who for who, _ in shelf.commits] == ["disk", "loop"]


async def test_what_comes_while_a_commit_is_on_its_way_to_a_slow_disk_shares_the_next() -> None:
    shelf = Shelf()
    writer = await with_slow_disk(shelf)
    shelf.disk.clear()
    waiting = [asyncio.ensure_future(writer.append(batch())) for _ in range(4)]
    await asyncio.sleep(0)  # all have come
    shelf.disk.set()
    assert await asyncio.gather(*waiting) == [Stored(1)] * 4
    assert shelf.commits == [("disk", 1), ("disk", 3)]


async def test_many_at_once_share_a_commit_at_a_slow_disk_too() -> None:
    shelf = Shelf()
    writer = await with_slow_disk(shelf)
    answers = await asyncio.gather(*(writer.append(batch()) for _ in range(100)))
    assert answers == [Stored(1)] * 100
    assert shelf.commits == [("disk", 1), ("disk", 99)]


async def test_who_leaves_while_a_commit_is_on_its_way_takes_the_connection_along_afterwards() -> None:
    shelf = Shelf()
    writer = await with_slow_disk(shelf)
    shelf.disk.clear()
    waiting = [asyncio.ensure_future(writer.append(batch())) for _ in range(2)]
    await asyncio.sleep(0)
    writer.rest()
    assert shelf.closed == 0
    shelf.disk.set()
    assert await asyncio.gather(*waiting) == [Stored(1)] * 2
    assert shelf.commits == [("disk", 1), ("thread", 1)]
    await writer.between_commits(lambda: None)
    assert shelf.closed == shelf.opened, "also the one that the thread opened for who had left"


async def test_a_long_log_is_moved_between_two_commits_and_what_comes_meanwhile_is_stored_after_it() -> None:
    shelf = Shelf()
    writer = await with_line(shelf)
    shelf.log_is_long = True
    shelf.disk.clear()
    await writer.append(batch())
    waiting = [asyncio.ensure_future(writer.append(batch())) for _ in range(2)]
    await asyncio.sleep(0)
    assert shelf.commits == [("loop", 1)]
    shelf.disk.set()
    assert await asyncio.gather(*waiting) == [Stored(1)] * 2
    assert shelf.commits == [("loop", 1), ("moved", 0), ("loop", 2)]


async def test_many_at_once_share_a_commit_on_the_loop() -> None:
    shelf = Shelf()
    writer = await with_line(shelf)
    answers = await asyncio.gather(*(writer.append(batch()) for _ in range(100)))
    assert answers == [Stored(1)] * 100
    sizes = [size for _, size in shelf.commits]
    assert sum(sizes) == 100
    assert len(sizes) <= document_writer.BATCHES
    assert {who for who, _ in shelf.commits} == {"loop"}


@pytest.mark.parametrize(("place", "prepared"), [("loop", with_line), ("disk", with_slow_disk)])
async def test_a_commit_that_failed_is_in_doubt_and_its_connection_is_not_used_again(
    place: str, prepared: Callable[[Shelf], Awaitable[Writer]]
) -> None:
    shelf = Shelf()
    writer = await prepared(shelf)
    shelf.fails = True
    with pytest.raises(StoreFailed, match="full"):
        await writer.append(batch())
    assert shelf.closed == 1
    assert await writer.append(batch()) == Stored(1)
    assert [who for who, _ in shelf.commits] == [place, "thread"]


async def test_an_empty_house_gives_the_connection_back_and_the_next_guest_opens_another() -> None:
    shelf = Shelf()
    writer = await with_line(shelf)
    writer.rest()
    assert shelf.closed == 1
    await writer.append(batch())
    await writer.between_commits(lambda: None)
    await writer.append(batch())
    assert [who for who, _ in shelf.commits] == ["thread", "loop"]
    assert shelf.opened == 2


async def test_a_connection_that_is_opened_after_everybody_has_left_is_given_back_at_once() -> None:
    shelf = Shelf()
    shelf.may_open.clear()
    writer = Writer(shelf, open_line=shelf.open_line, clock=shelf.clock)
    await writer.append(batch())
    writer.rest()
    shelf.may_open.set()
    await writer.between_commits(lambda: None)
    assert (shelf.opened, shelf.closed) == (1, 1)
    await writer.append(batch())
    await writer.between_commits(lambda: None)
    assert (shelf.opened, shelf.closed) == (2, 1)
