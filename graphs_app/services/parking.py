"""Runs of which nothing works for a while: no worker holds them, and any takes them up again when their time has come.

Such a run is `running` to everybody who asks, with a time at which it wakes. No worker has its lease, so it can be
cancelled like one that waits in the queue. It is queued when it wakes, and takes its turn among the others then.
"""

from collections.abc import Collection, Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Count, F
from django.db.models.functions import Greatest, Now
from django.utils import timezone

from graphs_app import awaited, dispatch, wakeups
from graphs_app.engine.checkpoint import Rest
from graphs_app.models import PARKED, Run, RunStatus
from graphs_app.services import claims

AT_ONCE = 500


def park_run(
    *,
    run: Run,
    wake_in_s: float,
    rests: Mapping[int, Rest],
    worked_ms: int,
    checkpoints: int,
    kept_bytes: int = 0,
    asked: Mapping[UUID, Collection[int]] | None = None,
    awaits: Collection[str] = (),
) -> bool:
    """Gives a claimed run's lease back until its time has come; what it waits counts as time that it takes.

    One that somebody has cancelled or answered meanwhile is queued at once; asked: by run, which activations of it and
    of its sub-runs wait for an answer. awaits: names of `awaited`; room for one of them wakes it early. Sub-runs wait
    for their parent.
    """
    with transaction.atomic():
        parked = (
            claims.fenced(run)
            .filter(status=RunStatus.RUNNING)
            .update(
                wake_at=Now() + timedelta(seconds=wake_in_s),
                awaits=" ".join(sorted(awaits)) if run.parent_id is None else "",
                rests={str(activation): _as_json(rest) for activation, rest in rests.items()},
                lease_owner="",
                lease_until=None,
                worked_ms=Greatest(F("worked_ms"), worked_ms + round(wake_in_s * 1000)),
                checkpoints=Greatest(F("checkpoints"), checkpoints),
                kept_bytes=Greatest(F("kept_bytes"), kept_bytes),
            )
        )
        if not parked:
            return False
        if run.parent_id is None and (wake_in_s <= 0 or _is_wanted(run, asked or {})):
            wake_early(run_id=run.pk)
        wakeups.wake_on_commit(run)
    return True


def _is_wanted(run: Run, asked: Mapping[UUID, Collection[int]]) -> bool:
    if Run.objects.filter(pk=run.pk, cancel_requested_at__isnull=False).exists():
        return True
    if not asked:
        return False
    answers = claims.answers_for(run_ids=asked)
    if any(activation in asked[run_id] for run_id, activation, _ in answers):
        return True
    return bool(claims.answered_below(run_ids=asked))


def wake_early(*, run_id: UUID) -> bool:
    """Queues a parked run before its time, since something that it waited for has come; it has not slept the rest."""
    with transaction.atomic():
        run = Run.objects.select_for_update(of=("self",)).filter(PARKED, pk=run_id, parent__isnull=True).first()
        if run is None or run.wake_at is None:
            return False
        left_ms = round(max(0.0, (run.wake_at - timezone.now()).total_seconds()) * 1000)
        Run.objects.filter(pk=run_id).update(worked_ms=max(0, run.worked_ms - left_ms))
        return _queue(Run.objects.filter(PARKED, pk=run_id), run.pk, run.priority)


def wake_due() -> int:
    """Queues the parked runs whose time has come, whoever has parked them; returns how many."""
    due = Run.objects.filter(PARKED, wake_at__lte=Now(), parent__isnull=True).order_by("wake_at")
    woken = 0
    for run_id, priority in due.values_list("pk", "priority")[:AT_ONCE]:
        with transaction.atomic():
            woken += _queue(Run.objects.filter(PARKED, pk=run_id, wake_at__lte=Now()), run_id, priority)
    return woken


def wake_awaited() -> int:
    """Queues parked runs as there is room for what they wait for, first who waits longest.

    It looks at how things stand and not at what has happened, so that nothing is missed by who parks a run just now, or
    dies. Returns how many go on waiting.
    """
    waiting = Run.objects.filter(PARKED, parent__isnull=True).exclude(awaits="")
    left = dict(waiting.order_by().values_list("awaits").annotate(Count("pk")))
    if not left:
        return 0
    room = awaited.room_for({name for names in left for name in names.split()})
    for names in left:
        best = max(names.split(), key=lambda name: room[name])
        chosen = waiting.filter(awaits=names).order_by("wake_at").values_list("pk", flat=True)
        for run_id in list(chosen[: min(room[best], AT_ONCE)]):
            if wake_early(run_id=run_id):
                room[best] -= 1
                left[names] -= 1
    return sum(left.values())


def _queue(parked: Any, run_id: UUID, priority: int) -> bool:
    queued = parked.update(status=RunStatus.QUEUED, wake_at=None, awaits="", queued_at=Now())
    if queued:
        dispatch.send_on_commit(run_id, priority)
    return bool(queued)


def _as_json(rest: Rest) -> dict[str, Any]:
    next_at = None if rest.next_at is None else rest.next_at.isoformat()
    return {"attempt": rest.attempt, "next_at": next_at, "left_s": rest.left_s}
