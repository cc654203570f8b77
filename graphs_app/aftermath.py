"""What journal entries bring with them in their transaction: effects, interrupts, the end of what hung on a run."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

from django.db.models.functions import Now

from graphs_app import dispatch, effects, selectors
from graphs_app.engine.checkpoint import Effect, Entry, Interrupted, NodeLost, NodeRetried, RunEnded
from graphs_app.engine.errors import LeaseLost, clean_text
from graphs_app.jsontext import storable
from graphs_app.models import IDLE, Interrupt, InterruptStatus, NodeAttempt, Run, RunStatus, node_run_id
from graphs_app.store import Fenced
from sessions_app.events import Event


def apply_effect(run: Run, node_run: UUID, effect: Effect) -> Sequence[Event]:
    """Calls the effect's handler; returns what the session is to be told."""
    return effects.handler(effect.name)(run, node_run, storable(effect.payload))


def settle(entries: Sequence[Entry], run: Run, outcome: Fenced) -> Fenced:
    """Stores attempts and interrupts, and ends what hung on a run that ended; returns how the run stands after it."""
    attempts = [attempt_of(run.pk, entry) for entry in entries if isinstance(entry, NodeRetried | NodeLost)]
    if attempts:
        NodeAttempt.objects.bulk_create(attempts, ignore_conflicts=True)
    asked = [entry for entry in entries if isinstance(entry, Interrupted)]
    if asked:
        Interrupt.objects.bulk_create([_interrupt(run.pk, entry) for entry in asked], ignore_conflicts=True)
    ended = next((entry for entry in entries if isinstance(entry, RunEnded)), None)
    if ended is None or outcome.status == RunStatus.COMPLETED:
        return outcome
    if outcome.status != RunStatus.INTERRUPTED:
        end_below([run.pk])
        return outcome
    # Somebody may have answered while other branches still went on: then the run need not wait at all.
    if run.parent_id is None and selectors.unused_answers(run.pk).exists():
        Run.objects.filter(pk=run.pk, status=RunStatus.INTERRUPTED).update(status=RunStatus.QUEUED, queued_at=Now())
        dispatch.send_on_commit(run.pk, run.priority)
        return replace(outcome, status=RunStatus.QUEUED)
    return outcome


def end_below(run_ids: Sequence[UUID]) -> None:
    """Drops the interrupts of runs that are over, and cancels their sub-runs that nobody works on."""
    while run_ids:
        Interrupt.objects.filter(run_id__in=run_ids, status=InterruptStatus.WAITING).update(
            status=InterruptStatus.DROPPED
        )
        run_ids = list(Run.objects.filter(IDLE, parent_id__in=run_ids).values_list("pk", flat=True))
        Run.objects.filter(IDLE, pk__in=run_ids).update(
            status=RunStatus.CANCELLED, finished_at=Now(), lease_owner="", lease_until=None, wake_at=None
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
