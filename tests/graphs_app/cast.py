"""Who and what the tests of runs are about: a person, graphs, claimed runs, and entries as the engine writes them."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from itertools import pairwise
from threading import Event
from time import monotonic
from typing import Any

from graphs_app.definitions import LoadedGraph
from graphs_app.engine.checkpoint import Effect, NodeDone, NodeFailed, NodeRetried, NodeStarted, RunEnded, Usage
from graphs_app.models import Graph, GraphVersion, Run
from graphs_app.services import claims, execution, graphs, runs
from sessions_app.models import Session, SessionEvent, User

AT = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
EDGES = (("a", "b"), ("b", "c"), ("c", "a"))
TOOLS = {"a": "set_state", "b": "set_state", "c": "set_state"}


def make_ada() -> User:
    return User.objects.create(username="ada", name="Ada")


def make_version(
    slug: str = "loop", definition: dict[str, Any] | None = None, user: User | None = None
) -> GraphVersion:
    graph = Graph.objects.create(slug=slug, name=slug, version=1, created_by=user, built_in=user is None)
    return GraphVersion.objects.create(graph=graph, number=1, definition=definition or {}, digest="")


def loaded(version: GraphVersion) -> LoadedGraph:
    """A graph version as the journal needs it; nothing here is executed."""
    return LoadedGraph(version.pk, version.graph.slug, version.number, {}, None, EDGES, TOOLS)  # type: ignore[arg-type]


def claimed(version: GraphVersion, owner: str = "w1", **fields: Any) -> Run:
    """A run as a worker holds it."""
    run = Run.objects.create(graph_version=version, **fields)
    found = claims.claim_run(run_id=run.pk, owner=owner)
    assert found is not None
    return found


def started(activation: int, node_id: str = "a", attempt: int = 1) -> NodeStarted:
    return NodeStarted(activation, node_id, TOOLS[node_id], attempt, activation, AT)


def done(
    number: int,
    node_id: str = "a",
    writes: dict[str, Any] | None = None,
    *,
    edges: Sequence[int] = (0,),
    effects: Sequence[Effect] = (),
    usage: Usage | None = None,
    text: str = "",
    attempt: int = 1,
) -> NodeDone:
    """A checkpoint; its activation is its number less one, as in a run without branches."""
    return NodeDone(
        number=number,
        activation=number - 1,
        node_id=node_id,
        tool=TOOLS[node_id],
        attempt=attempt,
        seen=number - 1,
        status="completed",
        writes=writes if writes is not None else {"n": number},
        edges_taken=edges,
        started_at=AT,
        finished_at=AT,
        duration_ms=1.5,
        effects=effects,
        usage=usage,
        text=text,
    )


def retried(activation: int, attempt: int, usage: Usage | None, effects: Sequence[Effect]) -> NodeRetried:
    error = {"type": "RetryableError", "message": "again", "node_id": "a"}
    return NodeRetried(activation, "a", TOOLS["a"], attempt, activation, error, 0.0, AT, usage, effects)


def failed(activation: int, node_id: str = "a", message: str = "boom") -> NodeFailed:
    error = {"type": "ToolError", "message": message, "node_id": node_id}
    return NodeFailed(activation, node_id, TOOLS[node_id], 1, activation, error, AT, AT, 1.5)


def spent(prompt: int, completion: int, cost: str | None) -> Usage:
    return Usage("builtin", prompt, completion, None if cost is None else Decimal(cost))


def ended(
    status: Any = "completed", state: dict[str, Any] | None = None, error: dict[str, Any] | None = None
) -> RunEnded:
    return RunEnded(status, state or {}, AT, error)


# Runs that are really executed --------------------------------------------------------------------

SUM: dict[str, Any] = {
    "v": 1,
    "name": "Sum",
    "entry_node": "start",
    "nodes": [
        {"node_id": "start", "tool": "set_state", "config": {"values": {"n": 0}}},
        {"node_id": "add", "tool": "compute", "config": {"set": {"n": "n + 1"}}},
    ],
    "edges": [
        {"from_node": "start", "to_node": "add"},
        {"from_node": "add", "to_node": "add", "type": "conditional", "condition": "n < 5"},
    ],
}


def line(name: str, *nodes: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A graph whose nodes follow one another."""
    ids = [node["node_id"] for node in nodes]
    edges = [{"from_node": start, "to_node": end} for start, end in pairwise(ids)]
    return {"v": 1, "name": name, "entry_node": ids[0], "nodes": list(nodes), "edges": edges, **more}


def node(node_id: str, tool: str, config: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    return {"node_id": node_id, "tool": tool, "config": config or {}, **more}


def keep(user: User, definition: dict[str, Any]) -> Graph:
    return graphs.create_graph(user=user, definition=definition)


def start(user: User, definition: dict[str, Any], **given: Any) -> Run:
    """A queued run of a new graph."""
    state = given.pop("initial_state", {})
    return runs.start_run(user=user, graph=keep(user, definition).slug, initial_state=state, **given)


def execute(run: Run) -> Run:
    """What Celery's task does, without Celery."""
    future = execution.execute(run_id=run.pk)
    assert future is not None
    future.result(30)
    run.refresh_from_db()
    return run


def wait_until(condition: Callable[[], bool], within_s: float = 60.0) -> None:
    """Waits for what another thread or process brings about; looks again and again, and fails when it does not come."""
    deadline = monotonic() + within_s
    while not condition():
        assert monotonic() < deadline, "what was waited for did not come"
        Event().wait(0.01)


def make_session(user: User) -> Session:
    session = Session.objects.create(title="Pairs", created_by=user, idle_ttl_s=600, max_ttl_s=6000)
    session.members.create(user=user, role="owner")
    return session


def types_of(session: Session) -> list[str]:
    """The types of the session's events; their numbers have no holes."""
    log = list(SessionEvent.objects.filter(session=session).order_by("seq").values_list("seq", "type"))
    assert [seq for seq, _ in log] == list(range(1, len(log) + 1))
    return [type for _, type in log]
