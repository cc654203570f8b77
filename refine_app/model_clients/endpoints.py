"""An endpoint as callers need it: where it is, what it can and may, what it costs, and how it does just now."""

import asyncio
import sys
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from decimal import Decimal
from importlib import import_module
from typing import Self

from refine_app.model_clients.client import ModelClient
from refine_app.model_clients.quirks import NO_QUIRKS, Quirks, first_guess

TIERS = ("fast", "balanced", "strong")
AWAITED = "endpoint"
"""The kind of an endpoint's name among what runs wait for."""
COMPLETION_SHARE = Decimal(1_000_000)
CLIENTS = "refine_app.model_clients.huggingface"
"""Imported by the first call: its library takes a fifth of the time in which a process starts, and most never call."""


def awaited_name(slug: str) -> str:
    return f"{AWAITED}:{slug}"


async def prepare_clients() -> None:
    """Imports what calls models, in a thread where that is still to be done: the loop has others to serve."""
    if CLIENTS not in sys.modules:
        await asyncio.to_thread(import_module, CLIENTS)


@dataclass(frozen=True, slots=True)
class EndpointSpec:
    """One endpoint that may be called."""

    slug: str
    model: str
    url: str = ""
    """Empty for the Hugging Face router."""
    tier: str = "balanced"
    context_tokens: int = 32_000
    input_usd: Decimal | None = None
    """For a million tokens; None when the price is not known."""
    output_usd: Decimal | None = None
    timeout_s: float = 120.0
    idle_timeout_s: float = 30.0
    max_concurrency: int | None = None
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    token: str = field(default="", repr=False)
    allow_private: bool = False
    """Whether its URL may lead into this network: the operator gave it, or lets staff do so."""
    is_default: bool = False
    """Configured in the environment: it goes before others where no node wishes otherwise, and the task is not hard."""
    role: str = ""
    """The role of agents that settings choose it for; empty where it is for all."""
    thinking_tokens: int | None = None
    """Room for thoughts as the operator set it; None: as much as is learnt."""
    reasoning_effort: str = ""
    quirks: Quirks = NO_QUIRKS
    """How its server differs from the protocol, as far as it is known."""
    breaker: str = "closed"
    """closed, open, half_open."""
    failures: int = 0
    latency_ms: float | None = None

    @property
    def is_limited(self) -> bool:
        return bool(self.max_concurrency or self.requests_per_minute or self.tokens_per_minute)

    @property
    def is_priced(self) -> bool:
        return self.input_usd is not None and self.output_usd is not None

    def with_quirks(self, quirks: Quirks) -> Self:
        """The same now that more is known of its server."""
        context = min(self.context_tokens, quirks.context_tokens or self.context_tokens)
        return replace(self, quirks=quirks, context_tokens=context)

    def limit_for(self, prompt_tokens: int, max_tokens: int) -> int:
        """How many tokens to ask for, so that the answer has max_tokens of them after the thoughts."""
        known = self.quirks.thinking_room or first_guess(self.model).thinking_room
        room = known if self.thinking_tokens is None else self.thinking_tokens
        return max(max_tokens, min(max_tokens + room, self.context_tokens - prompt_tokens))

    def cost_of(self, prompt_tokens: int, completion_tokens: int) -> Decimal | None:
        """In dollars; None when the price is not known."""
        if self.input_usd is None or self.output_usd is None:
            return None
        cost = (self.input_usd * prompt_tokens + self.output_usd * completion_tokens) / COMPLETION_SHARE
        return round(cost, 8)

    def client(self) -> ModelClient:
        client: ModelClient = import_module(CLIENTS).HuggingFaceClient(
            model=self.model,
            url=self.url,
            token=self.token,
            timeout_s=self.timeout_s,
            idle_timeout_s=self.idle_timeout_s,
            allow_private=self.allow_private,
            name=self.slug,
            quirks=self.quirks,
            thinking_tokens=self.thinking_tokens,
            reasoning_effort=self.reasoning_effort,
        )
        return client


ClientOf = Callable[[EndpointSpec], ModelClient]
