"""The ledger of model calls: what the effect model_call.record of a tool writes, in the node run's own transaction."""

from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any
from uuid import UUID

from django.utils import timezone

from graphs_app.models import Run
from refine_app.errors import EffectRefused
from refine_app.models import ModelCall
from sessions_app.events import Event
from sessions_app.models import new_id

EFFECT = "model_call.record"


def record_model_call(run: Run, node_run_id: UUID, payload: Mapping[str, Any]) -> Sequence[Event]:
    """Marks a call as counted in its run's sums, or adds a row for one that was made without opening it at the desk.

    Nobody is told, because the journal tells what a run has spent.
    """
    endpoint = payload.get("endpoint")
    if not isinstance(endpoint, str) or not endpoint:
        raise EffectRefused(effect=EFFECT, problem=f"endpoint must name who was called, found {endpoint!r}")
    call_id = _id(payload.get("id"))
    if call_id is not None and ModelCall.objects.filter(pk=call_id).update(accounted=True):
        return []
    ModelCall.objects.create(
        id=call_id or new_id(),
        run=run,
        root_run=run.pk,
        node_run=node_run_id,
        node_id=str(payload.get("node_id") or "")[:200],
        agent=str(payload.get("agent") or "")[:100],
        session_id=run.session_id,
        user_id=run.user_id,
        endpoint=endpoint[:200],
        model=str(payload.get("model") or "")[:200],
        reason=str(payload.get("reason") or ""),
        prompt_version=str(payload.get("prompt_version") or "")[:160],
        attempt=_count(payload, "attempt", 1),
        prompt_tokens=_count(payload, "prompt_tokens", 0),
        completion_tokens=_count(payload, "completion_tokens", 0),
        tokens_estimated=bool(payload.get("tokens_estimated", False)),
        cost_usd=_money(payload.get("cost_usd")),
        latency_ms=payload.get("latency_ms"),
        discarded=_count(payload, "discarded", 0),
        outcome=str(payload.get("outcome") or "completed")[:40],
        accounted=True,
        created_at=timezone.now(),
    )
    return []


def _id(value: Any) -> UUID | None:
    try:
        return None if value is None else UUID(str(value))
    except ValueError as error:
        raise EffectRefused(effect=EFFECT, problem=f"id must be a UUID, found {value!r}") from error


def _count(payload: Mapping[str, Any], key: str, default: int) -> int:
    value = payload.get(key, default)
    if not isinstance(value, int) or value < 0:
        raise EffectRefused(effect=EFFECT, problem=f"{key} must be a whole number from 0 up, found {value!r}")
    return value


def _money(value: Any) -> Decimal | None:
    """None when the price is not known, which is not the same as nothing to pay."""
    if value is None:
        return None
    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite() or amount < 0:
        raise EffectRefused(effect=EFFECT, problem=f"cost_usd must be an amount of money or null, found {value!r}")
    return round(amount, 8)
