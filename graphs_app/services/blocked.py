"""What a worker writes down before it ends because something blocks its event loop: who is to blame, and who is not."""

from uuid import UUID

from django.db import connection
from django.db.models.functions import Now

from graphs_app.models import Run, RunStatus
from graphs_app.services import claims


def leave_runs(*, owner: str, blamed: UUID | None) -> None:
    """Ends all leases of a worker. The run that is blamed, the topmost one, goes on as one that its worker died on, so
    that it is poison in the end; the others go back to the queue as if nothing had been. Nobody blamed: all are."""
    try:
        for run in Run.objects.filter(lease_owner=owner, status=RunStatus.RUNNING):
            if blamed is not None and _topmost(run) != blamed:
                claims.release_lease(run=run)
            else:
                claims.fenced(run).filter(status=RunStatus.RUNNING).update(lease_until=Now())
    finally:
        connection.close()


def _topmost(run: Run) -> UUID:
    while run.parent_id is not None:
        run = Run.objects.get(pk=run.parent_id)
    return run.pk
