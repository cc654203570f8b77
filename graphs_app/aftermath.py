"""What journal entries bring with them in their transaction: effects, interrupts, the end of what hung on a run."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

from django.db.models.functions import Now
from django.utils import timezone

from graphs_app import dispatch, effects, events, selectors
from graphs_app.engine.checkpoint import Effect, Entry, Interrupted, NodeLost, NodeRetried, RunEnded
from graphs_app.engine.errors import LeaseLost, NodeCancelled, clean_text, error_json
from graphs_app.jsontext import storable
from graphs_app.models import (
    IDLE,
    Interrupt,
    InterruptStatus,
    NodeAttempt,
    NodeRun,
    NodeRunStatus,
    Run,
    RunStatus,
    node_run_id,
)
from graphs_app.store import Fenced
from sessions_app.events import Event

STOPPED_AT_ONCE = 200
"""Node runs in one statement."""


def apply_effect(run: Run, node_run: UUID, effect: Effect) -> Sequence[Event]:
    """Calls the effect's handler; returns what the session is to be told."""
    return effects.handler(effect.name)(run, node_run, storable(effect.payload))


def settle(entries: Sequence[Entry], run: Run, outcome: Fenced) -> tuple[Fenced, Sequence[Event]]:
    """Stores attempts and interrupts, and ends what hung on a run that ended; returns how the run stands after it, and
    what the session is to be told of its nodes."""
    attempts = [attempt_of(run.pk, entry) for entry in entries if isinstance(entry, NodeRetried | NodeLost)]
    if attempts:
        NodeAttempt.objects.bulk_create(attempts, ignore_conflicts=True)
    asked = [entry for entry in entries if isinstance(entry, Interrupted)]
    if asked:
        Interrupt.objects.bulk_create([_interrupt(run.pk, entry) for entry in asked], ignore_conflicts=True)
    ended = next((entry for entry in entries if isinstance(entry, RunEnded)), None)
    if ended is None or outcome.status == RunStatus.COMPLETED:
        return outcome, ()
    if outcome.status != RunStatus.INTERRUPTED:
        return outcome, end_all_of(run.pk)
    # Somebody may have answered while other branches still went on: then the run need not wait at all.
    if run.parent_id is None and selectors.unused_answers(run.pk).exists():
        Run.objects.filter(pk=run.pk, status=RunStatus.INTERRUPTED).update(status=RunStatus.QUEUED, queued_at=Now())
        dispatch.send_on_commit(run.pk, run.priority)
        return replace(outcome, status=RunStatus.QUEUED), ()
    return outcome, ()


def end_all_of(run_id: UUID) -> Sequence[Event]:
    """Ends what is still open of a run that is over: its node runs and interrupts, and its sub-runs that nobody works
    on. Returns what the run's session is to be told of its nodes; of sub-runs it is told nothing."""
    told = _stop_node_runs([run_id])
    run_ids = [run_id]
    while run_ids:
        Interrupt.objects.filter(run_id__in=run_ids, status=InterruptStatus.WAITING).update(
            status=InterruptStatus.DROPPED
        )
        run_ids = list(Run.objects.filter(IDLE, parent_id__in=run_ids).values_list("pk", flat=True))
        Run.objects.filter(IDLE, pk__in=run_ids).update(
            status=RunStatus.CANCELLED, finished_at=Now(), lease_owner="", lease_until=None, wake_at=None
        )
        _stop_node_runs(run_ids)
    return told


def _stop_node_runs(run_ids: Sequence[UUID]) -> Sequence[Event]:
    """Ends the node runs that no worker will end: they slept, or waited for a person, a retry or an endpoint."""
    started = NodeRun.objects.filter(run_id__in=run_ids, status=NodeRunStatus.STARTED)
    stopped = list(started.defer("writes", "text").order_by("run_id", "activation"))
    now = timezone.now()
    for node_run in stopped:
        node_run.status = NodeRunStatus.FAILED
        node_run.error = error_json(
            NodeCancelled(f"Node {node_run.node_id!r} was stopped because its run ended"),
            run_id=node_run.run_id,
            node_id=node_run.node_id,
            attempt=node_run.attempt,
        )
        node_run.finished_at = now
        if node_run.started_at is not None:
            node_run.duration_ms = max(0.0, (now - node_run.started_at).total_seconds() * 1000)
    NodeRun.objects.bulk_update(stopped, ["status", "error", "finished_at", "duration_ms"], batch_size=STOPPED_AT_ONCE)
    return [_stopped(node_run) for node_run in stopped]


def _stopped(node_run: NodeRun) -> Event:
    return events.NodeFailed(
        run=node_run.run_id,
        node_run=node_run.pk,
        node_id=node_run.node_id,
        tool=node_run.tool,
        activation=node_run.activation,
        attempt=node_run.attempt,
        error=node_run.error or {},
        duration_ms=round(node_run.duration_ms or 0, 3),
        edges=[],
    )


def lease_lost(run_id: UUID) -> LeaseLost:
    """The error of a worker that is no longer the one to write for a run."""
    return LeaseLost(f"run {run_id} belongs to another worker now; nothing more is written for it")


def _interrupt(run_id: UUID, entry: Interrupted) -> Interrupt:
    return Interrupt(
        id=node_run_id(run_id, entry.activation),
        run_id=run_id,
        activation=entry.activation,
        node_id=entry.node_id,
        question=clean_text(entry.question),
        schema=storable(entry.schema),
        default=storable(entry.default),
        has_default=entry.has_default,
        expires_at=None if entry.timeout_s is None else Now() + timedelta(seconds=entry.timeout_s),
    )


def attempt_of(run_id: UUID, entry: NodeRetried | NodeLost) -> NodeAttempt:
    """The record of an attempt that is made again."""
    row = NodeAttempt(
        run_id=run_id,
        activation=entry.activation,
        node_id=entry.node_id,
        tool=entry.tool,
        attempt=entry.attempt,
        seen=entry.seen,
        error=storable(entry.error),
    )
    if isinstance(entry, NodeLost):
        row.started_at = entry.started_at
        return row
    row.started_at, row.finished_at = entry.started_at or entry.at, entry.at
    row.duration_ms, row.text = entry.duration_ms, clean_text(entry.text)
    if entry.usage is not None:
        row.endpoint, row.cost_usd = entry.usage.endpoint[:200], entry.usage.cost_usd
        row.prompt_tokens, row.completion_tokens = entry.usage.prompt_tokens, entry.usage.completion_tokens
    return row
