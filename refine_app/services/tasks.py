"""Tasks in natural language: a task is a run of the task router, told in the words of its own interface."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Avg, Count, F, Q, QuerySet
from django.db.models.fields.json import KeyTextTransform

from graphs_app.models import Run, RunStatus
from graphs_app.services import runs
from refine_app.errors import InstructionEmpty, InstructionTooLong
from refine_app.services import messages
from refine_app.services.history import session_history
from refine_app.services.requests import INSTRUCTION_MAX
from sessions_app.errors import NotFound
from sessions_app.models import Session, User
from sessions_app.permissions import Action, require
from sessions_app.services import sessions, texts
from sessions_app.services.events import append

GRAPH = "task_router"
STEPS_GRAPH = "build"
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
    text = _checked(task, "/task")
    with transaction.atomic():
        session = _session_for(user=user, text=text, session_id=session_id, now=now)
        state = {"task": text, "history": _history(session)}
        return _start(user=user, graph=GRAPH, session=session, text=text, state=state, metadata=metadata, now=now)


def submit_query(*, user: User, query: str, metadata: Mapping[str, Any], now: datetime) -> Run:
    """Queues a run of the five steps from research to the finished answer, in a session of its own."""
    text = _checked(query, "/query")
    with transaction.atomic():
        session = _session_for(user=user, text=text, session_id=None, now=now)
        state = {"task": text, "instruction": text, "history": []}
        return _start(user=user, graph=STEPS_GRAPH, session=session, text=text, state=state, metadata=metadata, now=now)


def _checked(given: str, pointer: str) -> str:
    text = given.strip()
    if not text:
        raise InstructionEmpty()
    if len(text) > INSTRUCTION_MAX:
        raise InstructionTooLong(length=len(text), limit=INSTRUCTION_MAX)
    texts.check(text, pointer=pointer)
    return text


def _session_for(*, user: User, text: str, session_id: UUID | None, now: datetime) -> Session:
    if session_id is None:
        return sessions.create(user=user, title=text[:TITLE_MAX], language="text", now=now)
    session = require(user, session_id, Action.EDIT).session
    sessions.touch(session=session, now=now)
    return session


def _start(
    *,
    user: User,
    graph: str,
    session: Session,
    text: str,
    state: dict[str, Any],
    metadata: Mapping[str, Any],
    now: datetime,
) -> Run:
    """Starts the run, and writes what was asked into the session's log."""
    run = runs.start_run(
        user=user,
        graph=graph,
        session_id=session.pk,
        initial_state=state,
        metadata={"task": text, runs.PRIVATE: dict(metadata)},
        now=now,
    )
    append(session.pk, [messages.person_says(user=user, text=text, run=run.pk)])
    return run


def _history(session: Session) -> list[dict[str, Any]]:
    """What was asked in the session before and what came of it, tasks and requests, each oldest first."""
    ended = (RunStatus.COMPLETED, RunStatus.FAILED)
    done = Run.objects.filter(session=session, graph_version__graph__slug=GRAPH, status__in=ended)
    earlier = list(done.order_by("-created_at")[:EARLIER_TASKS])
    requests = session_history(session_id=session.pk, parent_id=None)
    return [*requests, *(_turn(run) for run in reversed(earlier))]


def _turn(run: Run) -> dict[str, Any]:
    result = _object(_object(run.state).get("result"))
    return {
        "instruction": str(run.metadata.get("task", ""))[:2000],
        "agent": str(result.get("agent_name", "")),
        "summary": str(result.get("summary", ""))[:1000],
        "error": str((run.error or {}).get("message", ""))[:1000],
    }


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
        found = found.filter(Q(state__selected_agent=agent) | Q(state__classification__agent_name=agent))
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


def described(run: Run, viewer: User) -> dict[str, Any]:
    """A task as its interface promises it; where it came from is for the person who asked, and for staff."""
    # The graph can be run with any state as well, so nothing in it is sure to be of its type.
    state = _object(run.state)
    result = state.get("result")
    # A routing that failed has chosen as well; it was not followed.
    proposed = _object(state.get("classification"))
    agent = _text(state.get("selected_agent")) or _text(proposed.get("agent_name"))
    return {
        "task_id": str(run.pk),
        "session_id": str(run.session_id) if run.session_id else None,
        "task": _text(run.metadata.get("task")) or "",
        "status": STATUS[RunStatus(run.status)],
        "agent_type": agent,
        "selected_agent": agent,
        "peer_routing_reason": _text(state.get("peer_routing_reason", proposed.get("reasoning"))),
        "confidence": _number(state.get("confidence", proposed.get("confidence"))),
        "created_at": run.created_at,
        "queued_at": run.created_at,
        "started_at": run.started_at,
        "completed_at": run.finished_at,
        "updated_at": run.finished_at or run.started_at or run.created_at,
        "result": _result(result) if isinstance(result, dict) else None,
        "error": _error(run),
        "tokens": {"prompt": run.prompt_tokens, "completion": run.completion_tokens},
        "cost_usd": None if run.cost_usd is None else f"{run.cost_usd:f}",
        "metadata": _metadata(run, viewer),
    }


def _result(result: dict[str, Any]) -> dict[str, Any]:
    citations = result.get("citations")
    return {
        "summary": _text(result.get("summary")) or "",
        "raw_output": _text(result.get("raw_output")) or "",
        "code_language": _text(result.get("code_language")),
        "citations": [one for one in citations if isinstance(one, dict)] if isinstance(citations, list) else [],
    }


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _metadata(run: Run, viewer: User) -> dict[str, Any] | None:
    """Of what came as a task: a run that was started as such has none."""
    found = run.metadata.get(runs.PRIVATE)
    if not isinstance(found, dict) or (run.user_id != viewer.pk and not viewer.is_staff):
        return None
    return dict.fromkeys(("ip", "user_agent", "request_id", "environment"), "") | found


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


def described_agents() -> list[dict[str, Any]]:
    """Every agent with the list of its tools: those that tasks are routed to, then those of the five steps."""
    # What does the work is loaded by who asks for it: most processes need not.
    from refine_app.agents.agent import Described
    from refine_app.agents.registry import agents
    from refine_app.agents.toolbox import DESCRIPTIONS
    from refine_app.tools.building import RESEARCHER, STEPS

    routed: list[tuple[str, Described]] = [(GRAPH, agent) for agent in agents().values()]
    of_steps: list[tuple[str, Described]] = [(STEPS_GRAPH, agent) for agent in (RESEARCHER, *STEPS.values())]
    return [
        {
            "name": agent.name,
            "responsibilities": agent.responsibilities,
            "graph": graph,
            "tools": [{"name": name, "description": DESCRIPTIONS[name]} for name in agent.tools],
        }
        for graph, agent in [*routed, *of_steps]
    ]
