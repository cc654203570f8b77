"""What a process's log says of a run: what its lines belong to, and how it ended."""

import logging
from typing import Any

from graphs_app.definitions import LoadedGraph
from graphs_app.engine.checkpoint import RunEnded
from graphs_app.models import Run
from graphs_app.services.runs import PRIVATE

logger = logging.getLogger(__name__)

WORDS = {
    "completed": "is completed",
    "failed": "has failed",
    "cancelled": "is cancelled",
    "interrupted": "waits for a person",
}


def belonging(run: Run, graph: LoadedGraph) -> dict[str, Any]:
    """For every line that is written while it is worked on."""
    return {
        "task_id": str(run.pk),
        "session_id": str(run.session_id) if run.session_id else "",
        "user_id": str(run.user_id) if run.user_id else "",
        "agent_name": graph.slug,
        "request_id": str(run.metadata.get(PRIVATE, {}).get("request_id", "")),
    }


def tell_end(run: Run, graph: LoadedGraph, ended: RunEnded) -> None:
    """One line for each run that ends or waits for a person."""
    started = run.started_at or ended.at
    extra: dict[str, Any] = {
        "status": ended.status,
        "duration_ms": max(0, round((ended.at - started).total_seconds() * 1000)),
        "attempt": run.attempt,
    }
    if ended.status != "interrupted":
        extra["success"] = ended.status == "completed"
    if ended.error:
        extra["error"] = f"{ended.error.get('type', '')}: {ended.error.get('message', '')}"[:500]
    level = logging.WARNING if ended.status == "failed" else logging.INFO
    logger.log(level, "run %s (graph %s) %s", run.pk, graph.slug, WORDS[ended.status], extra=extra)
