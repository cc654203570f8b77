"""Who works on a run: claims by lease and epoch, renewal, release, and what a claimed run is resumed from.

Times are compared by the database's clock, so a worker whose own clock is wrong neither steals nor loses.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.db.models import F, QuerySet
from django.db.models.functions import Greatest, Now

from graphs_app import aftermath, dispatch, events, selectors, wakeups
from graphs_app.engine.checkpoint import Done, History, Rest
from graphs_app.engine.host import without_try
from graphs_app.jsontext import storable
from graphs_app.models import Interrupt, InterruptStatus, NodeRun, NodeRunStatus, Run, RunStatus, WorkerHeartbeat
from sessions_app.conflicts import retried
from sessions_app.services.events import append

POISON = "poison"

COUNTED = "coalesce((SELECT max(n.number) FROM graphs_app_noderun n WHERE n.run_id = graphs_app_run.id), checkpoints)"
"""How far the run is: its own row may lag behind its node runs when a worker died."""

CRASHES = f"""CASE WHEN {COUNTED} > claimed_checkpoints THEN 0
            WHEN status = 'running' THEN crashes + 1 ELSE crashes END"""
LEASE_END_ON_POSTGRES = "statement_timestamp() + make_interval(secs => %s)"
LEASE_END_ON_SQLITE = "strftime('%%Y-%%m-%%d %%H:%%M:%%f', 'now', '+' || %s || ' seconds')"
CLAIM_FORM = """
{found}UPDATE graphs_app_run SET
  checkpoints = {counted},
  crashes = {crashes},
  status = 'running',
  lease_owner = %s,
  lease_until = {lease_end},
  lease_epoch = lease_epoch + 1,
  attempt = attempt + 1,
  started_at = coalesce(started_at, {now}),
  claimed_checkpoints = {counted}
WHERE {these} AND parent_id IS NULL AND (status = 'queued' OR (status = 'running' AND lease_until < {now}))
  AND {crashes} <> %s
RETURNING *"""
CLAIM_ON_POSTGRES = CLAIM_FORM.format(
    # Locked in the order of ids, as everybody locks runs. A claim that PostgreSQL forgets when it crashes is a claim
    # that nobody made: its owner's name occurs but once, so its fence fails. The first journal entry makes it durable.
    # Until then nobody need wait for the disk.
    found="WITH found AS (SELECT f.id FROM graphs_app_run f WHERE f.id = ANY(%s::uuid[]) "
    "AND set_config('synchronous_commit', 'off', true) = 'off' ORDER BY f.id FOR NO KEY UPDATE) ",
    # Not a join, which would be a nested loop as long as nobody has counted the table's rows.
    these="id = ANY(%s::uuid[]) AND (id IN (SELECT found.id FROM found)) IS TRUE",
    counted=COUNTED,
    crashes=CRASHES,
    now="statement_timestamp()",
    lease_end=LEASE_END_ON_POSTGRES,
)
CLAIM_ON_SQLITE = CLAIM_FORM.format(
    found="",
    these="id = %s",
    counted=COUNTED,
    crashes=CRASHES,
    now="strftime('%%Y-%%m-%%d %%H:%%M:%%f', 'now')",
    lease_end=LEASE_END_ON_SQLITE,
)
"""Claim and read in one statement: the way from a request to its first node has little time for more."""

RENEW_FORM = """
WITH held AS (
  SELECT h.id FROM graphs_app_run h WHERE h.lease_owner = %s AND h.status = 'running' AND {these}{locked})
UPDATE graphs_app_run SET lease_until = {lease_end} WHERE id IN (SELECT held.id FROM held)
RETURNING id, cancel_requested_at"""
RENEW_ON_POSTGRES = RENEW_FORM.format(
    these="h.id = ANY(%s::uuid[])",
    # In the journal's order, or the two would deadlock.
    locked=" ORDER BY h.id FOR NO KEY UPDATE",
    lease_end=LEASE_END_ON_POSTGRES,
)
RENEW_ON_SQLITE = RENEW_FORM.format(
    these="h.id IN (SELECT value FROM json_each(%s))", locked="", lease_end=LEASE_END_ON_SQLITE
)


def claim_run(*, run_id: UUID, owner: str) -> Run | None:
    """Takes the lease of a queued run, or of one whose lease ran out; None when there is nothing to take."""
    return claim_runs(run_ids=[run_id], owner=owner).get(run_id)


NOBODY = -1
"""No run has so many crashes."""


def claim_runs(*, run_ids: Sequence[UUID], owner: str) -> dict[UUID, Run]:
    """Takes the leases of those runs that are queued, or whose lease ran out, in one go: a claim alone costs as much.

    A run whose leases ended RUN_MAX_ATTEMPTS times in a row without a new checkpoint is poison: it fails here.
    """
    return _without_poison(_claimed(run_ids, owner, NOBODY))


def claim_unsuspected(*, run_ids: Sequence[UUID], owner: str) -> dict[UUID, Run]:
    """The same, but for suspects: runs that have a last chance, and must not have it beside another such run.

    The worker's other runs crash with a poison run; were they all tried again together, all would fail with it.
    """
    last_chance = settings.RUN_MAX_ATTEMPTS - 1
    return _without_poison(_claimed(run_ids, owner, last_chance if last_chance > 0 else NOBODY))


def _without_poison(runs: Iterable[Run]) -> dict[UUID, Run]:
    claimed = {}
    for run in runs:
        if run.crashes >= settings.RUN_MAX_ATTEMPTS:
            fail_run(run=run, error=_poison_error(run))
        else:
            claimed[run.pk] = run
    return claimed


def _claimed(run_ids: Sequence[UUID], owner: str, spared: int) -> list[Run]:
    """Claims; runs that have crashed `spared` times are left alone."""
    lease_s = settings.RUN_LEASE_S
    if connection.vendor == "postgresql":
        asked = [list(run_ids), owner, lease_s, list(run_ids), spared]
        return retried(lambda: list(Run.objects.raw(CLAIM_ON_POSTGRES, asked)))
    found: list[Run] = []
    with transaction.atomic() if len(run_ids) > 1 else nullcontext():
        for run_id in run_ids:
            found += Run.objects.raw(CLAIM_ON_SQLITE, [owner, lease_s, run_id.hex, spared])
    return found


def _poison_error(run: Run) -> dict[str, Any]:
    """Names the nodes that were at work, as far as it was written down that they had begun."""
    begun = NodeRun.objects.filter(run=run, number__isnull=True, status=NodeRunStatus.STARTED).order_by("activation")
    at_work = list(begun.values_list("node_id", "attempt"))
    nodes = ", ".join(f"{node_id!r} (attempt {attempt})" for node_id, attempt in at_work[:10])
    return {
        "type": "PoisonRun",
        "code": POISON,
        **({"node_id": at_work[0][0], "attempt": at_work[0][1]} if len(at_work) == 1 else {}),
        "message": f"Run {str(run.pk)!r} ended {run.crashes} workers in a row without a new checkpoint; it is not "
        f"tried again. {f'At work were: {nodes}. ' if nodes else ''}"
        "What it had done until then is kept; retry it on a mended graph.",
        "run_id": str(run.pk),
    }


def fenced(run: Run) -> QuerySet[Run]:
    """The run's row, as long as its lease is the one that this object holds."""
    return Run.objects.filter(pk=run.pk, lease_epoch=run.lease_epoch, lease_owner=run.lease_owner)


def fail_run(*, run: Run, error: dict[str, Any]) -> bool:
    """Ends a claimed run outside its journal: the engine could not be started on it, or its journal refused it."""
    error = storable(error)
    with transaction.atomic():
        ended = fenced(run).update(
            status=RunStatus.FAILED, error=error, finished_at=Now(), lease_owner="", lease_until=None
        )
        if ended:
            stopped = aftermath.end_all_of(run.pk)
            wakeups.wake_on_commit(run)
            if run.session_id is not None and run.parent_id is None:
                append(run.session_id, [*stopped, events.RunFailed(run=run.pk, error=error)])
    return bool(ended)


def release_lease(*, run: Run, worked_ms: int = 0, checkpoints: int = 0, kept_bytes: int = 0) -> bool:
    """Gives a claimed run back to the queue, from where any worker goes on with it; says how far it has come.

    Nobody holds one that has ended, and nothing brings it back.
    """
    with transaction.atomic():
        released = (
            fenced(run)
            .filter(status=RunStatus.RUNNING)
            .update(
                status=RunStatus.QUEUED,
                lease_owner="",
                lease_until=None,
                wake_at=None,
                queued_at=Now(),
                worked_ms=Greatest(F("worked_ms"), worked_ms),
                checkpoints=Greatest(F("checkpoints"), checkpoints),
                kept_bytes=Greatest(F("kept_bytes"), kept_bytes),
            )
        )
        if released and run.parent_id is None:
            dispatch.send_on_commit(run.pk, run.priority)
    return bool(released)


@dataclass(frozen=True, slots=True)
class Renewed:
    """What a worker learns when it renews its leases."""

    held: frozenset[UUID]
    cancelled: frozenset[UUID]
    """Those of them that somebody asked to cancel."""


def renew_leases(*, owner: str, run_ids: Sequence[UUID]) -> Renewed:
    """Renews the leases of a worker's runs in one statement, and brings back what people want of them.

    Only of those that it works on: a run whose claim was committed, but whose answer was lost, is to run out.
    """
    if connection.vendor == "postgresql":
        rows = list(Run.objects.raw(RENEW_ON_POSTGRES, [owner, list(run_ids), settings.RUN_LEASE_S]))
    else:
        these = json.dumps([run_id.hex for run_id in run_ids])
        rows = list(Run.objects.raw(RENEW_ON_SQLITE, [owner, these, settings.RUN_LEASE_S]))
    return Renewed(
        held=frozenset(run.pk for run in rows),
        cancelled=frozenset(run.pk for run in rows if run.cancel_requested_at is not None),
    )


def cancel_requests(*, owner: str) -> list[UUID]:
    """The runs of a worker that somebody asked to cancel; cheap enough to be asked twice a second."""
    asked = Run.objects.filter(lease_owner=owner, status=RunStatus.RUNNING, cancel_requested_at__isnull=False)
    return list(asked.values_list("pk", flat=True))


def answers_for(*, run_ids: Iterable[UUID]) -> list[tuple[UUID, int, Any]]:
    """What people have answered to these runs: run, activation, value."""
    answered = Interrupt.objects.filter(run_id__in=list(run_ids), status__in=selectors.ANSWERED)
    return list(answered.values_list("run_id", "activation", "value"))


def answered_below(*, run_ids: Iterable[UUID]) -> list[tuple[UUID, int, str]]:
    """Which activations of these runs wait for a sub-run that has its answer: run, activation, the sub-run's key.

    Only sub-runs that are paused are looked at, at any depth: what works finds its answers by itself.
    """
    above: dict[UUID, tuple[UUID, int, str]] = {}
    level = list(run_ids)
    while level:
        paused = Run.objects.filter(parent_id__in=level, status=RunStatus.INTERRUPTED)
        level = []
        for run_id, parent_id, parent_key in paused.values_list("pk", "parent_id", "parent_key"):
            if parent_id is not None:
                activation, _, key = without_try(parent_key).partition(":")
                above[run_id] = above.get(parent_id) or (parent_id, int(activation), key)
                level.append(run_id)
    answered = selectors.unused_answers_of(above).values_list("run_id", flat=True)
    return sorted({above[run_id] for run_id in answered})


def beat(*, name: str, running: int, draining: bool) -> None:
    """Says that the worker is alive, by the database's clock."""
    WorkerHeartbeat.objects.update_or_create(
        name=name,
        defaults={"seen_at": Now(), "running": running, "draining": draining},
        create_defaults={"seen_at": Now(), "started_at": Now(), "running": running, "draining": draining},
    )


def retire(*, name: str) -> None:
    """Takes a worker that stopped in order out of the list of the living."""
    WorkerHeartbeat.objects.filter(name=name).delete()


def history_of(run: Run) -> History:
    """What the run goes on from. A first claim costs no query."""
    if run.attempt <= 1 and not run.checkpoints and not run.edits:
        return History()
    return read_history(run)


def read_history(run: Run) -> History:
    """All that is journaled of a run."""
    rows = (
        NodeRun.objects.filter(run=run)
        .order_by("number")
        .values_list(
            "number", "activation", "node_id", "writes", "edges_taken", "attempt", "started_at", "seen", "status"
        )
    )
    interrupts = list(
        Interrupt.objects.filter(run=run)
        .exclude(status=InterruptStatus.DROPPED)
        .values_list("activation", "status", "value")
    )
    asked = {activation for activation, _, _ in interrupts}
    done, attempts, begun, saw, skipped = [], {}, {}, {}, set()
    for number, activation, node_id, writes, edges_taken, attempt, started_at, seen, status in rows:
        if status == NodeRunStatus.SKIPPED:
            skipped.add(node_id)
        elif number is not None:
            done.append(Done(number, activation, node_id, writes or {}, edges_taken or ()))
        elif activation not in asked:
            attempts[activation] = attempt
            if started_at is not None:
                begun[activation], saw[activation] = started_at, seen
    return History(
        done=sorted(done, key=lambda one: one.number),
        answers={activation: value for activation, status, value in interrupts if status in selectors.ANSWERED},
        attempts=attempts,
        interrupted=frozenset(activation for activation, status, _ in interrupts if status == InterruptStatus.WAITING),
        begun=begun,
        saw=saw,
        skipped=frozenset(skipped),
        rests={int(activation): _rest(kept) for activation, kept in run.rests.items()},
        edits={int(number): edit for number, edit in run.edits.items()},
    )


def _rest(kept: Mapping[str, Any]) -> Rest:
    next_at = kept["next_at"]
    return Rest(kept["attempt"], None if next_at is None else datetime.fromisoformat(next_at), kept["left_s"])


def stale_heartbeats(*, older_than: timedelta) -> int:
    """Forgets workers that have not been seen for long; returns how many."""
    return WorkerHeartbeat.objects.filter(seen_at__lt=Now() - older_than).delete()[0]


def abandoned_among(run_ids: Iterable[UUID]) -> set[UUID]:
    """Those of the runs whose worker has not renewed its lease in time."""
    expired = Run.objects.filter(pk__in=list(run_ids), status=RunStatus.RUNNING, lease_until__lt=Now())
    return set(expired.values_list("pk", flat=True))


def expired_leases(*, limit: int) -> Sequence[tuple[UUID, int, str, datetime, int]]:
    """Runs whose worker has not renewed its lease in time: their priority, whose they were, until when, and how far."""
    expired = Run.objects.filter(status=RunStatus.RUNNING, lease_until__lt=Now(), parent__isnull=True)
    fields = ("pk", "priority", "lease_owner", "lease_until", "checkpoints")
    return list(expired.order_by("lease_until").values_list(*fields)[:limit])
