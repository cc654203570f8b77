"""What Celery beat asks of this app; each task only calls a service, and may run twice at once."""

import logging
from collections.abc import Iterable
from uuid import UUID

from celery import shared_task

from sessions_app import lifecycle
from sessions_app.clock import database_now
from sessions_app.services import lifetimes

log = logging.getLogger(__name__)


@shared_task
def expire_sessions() -> None:
    swept = lifetimes.sweep(now=database_now())
    tell(swept.ended)
    if swept.expired:
        log.info("expired %d sessions: %s", len(swept.expired), ", ".join(map(str, swept.expired)))


@shared_task
def prune_sessions() -> None:
    now = database_now()
    pruned = lifetimes.prune(now=now)
    lifetimes.tidy(now=now)
    if pruned:
        log.info("deleted %d sessions after their retention: %s", len(pruned), ", ".join(map(str, pruned)))


def tell(session_ids: Iterable[UUID]) -> None:
    """Calls what upper apps registered for expiry; a failure is logged, and the next sweeps call again."""
    for session_id in session_ids:
        try:
            lifecycle.ended(session_id)
        except Exception:
            log.exception("session %s expired, but what was to be done for that failed", session_id)
