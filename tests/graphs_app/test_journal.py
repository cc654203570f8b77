"""The group commit: what it makes durable, for whom, and how little one run's trouble is another's."""

import asyncio
from collections.abc import Callable, Sequence
from decimal import Decimal
from itertools import count
from time import monotonic
from uuid import UUID

import pytest
from asgiref.sync import sync_to_async
from django.db import OperationalError, connection, transaction

from graphs_app import effects
from graphs_app.batch import Call, Part, Writing
from graphs_app.engine.checkpoint import Effect, Emitted, Json, RunStarted, Usage
from graphs_app.engine.errors import LeaseLost
from graphs_app.errors import EffectFailed, JournalRefused, UnknownEffect
from graphs_app.events import told
from graphs_app.journal import Writer
from graphs_app.line import Line
from graphs_app.models import GraphVersion, NodeRun, NodeRunStatus, Run, RunStatus, node_run_id
from graphs_app.run_journal import JournalOf
from graphs_app.services import claims
from sessions_app.events import Event
from sessions_app.models import Session, SessionEvent, User
from tests.graphs_app import cast

in_database = sync_to_async(thread_sensitive=True)


def journal_of(writer: Writer, run: Run, version: GraphVersion) -> JournalOf:
    return JournalOf(writer, run, cast.loaded(version))


async def claimed(version: GraphVersion, owner: str = "w1", **fields: object) -> Run:
    return await in_database(cast.claimed)(version, owner, **fields)


async def session_of(user: User) -> Session:
    return await Session.objects.acreate(title="Pairs", created_by=user, idle_ttl_s=600, max_ttl_s=6000)


async def log_of(session: Session) -> list[tuple[int, str]]:
    rows = SessionEvent.objects.filter(session=session).order_by("seq").values_list("seq", "type")
    return [row async for row in rows]


async def test_a_committed_checkpoint_is_in_the_database(writer: Writer, version: GraphVersion) -> None:
    run = await claimed(version)
    journal = journal_of(writer, run, version)
    await journal.commit(cast.done(1, writes={"n": 1, "text": "ü"}, edges=(0, 2), usage=cast.spent(3, 4, "0.25")))
    row = await NodeRun.objects.aget(run=run)
    assert (row.pk, row.number, row.writes, row.edges_taken) == (
        node_run_id(run.pk, 0),
        1,
        {"n": 1, "text": "ü"},
        [0, 2],
    )
    assert (row.status, row.seen, row.duration_ms, row.finished_at) == (NodeRunStatus.COMPLETED, 0, 1.5, cast.AT)
    assert (row.endpoint, row.prompt_tokens, row.cost_usd) == ("builtin", 3, Decimal("0.25"))
    stored = await Run.objects.aget(pk=run.pk)
    assert (stored.checkpoints, stored.journaled) == (1, 1)
    assert (stored.prompt_tokens, stored.completion_tokens, stored.cost_usd) == (3, 4, Decimal("0.25"))


async def test_a_node_that_starts_and_ends_in_one_batch_is_one_row(writer: Writer, version: GraphVersion) -> None:
    run = await claimed(version)
    journal = journal_of(writer, run, version)
    journal.note(cast.started(0))
    await journal.commit(cast.done(1))
    assert await NodeRun.objects.filter(run=run).acount() == 1
    assert (await Run.objects.aget(pk=run.pk)).journaled == 2


async def test_a_slow_node_is_seen_as_started_before_it_ends(writer: Writer, version: GraphVersion) -> None:
    run = await claimed(version)
    journal = journal_of(writer, run, version)
    journal.note(cast.started(0))
    started = NodeRun.objects.filter(run=run, status=NodeRunStatus.STARTED)
    await in_database(cast.wait_until)(started.exists)
    await journal.commit(cast.done(1))
    row = await NodeRun.objects.aget(run=run)
    assert (row.status, row.number) == (NodeRunStatus.COMPLETED, 1)


async def test_a_hundred_runs_share_commits(writer: Writer, version: GraphVersion) -> None:
    runs = [await claimed(version) for _ in range(100)]
    journals = [journal_of(writer, run, version) for run in runs]
    for number in range(1, 6):
        await asyncio.gather(*(journal.commit(cast.done(number)) for journal in journals))
    assert await NodeRun.objects.acount() == 500
    await asyncio.gather(*(journal.commit(cast.ended()) for journal in journals))
    assert await Run.objects.filter(checkpoints=5, status="completed").acount() == 100


async def test_who_lost_the_lease_writes_nothing_and_the_others_go_on(writer: Writer, version: GraphVersion) -> None:
    zombie, healthy = await claimed(version), await claimed(version)
    await Run.objects.filter(pk=zombie.pk).aupdate(lease_until="2000-01-01T00:00:00Z")
    assert await in_database(claims.claim_run)(run_id=zombie.pk, owner="w2") is not None
    late, fine = journal_of(writer, zombie, version), journal_of(writer, healthy, version)
    results = await asyncio.gather(late.commit(cast.done(1)), fine.commit(cast.done(1)), return_exceptions=True)
    assert isinstance(results[0], LeaseLost)
    assert results[1] is None
    assert not await NodeRun.objects.filter(run=zombie).aexists()
    assert await NodeRun.objects.filter(run=healthy).aexists()
    with pytest.raises(LeaseLost):
        late.note(cast.started(1))


async def test_a_run_ends_once_and_gives_its_lease_back(writer: Writer, version: GraphVersion) -> None:
    run = await claimed(version)
    journal = journal_of(writer, run, version)
    await journal.commit(cast.ended(state={"n": 3}))
    stored = await Run.objects.aget(pk=run.pk)
    assert (stored.status, stored.state, stored.lease_owner, stored.lease_until) == ("completed", {"n": 3}, "", None)
    assert stored.finished_at is not None
    assert stored.started_at is not None
    assert stored.finished_at >= stored.started_at
    with pytest.raises(LeaseLost):
        await journal.commit(cast.ended("failed", error={"type": "X", "message": "late"}))
    assert (await Run.objects.aget(pk=run.pk)).status == RunStatus.COMPLETED


async def test_a_session_is_told_in_order_without_holes(writer: Writer, version: GraphVersion, ada: User) -> None:
    session = await session_of(ada)
    run = await claimed(version, session=session)
    journal = journal_of(writer, run, version)
    journal.note(RunStarted(cast.AT))
    journal.note(cast.started(0))
    await journal.commit(cast.done(1, usage=cast.spent(3, 4, None)))
    journal.note(cast.started(1, "b"))
    await journal.commit(cast.done(2, "b"))
    await journal.commit(cast.ended())
    assert await log_of(session) == list(
        enumerate(
            [
                "run.started",
                "node.started",
                "node.completed",
                "cost.updated",
                "node.started",
                "node.completed",
                "run.completed",
            ],
            start=1,
        )
    )
    completed = await SessionEvent.objects.aget(session=session, seq=3)
    assert completed.run == run.pk
    assert completed.data == {
        "node_run": str(node_run_id(run.pk, 0)),
        "node_id": "a",
        "tool": "set_state",
        "activation": 0,
        "attempt": 1,
        "duration_ms": 1.5,
        "edges": [["a", "b"]],
        "tokens": {"prompt": 3, "completion": 4},
        "overwritten": [],
    }
    cost = await SessionEvent.objects.aget(session=session, seq=4)
    assert cost.data == {"prompt_tokens": 3, "completion_tokens": 4, "cost_usd": None}


async def test_an_effect_happens_in_the_transaction_of_its_checkpoint(
    writer: Writer, version: GraphVersion, ada: User
) -> None:
    session = await session_of(ada)

    def rename(run: Run, node_run: UUID, payload: Json) -> Sequence[Event]:
        assert connection.in_atomic_block
        Session.objects.filter(pk=run.session_id).update(title=payload["title"])
        return [told("title.changed")(run=run.pk, body={"node_run": str(node_run)})]

    effects.register("test.rename", rename)
    run = await claimed(version, session=session)
    await journal_of(writer, run, version).commit(cast.done(1, effects=[Effect("test.rename", {"title": "New"})]))
    assert (await Session.objects.aget(pk=session.pk)).title == "New"
    assert [type for _, type in await log_of(session)] == ["node.completed", "title.changed"]


async def test_an_effect_that_fails_undoes_its_run_and_no_other(
    writer: Writer, version: GraphVersion, ada: User
) -> None:
    session = await session_of(ada)

    def half(run: Run, node_run: UUID, payload: Json) -> Sequence[Event]:
        Session.objects.filter(pk=run.session_id).update(title="half done")
        raise ValueError("no")

    effects.register("test.half", half)
    bad, good = await claimed(version, session=session), await claimed(version, session=session)
    results = await asyncio.gather(
        journal_of(writer, bad, version).commit(cast.done(1, effects=[Effect("test.half", {})])),
        journal_of(writer, good, version).commit(cast.done(1)),
        return_exceptions=True,
    )
    assert isinstance(results[0], EffectFailed)
    assert results[1] is None
    assert (await Session.objects.aget(pk=session.pk)).title == "Pairs"
    assert [row.run_id async for row in NodeRun.objects.all()] == [good.pk]
    assert [seq for seq, _ in await log_of(session)] == [1]


async def test_what_failed_attempts_spent_and_did_is_kept_once_and_adds_up(
    writer: Writer, version: GraphVersion, ada: User
) -> None:
    session = await session_of(ada)

    def enter(run: Run, node_run: UUID, payload: Json) -> Sequence[Event]:
        return [told("ledger.entered")(run=run.pk, body=payload)]

    effects.register("test.enter", enter)
    run = await claimed(version, session=session)
    journal = journal_of(writer, run, version)
    for attempt in (1, 2):
        journal.note(cast.started(0, attempt=attempt))
        journal.note(cast.retried(0, attempt, cast.spent(3, 1, "0.1"), [Effect("test.enter", {"attempt": attempt})]))
        await writer.call(lambda: None)
    await journal.commit(
        cast.done(1, attempt=3, usage=cast.spent(5, 5, None), effects=[Effect("test.enter", {"attempt": 3})])
    )
    events = SessionEvent.objects.filter(session=session, type="ledger.entered").order_by("seq")
    assert [event.data["attempt"] async for event in events] == [1, 2, 3]
    row, stored = await NodeRun.objects.aget(run=run), await Run.objects.aget(pk=run.pk)
    assert (row.attempt, row.status, row.endpoint) == (3, "completed", "builtin")
    for kept in (row, stored):
        assert (kept.prompt_tokens, kept.completion_tokens, str(kept.cost_usd)) == (11, 7, "0.20000000")


async def test_an_effect_nobody_registered_is_refused_by_name(writer: Writer, version: GraphVersion) -> None:
    run = await claimed(version)
    with pytest.raises(UnknownEffect, match=r"'test\.unheard'"):
        await journal_of(writer, run, version).commit(cast.done(1, effects=[Effect("test.unheard", {})]))


async def test_what_no_database_stores_is_replaced_at_the_edge(
    writer: Writer, version: GraphVersion, ada: User
) -> None:
    session = await session_of(ada)
    run = await claimed(version, session=session)
    journal = journal_of(writer, run, version)
    journal.note(Emitted(0, "a", "diff.updated", {"text": "a\x00b\ud800c"}, cast.AT))
    await journal.commit(cast.done(1, writes={"t\x00": "x\x00y\udfffz😀"}, text="p\x00q"))
    row = await NodeRun.objects.aget(run=run)
    assert (row.writes, row.text) == ({"t\ufffd": "x\ufffdy\ufffdz😀"}, "p\ufffdq")
    event = await SessionEvent.objects.aget(session=session, type="diff.updated")
    assert event.data["text"] == "a\ufffdb\ufffdc"


async def test_an_entry_that_is_not_json_fails_its_own_run_only(writer: Writer, version: GraphVersion) -> None:
    bad, good = await claimed(version), await claimed(version)
    results = await asyncio.gather(
        journal_of(writer, bad, version).commit(cast.done(1, writes={"x": float("nan")})),
        journal_of(writer, good, version).commit(cast.done(1)),
        return_exceptions=True,
    )
    assert isinstance(results[0], JournalRefused)
    assert results[1] is None


async def test_an_entry_the_database_refuses_fails_its_own_run_only(writer: Writer, version: GraphVersion) -> None:
    other, good = await claimed(version), await claimed(version)
    await journal_of(writer, other, version).commit(cast.done(1))
    # Its second node run would have the id of the other's first.
    bad = await claimed(version, id=UUID(int=other.pk.int - 1))
    results = await asyncio.gather(
        journal_of(writer, bad, version).commit(cast.done(2, "b")),
        journal_of(writer, good, version).commit(cast.done(1)),
        return_exceptions=True,
    )
    assert isinstance(results[0], JournalRefused)
    assert results[1] is None


async def test_what_a_worker_writes_while_its_run_is_deleted_goes_with_the_run(
    writer: Writer, version: GraphVersion
) -> None:
    run = await claimed(version)
    journal = journal_of(writer, run, version)
    await journal.commit(cast.done(1))
    loop = asyncio.get_running_loop()

    def delete() -> None:
        with transaction.atomic():
            NodeRun.objects.filter(run=run).delete()
            if connection.vendor == "postgresql":  # SQLite lets nobody write until this is over
                asyncio.run_coroutine_threadsafe(journal.commit(cast.done(2, "b")), loop).result(60)
            Run.objects.filter(pk=run.pk)._raw_delete(connection.alias)

    await in_database(delete)()
    assert not await NodeRun.objects.aexists()
    with pytest.raises(LeaseLost):
        await journal.commit(cast.done(3))
    assert not await NodeRun.objects.aexists()


async def test_a_completed_node_run_is_never_written_over(writer: Writer, version: GraphVersion) -> None:
    run = await claimed(version)
    journal = journal_of(writer, run, version)
    await journal.commit(cast.done(1, writes={"n": 1}))
    journal.note(cast.started(0, attempt=2))
    await journal.commit(cast.done(2, "b"))
    row = await NodeRun.objects.aget(run=run, activation=0)
    assert (row.status, row.attempt, row.writes) == ("completed", 1, {"n": 1})


async def test_a_failed_node_run_keeps_its_error_and_no_number(writer: Writer, version: GraphVersion) -> None:
    run = await claimed(version)
    journal = journal_of(writer, run, version)
    journal.note(cast.failed(0))
    await journal.commit(cast.ended("failed", error={"type": "ToolError", "message": "boom"}))
    row = await NodeRun.objects.aget(run=run)
    assert row.error is not None
    assert (row.status, row.number, row.error["message"]) == ("failed", None, "boom")
    assert (await Run.objects.aget(pk=run.pk)).error == {"type": "ToolError", "message": "boom"}


async def test_a_run_that_pauses_after_it_was_cancelled_is_cancelled(writer: Writer, version: GraphVersion) -> None:
    run = await claimed(version)
    await Run.objects.filter(pk=run.pk).aupdate(cancel_requested_at=cast.AT)
    await journal_of(writer, run, version).commit(cast.ended("interrupted"))
    assert (await Run.objects.aget(pk=run.pk)).status == RunStatus.CANCELLED


async def test_history_reads_back_what_was_journaled(writer: Writer, version: GraphVersion) -> None:
    run = await claimed(version)
    journal = journal_of(writer, run, version)
    await journal.commit(cast.done(1, writes={"n": 1}))
    await journal.commit(cast.done(2, "b", writes={"n": 2}, edges=(1,)))
    journal.note(cast.started(2, "c", attempt=3))
    await writer.call(lambda: None)
    history = await in_database(claims.read_history)(run)
    assert [(one.number, one.activation, one.node_id, one.writes, tuple(one.edges_taken)) for one in history.done] == [
        (1, 0, "a", {"n": 1}, (0,)),
        (2, 1, "b", {"n": 2}, (1,)),
    ]
    assert history.attempts == {2: 3}


def die_once() -> Callable[[], None]:
    """A function that has the server end its connection, the first time it is called."""
    deaths = count()

    def die() -> None:
        if not next(deaths):
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")

    return die


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has no connection to lose")
async def test_a_connection_that_dies_in_a_batch_loses_nothing_of_it(
    writer: Writer, version: GraphVersion, ada: User
) -> None:
    session = await session_of(ada)
    run = await claimed(version, session=session)
    journal = journal_of(writer, run, version)
    await asyncio.gather(writer.call(die_once()), journal.commit(cast.done(1)))
    await journal.commit(cast.done(2))
    assert await NodeRun.objects.filter(run=run).acount() == 2
    assert await log_of(session) == [(1, "node.completed"), (2, "node.completed")]


@pytest.mark.parametrize("is_written", [True, False])
@pytest.mark.parametrize("usage", [cast.spent(5, 6, "0.5"), None])
async def test_a_batch_whose_commit_was_lost_sight_of_is_written_once(
    writer: Writer,
    version: GraphVersion,
    ada: User,
    is_written: bool,
    usage: Usage | None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    session = await session_of(ada)
    run = await claimed(version, session=session)
    journal = journal_of(writer, run, version)
    write_once = Writing._write_once
    losses = count()

    def lose_sight(writing: Writing, parts: Sequence[Part], calls: Sequence[Call]) -> None:
        """As when the connection goes while the server commits: before it does, or after."""
        if next(losses):
            return write_once(writing, parts, calls)
        if is_written:
            write_once(writing, parts, calls)
        raise OperationalError("server closed the connection unexpectedly")

    journal._counted_at = monotonic()  # so that a batch which spends nothing leaves the run's own row as it is
    monkeypatch.setattr(Writing, "_write_once", lose_sight)
    await journal.commit(cast.done(1, usage=usage))
    assert await NodeRun.objects.filter(run=run, number=1).acount() == 1
    assert (await log_of(session))[0] == (1, "node.completed")
    assert len(await log_of(session)) == (2 if usage else 1)
    stored = await Run.objects.aget(pk=run.pk)
    assert (stored.prompt_tokens, stored.cost_usd) == ((5, Decimal("0.5")) if usage else (0, None))


async def test_a_call_that_raises_tells_its_caller_alone(writer: Writer, version: GraphVersion) -> None:
    run = await claimed(version)

    def refuse() -> None:
        raise KeyError("nothing here")

    results = await asyncio.gather(
        writer.call(refuse), journal_of(writer, run, version).commit(cast.done(1)), return_exceptions=True
    )
    assert isinstance(results[0], KeyError)
    assert results[1] is None


async def with_line(writer: Writer, journal: JournalOf) -> Line:
    """The connection of the event loop, which the writer's thread opens after its first batch."""
    await journal.commit(RunStarted(cast.AT))
    await in_database(cast.wait_until)(lambda: writer._line is not None)
    assert writer._line is not None
    return writer._line


def end_backend(pid: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s)", [pid])


on_postgres = pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has no connection to lose")


@on_postgres
@pytest.mark.parametrize("usage", [cast.spent(5, 6, "0.5"), None])
async def test_an_answer_that_the_event_loop_never_gets_is_looked_for_and_nothing_is_written_twice(
    writer: Writer, version: GraphVersion, usage: Usage | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = await claimed(version)
    journal = journal_of(writer, run, version)
    line = await with_line(writer, journal)
    with monkeypatch.context() as patched:
        patched.setattr(Line, "look", lambda lost: lost.close())
        line.attach(writer.loop)
        await journal.commit(cast.done(1, usage=usage))
    assert not line.is_open
    await journal.commit(cast.done(2, "b"))
    assert await with_line(writer, journal) is not line
    assert await NodeRun.objects.filter(run=run).acount() == 2
    stored = await Run.objects.aget(pk=run.pk)
    assert (stored.prompt_tokens, stored.cost_usd) == ((5, Decimal("0.5")) if usage else (0, None))


@on_postgres
async def test_an_event_loop_whose_connection_the_server_ends_goes_on_by_the_thread_and_then_by_another(
    writer: Writer, version: GraphVersion
) -> None:
    run, other = await claimed(version), await claimed(version)
    journal = journal_of(writer, run, version)
    line = await with_line(writer, journal)
    await in_database(end_backend)(line._libpq.backend_pid)
    await asyncio.gather(journal.commit(cast.done(1)), journal_of(writer, other, version).commit(cast.done(1)))
    await journal.commit(cast.done(2, "b"))
    assert await with_line(writer, journal) is not line
    await journal.commit(cast.done(3, "c"))
    assert await NodeRun.objects.filter(run__in=[run, other]).acount() == 4


@on_postgres
async def test_a_batch_larger_than_a_socket_takes_at_once_goes_by_the_line(
    writer: Writer, version: GraphVersion
) -> None:
    run = await claimed(version)
    journal = journal_of(writer, run, version)
    line = await with_line(writer, journal)
    await journal.commit(cast.done(1, writes={"long": "x" * 3_000_000}))
    assert writer._line is line
    assert line.is_open
    row = await NodeRun.objects.aget(run=run)
    assert row.writes is not None
    assert len(row.writes["long"]) == 3_000_000
