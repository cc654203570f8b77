"""The page of model endpoints: how each does, and for staff what may be tried, limited and switched."""

from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from refine_app.models import Kind, Tier
from refine_app.services import endpoints
from refine_app.services.endpoints import Known
from sessions_app.models import User

STATES = {"closed": ("good", "Ready"), "open": ("bad", "Resting"), "half_open": ("warn", "Trying again")}
LIMITS = (
    ("context_tokens", "Context, tokens", 100, ""),
    ("input_usd", "$ per million in", 0, "any"),
    ("output_usd", "$ per million out", 0, "any"),
    ("max_concurrency", "Calls at once", 1, ""),
    ("requests_per_minute", "Calls a minute", 1, ""),
    ("tokens_per_minute", "Tokens a minute", 1, ""),
    ("thinking_tokens", "Thinking, tokens", 0, ""),
    ("timeout_s", "Longest call, s", 1, "any"),
    ("idle_timeout_s", "Longest silence, s", 0.1, "any"),
)
"""What staff may set as a number: field, label, least, step."""


@login_required
@require_safe
def endpoint_list(request: HttpRequest) -> HttpResponse:
    """All endpoints; where they are, and what they are called with, only for staff."""
    assert isinstance(request.user, User)  # noqa: S101 - login_required has made sure
    staff = request.user.is_staff
    rows = [_row(known, staff=staff) for known in endpoints.known_endpoints()]
    context = {
        "in_use": [row for row in rows if not row["why_off"]],
        "off": [row for row in rows if row["why_off"]],
        "staff": staff,
        "kinds": Kind.choices,
        "tiers": Tier.values,
    }
    return render(request, "refine_app/endpoints.html", context)


def _row(known: Known, *, staff: bool) -> dict[str, Any]:
    one, state = known.endpoint, known.state
    tone, words = STATES[known.breaker(timezone.now())]
    if known.why_off:
        tone, words = "", "No token" if one.enabled else "Off"
    return {
        "slug": one.slug,
        "title": one.name or one.slug,
        "model": one.model,
        "tier": one.tier,
        "place": _place(one.url) if staff else "",
        "secret": one.secret if staff else "",
        "tone": tone,
        "state": words,
        "why_off": known.why_off if staff or not one.secret else known.why_off and "no token for it",
        "forced": state.forced,
        "failures": state.failures,
        "latency_ms": state.latency_ms,
        "last_error": state.last_error if staff and state.failures else "",
        "last_failed_at": state.last_failed_at,
        "last_completed_at": state.last_completed_at,
        "context": f"{one.context_tokens:,} tokens",
        "price": _price(one.input_usd, one.output_usd),
        "allowed": _allowed(one),
        "is_given": known.is_given,
        "may_delete": staff and not known.is_given and not one.built_in,
        "enabled": one.enabled,
        "numbers": [
            {"name": name, "label": label, "least": least, "step": step, "value": _number(getattr(one, name))}
            for name, label, least, step in LIMITS
        ],
    }


def _place(url: str) -> str:
    return urlsplit(url).netloc if url else "Hugging Face router"


def _price(into: Any, out: Any) -> str:
    if into is None or out is None:
        return "Price not known"
    return f"${into.normalize():f} in, ${out.normalize():f} out per million tokens"


def _allowed(one: Any) -> list[str]:
    named = (
        (one.max_concurrency, "at once"),
        (one.requests_per_minute, "calls a minute"),
        (one.tokens_per_minute, "tokens a minute"),
    )
    return [f"{value:,} {words}" for value, words in named if value is not None]


def _number(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    return f"{value:g}" if isinstance(value, float) else str(value)
