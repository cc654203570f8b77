"""Model calls in the ledger: opened with what each may cost at most before it is made, closed with what it did cost.

Opening is one transaction, in this order: the budgets, what dead workers left behind of this node run, stuck runs, then
the endpoint's breaker and limits. The rows themselves are what is counted, so that all workers hold to the same limits.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.cache import cache
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from graphs_app.models import AtBudget, Run
from graphs_app.streams import text_key
from refine_app import ledger_rows
from refine_app.ledger_rows import Earlier
from refine_app.model_clients.breakers import Breaker
from refine_app.model_clients.desk import (
    Asked,
    Begun,
    Caller,
    Closed,
    Opened,
    Planned,
    Spent,
    begin_with,
    resting_for,
)
from refine_app.model_clients.errors import BudgetExhausted, EndpointBusy, EndpointResting, EndpointUnavailable
from refine_app.model_clients.tokens import estimate
from refine_app.models import EndpointState, ModelCall, ModelCallText
from refine_app.routing.endpoints import rank
from refine_app.services import budgets, endpoints, rooms, stuck
from refine_app.services.call_texts import KeptPrompt, kept_prompt, kept_text
from refine_app.services.rooms import MINUTE, STARTED
from sessions_app.plurals import counted

COMPLETED = "completed"
LOST = "lost"
MARGIN = Decimal("1.5")
"""An estimate of tokens may be off by a third."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How a run stands before a call, with its budgets locked."""

    run: Run
    root: Run
    budgets: Sequence[budgets.InForce]
    of_node_run: Sequence[Earlier]
    """The calls of this node run."""
    the_same: Sequence[Earlier]
    """The node's calls in the whole run that asked the very same and were answered."""


def begin_call(asked: Asked, now: datetime) -> Begun:
    """Chooses an endpoint and reserves the call, of the best one that may be called now. Raises ModelErrors."""
    prompt = kept_prompt(asked.messages)
    with transaction.atomic():
        standing = _stand(asked.caller, asked.input_hash, now)
        if standing.budgets and not settings.COST_TRACKING_ENABLED:
            raise EndpointUnavailable(
                "A budget is in force, and costs are not tracked (COST_TRACKING_ENABLED is off), so no model may be "
                "called; lift the budget, or track costs.",
                retryable=False,
            )
        needs = replace(
            asked.needs,
            budget_left=min((budget.left_usd for budget in standing.budgets), default=None),
            avoid=frozenset(c.endpoint for c in standing.of_node_run if c.outcome not in (STARTED, COMPLETED)),
        )
        choices = rank(endpoints.callable_specs(now), needs)
        return begin_with(asked, choices, lambda planned: _reserve(standing, planned, prompt, now))


def open_call(planned: Planned, now: datetime) -> Opened:
    """Reserves a call. Raises RunStuck, BudgetExhausted, EndpointResting or EndpointBusy: nothing is reserved then."""
    prompt = kept_prompt(planned.asked.messages)
    with transaction.atomic():
        return _reserve(_stand(planned.caller, planned.asked.input_hash, now), planned, prompt, now)


def _stand(caller: Caller, input_hash: str, now: datetime) -> Standing:
    run = ledger_rows.find_run(caller.run_id)
    root = budgets.root_of(run)
    held = budgets.in_force(root=root, now=now, lock=True)
    of_node_run, the_same = ledger_rows.earlier_calls(
        node_run=caller.node_run_id, root_run=root.pk, node_id=caller.node_id, input_hash=input_hash
    )
    return Standing(run, root, held, of_node_run, the_same if input_hash else [])


def _reserve(standing: Standing, planned: Planned, prompt: KeptPrompt | None, now: datetime) -> Opened:
    caller, asked, run = planned.caller, planned.asked, standing.run
    worst = planned.endpoint.cost_of(
        int(asked.needs.prompt_tokens * MARGIN),
        planned.endpoint.limit_for(asked.needs.prompt_tokens, asked.needs.max_tokens),
    )
    _hold_to_budgets(standing, worst, planned)
    stuck.raise_if_stuck(planned, standing.the_same)
    _hold_to_endpoint(planned, now)
    before = _left_behind(run, caller)
    key = ledger_rows.insert_call(
        {
            "run_id": run.pk,
            "root_run": standing.root.pk,
            "graph": ledger_rows.graph_of(standing.root.graph_version_id),
            "node_run": caller.node_run_id,
            "node_id": caller.node_id[:200],
            "agent": caller.agent[:100],
            "session_id": run.session_id,
            "user_id": run.user_id,
            "endpoint": planned.endpoint.slug,
            "model": planned.endpoint.model[:200],
            "prompt_version": asked.prompt_version[:160],
            "reason": planned.reason,
            "input_hash": asked.input_hash,
            "attempt": caller.attempt,
            "claim": run.lease_epoch,
            "prompt_tokens": asked.needs.prompt_tokens,
            "tokens_estimated": True,
            "reserved_usd": worst,
            "duplicate": any(call.outcome in (COMPLETED, LOST) for call in before),
            "outcome": STARTED,
            "created_at": now,
        }
    )
    if prompt is not None:
        ledger_rows.insert_text(key, run.pk, prompt.messages, truncated=prompt.truncated)
    return Opened(
        key,
        [Spent(c.pk, c.endpoint, c.prompt_tokens, c.completion_tokens, c.cost_usd) for c in before],
    )


OF_WHAT = {
    "run": "this run",
    "session": "this session",
    "user": "its user",
    "graph": "its graph",
    "site": "the site",
}


def _hold_to_budgets(standing: Standing, worst: Decimal | None, planned: Planned) -> None:
    for budget in sorted(standing.budgets, key=lambda one: one.left_usd):
        if worst is not None and worst <= budget.left_usd:
            continue
        of_what = OF_WHAT[budget.name]
        needed = "an unknown amount, as its price is not known" if worst is None else f"${budgets.in_words(worst)}"
        limit, left = budgets.in_words(budget.limit_usd), budgets.in_words(budget.left_usd)
        raise BudgetExhausted(
            f"The budget of {of_what} is ${limit}, ${left} of it is left, and the next call to "
            f"{planned.endpoint.slug!r} could take {needed}. Nothing was asked. Raise the budget and go on, take a "
            "cheaper model, or stop with what there is.",
            budget=budget.name,
            limit_usd=limit,
            left_usd=left,
            needed_usd=None if worst is None else budgets.in_words(worst),
            asks_for_s=settings.BUDGET_QUESTION_S if standing.root.at_budget == AtBudget.ASK else 0.0,
        )


def _left_behind(run: Run, caller: Caller) -> list[ModelCall]:
    """What earlier claims of the run asked for this node run and its sums lack: their workers died."""
    if run.lease_epoch <= 1:  # its first claim, and the query would take as long as any
        return []
    rows = ModelCall.objects.select_for_update(no_key=True, of=("self",)).filter(
        node_run=caller.node_run_id, accounted=False, claim__lt=run.lease_epoch
    )
    found = list(rows.order_by("pk"))
    for call in found:
        if call.outcome == STARTED:
            settle_lost(call)
    return found


def measured(heard: str) -> tuple[int, int]:
    """What was heard of an answer as the ledger has it: tokens, and characters."""
    return estimate(heard), len(heard)


def hear(calls: Mapping[UUID, tuple[int, int]]) -> None:
    """Writes down how much of the answers under way was heard: it is to be paid, whatever becomes of this process."""
    with transaction.atomic():
        for call_id in sorted(calls):  # in the order of all, so that none waits for one that waits for it
            tokens, length = calls[call_id]
            ledger_rows.hear(call_id, tokens, length)


def settle_lost(call: ModelCall) -> None:
    """Closes a call whose worker is gone, with what is known: what was asked, and what was heard of the answer.

    That is what the row tells, or the text that was shown to people, if it is longer and outlived the worker.
    """
    kept = cache.get(text_key(call.node_run)) if call.node_run else None
    heard = str(kept["text"]) if isinstance(kept, dict) and kept.get("attempt") == call.attempt else ""
    tokens, length = max(measured(heard), (call.completion_tokens, call.discarded))
    known = next((one for one in endpoints.known_endpoints() if one.endpoint.slug == call.endpoint), None)
    call.completion_tokens = tokens
    call.tokens_estimated = True
    call.cost_usd = (
        None if known is None else known.spec(timezone.now()).cost_of(call.prompt_tokens, call.completion_tokens)
    )
    call.reserved_usd = None
    call.discarded = length
    call.outcome = LOST
    call.save()
    reply, is_cut = kept_text(heard)
    ModelCallText.objects.filter(pk=call.pk).update(reply=reply, **({"truncated": True} if is_cut else {}))


def _hold_to_endpoint(planned: Planned, now: datetime) -> None:
    """The endpoint's breaker and limits; under its state's lock where others could get ahead of us."""
    if planned.endpoint.breaker == "closed" and not planned.endpoint.is_limited:
        return
    slug = planned.endpoint.slug
    states = EndpointState.objects.select_for_update(no_key=True)
    state = states.filter(slug=slug).first()
    if state is None:
        EndpointState.objects.get_or_create(slug=slug)
        state = states.get(slug=slug)
    breaker = endpoints.breaker_of(state)
    if not breaker.let_through(now.timestamp()):
        wait_s = breaker.wait_s(now.timestamp())
        raise EndpointResting(_why_resting(state, breaker, wait_s, now), retry_after_s=wait_s)
    _hold_to_limits(planned, now)
    _keep_breaker(state, breaker)


def _why_resting(state: EndpointState, breaker: Breaker, wait_s: float, now: datetime) -> str:
    last = f"Last: {state.last_error[:200]}"
    if not state.forced and breaker.has_asked_for_rest(now.timestamp()):
        return f"{resting_for(state.slug, wait_s)} {last}"
    why = "an operator opened it" if state.forced else f"{counted(state.failures, 'call')} in a row failed"
    return f"{state.slug!r} rests for another {wait_s:.0f} s: {why}. {last}"


def _hold_to_limits(planned: Planned, now: datetime) -> None:
    limits, slug = planned.endpoint, planned.endpoint.slug
    if limits.max_concurrency is not None:
        going_on = rooms.under_way(limits, now)
        if going_on >= limits.max_concurrency:
            raise EndpointBusy(
                f"{slug!r} has {counted(going_on, 'call')} under way, as many as it may.", retry_after_s=1.0
            )
    lately = rooms.lately(limits, now)
    if limits.requests_per_minute is not None and lately.count() >= limits.requests_per_minute:
        times = counted(limits.requests_per_minute, "time")
        raise EndpointBusy(
            f"{slug!r} was called {times} within a minute, as often as it may.",
            retry_after_s=_until_free(lately, now),
        )
    if limits.tokens_per_minute is not None:
        taken = rooms.tokens_of(lately)
        if taken and taken + planned.asked.needs.prompt_tokens > limits.tokens_per_minute:
            raise EndpointBusy(
                f"{slug!r} took {taken} tokens within a minute of {limits.tokens_per_minute} that it may.",
                retry_after_s=_until_free(lately, now),
            )


def _until_free(lately: Any, now: datetime) -> float:
    oldest = lately.order_by("created_at").values_list("created_at", flat=True).first()
    return max(0.1, (oldest + MINUTE - now).total_seconds()) if oldest else 0.1


def close_call(closed: Closed, now: datetime) -> None:
    """What became of a call, and how its endpoint does after it."""
    values = {
        "outcome": closed.outcome,
        "prompt_tokens": closed.tokens.prompt,
        "completion_tokens": closed.tokens.completion,
        "tokens_estimated": closed.tokens.estimated,
        "cost_usd": closed.cost_usd,
        "reserved_usd": None,
        "latency_ms": closed.latency_ms,
        "discarded": closed.discarded,
    }
    reply = kept_text(closed.reply) if settings.KEEP_MODEL_TEXTS else ("", False)
    with transaction.atomic():
        ledger_rows.close_call(closed.call_id, values, reply)
        if closed.learnt is not None:
            endpoints.keep_quirks(closed.endpoint, closed.learnt)
        if closed.is_fault or closed.rest_s > 0:
            _endpoint_failed(closed, now)
        elif closed.outcome == COMPLETED:
            ledger_rows.endpoint_completed(closed.endpoint, now, closed.first_words_ms)
        else:
            EndpointState.objects.filter(slug=closed.endpoint, probe_until__isnull=False).update(probe_until=None)


def endpoint_answers(slug: str) -> None:
    """Closes a breaker at the first words of its probe: those who wait need not wait for the last."""
    EndpointState.objects.filter(slug=slug, forced="").update(failures=0, opened_at=None, probe_until=None)


def _endpoint_failed(closed: Closed, now: datetime) -> None:
    EndpointState.objects.get_or_create(slug=closed.endpoint)
    state = EndpointState.objects.select_for_update(no_key=True).get(slug=closed.endpoint)
    breaker = endpoints.breaker_of(state)
    if closed.is_fault:
        breaker.failed(now.timestamp())
    else:
        breaker.probe_until = None
    if closed.rest_s > 0:
        breaker.asked_for_rest(now.timestamp() + closed.rest_s)
    state.last_error, state.last_failed_at = closed.error, now
    state.save(update_fields=["last_error", "last_failed_at"])
    _keep_breaker(state, breaker)


def _keep_breaker(state: EndpointState, breaker: Breaker) -> None:
    """Writes a breaker back into its row, where it has changed."""
    if endpoints.breaker_of(state) != breaker:
        state.failures = breaker.failures
        state.opened_at = _moment(breaker.opened_at)
        state.probe_until = _moment(breaker.probe_until)
        state.rests_until = _moment(breaker.rests_until)
        state.save(update_fields=["failures", "opened_at", "probe_until", "rests_until"])


def _moment(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, tz=timezone.get_default_timezone())


def settle_abandoned(now: datetime) -> int:
    """Closes calls that nobody can still be making: their run is over, and its node will not begin anew."""
    over = ModelCall.objects.filter(Q(run__finished_at__isnull=False) | Q(run__isnull=True), outcome=STARTED)
    rows = list(over.filter(created_at__lt=now - timedelta(minutes=10)).order_by("pk")[:200])
    for call in rows:
        settle_lost(call)
    return len(rows)
