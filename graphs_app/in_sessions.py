"""What graphs tell sessions: which have work going on, what to do at their end, what a node run has said so far."""

from collections.abc import Collection
from uuid import UUID

from django.core.cache import cache

from graphs_app import presence
from graphs_app.models import NodeRun, Run, RunStatus
from graphs_app.services import runs
from graphs_app.streams import text_key
from sessions_app import lifecycle
from sessions_app.realtime import agents, texts
from sessions_app.realtime.protocol import TextSoFar

WORKING = (RunStatus.QUEUED, RunStatus.RUNNING)
"""An interrupted run waits for a person, a parked one for its time; they alone keep no session alive."""


def install() -> None:
    """Registers with the app below; called when this app is ready."""
    lifecycle.busy(with_work)
    lifecycle.on_expire(cancel_runs)
    lifecycle.before_delete(lock_runs)
    texts.register(text_so_far)
    agents.register(presence.at_work)


def with_work(session_ids: Collection[UUID]) -> set[UUID]:
    """Which of these sessions have a run that is queued or running."""
    working = Run.objects.filter(session_id__in=session_ids, status__in=WORKING, wake_at__isnull=True)
    return {session_id for session_id in working.values_list("session_id", flat=True) if session_id is not None}


def cancel_runs(session_id: UUID) -> None:
    """Cancels what runs in a session that has expired."""
    runs.cancel_runs_of_session(session_id=session_id)


def lock_runs(session_id: UUID) -> None:
    """In the journal's order: it locks runs by their ids, and then the sessions that it tells of them."""
    list(Run.objects.select_for_update().filter(session_id=session_id).order_by("pk").values_list("pk"))


def text_so_far(session_id: UUID, node_run_id: UUID) -> TextSoFar | None:
    """A node run's words: from the cache while it speaks, from its row when it is done; for its own session only."""
    row = NodeRun.objects.filter(pk=node_run_id, run__session_id=session_id).first()
    if row is None:
        return None
    kept = cache.get(text_key(node_run_id))
    if row.finished_at is None and kept is not None and kept["attempt"] >= row.attempt:
        return TextSoFar(run=row.run_id, node_id=row.node_id, attempt=kept["attempt"], text=kept["text"])
    return TextSoFar(run=row.run_id, node_id=row.node_id, attempt=row.attempt, text=row.text)
