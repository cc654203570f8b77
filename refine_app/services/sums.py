"""What model calls come to: sums of the ledger by run, node, agent, workflow, endpoint, user or day; and estimates."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import Count, F, Max, Q, QuerySet, Sum
from django.db.models.functions import TruncDate

from graphs_app.models import Run, RunStatus
from refine_app.model_clients.tokens import estimate
from refine_app.models import ModelCall
from sessions_app.models import User
from sessions_app.permissions import Action, require

KEYS: Mapping[str, str] = {
    "run": "root_run",
    "node": "node_id",
    "agent": "agent",
    "workflow": "run__graph_version__graph__slug",
    "endpoint": "endpoint",
    "model": "model",
    "session": "session_id",
    "user": "user_id",
    "day": "day",
    "prompt": "prompt_version",
    "outcome": "outcome",
}
ROWS_AT_MOST = 500
HISTORY = 40
"""So many runs of the past are looked at for an estimate."""


@dataclass(frozen=True, slots=True)
class Filter:
    """Which calls are meant."""

    session: UUID | None = None
    run: UUID | None = None
    user: UUID | None = None
    since: datetime | None = None
    until: datetime | None = None


def calls_of(*, user: User, only: Filter) -> QuerySet[ModelCall]:
    """Calls that a person may read: all of a session they are in, else their own; staff everybody's."""
    calls = ModelCall.objects.all()
    if only.session is not None:
        if not user.is_staff:
            require(user, only.session, Action.READ)
        calls = calls.filter(session=only.session)
    elif not user.is_staff:
        mine = Q(user=user)
        if only.run is not None:
            mine |= Q(session__members__user=user)
        calls = calls.filter(mine).distinct()
    if only.run is not None:
        calls = calls.filter(Q(run=only.run) | Q(root_run=only.run))
    if only.user is not None:
        calls = calls.filter(user=only.user)
    if only.since is not None:
        calls = calls.filter(created_at__gte=only.since)
    if only.until is not None:
        calls = calls.filter(created_at__lt=only.until)
    return calls


def sums_of(*, user: User, by: str, only: Filter) -> list[dict[str, Any]]:
    """[{key, calls, prompt_tokens, completion_tokens, cost_usd, ...}], the dearest first; by "" it is one row of all.

    cost_usd is null where nothing has a known price; unpriced says how many calls it lacks.
    """
    calls = ModelCall.objects.filter(pk__in=calls_of(user=user, only=only).values("pk"))
    if by == "day":
        calls = calls.annotate(day=TruncDate("created_at"))
    measures: dict[str, Any] = {
        "calls": Count("pk"),
        "prompts": Sum("prompt_tokens"),
        "completions": Sum("completion_tokens"),
        "paid": Sum("cost_usd"),
        "priced": Count("cost_usd"),
        "estimated": Count("pk", filter=Q(tokens_estimated=True)),
        "completed": Count("pk", filter=Q(outcome="completed")),
        "last_at": Max("created_at"),
    }
    if not by:
        return [_shown(None, calls.aggregate(**measures))]
    rows = calls.order_by().annotate(sum_key=F(KEYS[by])).values("sum_key").annotate(**measures)
    shown = [_shown(row["sum_key"], row) for row in rows]
    shown.sort(key=lambda row: (Decimal(row["cost_usd"] or 0), row["prompt_tokens"]), reverse=True)
    return shown[:ROWS_AT_MOST]


def _shown(key: Any, row: Mapping[str, Any]) -> dict[str, Any]:
    paid = row["paid"]
    return {
        "key": key.isoformat() if isinstance(key, date) else None if key is None else str(key),
        "calls": row["calls"],
        "completed": row["completed"],
        "prompt_tokens": row["prompts"] or 0,
        "completion_tokens": row["completions"] or 0,
        "estimated_calls": row["estimated"],
        "cost_usd": None if paid is None else f"{round(Decimal(paid), 8):f}",
        "unpriced_calls": row["calls"] - row["priced"],
        "last_at": row["last_at"],
    }


def estimate_of(*, graph: str, text: str) -> dict[str, Any]:
    """What a run of a graph may take: the middle, the lowest and the highest of its last completed runs.

    Runs of the past are scaled by the length of their text. Without any there is only what the text itself takes.
    """
    past = list(
        Run.objects.filter(graph_version__graph__slug=graph, status=RunStatus.COMPLETED, parent__isnull=True)
        .filter(prompt_tokens__gt=0)
        .order_by("-created_at")
        .values("prompt_tokens", "completion_tokens", "cost_usd", "initial_state")[:HISTORY]
    )
    own = max(1, estimate(text))
    if not past:
        # The text is read once and, at most, written once.
        return _range("text", 0, [own + 800, own + 800, own * 4], [own, own, own * 4], [])
    scaled = [_scaled(run, own) for run in past]
    costs = [cost for _, _, cost in scaled if cost is not None]
    return _range("history", len(past), [row[0] for row in scaled], [row[1] for row in scaled], costs)


def _scaled(run: Mapping[str, Any], own: int) -> tuple[int, int, Decimal | None]:
    state = run["initial_state"] or {}
    size = max(1, estimate(str(state.get("code") or state.get("task") or "")))
    # Instructions and history do not grow with the text, so a run is never scaled by more than ten.
    factor = min(10.0, max(0.1, own / size))
    cost = run["cost_usd"]
    return (
        round(run["prompt_tokens"] * factor),
        round(run["completion_tokens"] * factor),
        None if cost is None else Decimal(cost) * Decimal(str(factor)),
    )


def _range(
    basis: str, runs: int, prompts: Sequence[int], completions: Sequence[int], costs: Sequence[Decimal]
) -> dict[str, Any]:
    return {
        "basis": basis,
        "runs": runs,
        "prompt_tokens": _spread(prompts),
        "completion_tokens": _spread(completions),
        "cost_usd": {name: f"{value:.6f}" for name, value in _spread(costs).items()} if costs else None,
    }


def _spread(values: Sequence[Any]) -> dict[str, Any]:
    ordered = sorted(values)
    last = len(ordered) - 1
    return {
        "low": ordered[round(last * 0.1)],
        "middle": ordered[round(last * 0.5)],
        "high": ordered[round(last * 0.9)],
    }
