"""The sweeper: finds runs whose message or whose worker was lost, and interrupts whose time is over.

It only sends ids and answers interrupts conditionally, so two of it at once send an id twice, which a claim makes good.
"""

import logging
from datetime import timedelta
from functools import partial

from django.db.models.functions import Now

from graphs_app import dispatch
from graphs_app.models import Interrupt, InterruptStatus, Run, RunStatus
from graphs_app.services import claims, parking, runs
from sessions_app.conflicts import retried

logger = logging.getLogger(__name__)

RESEND_AFTER = timedelta(seconds=10)
"""A message that was not lost is taken within this time, unless the workers are full: then it waits twice, no harm."""
FORGET_WORKERS_AFTER = timedelta(hours=1)
AT_ONCE = 500


def sweep() -> None:
    """One round."""
    resend_queued()
    resend_abandoned()
    parking.wake_due()
    parking.wake_awaited()
    expire_interrupts()
    claims.stale_heartbeats(older_than=FORGET_WORKERS_AFTER)


def resend_queued() -> int:
    """Sends queued runs again whose message is old; returns how many."""
    stale = Run.objects.filter(
        status=RunStatus.QUEUED, queued_at__lt=Now() - RESEND_AFTER, parent__isnull=True
    ).order_by("-priority", "queued_at")
    sent = 0
    for run_id, priority in stale.values_list("pk", "priority")[:AT_ONCE]:
        # The first sweeper to move queued_at sends; the other finds nothing to move.
        moved = Run.objects.filter(pk=run_id, status=RunStatus.QUEUED, queued_at__lt=Now() - RESEND_AFTER).update(
            queued_at=Now()
        )
        if moved:
            sent += 1
            if not dispatch.send(run_id, priority):
                break
    if sent:
        logger.info("sent %d queued runs again", sent)
    return sent


def resend_abandoned() -> int:
    """Sends runs whose lease ran out; whoever takes one claims it by its lease. Returns how many."""
    abandoned = claims.expired_leases(limit=AT_ONCE)
    for run_id, priority, owner, until, checkpoints in abandoned:
        dispatch.send(run_id, priority)
        logger.warning(
            "run %s is started again after step %d: its worker %s has not renewed its lease, which ended at %s",
            *(run_id, checkpoints, owner, until.isoformat(timespec="seconds")),
            extra={"task_id": str(run_id)},
        )
    return len(abandoned)


def expire_interrupts() -> int:
    """Answers interrupts whose time is over by their defaults; returns how many."""
    due = Interrupt.objects.filter(status=InterruptStatus.WAITING, expires_at__lt=Now()).select_related("run")
    expired = 0
    for interrupt in due[:AT_ONCE]:
        expired += retried(partial(runs.expire_interrupt, interrupt=interrupt))
    return expired
