"""The desk that model calls go by: it knows the endpoints, holds calls to limits and budgets, and keeps the ledger.

The site's desk is the database (services.desk). StaticDesk is one for runs without a database: it calls what the
settings name, and keeps nothing but breakers.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Protocol
from uuid import UUID, uuid4

from refine_app.model_clients.breakers import Breaker
from refine_app.model_clients.client import TokenCount
from refine_app.model_clients.endpoints import EndpointSpec
from refine_app.model_clients.errors import EndpointUnavailable
from refine_app.prompts.rendering import PromptText, built_in_prompt


@dataclass(frozen=True, slots=True)
class Caller:
    """On whose behalf a call is made."""

    run_id: UUID
    node_run_id: UUID
    node_id: str
    attempt: int
    agent: str = ""
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class Planned:
    """A call that is about to be made."""

    caller: Caller
    endpoint: EndpointSpec
    reason: str
    prompt_version: str
    input_hash: str
    prompt_tokens: int
    """As estimated."""
    max_tokens: int


@dataclass(frozen=True, slots=True)
class Spent:
    """A call of a worker that died, which the run's own sums lack."""

    call_id: UUID
    endpoint: str
    prompt_tokens: int
    completion_tokens: int
    cost_usd: Decimal | None


@dataclass(frozen=True, slots=True)
class Opened:
    """A call that may be made now."""

    call_id: UUID
    unaccounted: Sequence[Spent] = ()


@dataclass(frozen=True, slots=True)
class Closed:
    """How a call ended."""

    call_id: UUID
    endpoint: str
    outcome: str
    tokens: TokenCount
    cost_usd: Decimal | None
    latency_ms: float
    first_words_ms: float | None
    discarded: int = 0
    error: str = ""
    is_fault: bool = False
    """Whether it counts against the endpoint's health."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What is to be known before an endpoint is chosen."""

    endpoints: Sequence[EndpointSpec]
    budget_left: Decimal | None = None
    failed: frozenset[str] = field(default_factory=frozenset)
    """Endpoints that have failed this node run."""


class Desk(Protocol):
    """All methods may raise a ModelError."""

    async def look(self, caller: Caller) -> Standing:
        """The endpoints that can be called, and what the budgets leave."""

    async def has_endpoints(self) -> bool:
        """Whether any endpoint can be called."""

    async def open(self, planned: Planned) -> Opened:
        """Reserves what the call may cost. Raises EndpointBusy, EndpointResting or BudgetExhausted."""

    async def close(self, closed: Closed) -> None:
        """Puts what the call did cost in the place of what was reserved."""

    async def raise_budget(self, caller: Caller, budget_usd: Decimal) -> None:
        """Gives the caller's run a larger budget, as a person has said."""

    async def prompts(self, names: Sequence[str]) -> Mapping[str, PromptText]:
        """The versions of these prompts that are in production. Raises PromptError for a name that is none."""


class StaticDesk:
    """Endpoints that are given once; neither budgets nor a ledger."""

    def __init__(self, endpoints: Sequence[EndpointSpec]) -> None:
        self._endpoints = endpoints
        self._breakers = {endpoint.slug: Breaker() for endpoint in endpoints}

    async def look(self, caller: Caller) -> Standing:
        specs = [
            replace(spec, breaker=self._breakers[spec.slug].state_at(0.0), failures=self._breakers[spec.slug].failures)
            for spec in self._endpoints
        ]
        return Standing(specs)

    async def has_endpoints(self) -> bool:
        return bool(self._endpoints)

    async def open(self, planned: Planned) -> Opened:
        return Opened(uuid4())

    async def close(self, closed: Closed) -> None:
        breaker = self._breakers[closed.endpoint]
        breaker.failures = breaker.failures + 1 if closed.is_fault else 0

    async def raise_budget(self, caller: Caller, budget_usd: Decimal) -> None:
        raise EndpointUnavailable("There are no budgets here.", retryable=False)

    async def prompts(self, names: Sequence[str]) -> Mapping[str, PromptText]:
        return {name: built_in_prompt(name) for name in names}


_desk: Desk = StaticDesk(())


def current() -> Desk:
    """This process's desk."""
    return _desk


def use(desk: Desk) -> Desk:
    """Sets this process's desk and returns the one before."""
    global _desk
    before, _desk = _desk, desk
    return before
