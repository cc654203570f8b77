"""A run from start_run to its end, on a worker's own loop, as Celery's task would have it."""

import asyncio
import sys
from collections.abc import Mapping
from typing import Any
from uuid import UUID

import pytest
from django.core.cache import cache

from graphs_app import definitions, worker
from graphs_app.engine.registry import REGISTRY, ToolContext, make_tool
from graphs_app.models import NodeRun, NodeRunStatus, Run, RunStatus
from graphs_app.services import claims, execution
from graphs_app.streams import text_key
from sessions_app.models import SessionEvent, User
from sessions_app.realtime import publish
from tests.graphs_app.cast import SUM, execute, line, make_session, node, start, types_of, wait_until


def test_a_run_goes_from_queued_to_completed(here: worker.Worker, ada: User) -> None:
    run = start(ada, SUM)
    assert run.status == RunStatus.QUEUED
    execute(run)
    assert (run.status, run.state, run.checkpoints, run.attempt) == ("completed", {"n": 5}, 6, 1)
    node_runs = list(NodeRun.objects.filter(run=run).order_by("activation"))
    assert [one.node_id for one in node_runs] == ["start", *["add"] * 5]
    assert {one.status for one in node_runs} == {NodeRunStatus.COMPLETED}


def test_a_session_sees_the_run_from_queued_to_completed(here: worker.Worker, ada: User) -> None:
    session = make_session(ada)
    run = execute(start(ada, SUM, session_id=session.pk, metadata={"request": "r1"}))
    log = list(SessionEvent.objects.filter(session=session).order_by("seq"))
    assert [event.seq for event in log] == list(range(1, len(log) + 1))
    assert [event.type for event in log] == [
        "run.queued",
        "run.started",
        *["node.started", "node.completed"] * 6,
        "run.completed",
    ]
    assert {event.run for event in log} == {run.pk}
    assert log[0].data == {"graph": "sum", "graph_version": 1, "metadata": {"request": "r1"}}


def test_a_run_is_executed_once_however_often_its_message_comes(here: worker.Worker, ada: User) -> None:
    run = execute(start(ada, SUM))
    assert execution.execute(run_id=run.pk) is None
    assert execution.execute(run_id=UUID(int=7)) is None
    run.refresh_from_db()
    assert run.attempt == 1


def test_a_worker_that_stops_gives_its_runs_back_and_another_finishes_them(here: worker.Worker, ada: User) -> None:
    nap = line("Nap", node("before", "set_state", {"values": {"n": 1}}), node("nap", "sleep", {"seconds": 0.3}))
    session = make_session(ada)
    run = start(ada, nap, session_id=session.pk)
    execution.execute(run_id=run.pk)
    wait_until(lambda: NodeRun.objects.filter(run=run, node_id="nap").exists())
    worker.stop(grace_s=0)
    run.refresh_from_db()
    assert (run.status, run.lease_owner, run.checkpoints) == (RunStatus.QUEUED, "", 1)
    execute(run)
    assert (run.status, run.attempt, run.crashes) == ("completed", 2, 0)
    types = types_of(session)
    assert types.count("node.completed") == 2
    assert types.count("run.completed") == 1


def test_a_running_node_gets_its_grace_and_no_other_starts(here: worker.Worker, ada: User) -> None:
    run = start(ada, line("Nap", node("nap", "sleep", {"seconds": 0.3}), node("after", "set_state", {"values": {}})))
    execution.execute(run_id=run.pk)
    wait_until(lambda: NodeRun.objects.filter(run=run, node_id="nap").exists())
    worker.stop(grace_s=20)
    run.refresh_from_db()
    assert (run.status, run.checkpoints) == (RunStatus.QUEUED, 1)
    assert not NodeRun.objects.filter(run=run, node_id="after").exists()


def test_a_run_whose_end_is_stored_before_its_leases_are_renewed_is_not_taken_for_lost(
    here: worker.Worker, ada: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    flush_soon = here.writer.flush_soon
    looked: list[UUID] = []

    def renewed_meanwhile() -> None:
        flush_soon()
        if ending := [active for active in here._active.values() if active.journal.is_ending]:
            here._compare(ending, claims.Renewed(frozenset(), frozenset()))
            looked.extend(active.run.pk for active in ending)

    monkeypatch.setattr(here.writer, "flush_soon", renewed_meanwhile)
    run = start(ada, line("Short", node("only", "set_state", {"values": {}})))
    future = execution.execute(run_id=run.pk)
    assert future is not None
    ended = future.result(60)
    assert ended is not None
    assert (ended.status, looked) == ("completed", [run.pk])


def test_words_are_streamed_and_kept(here: worker.Worker, ada: User, monkeypatch: pytest.MonkeyPatch) -> None:
    frames: list[dict[str, Any]] = []
    monkeypatch.setattr(publish, "stream", lambda session_id, frame: frames.append(frame))
    run = start(ada, line("Say", node("say", "emit", {"text": "one two three"})), session_id=make_session(ada).pk)
    execute(run)
    node_run = NodeRun.objects.get(run=run)
    assert node_run.text == "one two three"
    assert "".join(frame["data"]["text"] for frame in frames) == "one two three"
    assert frames[0]["data"]["offset"] == 0
    assert {frame["data"]["node_run"] for frame in frames} == {str(node_run.pk)}


@pytest.mark.parametrize("durability", ["sync", "async", "exit"])
def test_words_that_are_stored_do_not_stay_in_the_cache(here: worker.Worker, ada: User, durability: str) -> None:
    """It had an hour's texts: a loop that spoke a megabyte each time filled the memory of the site."""
    say = node("say", "emit", {"text": "one two three"})
    run = start(ada, line("Say", say, node("end", "set_state", {"values": {}})), durability=durability)
    execute(run)
    spoken = NodeRun.objects.get(run=run, node_id="say")
    assert spoken.text == "one two three"
    here._upkeep.submit(lambda: None).result(30)  # whatever was handed to that thread before is done
    assert cache.get(text_key(spoken.pk)) is None


def test_words_of_a_node_that_fails_do_not_stay_in_the_cache(here: worker.Worker, ada: User) -> None:
    graph = line("Too much", node("say", "emit", {"text": "word " * 100}), node("bad", "fail"))
    run = execute(start(ada, graph))
    here._upkeep.submit(lambda: None).result(30)
    assert [cache.get(text_key(one.pk)) for one in NodeRun.objects.filter(run=run)] == [None, None]


def test_a_run_over_its_time_fails(here: worker.Worker, ada: User) -> None:
    run = execute(start(ada, line("Nap", node("nap", "sleep", {"seconds": 600})), timeout_s=0.05))
    assert run.status == RunStatus.FAILED
    assert run.error is not None
    assert run.error["code"] == "run_timeout"


def test_the_time_of_a_run_is_what_all_its_claims_worked(here: worker.Worker, ada: User) -> None:
    nap = line("Nap", node("nap", "sleep", {"seconds": 600}))
    run = start(ada, nap, timeout_s=5000.5)
    Run.objects.filter(pk=run.pk).update(worked_ms=5_000_500)
    execute(run)
    assert run.error is not None
    assert run.error["code"] == "run_timeout"
    assert "its 5000.5 s" in run.error["message"]
    short = start(ada, line("Short", node("nap", "sleep", {"seconds": 0.02})), timeout_s=5000.0)
    Run.objects.filter(pk=short.pk).update(worked_ms=1_000_000)
    assert execute(short).worked_ms >= 1_000_020


def test_a_worker_that_stops_writes_down_how_long_it_worked_on_its_runs(here: worker.Worker, ada: User) -> None:
    run = start(ada, line("Nap", node("nap", "sleep", {"seconds": 600})))
    Run.objects.filter(pk=run.pk).update(worked_ms=70_000)
    execution.execute(run_id=run.pk)
    wait_until(lambda: NodeRun.objects.filter(run=run).exists(), 60)
    worker.stop(grace_s=0)
    run.refresh_from_db()
    assert (run.status, run.worked_ms > 70_000) == ("queued", True)


def test_a_tool_that_is_not_installed_here_fails_the_run_before_anything_happens(
    here: worker.Worker, ada: User
) -> None:
    run = start(ada, SUM)
    run.graph_version.definition["nodes"][0]["tool"] = "gone"
    run.graph_version.save()
    definitions.load.cache_clear()
    assert execution.execute(run_id=run.pk) is None
    run.refresh_from_db()
    assert run.status == RunStatus.FAILED
    assert run.error is not None
    assert run.error["code"] == "version_unsupported"


@pytest.mark.parametrize("how", ["task", "callback", "stop"])
def test_what_a_tool_has_started_can_neither_end_nor_stop_the_loop_of_the_other_runs(
    here: worker.Worker, ada: User, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    async def leave() -> None:
        raise KeyboardInterrupt

    async def ends_the_process(context: ToolContext, state: Mapping[str, Any]) -> dict[str, Any]:
        loop = asyncio.get_running_loop()
        match how:
            case "task":
                await asyncio.gather(leave())
            case "callback":
                loop.call_soon(sys.exit, 3)
            case "stop":
                loop.stop()
        return {}

    monkeypatch.setitem(REGISTRY._tools, "ends_the_process", make_tool("ends_the_process", ends_the_process))
    nap = line("Nap", node("nap", "sleep", {"seconds": 0.2}), node("after", "set_state", {"values": {"n": 1}}))
    other = start(ada, nap)
    execution.execute(run_id=other.pk)
    run = execute(start(ada, line("End", node("end", "ends_the_process"))))
    assert run.status == ("failed" if how == "task" else "completed")
    wait_until(lambda: Run.objects.filter(pk=other.pk, status="completed").exists(), 60)
    other.refresh_from_db()
    assert (other.attempt, other.state) == (1, {"n": 1})
