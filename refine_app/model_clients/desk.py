"""The desk that model calls go by: it knows the endpoints, holds calls to limits and budgets, and keeps the ledger.

The site's desk is the database (services.desk). StaticDesk is one for runs without a database: it calls what the
settings name, and keeps nothing but breakers.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import partial
from typing import Protocol
from uuid import UUID, uuid4

from refine_app.model_clients.breakers import Breaker
from refine_app.model_clients.client import Message, TokenCount
from refine_app.model_clients.endpoints import EndpointSpec
from refine_app.model_clients.errors import (
    BudgetExhausted,
    EndpointResting,
    EndpointUnavailable,
    ModelError,
    NoRoom,
    RunStuck,
)
from refine_app.model_clients.quirks import Quirks
from refine_app.prompts.rendering import PromptText, built_in_prompt
from refine_app.routing.endpoints import Choice, Needs, rank


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
class Asked:
    """What somebody wants a model to answer."""

    caller: Caller
    needs: Needs
    messages: Sequence[Message] = ()
    prompt_version: str = ""
    input_hash: str = ""


@dataclass(frozen=True, slots=True)
class Planned:
    """A call that is about to be made."""

    asked: Asked
    endpoint: EndpointSpec
    reason: str

    @property
    def caller(self) -> Caller:
        return self.asked.caller


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
class Begun:
    """The call that may be made now, and where to turn when it fails before its first words."""

    planned: Planned
    opened: Opened
    others: Sequence[Choice] = ()
    refusals: Sequence[ModelError] = ()
    """Why those that stood before it were not called."""


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
    reply: str = field(default="", repr=False)
    """What was heard."""
    is_fault: bool = False
    """Whether it counts against the endpoint's health."""
    rest_s: float = 0.0
    """For how long the endpoint has asked not to be called."""
    learnt: Quirks | None = None
    """What the call found out about its endpoint's server; None when nothing is new."""


def begin_with(asked: Asked, choices: Sequence[Choice], reserve: Callable[[Planned], Opened]) -> Begun:
    """The first of the choices that can be reserved. Raises what is to be told when none can, and RunStuck at once."""
    refusals: list[ModelError] = []
    full: list[str] = []
    for at, choice in enumerate(choices):
        planned = planned_after(asked, choice, refusals)
        try:
            return Begun(planned, reserve(planned), choices[at + 1 :], refusals)
        except RunStuck:
            raise
        except ModelError as refusal:
            refusals.append(refusal)
            if isinstance(refusal, NoRoom):
                full.append(choice.endpoint.slug)
    worst = worst_of(refusals)
    if isinstance(worst, NoRoom):
        worst.endpoints = tuple(full)
    raise worst


def planned_after(asked: Asked, choice: Choice, refusals: Sequence[ModelError]) -> Planned:
    """The call to a choice; its reason says whom it follows."""
    reason = choice.reason
    if refusals:
        reason += f"; after {type(refusals[-1]).__name__}: {str(refusals[-1])[:200]}"
    return Planned(asked, choice.endpoint, reason)


def worst_of(refusals: Sequence[ModelError]) -> ModelError:
    """What to tell when nobody answered: the budget before all; else what a pause may mend, with the shortest one."""
    for refusal in refusals:
        if isinstance(refusal, BudgetExhausted):
            return refusal
    passing = [refusal for refusal in refusals if refusal.retryable]
    return min(passing, key=lambda refusal: refusal.retry_after_s or 0.0) if passing else refusals[0]


def resting_for(slug: str, wait_s: float) -> str:
    """Why an endpoint is not called that has asked for it."""
    return f"{slug!r} is left alone for another {wait_s:.0f} s, as it has asked."


class Desk(Protocol):
    """All methods may raise a ModelError."""

    async def has_endpoints(self) -> bool:
        """Whether any endpoint can be called."""

    async def begin(self, asked: Asked) -> Begun:
        """Chooses an endpoint and reserves what the call may cost. Raises RunStuck, BudgetExhausted and others."""

    async def open(self, planned: Planned) -> Opened:
        """The same for an endpoint that is chosen. Raises EndpointBusy, EndpointResting or BudgetExhausted."""

    def hear(self, call_id: UUID, heard: Callable[[], str]) -> None:
        """Says that more of an answer was heard, which is to be paid even if this process dies now. Returns at once."""

    def patience_s(self, waited_s: float) -> float:
        """How much longer who was refused because an endpoint rests or is at a limit may wait for room."""

    async def room(self, refusal: ModelError, patience_s: float) -> None:
        """Waits until begin() is worth another try, for at most so long."""

    def answers(self, slug: str) -> None:
        """Says that an endpoint whose breaker was not closed has begun to answer. Returns at once."""

    async def close(self, closed: Closed) -> None:
        """Puts what the call did cost in the place of what was reserved."""

    async def raise_budget(self, caller: Caller, budget_usd: Decimal) -> None:
        """Gives the caller's run a larger budget, as a person has said."""

    async def prompts(self, names: Sequence[str], snapshot: UUID | None = None) -> Mapping[str, PromptText]:
        """The versions of these prompts that are in production, or in the snapshot of this graph version.

        Raises PromptError for a name that is none.
        """


class StaticDesk:
    """Endpoints that are given once; neither budgets nor a ledger."""

    def __init__(self, endpoints: Sequence[EndpointSpec], now: Callable[[], float] = time.time) -> None:
        self._endpoints = endpoints
        self._now = now
        self._breakers = {endpoint.slug: Breaker() for endpoint in endpoints}

    async def has_endpoints(self) -> bool:
        return bool(self._endpoints)

    async def begin(self, asked: Asked) -> Begun:
        now = self._now()
        specs = [
            replace(spec, breaker=breaker.state_at(now), failures=breaker.failures)
            for spec in self._endpoints
            for breaker in [self._breakers[spec.slug]]
        ]
        return begin_with(asked, rank(specs, asked.needs), self._reserve)

    async def open(self, planned: Planned) -> Opened:
        return self._reserve(planned)

    def _reserve(self, planned: Planned) -> Opened:
        slug, now = planned.endpoint.slug, self._now()
        if (breaker := self._breakers[slug]).has_asked_for_rest(now):
            wait_s = breaker.wait_s(now)
            raise EndpointResting(resting_for(slug, wait_s), retry_after_s=wait_s)
        return Opened(uuid4())

    def hear(self, call_id: UUID, heard: Callable[[], str]) -> None:
        """Nothing is paid here."""

    def patience_s(self, waited_s: float) -> float:
        return 0.0  # who is refused here has its node's retries

    async def room(self, refusal: ModelError, patience_s: float) -> None:
        """See patience_s."""

    def answers(self, slug: str) -> None:
        """Its breakers have no probes."""

    async def close(self, closed: Closed) -> None:
        if closed.learnt is not None:
            self._endpoints = [
                spec.with_quirks(closed.learnt) if spec.slug == closed.endpoint else spec for spec in self._endpoints
            ]
        breaker = self._breakers[closed.endpoint]
        breaker.failures = breaker.failures + 1 if closed.is_fault else 0
        if closed.rest_s > 0:
            breaker.asked_for_rest(self._now() + closed.rest_s)

    async def raise_budget(self, caller: Caller, budget_usd: Decimal) -> None:
        raise EndpointUnavailable("There are no budgets here.", retryable=False)

    async def prompts(self, names: Sequence[str], snapshot: UUID | None = None) -> Mapping[str, PromptText]:
        return {name: built_in_prompt(name) for name in names}


_desk: Desk | None = None
_make: Callable[[], Desk] = partial(StaticDesk, ())


def use_by_default(make: Callable[[], Desk]) -> None:
    """What makes this process's desk when it is first asked for."""
    global _make
    _make = make


def current() -> Desk:
    """This process's desk."""
    global _desk
    if _desk is None:
        _desk = _make()
    return _desk


def use(desk: Desk) -> Desk:
    """Sets this process's desk and returns the one before."""
    global _desk
    before, _desk = current(), desk
    return before
