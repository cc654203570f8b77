"""What the end of a run ends with it, also where no worker had it in hand."""

from typing import Any

import pytest

from graphs_app import slots, worker
from graphs_app.models import IDLE, NodeRun, Run, RunStatus
from graphs_app.services import execution, runs
from sessions_app.models import SessionEvent, User
from tests.graphs_app import cast
from tests.graphs_app.cast import line, node


@pytest.fixture(autouse=True)
def parks(here: worker.Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a worker that Celery has started."""
    monkeypatch.setattr(slots, "_slots", 10)


def statuses(run: Run) -> dict[str, str]:
    return dict(NodeRun.objects.filter(run=run).values_list("node_id", "status"))


WAITS = {
    "for its time": node("rest", "sleep", {"seconds": 600}),
    "for a person": node("rest", "ask_human", {"question": "How many?", "write": "n"}),
    "for a retry": node(
        "rest", "fail", retry={"max_attempts": 2, "backoff_s": 600, "backoff_max_s": 600, "jitter": False}
    ),
    "for a sub-run": node("rest", "graph", {"graph": "ask-below"}),
}


@pytest.mark.parametrize("waits", WAITS.values(), ids=WAITS)
def test_the_end_of_a_run_that_waits_ends_its_nodes_and_the_session_is_told(
    here: worker.Worker, ada: User, waits: dict[str, Any]
) -> None:
    cast.keep(ada, line("Ask below", node("ask", "ask_human", {"question": "How many?", "write": "n"})))
    session = cast.make_session(ada)
    run = cast.start(ada, line("Waits", node("begin", "set_state", {"values": {}}), waits), session_id=session.pk)
    execution.execute(run_id=run.pk)
    cast.wait_until(lambda: Run.objects.filter(IDLE, pk=run.pk).exclude(status=RunStatus.QUEUED).exists())
    assert statuses(run) == {"begin": "completed", "rest": "started"}

    assert runs.cancel_run(run=run).status == RunStatus.CANCELLED
    assert statuses(run) == {"begin": "completed", "rest": "failed"}
    rest = NodeRun.objects.get(run=run, node_id="rest")
    assert rest.error is not None
    assert (rest.error["code"], rest.error["node_id"]) == ("node_cancelled", "rest")
    assert rest.finished_at is not None
    assert rest.duration_ms is not None
    assert not NodeRun.objects.filter(status="started").exists(), "of sub-runs neither"
    assert cast.types_of(session)[-3:] == ["run.cancel_requested", "node.failed", "run.cancelled"]
    told = SessionEvent.objects.filter(session=session, type="node.failed").get()
    assert (told.data["node_run"], told.data["error"]) == (str(rest.pk), rest.error)


def test_a_node_that_waits_is_over_when_another_branch_fails_the_run(here: worker.Worker, ada: User) -> None:
    split = {
        "v": 1,
        "name": "Split",
        "entry_node": "begin",
        "nodes": [
            node("begin", "set_state", {"values": {}}),
            node("ask", "ask_human", {"question": "Go?", "write": "go"}),
            node("stumble", "fail", {"message": "no"}),
        ],
        "edges": [{"from_node": "begin", "to_node": to} for to in ("ask", "stumble")],
    }
    session = cast.make_session(ada)
    run = cast.execute(cast.start(ada, split, session_id=session.pk))
    assert run.status == RunStatus.FAILED
    assert statuses(run) == {"begin": "completed", "ask": "failed", "stumble": "failed"}
    told = SessionEvent.objects.filter(session=session, type="node.failed")
    assert {event.data["node_id"] for event in told} == {"ask", "stumble"}
