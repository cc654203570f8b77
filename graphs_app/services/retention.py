"""Deletes runs outside sessions after their retention; those of a session go with it."""

from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Now

from graphs_app.models import Run
from sessions_app.conflicts import retried

AT_ONCE = 50


def due() -> QuerySet[Run]:
    """Runs that have ended so long ago that nobody keeps them; their sub-runs go with them."""
    retained = timedelta(seconds=settings.RUN_RETENTION_S)
    return Run.objects.filter(session=None, parent=None, finished_at__lt=Now() - retained)


def prune_runs() -> int:
    """Deletes what is due, in small transactions; a crash leaves the rest for the next time. Returns how many."""
    pruned = 0
    while found := list(due().order_by("finished_at").values_list("pk", flat=True)[:AT_ONCE]):
        retried(partial(_delete, found))
        pruned += len(found)
    return pruned


def _delete(run_ids: Sequence[UUID]) -> None:
    with transaction.atomic():
        due().filter(pk__in=run_ids).delete()
