"""What every store of runs must do, whatever it keeps them in: memory, SQLite or PostgreSQL.

The suite runs with the database of the day, which is SQLite in the first pass and PostgreSQL in the second.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Protocol

import pytest
from asgiref.sync import sync_to_async
from django.db import connections

from graphs_app.engine import loop, replan
from graphs_app.engine.builtin import add_to
from graphs_app.engine.checkpoint import Entry, History, Interrupted, Journal, RunEnded, RunStarted
from graphs_app.engine.compiled import Compiled, compile_definition
from graphs_app.engine.host import Control
from graphs_app.engine.memory import MemoryHost, MemoryJournal, MemoryStore
from graphs_app.engine.registry import Registry
from graphs_app.journal import Writer
from graphs_app.models import Interrupt, InterruptStatus, Run
from graphs_app.run_journal import JournalOf
from graphs_app.services import claims
from tests.graphs_app import cast

REGISTRY = add_to(Registry())
in_database = sync_to_async(thread_sensitive=True)


class Kept(Protocol):
    """One run in a store."""

    journal: Journal

    async def history(self) -> History:
        """What a run goes on from."""

    async def claim_again(self) -> None:
        """As another worker would, after this one has died."""

    async def answer(self, activation: int, value: Any) -> None: ...


class InMemory:
    def __init__(self) -> None:
        self.journal: Journal = MemoryJournal()
        self._answers: dict[int, Any] = {}

    async def history(self) -> History:
        assert isinstance(self.journal, MemoryJournal)
        return self.journal.history(self._answers)

    async def claim_again(self) -> None:
        """Memory has no leases."""

    async def answer(self, activation: int, value: Any) -> None:
        self._answers[activation] = value


@dataclass
class InDatabase:
    writer: Writer
    run: Run
    journal: Journal

    async def history(self) -> History:
        await self.writer.call(lambda: None)
        return await in_database(claims.read_history)(await Run.objects.aget(pk=self.run.pk))

    async def claim_again(self) -> None:
        await Run.objects.filter(pk=self.run.pk).aupdate(lease_until="2000-01-01T00:00:00Z")
        claimed = await in_database(claims.claim_run)(run_id=self.run.pk, owner="w2")
        assert claimed is not None
        history = await in_database(claims.read_history)(claimed)
        self.run = claimed
        version = await in_database(lambda: claimed.graph_version)()
        graph = await in_database(cast.loaded)(version)
        self.journal = JournalOf(self.writer, claimed, graph, with_rows={*history.attempts, *history.interrupted})

    async def answer(self, activation: int, value: Any) -> None:
        await Interrupt.objects.filter(run=self.run, activation=activation).aupdate(
            status=InterruptStatus.ANSWERED, value=value
        )


@pytest.fixture(params=["memory", "database"])
async def kept(request: pytest.FixtureRequest, transactional_db: None) -> AsyncIterator[Kept]:
    if request.param == "memory":
        yield InMemory()
        return
    writer = Writer(asyncio.get_running_loop())
    version = await in_database(cast.make_version)()
    run = await in_database(cast.claimed)(version)
    yield InDatabase(writer, run, JournalOf(writer, run, await in_database(cast.loaded)(version)))
    await writer.close()
    await sync_to_async(connections.close_all)()


async def test_checkpoints_come_back_in_order_with_all_that_replay_needs(kept: Kept) -> None:
    kept.journal.note(RunStarted(cast.AT))
    kept.journal.note(cast.started(0))
    await kept.journal.commit(cast.done(1, writes={"a": [1, {"b": None}], "ü": "😀"}, edges=(0, 2)))
    await kept.journal.commit(cast.done(2, "b", writes={}, edges=()))
    history = await kept.history()
    assert [
        (one.number, one.activation, one.node_id, dict(one.writes), tuple(one.edges_taken)) for one in history.done
    ] == [
        (1, 0, "a", {"a": [1, {"b": None}], "ü": "😀"}, (0, 2)),
        (2, 1, "b", {}, ()),
    ]
    assert (history.attempts, history.answers, history.edits) == ({}, {}, {})


async def test_what_is_noted_is_kept_with_the_next_commit(kept: Kept) -> None:
    for number in range(1, 50):
        kept.journal.note(cast.started(number - 1))
        kept.journal.note(cast.done(number))
    await kept.journal.commit(cast.done(50))
    assert [one.number for one in (await kept.history()).done] == list(range(1, 51))


async def test_a_node_run_that_is_not_done_is_known_by_its_last_attempt(kept: Kept) -> None:
    await kept.journal.commit(cast.done(1))
    kept.journal.note(cast.started(1, "b", attempt=1))
    kept.journal.note(cast.started(1, "b", attempt=2))
    kept.journal.note(cast.started(2, "c", attempt=1))
    history = await kept.history()
    assert history.attempts == {1: 2, 2: 1}
    assert len(history.done) == 1


async def test_an_interrupt_waits_until_it_is_answered(kept: Kept) -> None:
    await kept.journal.commit(Interrupted(0, "a", "ask_human", 0, "Well?", None, None, False, None, cast.AT))
    assert (await kept.history()).interrupted == frozenset({0})
    await kept.answer(0, {"yes": True})
    history = await kept.history()
    assert (history.interrupted, history.answers) == (frozenset(), {0: {"yes": True}})


async def test_a_node_run_that_was_begun_before_a_crash_is_done_after_it(kept: Kept) -> None:
    await kept.journal.commit(cast.done(1))
    kept.journal.note(cast.started(1, "b"))
    await kept.history()
    await kept.claim_again()
    kept.journal.note(cast.started(1, "b", attempt=2))
    await kept.journal.commit(cast.done(2, "b", attempt=2))
    history = await kept.history()
    assert ([one.number for one in history.done], history.attempts) == ([1, 2], {})


LOOP = {
    "v": 1,
    "name": "Loop",
    "entry_node": "a",
    "state": {"seen": {"reducer": "append"}},
    "nodes": [
        {"node_id": "a", "tool": "set_state", "config": {"values": {"n": 0}}},
        {"node_id": "b", "tool": "compute", "config": {"set": {"n": "n + 1", "seen": "n"}}},
        {"node_id": "c", "tool": "sleep", "config": {"seconds": 0}},
    ],
    "edges": [
        {"from_node": "a", "to_node": "b"},
        {"from_node": "b", "to_node": "c"},
        {"from_node": "c", "to_node": "b", "type": "conditional", "condition": "n < 6"},
    ],
}


class Dying:
    """A journal whose worker dies when it has written so many checkpoints."""

    def __init__(self, journal: Journal, checkpoints: int) -> None:
        self._journal = journal
        self._left = checkpoints

    def note(self, entry: Entry) -> None:
        self._journal.note(entry)

    async def commit(self, entry: Entry) -> None:
        if not self._left:
            raise ConnectionResetError
        self._left -= 1
        await self._journal.commit(entry)


async def go_on(kept: Kept, compiled: Compiled, journal: Journal) -> RunEnded:
    store = MemoryStore(REGISTRY)
    store.save("loop", LOOP)
    host = MemoryHost(store, store.create("loop", {}))
    history = await kept.history()
    return await loop.run(
        compiled=compiled, initial_state={}, journal=journal, host=host, history=history, control=Control()
    )


@pytest.mark.parametrize("checkpoints", [0, 1, 4, 9])
async def test_a_run_whose_worker_dies_goes_on_from_the_store_to_the_same_end(kept: Kept, checkpoints: int) -> None:
    compiled = compile_definition(LOOP, REGISTRY)
    with pytest.raises(ConnectionResetError):
        await go_on(kept, compiled, Dying(kept.journal, checkpoints))
    assert len((await kept.history()).done) == checkpoints
    await kept.claim_again()
    ended = await go_on(kept, compiled, kept.journal)
    assert (ended.status, ended.state) == ("completed", {"n": 6, "seen": [0, 1, 2, 3, 4, 5]})
    history = await kept.history()
    assert [one.number for one in history.done] == list(range(1, 14))
    assert replan.state_at(compiled=compiled, initial_state={}, history=history, number=13) == ended.state
    assert replan.state_at(compiled=compiled, initial_state={}, history=history, number=2) == {"n": 1, "seen": [0]}
