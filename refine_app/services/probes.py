"""Testing an endpoint with one small question, as staff asks for: what came of it, and a row in the ledger."""

import asyncio
import time
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, cast

from django.utils import timezone

from refine_app.model_clients.client import Message, TokenCount
from refine_app.model_clients.endpoints import EndpointSpec
from refine_app.model_clients.errors import ModelError
from refine_app.models import ModelCall
from refine_app.services.endpoints import find_endpoint, require_staff, secret_of
from sessions_app.models import User

QUESTION = (Message("user", "Answer with the single word: ready"),)
MAX_TOKENS = 16
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
    probe = asyncio.run(_ask(spec))
    _record(probe, spec, user)
    return probe


async def _ask(spec: EndpointSpec) -> Probe:
    probe = Probe(spec.slug, spec.model)
    began = time.monotonic()
    try:
        async with asyncio.timeout(LONGEST_S):
            stream = spec.client().stream(QUESTION, max_tokens=MAX_TOKENS, temperature=0.0)
            async with aclosing(cast(Any, stream)) as deltas:
                async for delta in deltas:
                    if delta.text and probe.first_words_ms is None:
                        probe.first_words_ms = _since(began)
                    probe.answer = (probe.answer + delta.text)[:200]
                    probe.tokens = delta.tokens or probe.tokens
    except ModelError as error:
        probe.status, probe.reason = error.code, str(error)
    except TimeoutError:
        probe.status, probe.reason = "endpoint_timeout", f"It did not answer within {LONGEST_S:g} s."
    probe.latency_ms = _since(began)
    return probe


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
