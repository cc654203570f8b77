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

EFFECT = "model_call.record"


def record_model_call(run: Run, node_run_id: UUID, payload: Mapping[str, Any]) -> Sequence[Event]:
    """Adds a row for one call; nobody is told, because the journal tells what a run has spent."""
    endpoint = payload.get("endpoint")
    if not isinstance(endpoint, str) or not endpoint:
        raise EffectRefused(effect=EFFECT, problem=f"endpoint must name who was called, found {endpoint!r}")
    ModelCall.objects.create(
        run=run,
        node_run=node_run_id,
        node_id=str(payload.get("node_id") or "")[:200],
        session_id=run.session_id,
        user_id=run.user_id,
        endpoint=endpoint[:200],
        model=str(payload.get("model") or "")[:200],
        attempt=_count(payload, "attempt", 1),
        prompt_tokens=_count(payload, "prompt_tokens", 0),
        completion_tokens=_count(payload, "completion_tokens", 0),
        tokens_estimated=bool(payload.get("tokens_estimated", False)),
        cost_usd=_money(payload.get("cost_usd")),
        latency_ms=payload.get("latency_ms"),
        outcome=str(payload.get("outcome") or "completed")[:40],
        created_at=timezone.now(),
    )
    return []


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
