"""Runs that go on from what another has done: forks from a checkpoint, retries on a mended version, one node again."""

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Sum
from django.db.models.functions import Length

from graphs_app import definitions, selectors, time_limits
from graphs_app.engine import replan
from graphs_app.engine.checkpoint import ENTRY_BYTES, History
from graphs_app.engine.errors import EngineError
from graphs_app.errors import (
    CheckpointNotFound,
    NodeNotInVersion,
    RetryBlocked,
    RunNotFailed,
    RunNotFinished,
)
from graphs_app.jsontext import dump
from graphs_app.models import (
    TERMINAL,
    GraphVersion,
    NodeRun,
    NodeRunStatus,
    Run,
    RunStatus,
    node_run_id,
)
from graphs_app.services.runs import checked_state, invalid_state, queue_new
from graphs_app.snapshots import SNAPSHOT
from sessions_app import permissions
from sessions_app.errors import FieldProblem
from sessions_app.models import User, new_id
from sessions_app.permissions import Action

COPIED_AT_ONCE = 100
EDITED_BY = "edited_by"
"""In a run's metadata: who has set values of its state, or of that of a run which it goes on from."""


def fork_run(
    *,
    user: User,
    run: Run,
    checkpoint: int,
    state: Mapping[str, Any] | None = None,
    metadata: Mapping[str, Any] | None = None,
) -> Run:
    """A new run that goes on after a checkpoint of another, with values of its state and metadata set anew.

    Raises CheckpointNotFound, InvalidState.
    """
    if run.session_id is not None:
        permissions.require(user, run.session_id, Action.EDIT)
    edit = checked_state({} if state is None else state, "/state")
    last = selectors.checkpoint_count(run)
    if not 0 <= checkpoint <= last:
        raise CheckpointNotFound(f"Run {str(run.pk)!r} has checkpoints 0 to {last}, not {checkpoint}.")
    loaded = definitions.load_for(run)
    try:
        history = replan.fork(
            compiled=loaded.compiled,
            initial_state=run.initial_state,
            history=selectors.replayable(run),
            number=checkpoint,
            edit=edit,
            max_state_bytes=settings.RUN_STATE_MAX_BYTES,
        )
    except EngineError as error:
        raise invalid_state("/state", error.code, str(error)) from error
    old = dict(NodeRun.objects.filter(run=run, number__isnull=False).values_list("number", "activation"))
    sources = {done.number: old[done.number] for done in history.done}
    return _continue_as_new(user, run, run.graph_version, history, sources, {**(metadata or {}), **_edited(user, edit)})


def run_node_alone(
    *,
    user: User,
    run: Run,
    activation: int,
    state: Mapping[str, Any] | None = None,
    version: int | None = None,
    dry_run: bool | None = None,
) -> Run:
    """A new run of only one node, on the input that one of its node runs saw, with values of it set anew.

    It runs as the node was drawn then, or as it is in a named version; a dry run unless told otherwise when the run
    was one. Raises CheckpointNotFound, GraphNotFound, NodeNotInVersion, InvalidState.
    """
    if run.session_id is not None:
        permissions.require(user, run.session_id, Action.EDIT)
    edit = checked_state({} if state is None else state, "/state")
    node_run = NodeRun.objects.filter(run=run, activation=activation).first()
    if node_run is None:
        raise CheckpointNotFound(f"Run {str(run.pk)!r} has no step {activation}.")
    graph_version = _version_with_node(run, version, node_run.node_id)
    seen = selectors.inputs_of(run, [node_run])[activation]
    new = _successor(user, run, graph_version)
    new.only_node = node_run.node_id
    new.from_node_run = node_run.pk
    new.initial_state = checked_state({**seen, **edit}, "/state")
    new.metadata = {**run.metadata, **_edited(user, edit)}
    if dry_run is not None:
        new.dry_run = dry_run
    queue_new(new, graph_version)
    return new


def _edited(user: User, edit: Mapping[str, Any]) -> dict[str, str]:
    """What is noted of a run, and of all that go on from it, when a person has set values of its state."""
    return {EDITED_BY: str(user.pk)} if edit else {}


def _version_with_node(run: Run, version: int | None, node_id: str) -> GraphVersion:
    """The named version of the run's graph, or the run's own; it has the node."""
    if version is None:
        return run.graph_version
    found = selectors.version_of(run.graph_version.graph, version)
    if all(node["node_id"] != node_id for node in found.definition["nodes"]):
        raise NodeNotInVersion(f"Version {version} of graph {found.graph.slug!r} has no node {node_id!r}.")
    return found


def retry_run(*, user: User, run: Run, version: int | None = None) -> Run:
    """A new run that goes on from the last good checkpoint of a failed one, on the graph's current or a named version.

    Raises RunNotFinished, RunNotFailed, RetryBlocked with a problem for each node run that cannot be reused.
    """
    if run.session_id is not None:
        permissions.require(user, run.session_id, Action.EDIT)
    plan, graph_version = retry_plan(run=run, version=version)
    if plan.blocked:
        errors = [
            FieldProblem(pointer=f"/nodes/{node.node_id}", code="blocked", message=node.why)
            for node in plan.nodes
            if node.action == "blocked"
        ]
        raise RetryBlocked(f"Run {str(run.pk)!r} cannot go on on version {graph_version.number}.", errors=errors)
    sources = {
        node.new_number: node.activation
        for node in plan.nodes
        if node.action == "reuse" and node.new_number is not None
    }
    return _continue_as_new(user, run, graph_version, plan.history, sources)


def retry_plan(*, run: Run, version: int | None = None) -> tuple[replan.Plan, GraphVersion]:
    """What a retry would reuse, run again or be blocked by, and the version that it would run on."""
    if run.status not in TERMINAL:
        raise RunNotFinished(f"Run {str(run.pk)!r} is {run.status}; cancel it, or wait for its end.")
    if run.status == RunStatus.COMPLETED:
        raise RunNotFailed(f"Run {str(run.pk)!r} has completed; there is nothing to retry. Fork it instead.")
    graph = run.graph_version.graph
    graph_version = selectors.version_of(graph, version or graph.version)
    if run.only_node:
        _version_with_node(run, graph_version.number, run.only_node)
    try:
        plan = replan.plan_retry(
            old=definitions.load_for(run).compiled,
            new=definitions.load(graph_version.pk, run.only_node).compiled,
            initial_state=run.initial_state,
            history=selectors.replayable(run),
        )
    except EngineError as error:
        raise RetryBlocked(f"What run {str(run.pk)!r} has done cannot be replayed: {error}") from error
    return plan, graph_version


def _continue_as_new(
    user: User,
    run: Run,
    version: GraphVersion,
    history: History,
    sources: Mapping[int, int],
    metadata: Mapping[str, Any] | None = None,
) -> Run:
    """Queues a new run with a history; sources say which activation of the old run each checkpoint was."""
    new = _successor(user, run, version)
    new.metadata = {**run.metadata, **(metadata or {})}
    if SNAPSHOT in new.metadata:
        new.metadata[SNAPSHOT] = str(version.pk)
    new.only_node = run.only_node
    new.from_node_run = run.from_node_run
    new.checkpoints = new.claimed_checkpoints = len(history.done)
    new.edits = {str(number): edit for number, edit in history.edits.items()}
    new.kept_bytes = _copied_bytes(run, history)
    with transaction.atomic():
        queue_new(new, version)
        for begin in range(0, len(history.done), COPIED_AT_ONCE):
            some = history.done[begin : begin + COPIED_AT_ONCE]
            found = NodeRun.objects.filter(run=run, activation__in=[sources[done.number] for done in some])
            old = {node_run.activation: node_run for node_run in found}
            NodeRun.objects.bulk_create([_copied(new, done, old[sources[done.number]]) for done in some])
    return new


def _copied_bytes(run: Run, history: History) -> int:
    """What the copies take: the new run keeps it just as if it had written it, and somebody's quota is asked for it."""
    entries = 2 * ENTRY_BYTES * len(history.done)
    texts = NodeRun.objects.filter(run=run, number__isnull=False).aggregate(size=Sum(Length("text")))["size"] or 0
    edits = sum(len(dump(edit)) for edit in history.edits.values())
    return entries + texts + edits + sum(len(dump(done.writes)) for done in history.done)


def _successor(user: User, run: Run, version: GraphVersion) -> Run:
    """A run like another and under the same conditions; not saved yet."""
    return Run(
        id=new_id(),
        session_id=run.session_id,
        user=user,
        graph_version=version,
        forked_from=run,
        priority=run.priority,
        durability=run.durability,
        initial_state=run.initial_state,
        timeout_s=time_limits.inherited(run.timeout_s),
        budget_usd=run.budget_usd,
        at_budget=run.at_budget,
        dry_run=run.dry_run,
        metadata=run.metadata,
    )


def _copied(run: Run, done: Any, source: NodeRun) -> NodeRun:
    """A reused node run: what it wrote and when, but not what it cost, which is paid already."""
    return NodeRun(
        id=node_run_id(run.pk, done.activation),
        run=run,
        activation=done.activation,
        number=done.number,
        seen=min(source.seen, done.number - 1),
        node_id=done.node_id,
        tool=source.tool,
        status=NodeRunStatus(source.status),
        attempt=source.attempt,
        writes=dict(done.writes),
        edges_taken=list(done.edges_taken),
        error=source.error,
        text=source.text,
        started_at=source.started_at,
        finished_at=source.finished_at,
        duration_ms=source.duration_ms,
        endpoint=source.endpoint,
    )
