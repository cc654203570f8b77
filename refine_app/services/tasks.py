"""Tasks in natural language: a task is a run of the task router, told in the words of its own interface."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Avg, Count, F, QuerySet
from django.db.models.fields.json import KeyTextTransform

from graphs_app.models import Run, RunStatus
from graphs_app.services import runs
from refine_app.errors import InstructionEmpty, InstructionTooLong
from refine_app.services.requests import INSTRUCTION_MAX
from sessions_app.errors import NotFound
from sessions_app.models import Session, User
from sessions_app.permissions import Action, require
from sessions_app.services import sessions, texts

GRAPH = "task_router"
TITLE_MAX = 60
EARLIER_TASKS = 10
STATUS = {
    RunStatus.QUEUED: "queued",
    RunStatus.RUNNING: "processing",
    RunStatus.INTERRUPTED: "processing",
    RunStatus.COMPLETED: "completed",
    RunStatus.FAILED: "failed",
    RunStatus.CANCELLED: "failed",
}


def execute_task(*, user: User, task: str, session_id: UUID | None, metadata: Mapping[str, Any], now: datetime) -> Run:
    """Queues a task, in a session of its own where none is named. Raises what make_request raises."""
    text = task.strip()
    if not text:
        raise InstructionEmpty()
    if len(text) > INSTRUCTION_MAX:
        raise InstructionTooLong(length=len(text), limit=INSTRUCTION_MAX)
    texts.check(text, pointer="/task")
    with transaction.atomic():
        if session_id is None:
            session = sessions.create(user=user, title=text[:TITLE_MAX], language="text", now=now)
        else:
            session = require(user, session_id, Action.EDIT).session
            sessions.touch(session=session, now=now)
        return runs.start_run(
            user=user,
            graph=GRAPH,
            session_id=session.pk,
            initial_state={"task": text, "history": _history(session)},
            metadata={"task": text, **metadata},
            now=now,
        )


def _history(session: Session) -> list[dict[str, Any]]:
    """The session's last tasks and what was answered, oldest first."""
    done = Run.objects.filter(session=session, graph_version__graph__slug=GRAPH, status=RunStatus.COMPLETED)
    earlier = list(done.order_by("-created_at")[:EARLIER_TASKS])
    return [
        {
            "instruction": str(run.metadata.get("task", ""))[:2000],
            "summary": str(((run.state or {}).get("result") or {}).get("summary", ""))[:1000],
        }
        for run in reversed(earlier)
    ]


def tasks_of(
    *,
    user: User,
    status: str = "",
    agent: str = "",
    since: datetime | None = None,
    until: datetime | None = None,
) -> QuerySet[Run]:
    """The person's tasks, newest first; staff sees all."""
    found = Run.objects.filter(graph_version__graph__slug=GRAPH, parent__isnull=True)
    if not user.is_staff:
        found = found.filter(user=user) | found.filter(session__members__user=user)
    if status:
        found = found.filter(status__in=[name for name, shown in STATUS.items() if shown == status])
    if agent:
        found = found.filter(state__selected_agent=agent)
    if since is not None:
        found = found.filter(created_at__gte=since)
    if until is not None:
        found = found.filter(created_at__lt=until)
    return found.distinct().order_by("-id")


def find_task(*, user: User, task_id: UUID) -> Run:
    run = tasks_of(user=user).filter(pk=task_id).first()
    if run is None:
        raise NotFound("task", task_id)
    return run


def described(run: Run) -> dict[str, Any]:
    """A task as its interface promises it."""
    state = run.state or {}
    result = state.get("result")
    agent = state.get("selected_agent")
    return {
        "task_id": str(run.pk),
        "session_id": str(run.session_id) if run.session_id else None,
        "task": run.metadata.get("task", ""),
        "status": STATUS[RunStatus(run.status)],
        "agent_type": agent,
        "selected_agent": agent,
        "peer_routing_reason": state.get("peer_routing_reason"),
        "confidence": state.get("confidence"),
        "created_at": run.created_at,
        "queued_at": run.created_at,
        "started_at": run.started_at,
        "completed_at": run.finished_at,
        "updated_at": run.finished_at or run.started_at or run.created_at,
        "result": None if result is None else {key: value for key, value in result.items() if key != "agent_name"},
        "error": _error(run),
        "tokens": {"prompt": run.prompt_tokens, "completion": run.completion_tokens},
        "cost_usd": None if run.cost_usd is None else f"{run.cost_usd:f}",
    }


def _error(run: Run) -> dict[str, str] | None:
    if run.status == RunStatus.CANCELLED:
        return {"type": "CANCELLED", "message": "The task was cancelled."}
    if run.status != RunStatus.FAILED:
        return None
    error = run.error or {}
    kind = str(error.get("code") or error.get("type") or "FAILED").upper()
    return {"type": kind, "message": str(error.get("message") or "The task failed.")}


def metrics(*, now: datetime) -> dict[str, Any]:
    """How tasks do: the queue, the counts of today and of all, who was chosen, and how long it took."""
    tasks = Run.objects.filter(graph_version__graph__slug=GRAPH, parent__isnull=True)
    today = tasks.filter(created_at__gte=now.replace(hour=0, minute=0, second=0, microsecond=0))
    took = today.filter(status=RunStatus.COMPLETED).aggregate(took=Avg(F("finished_at") - F("started_at")))["took"]
    waiting = Run.objects.filter(status=RunStatus.QUEUED).order_by().values_list("priority")
    by_priority = dict(waiting.annotate(count=Count("pk")))
    return {
        "queue_length": sum(by_priority.values()),
        "queue_by_priority": {str(priority): by_priority.get(priority, 0) for priority in reversed(runs.PRIORITIES)},
        "tasks_today": _by_status(today),
        "tasks_total": _by_status(tasks),
        "agent_distribution": _by_agent(tasks),
        "agent_distribution_today": _by_agent(today),
        "average_duration_ms": None if took is None else round(took.total_seconds() * 1000),
    }


def _by_status(tasks: QuerySet[Run]) -> dict[str, int]:
    counts = dict.fromkeys(STATUS.values(), 0)
    for status, count in tasks.order_by().values_list("status").annotate(count=Count("pk")):
        counts[STATUS[RunStatus(status)]] += count
    return counts | {"total": sum(counts.values())}


def _by_agent(tasks: QuerySet[Run]) -> dict[str, int]:
    """Of the tasks for which an agent was chosen, whatever became of them."""
    chosen = tasks.order_by().annotate(agent=KeyTextTransform("selected_agent", "state")).values_list("agent")
    return {agent: count for agent, count in chosen.annotate(count=Count("pk")).order_by("agent") if agent}
