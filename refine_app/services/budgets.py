"""Budgets of runs, sessions, users, graphs and the site: what may be spent, and what of it is spent or reserved."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet, Sum
from django.utils import timezone

from graphs_app import selectors, worker
from graphs_app.errors import CostTrackingOff
from graphs_app.models import Graph, Run
from graphs_app.services.graphs import require_own
from refine_app import ledger_rows
from refine_app.errors import AmountInvalid
from refine_app.models import Budget, BudgetPeriod, BudgetScope, ModelCall
from refine_app.services.endpoints import require_staff
from sessions_app import permissions
from sessions_app.errors import NotFound
from sessions_app.models import User
from sessions_app.permissions import Action

HIGHEST_USD = Decimal(100_000)


@dataclass(frozen=True, slots=True)
class InForce:
    """A budget that a call has to keep to."""

    name: str
    """run, session, user, graph or site."""
    limit_usd: Decimal
    spent_usd: Decimal
    """Paid, and reserved by calls under way."""
    period: str

    @property
    def left_usd(self) -> Decimal:
        return max(Decimal(0), self.limit_usd - self.spent_usd)


def root_of(run: Run) -> Run:
    """The run that a person started, of which this one may be a part."""
    while run.parent_id is not None:
        run = ledger_rows.find_run(run.parent_id)
    return run


def in_force(*, root: Run, now: datetime, lock: bool = False) -> list[InForce]:
    """The budgets of a run, with what is spent of each. lock: nobody else reserves until the transaction ends."""
    found = []
    limit = root.budget_usd
    if limit is not None:
        if lock:
            locked = Run.objects.select_for_update(no_key=True, of=("self",)).filter(pk=root.pk)
            limit = locked.values_list("budget_usd", flat=True).get()
        spent = spent_usd(Q(root_run=root.pk))
        found.append(InForce("run", limit or Decimal(0), spent, BudgetPeriod.TOTAL))
    for budget in _budgets(root, lock=lock):
        calls = _calls_of(budget, _subjects(root)[budget.scope], now)
        found.append(InForce(budget.scope, budget.limit_usd, spent_usd(calls), budget.period))
    return found


def _subjects(root: Run) -> dict[str, UUID | None]:
    """Whose budgets hold for a run, by their scope."""
    return {
        BudgetScope.SITE: None,
        BudgetScope.SESSION: root.session_id,
        BudgetScope.USER: root.user_id,
        BudgetScope.GRAPH: ledger_rows.graph_of(root.graph_version_id),
    }


def _budgets(root: Run, *, lock: bool) -> Sequence[Budget]:
    """The budgets that hold for a run; one for this very session, user or graph takes the place of that of each."""
    # Ids are unique over all of them, so the scope need not be asked for as well.
    has = _subjects(root)
    rows = ledger_rows.budgets_for(root.session_id, root.user_id, has[BudgetScope.GRAPH], lock=lock)
    own = {(row.scope, row.period) for row in rows if row.subject is not None}
    return [
        row
        for row in rows
        if row.scope == BudgetScope.SITE
        or row.subject is not None
        or ((row.scope, row.period) not in own and has[row.scope] is not None)
    ]


def _calls_of(budget: Budget, subject: UUID | None, now: datetime) -> Q:
    """The calls that a budget counts, of the session, user or graph that it holds for; the site's has none."""
    calls = Q() if budget.scope == BudgetScope.SITE else Q(**{budget.scope: subject})
    if budget.period == BudgetPeriod.DAY:
        calls &= Q(created_at__gte=midnight(now))
    return calls


def midnight(now: datetime) -> datetime:
    """When the day began for which money is counted."""
    return now.replace(hour=0, minute=0, second=0, microsecond=0)


def spent_usd(calls: Q) -> Decimal:
    """What these calls did cost, and what those under way may cost at most."""
    sums = ModelCall.objects.filter(calls).aggregate(paid=Sum("cost_usd"), reserved=Sum("reserved_usd"))
    # One database adds decimals as floats.
    return round((sums["paid"] or Decimal(0)) + (sums["reserved"] or Decimal(0)), 8)


def of_run(*, run_id: UUID, now: datetime) -> dict[str, Any]:
    """The budgets that hold for a run, and what is left of them."""
    root = root_of(Run.objects.get(pk=run_id))
    return {"run": run_id, "budget_usd": root.budget_usd, "budgets": in_force(root=root, now=now)}


def seen_by(user: User) -> QuerySet[Budget]:
    """The budgets that a person may read: staff all; others their own, and those of their sessions and graphs."""
    found = Budget.objects.order_by("-id")
    if user.is_staff:
        return found
    sessions = user.memberships.values("session_id")
    graphs = Graph.objects.filter(created_by=user, deleted_at__isnull=True).values("pk")
    return found.filter(
        Q(scope=BudgetScope.SESSION, subject__in=sessions)
        | Q(scope=BudgetScope.USER, subject=user.pk)
        | Q(scope=BudgetScope.GRAPH, subject__in=graphs)
    )


def spent_of(budget: Budget, now: datetime) -> Decimal | None:
    """What is spent and reserved of a budget in its period; None for one that each session or user has."""
    if budget.subject is None and budget.scope != BudgetScope.SITE:
        return None
    return spent_usd(_calls_of(budget, budget.subject, now))


def raise_run_budget(*, run_id: UUID, budget_usd: Decimal) -> Run:
    """Gives the whole of a run a larger budget, also where it is under way. Raises AmountInvalid."""
    with transaction.atomic():
        root = root_of(Run.objects.get(pk=run_id))
        amount = checked_amount(budget_usd)
        if root.budget_usd is not None and amount < root.budget_usd:
            raise AmountInvalid(f"the run has ${root.budget_usd} already, and a budget is only ever raised")
        root.budget_usd = amount
        Run.objects.filter(pk=root.pk).update(budget_usd=amount)
    here = worker.known()
    if here is not None:
        here.set_budget(root.pk, amount)
    return root


def raise_budget_of(*, user: User, run_id: UUID, budget_usd: Decimal) -> Run:
    """The same, by a person: an editor of the run's session, or whose run it is. Raises NotFound, NotAllowed."""
    run = Run.objects.filter(pk=run_id).first()
    if run is None or (run.session_id is None and run.user_id != user.pk):
        raise NotFound("run", run_id)
    if run.session_id is not None:
        permissions.require(user, run.session_id, Action.EDIT)
    return raise_run_budget(run_id=run_id, budget_usd=budget_usd)


def set_budget(*, user: User, scope: str, subject: UUID | None, period: str, limit_usd: Decimal) -> Budget:
    """Sets what a session, a user, a graph, each of them or the site may spend.

    Staff may set all; the owner of a session or graph its own. Raises NotAllowed, NotFound or AmountInvalid.
    """
    if scope == BudgetScope.SESSION and subject is not None and not user.is_staff:
        permissions.require(user, subject, Action.MANAGE)
    elif scope == BudgetScope.GRAPH and subject is not None and not user.is_staff:
        require_own(user, selectors.graph_for(user, str(subject)))
    else:
        require_staff(user)
    if scope == BudgetScope.SITE and subject is not None:
        raise AmountInvalid("a budget of the whole site has no subject")
    budget, _ = Budget.objects.update_or_create(
        scope=scope,
        subject=subject,
        period=period,
        defaults={"limit_usd": checked_amount(limit_usd), "created_by": user, "updated_at": timezone.now()},
    )
    return budget


def delete_budget(*, user: User, budget_id: UUID) -> None:
    """Lifts a budget. Raises NotFound, NotAllowed."""
    require_staff(user)
    deleted, _ = Budget.objects.filter(pk=budget_id).delete()
    if not deleted:
        raise NotFound("budget", budget_id)


def in_words(amount: Decimal) -> str:
    """Dollars without trailing zeros."""
    return f"{amount.normalize():f}"


def checked_amount(value: Any) -> Decimal:
    if not settings.COST_TRACKING_ENABLED:
        raise CostTrackingOff
    amount = Decimal(str(value))
    if not amount.is_finite() or not 0 <= amount <= HIGHEST_USD:
        raise AmountInvalid(f"expected dollars between 0 and {HIGHEST_USD}, found {value}")
    return round(amount, 6)
