"""Who and what the tests of runs are about: a person, graphs, claimed runs, and entries as the engine writes them."""

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from graphs_app.definitions import LoadedGraph
from graphs_app.engine.checkpoint import Effect, NodeDone, NodeFailed, NodeStarted, RunEnded, Usage
from graphs_app.models import Graph, GraphVersion, Run
from graphs_app.services import claims
from sessions_app.models import User

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


def failed(activation: int, node_id: str = "a", message: str = "boom") -> NodeFailed:
    error = {"type": "ToolError", "message": message, "node_id": node_id}
    return NodeFailed(activation, node_id, TOOLS[node_id], 1, activation, error, AT, AT, 1.5)


def spent(prompt: int, completion: int, cost: str | None) -> Usage:
    return Usage("builtin", prompt, completion, None if cost is None else Decimal(cost))


def ended(
    status: Any = "completed", state: dict[str, Any] | None = None, error: dict[str, Any] | None = None
) -> RunEnded:
    return RunEnded(status, state or {}, AT, error)
