"""The page of costs: what model calls come to, by whatever they are grouped, and the budgets that hold them."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from graphs_app.models import Graph, Run
from refine_app.models import Budget, BudgetScope
from refine_app.services import budgets, sums
from sessions_app import selectors
from sessions_app.models import Role, Session, User

PERIODS = (("1", "Today"), ("7", "7 days"), ("30", "30 days"), ("all", "All time"))
GROUPS = {
    "day": "Day",
    "run": "Run",
    "node": "Node",
    "agent": "Agent",
    "workflow": "Graph",
    "session": "Session",
    "user": "Person",
    "endpoint": "Endpoint",
    "model": "Model",
    "prompt": "Prompt",
    "outcome": "Outcome",
}
ROWS = 100
SESSIONS = 50
ESTIMATED = (
    ("auto", "Choose for me"), ("refine_code", "Refine code"), ("code_review", "Review"),
    ("refine_prompt", "Refine a prompt"), ("ask", "Ask"), ("build", "Build"),
)  # fmt: skip


@login_required
@require_safe
def costs(request: HttpRequest) -> HttpResponse:
    """Sums over a period: of one's own calls, of all calls for staff; and what of the budgets is left."""
    user = request.user
    assert isinstance(user, User)  # noqa: S101 - login_required has made sure
    now = timezone.now()
    period = request.GET.get("period", "30")
    period = period if period in dict(PERIODS) else "30"
    by = request.GET.get("by", "day")
    by = by if by in GROUPS else "day"
    only = sums.Filter(since=_since(period, now))
    [total] = sums.sums_of(user=user, by="", only=only)
    rows = sums.sums_of(user=user, by=by, only=only)
    rows = sorted(rows, key=lambda row: row["key"] or "", reverse=True) if by == "day" else rows
    mine = list(selectors.sessions_of(user)[:SESSIONS])
    context = {
        "total": _figures(total),
        "rows": _named(rows[:ROWS], by),
        "more": max(0, len(rows) - ROWS),
        "by": by,
        "group": GROUPS[by],
        "groups": GROUPS.items(),
        "period": period,
        "periods": PERIODS,
        "staff": user.is_staff,
        "budgets": _budgets(user, now),
        "sessions": [session for session in mine if getattr(session, "role", "") != Role.VIEWER],
        "own_sessions": [session for session in mine if user.is_staff or getattr(session, "role", "") == Role.OWNER],
        "intents": ESTIMATED,
    }
    return render(request, "refine_app/costs.html", context)


def _since(period: str, now: datetime) -> datetime | None:
    if period == "all":
        return None
    return budgets.midnight(now) - timedelta(days=int(period) - 1)


def _figures(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row of sums as people read it; what is not known is said, and is never nothing."""
    cost = row["cost_usd"]
    return {
        "calls": f"{row['calls']:,}",
        "prompt_tokens": f"{row['prompt_tokens']:,}",
        "completion_tokens": f"{row['completion_tokens']:,}",
        "cost": _dollars(Decimal(cost)) if cost is not None else "not known" if row["calls"] else "$0",
        "unpriced": row["unpriced_calls"],
        "estimated": row["estimated_calls"],
        "failed": row["calls"] - row["completed"],
        "is_empty": row["calls"] == 0,
    }


def _dollars(amount: Decimal) -> str:
    """Cents where there are any to speak of, else as many places as it takes to say what it was."""
    if amount == 0:
        return "$0"
    return f"${amount:,.2f}" if amount >= 1 else f"${amount:.4f}" if amount >= Decimal("0.001") else f"${amount:.6f}"


def _named(rows: Sequence[Mapping[str, Any]], by: str) -> list[dict[str, Any]]:
    """Rows with their keys in words, links where there is a page, and their share of the most."""
    keys = [row["key"] for row in rows if row["key"]]
    names, links = _words(keys, by)
    weights = [Decimal(row["cost_usd"] or 0) for row in rows]
    if not any(weights):
        weights = [Decimal(row["prompt_tokens"] + row["completion_tokens"]) for row in rows]
    most = max(weights, default=Decimal(0)) or Decimal(1)
    return [
        _figures(row)
        | {
            "name": names.get(row["key"], row["key"]) or f"no {GROUPS[by].lower()}",
            "link": links.get(row["key"], ""),
            "share": round(weight / most * 100),
        }
        for row, weight in zip(rows, weights, strict=True)
    ]


def _words(keys: Sequence[str], by: str) -> tuple[dict[str, str], dict[str, str]]:
    names: dict[str, str] = {}
    links: dict[str, str] = {}
    if by == "run":
        for run in Run.objects.filter(pk__in=keys).select_related("graph_version__graph"):
            names[str(run.pk)] = f"{run.graph_version.graph.name}, {run.created_at:%Y-%m-%d %H:%M}"
            links[str(run.pk)] = reverse("run-page", args=[run.pk])
    elif by == "session":
        for session in Session.objects.filter(pk__in=keys):
            names[str(session.pk)] = session.title
            links[str(session.pk)] = reverse("workspace", args=[session.pk])
    elif by == "user":
        names = {str(user.pk): str(user) for user in User.objects.filter(pk__in=keys)}
    elif by == "workflow":
        links = {key: reverse("graph-page", args=[key]) for key in keys}
    elif by == "prompt":
        links = {key: f"{reverse('prompt-page', args=[key.partition('@')[0]])}?version={key.partition('@')[2]}"
                 for key in keys if "@" in key and key.partition("@")[2] != "built-in"}  # fmt: skip
    return names, links


def _budgets(user: User, now: datetime) -> list[dict[str, Any]]:
    found = list(budgets.seen_by(user)[:ROWS])
    names = _subjects(found)
    return [_budget(budget, names, now) for budget in found]


def _subjects(found: Sequence[Budget]) -> dict[UUID, str]:
    wanted = [budget.subject for budget in found if budget.subject is not None]
    names = {session.pk: session.title for session in Session.objects.filter(pk__in=wanted)}
    names |= {graph.pk: graph.name for graph in Graph.objects.filter(pk__in=wanted)}
    return names | {user.pk: str(user) for user in User.objects.filter(pk__in=wanted)}


def _budget(budget: Budget, names: Mapping[UUID, str], now: datetime) -> dict[str, Any]:
    spent = budgets.spent_of(budget, now)
    left = None if spent is None else max(Decimal(0), budget.limit_usd - spent)
    whose = {
        BudgetScope.SESSION: "Session",
        BudgetScope.USER: "Person",
        BudgetScope.GRAPH: "Graph",
        BudgetScope.SITE: "The whole site",
    }
    name = whose[BudgetScope(budget.scope)]
    if budget.subject is not None:
        name += f" {names.get(budget.subject, 'that is gone')!s}"
    elif budget.scope != BudgetScope.SITE:
        name = f"Each {name.lower()}"
    share = 0 if spent is None or not budget.limit_usd else min(100, round(spent / budget.limit_usd * 100))
    return {
        "id": str(budget.pk),
        "name": name,
        "period": "a day" if budget.period == "day" else "in all",
        "limit": _dollars(budget.limit_usd),
        "spent": None if spent is None else _dollars(spent),
        "left": None if left is None else _dollars(left),
        "share": share,
        "is_over": left == 0,
    }
