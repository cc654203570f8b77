"""Testing an endpoint with one small question, as staff asks for: what came of it, and a row in the ledger."""

import asyncio
import time
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, cast

from django.utils import timezone

from refine_app.model_clients.client import Message, ModelClient, TokenCount
from refine_app.model_clients.endpoints import EndpointSpec
from refine_app.model_clients.errors import ModelError, ThinkingLimitReached
from refine_app.model_clients.quirks import Quirks
from refine_app.model_clients.tokens import estimate
from refine_app.models import ModelCall
from refine_app.services.endpoints import find_endpoint, keep_quirks, require_staff, secret_of
from sessions_app.models import User

QUESTION = (
    Message("system", "You answer with a single word."),
    Message("user", "Answer with the single word: ready"),
)
"""With a system's message and a temperature, because servers differ in whether they take them."""
TEMPERATURE = 0.2
MAX_TOKENS = 16
TRIES = 3
"""A model that spends its limit on thinking is asked again with more room."""
LONGEST_S = 60.0


@dataclass(slots=True)
class Probe:
    """What a test of an endpoint found."""

    slug: str
    model: str
    status: str = "completed"
    """completed, or the code of the error."""
    reason: str = ""
    """Why it failed, for a person."""
    answer: str = ""
    first_words_ms: float | None = None
    latency_ms: float = 0.0
    tokens: TokenCount | None = None
    quirks: str = ""
    """How its server differs from the protocol, in words."""

    @property
    def ok(self) -> bool:
        return self.status == "completed"


def probe_endpoint(*, user: User | None, slug: str) -> Probe:
    """Asks the endpoint one question, also when it is switched off. user None: the operator's shell."""
    if user is not None:
        require_staff(user)
    known = find_endpoint(slug)
    endpoint = known.endpoint
    if endpoint.secret and not secret_of(endpoint):
        return Probe(slug, endpoint.model, "unauthorized", f"There is no {endpoint.secret} in the environment.")
    spec = known.spec(timezone.now())
    probe, quirks = asyncio.run(_ask(spec))
    probe.quirks = quirks.in_words()
    if quirks != spec.quirks:
        keep_quirks(slug, quirks)
    _record(probe, spec, user)
    return probe


async def _ask(spec: EndpointSpec) -> tuple[Probe, Quirks]:
    """What came of it, and what is known of the server by then."""
    probe = Probe(spec.slug, spec.model)
    began = time.monotonic()
    try:
        async with asyncio.timeout(LONGEST_S):
            for number in range(1, TRIES + 1):
                client = spec.client()
                try:
                    await _hear(client, spec, probe, began)
                    break
                except ThinkingLimitReached as reached:
                    if number == TRIES or not reached.retryable:
                        raise
                finally:
                    spec = spec.with_quirks(client.quirks)
    except ModelError as error:
        probe.status, probe.reason = error.code, str(error)
    except TimeoutError:
        probe.status, probe.reason = "endpoint_timeout", f"It did not answer within {LONGEST_S:g} s."
    probe.latency_ms = _since(began)
    return probe, spec.quirks


async def _hear(client: ModelClient, spec: EndpointSpec, probe: Probe, began: float) -> None:
    asked = sum(estimate(message.content) for message in QUESTION)
    stream = client.stream(QUESTION, max_tokens=spec.limit_for(asked, MAX_TOKENS), temperature=TEMPERATURE)
    async with aclosing(cast(Any, stream)) as deltas:
        async for delta in deltas:
            if delta.text and probe.first_words_ms is None:
                probe.first_words_ms = _since(began)
            probe.answer = (probe.answer + delta.text)[:200]
            probe.tokens = delta.tokens or probe.tokens


def _since(began: float) -> float:
    return round((time.monotonic() - began) * 1000, 3)


def _record(probe: Probe, spec: EndpointSpec, user: User | None) -> None:
    tokens = probe.tokens or TokenCount(0, 0, estimated=True)
    ModelCall.objects.create(
        user=user,
        endpoint=spec.slug,
        model=spec.model,
        agent="test",
        reason="tested by hand",
        prompt_tokens=tokens.prompt,
        completion_tokens=tokens.completion,
        tokens_estimated=tokens.estimated,
        cost_usd=spec.cost_of(tokens.prompt, tokens.completion),
        latency_ms=probe.latency_ms,
        outcome=probe.status,
        accounted=True,
    )
