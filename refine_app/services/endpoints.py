"""Endpoints: those of the database and those of the environment as one list, and what staff does with them."""

import os
import re
from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import lru_cache, partial
from hashlib import sha256
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone

from refine_app import ledger_rows
from refine_app.errors import EndpointFieldInvalid, EndpointIsGiven, EndpointTaken
from refine_app.model_clients.breakers import Breaker
from refine_app.model_clients.endpoints import EndpointSpec
from refine_app.model_clients.quirks import Quirks
from refine_app.models import Endpoint, EndpointState, Kind, Tier
from refine_app.safety.addresses import url_problem
from refine_app.services import role_models
from sessions_app.errors import NotAllowed, NotFound
from sessions_app.models import User

ENVIRONMENT = "environment"
HUGGING_FACE = "huggingface"
GROQ = "groq"
SECRET_NAME = re.compile(r"[A-Z][A-Z0-9_]{0,80}(_API_KEY|_TOKEN)")
"""Only names that can be nothing but a model's token: no endpoint can be made to send the site's own secrets."""
HUGGING_FACE_HOSTS = ("huggingface.co", "hf.co", "hf.space", "huggingface.cloud")
FIELDS = (
    "slug", "name", "kind", "model", "url", "tier", "context_tokens", "input_usd", "output_usd", "max_concurrency",
    "requests_per_minute", "tokens_per_minute", "timeout_s", "idle_timeout_s", "thinking_tokens", "reasoning_effort",
    "secret", "enabled",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Known:
    """An endpoint, how it does, and whether it can be called."""

    endpoint: Endpoint
    state: EndpointState
    is_given: bool
    """By the environment, so that it can be changed only there."""
    why_off: str
    """Why it cannot be called; empty when it can."""

    def breaker(self, now: datetime) -> str:
        return breaker_of(self.state).state_at(now.timestamp())

    def spec(self, now: datetime) -> EndpointSpec:
        one = self.endpoint
        return EndpointSpec(
            slug=one.slug,
            model=one.model,
            url=one.url,
            tier=one.tier,
            context_tokens=one.context_tokens,
            input_usd=one.input_usd if settings.COST_TRACKING_ENABLED else None,
            output_usd=one.output_usd if settings.COST_TRACKING_ENABLED else None,
            timeout_s=one.timeout_s,
            idle_timeout_s=one.idle_timeout_s,
            max_concurrency=one.max_concurrency,
            requests_per_minute=one.requests_per_minute,
            tokens_per_minute=one.tokens_per_minute,
            token=secret_of(one),
            allow_private=self.is_given or settings.PRIVATE_ENDPOINTS_ALLOWED,
            is_default=one.slug == ENVIRONMENT,
            breaker=self.breaker(now),
            failures=self.state.failures,
            latency_ms=self.state.latency_ms,
            thinking_tokens=one.thinking_tokens,
            reasoning_effort=one.reasoning_effort,
        ).with_quirks(self.quirks)

    @property
    def quirks(self) -> Quirks:
        """How its server differs from the protocol, as far as it is known."""
        return Quirks.from_json(self.state.quirks, server_of(self.endpoint))


def given_endpoints() -> Sequence[Endpoint]:
    """What the environment alone configures; they need no row."""
    return _given(
        settings.MODEL_ENDPOINT_URL,
        settings.MODEL_ENDPOINT_MODEL,
        settings.MODEL_ENDPOINT_CONTEXT,
        settings.MODEL_ENDPOINT_INPUT_USD,
        settings.MODEL_ENDPOINT_OUTPUT_USD,
        bool(settings.MODEL_ENDPOINT_TOKEN),
        settings.HF_MODEL if settings.HF_TOKEN else "",
        settings.MODEL_TIMEOUT_S,
        settings.MODEL_IDLE_TIMEOUT_S,
        settings.MODEL_ENDPOINT_THINKING_TOKENS,
        settings.MODEL_ENDPOINT_REASONING_EFFORT,
        settings.MODEL_ENDPOINT_TIER,
    )


@lru_cache(maxsize=4)
def _given(
    url: str,
    model: str,
    context: int,
    input_usd: float | None,
    output_usd: float | None,
    has_token: bool,
    hf_model: str,
    timeout_s: float,
    idle_timeout_s: float,
    thinking_tokens: int | None,
    reasoning_effort: str,
    tier: str,
) -> Sequence[Endpoint]:
    patience = {"timeout_s": timeout_s, "idle_timeout_s": idle_timeout_s}
    given = []
    if url:
        given.append(
            Endpoint(
                slug=ENVIRONMENT,
                name="MODEL_ENDPOINT_URL",
                kind=Kind.OPENAI_COMPATIBLE,
                model=model,
                url=url,
                tier=tier,
                context_tokens=context,
                input_usd=_price(input_usd),
                output_usd=_price(output_usd),
                thinking_tokens=thinking_tokens,
                reasoning_effort=reasoning_effort,
                secret="MODEL_ENDPOINT_TOKEN" if has_token else "",
                **patience,
            )
        )
    if hf_model:
        given.append(
            Endpoint(
                slug=HUGGING_FACE,
                name="HF_TOKEN",
                kind=Kind.HUGGING_FACE,
                model=hf_model,
                tier=Tier.STRONG,
                context_tokens=64_000,
                secret="HF_TOKEN",  # noqa: S106 - the name of a secret
                **patience,
            )
        )
    return tuple(given)


def known_endpoints() -> list[Known]:
    """All endpoints: the environment's first, then the database's by name."""
    given = given_endpoints()
    rows = [as_set(row) for row in Endpoint.objects.exclude(slug__in=[one.slug for one in given])]
    states = {state.slug: state for state in EndpointState.objects.all()}
    return [
        Known(one, states.get(one.slug) or EndpointState(slug=one.slug), at < len(given), why_off(one))
        for at, one in enumerate([*given, *rows])
    ]


def as_set(endpoint: Endpoint) -> Endpoint:
    """A ready-made endpoint as the environment sets it: GROQ_MODEL and GROQ_RATE_LIMIT."""
    if endpoint.slug != GROQ or not endpoint.built_in or not (settings.GROQ_MODEL or settings.GROQ_RATE_LIMIT):
        return endpoint
    found = copy(endpoint)
    if settings.GROQ_MODEL and found.model != settings.GROQ_MODEL:
        found.model = settings.GROQ_MODEL
        found.input_usd = found.output_usd = None  # the prices are those of another model
    found.requests_per_minute = settings.GROQ_RATE_LIMIT or found.requests_per_minute
    return found


def find_endpoint(slug: str) -> Known:
    """The endpoint of a name; raises NotFound."""
    for known in known_endpoints():
        if known.endpoint.slug == slug:
            return known
    raise NotFound("endpoint", slug)


def callable_specs(now: datetime) -> list[EndpointSpec]:
    """Every endpoint that can be called, as callers see it."""
    given = given_endpoints()
    taken = {one.slug for one in given}
    found = (as_set(_endpoint_of(row)) for row in ledger_rows.endpoint_rows())
    rows = [row for row in found if row.slug not in taken]
    states = ledger_rows.states()
    specs = [
        Known(one, states.get(one.slug, partial(EndpointState, slug=one.slug))(), at < len(given), "").spec(now)
        for at, one in enumerate([*given, *rows])
        if not why_off(one)
    ]
    return [*specs, *role_models.for_roles(specs)]


@lru_cache(maxsize=256)
def _endpoint_of(row: tuple[Any, ...]) -> Endpoint:
    """An endpoint by its whole row, so that one that was changed is another."""
    return ledger_rows.endpoint_of(row)


def is_one_given() -> bool:
    """Whether the environment alone gives one that can be called."""
    return any(not why_off(one) for one in given_endpoints())


def is_one_callable() -> bool:
    """Whether any endpoint can be called."""
    return is_one_given() or any(not why_off(one) for one in Endpoint.objects.filter(enabled=True))


def why_off(endpoint: Endpoint) -> str:
    """Why an endpoint cannot be called; empty when it can."""
    if not endpoint.enabled:
        return "it is switched off"
    if endpoint.secret and not secret_of(endpoint):
        return f"there is no {endpoint.secret} in the environment"
    return ""


def secret_of(endpoint: Endpoint) -> str:
    """The endpoint's token, read when it is needed; it is kept nowhere."""
    name = endpoint.secret
    if not SECRET_NAME.fullmatch(name):
        return ""
    if name in ("HF_TOKEN", "MODEL_ENDPOINT_TOKEN"):
        value: str = getattr(settings, name)
        return value
    return os.environ.get(name, "") or str(getattr(settings, name, ""))


def server_of(endpoint: Endpoint) -> str:
    """A mark of the server and the model behind an endpoint: its quirks are not those of another. It tells no URL."""
    return sha256(f"{endpoint.url}\n{endpoint.model}".encode()).hexdigest()[:16]


def place_of(url: str) -> str:
    """Where a URL leads, without the names, passwords and keys that it may hold."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "its URL"
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def breaker_of(state: EndpointState) -> Breaker:
    return Breaker(
        failures=state.failures,
        opened_at=state.opened_at.timestamp() if state.opened_at else None,
        probe_until=state.probe_until.timestamp() if state.probe_until else None,
        forced=state.forced,
        rests_until=state.rests_until.timestamp() if state.rests_until else None,
    )


def create_endpoint(*, user: User, fields: Mapping[str, Any]) -> Known:
    """A new endpoint. Raises NotAllowed, EndpointFieldInvalid or EndpointTaken."""
    require_staff(user)
    endpoint = Endpoint(**{name: fields[name] for name in FIELDS if name in fields})
    check(endpoint)
    if endpoint.slug in (ENVIRONMENT, HUGGING_FACE):
        raise EndpointTaken(endpoint.slug)
    try:
        with transaction.atomic():
            endpoint.save(force_insert=True)
    except IntegrityError as error:
        raise EndpointTaken(endpoint.slug) from error
    return find_endpoint(endpoint.slug)


def update_endpoint(*, user: User, slug: str, fields: Mapping[str, Any]) -> Known:
    """Changes some fields. Raises NotAllowed, NotFound, EndpointIsGiven or EndpointFieldInvalid."""
    require_staff(user)
    known = find_endpoint(slug)
    if known.is_given:
        raise EndpointIsGiven(slug)
    endpoint = Endpoint.objects.get(slug=slug)  # without what the environment sets beside it
    for name in FIELDS:
        if name in fields and name != "slug":
            setattr(endpoint, name, fields[name])
    check(endpoint)
    endpoint.updated_at = timezone.now()
    endpoint.save()
    return find_endpoint(slug)


def delete_endpoint(*, user: User, slug: str) -> None:
    """Takes an endpoint away; the ledger keeps its calls."""
    require_staff(user)
    known = find_endpoint(slug)
    if known.is_given or known.endpoint.built_in:
        raise EndpointIsGiven(slug)
    known.endpoint.delete()
    EndpointState.objects.filter(slug=slug).delete()


def set_breaker(*, user: User, slug: str, state: str) -> Known:
    """Opens or closes an endpoint's breaker until further notice, or leaves it to what happens (auto)."""
    require_staff(user)
    find_endpoint(slug)
    values: dict[str, Any] = {"forced": "" if state == "auto" else state}
    if state != "open":
        values |= {"failures": 0, "opened_at": None, "probe_until": None, "rests_until": None}
    EndpointState.objects.update_or_create(slug=slug, defaults=values)
    return find_endpoint(slug)


def keep_quirks(slug: str, quirks: Quirks) -> None:
    """Remembers what a call found out about an endpoint's server."""
    EndpointState.objects.update_or_create(slug=slug, defaults={"quirks": quirks.as_json()})


def require_staff(user: User) -> None:
    """Endpoints, prices and budgets of others are the operators' matter."""
    if not (user.is_staff and user.is_active):
        raise NotAllowed(role="user", needed="staff")


def check(endpoint: Endpoint) -> None:
    """Raises EndpointFieldInvalid with what is wrong; also for what was entered on the admin's pages."""
    if endpoint.kind == Kind.HUGGING_FACE:
        if not endpoint.model:
            raise EndpointFieldInvalid("model", "the router needs the id of a model, such as 'org/name'")
        if endpoint.url:
            raise EndpointFieldInvalid("url", "the router is reached by the model's id; leave the URL out")
    elif problem := url_problem(endpoint.url, allow_private=settings.PRIVATE_ENDPOINTS_ALLOWED):
        raise EndpointFieldInvalid("url", problem)
    if endpoint.secret and not SECRET_NAME.fullmatch(endpoint.secret):
        raise EndpointFieldInvalid(
            "secret", "expected the name of an environment variable that ends in _API_KEY or _TOKEN, in capitals"
        )
    if endpoint.secret == "HF_TOKEN" and endpoint.url and not _is_hugging_face(endpoint.url):  # noqa: S105
        raise EndpointFieldInvalid("secret", "HF_TOKEN is only sent to hosts of Hugging Face")
    if endpoint.secret == "MODEL_ENDPOINT_TOKEN":  # noqa: S105
        raise EndpointFieldInvalid("secret", "MODEL_ENDPOINT_TOKEN belongs to MODEL_ENDPOINT_URL alone")
    for name in ("input_usd", "output_usd", "timeout_s", "idle_timeout_s"):
        value = getattr(endpoint, name)
        if value is not None and value < 0:
            raise EndpointFieldInvalid(name, f"expected 0 or more, found {value}")


def _is_hugging_face(url: str) -> bool:
    host = re.sub(r"^\w+://", "", url).split("/")[0].split(":")[0].lower()
    return any(host == known or host.endswith(f".{known}") for known in HUGGING_FACE_HOSTS)


def _price(value: float | None) -> Decimal | None:
    return None if value is None else Decimal(str(value))
