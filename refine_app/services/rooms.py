"""How much room there is at endpoints: what their limits count, and how many of those who wait may go on."""

from collections.abc import Collection
from datetime import datetime, timedelta

from django.db.models import QuerySet, Sum
from django.utils import timezone

from refine_app.model_clients.endpoints import EndpointSpec
from refine_app.models import ModelCall
from refine_app.services import endpoints

STARTED = "started"
MINUTE = timedelta(minutes=1)
PLENTY = 500
"""Of an endpoint without limits: so many go on at once, and as many the next time somebody looks."""


def under_way(endpoint: EndpointSpec, now: datetime) -> int:
    """Calls that are being answered; one that should have ended long ago had a worker that died."""
    since = now - timedelta(seconds=endpoint.timeout_s * 2)
    return ModelCall.objects.filter(endpoint=endpoint.slug, outcome=STARTED, created_at__gt=since).count()


def lately(endpoint: EndpointSpec, now: datetime) -> QuerySet[ModelCall]:
    """The calls that count for its limits a minute."""
    return ModelCall.objects.filter(endpoint=endpoint.slug, created_at__gt=now - MINUTE)


def tokens_of(calls: QuerySet[ModelCall]) -> int:
    sums = calls.aggregate(asked=Sum("prompt_tokens"), answered=Sum("completion_tokens"))
    return (sums["asked"] or 0) + (sums["answered"] or 0)


def room_of(slugs: Collection[str]) -> dict[str, int]:
    """By slug, how many calls could begin now. What cannot be called any more is left out: who waits finds out."""
    now = timezone.now()
    return {spec.slug: _room(spec, now) for spec in endpoints.callable_specs(now) if spec.slug in slugs}


def _room(endpoint: EndpointSpec, now: datetime) -> int:
    if endpoint.breaker == "open":
        return 0
    room = 1 if endpoint.breaker == "half_open" else PLENTY
    if endpoint.max_concurrency is not None:
        room = min(room, endpoint.max_concurrency - under_way(endpoint, now))
    if endpoint.requests_per_minute is not None:
        room = min(room, endpoint.requests_per_minute - lately(endpoint, now).count())
    if endpoint.tokens_per_minute is not None and tokens_of(lately(endpoint, now)) * 2 > endpoint.tokens_per_minute:
        return 0  # how many the next call takes is not known here
    return room
