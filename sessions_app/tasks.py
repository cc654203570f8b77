"""What Celery beat asks of this app; each task only calls a service, and may run twice at once."""

import logging

from celery import shared_task

from sessions_app.clock import database_now
from sessions_app.services import lifetimes

log = logging.getLogger(__name__)


@shared_task  # type: ignore[untyped-decorator]  # Celery's decorator has no types
def expire_sessions() -> None:
    swept = lifetimes.sweep(now=database_now())
    if swept.expired:
        log.info("expired %d sessions: %s", len(swept.expired), ", ".join(map(str, swept.expired)))


@shared_task  # type: ignore[untyped-decorator]  # Celery's decorator has no types
def prune_sessions() -> None:
    now = database_now()
    pruned = lifetimes.prune(now=now)
    lifetimes.tidy(now=now)
    if pruned:
        log.info("deleted %d sessions after their retention: %s", len(pruned), ", ".join(map(str, pruned)))
