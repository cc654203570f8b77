"""Which endpoint a call goes to: an ordered list with the reason of each place, so that a failure falls to the next."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal

from refine_app.model_clients.endpoints import TIERS, EndpointSpec
from refine_app.model_clients.errors import ContextTooLong, EndpointUnavailable
from sessions_app.plurals import counted

Complexity = Literal["low", "medium", "high"]
TIER_OF: dict[Complexity, str] = {"low": "fast", "medium": "balanced", "high": "strong"}
SLOW_MS = 4000.0


@dataclass(frozen=True, slots=True)
class Needs:
    """What a call asks of an endpoint."""

    prompt_tokens: int
    max_tokens: int
    complexity: Complexity = "medium"
    why_complexity: str = ""
    endpoint: str = ""
    """The node's wish by name; empty for none."""
    tier: str = ""
    """The node's wish by tier; empty for the one that the complexity asks for."""
    role: str = ""
    """The part that the agent plays; empty for none."""
    budget_left: Decimal | None = None
    """In dollars; None where no budget is in force."""
    avoid: frozenset[str] = field(default_factory=frozenset)
    """Endpoints that failed this node run already: tried last."""
    cheaper_than: Decimal | None = None
    """Set when a person chose a cheaper model: what the call may cost at most."""


@dataclass(frozen=True, slots=True)
class Choice:
    """An endpoint and why it stands where it stands."""

    endpoint: EndpointSpec
    reason: str


def complexity_of(state: Mapping[str, Any]) -> tuple[Complexity, str]:
    """How hard a task is, by its size, its cyclomatic complexity, the number of its parts, and why that is so."""
    lines = str(state.get("code") or state.get("task") or "").count("\n") + 1
    report = state.get("complexity_report") or {}
    worst = int(report.get("max") or 0) if isinstance(report, Mapping) else 0
    parts = len(state.get("functions") or ())
    found = f"{counted(lines, 'line')}, {counted(parts, 'function')}, complexity {worst}"
    if lines > 600 or worst > 20 or parts > 60:
        return "high", found
    if lines > 80 or worst > 8 or parts > 8:
        return "medium", found
    return "low", found


def rank(endpoints: Sequence[EndpointSpec], needs: Needs) -> list[Choice]:
    """Where to try, best first.

    Raises ContextTooLong when the text fits none, and EndpointUnavailable when there is none, or none that the budget
    allows; callers who can do without a model ask `endpoints` first.
    """
    endpoints = _of_role(endpoints, needs.role)
    if not endpoints:
        raise EndpointUnavailable("No model endpoint is configured.", retryable=False)
    room = needs.prompt_tokens + needs.max_tokens
    fitting = [endpoint for endpoint in endpoints if endpoint.context_tokens >= room]
    if not fitting:
        most = max(endpoint.context_tokens for endpoint in endpoints)
        raise ContextTooLong(
            f"The text takes about {room:,} tokens with its answer, and the largest endpoint holds {most:,}; "
            "ask about less at once, or configure an endpoint with more room."
        )
    payable = [endpoint for endpoint in fitting if _is_payable(endpoint, needs)]
    if not payable:
        raise EndpointUnavailable(_why_unpayable(fitting, needs), retryable=False)
    wished = needs.tier or TIER_OF[needs.complexity]
    ordered = sorted(payable, key=lambda endpoint: _place(endpoint, needs, wished))
    return [Choice(endpoint, _reason(endpoint, needs, wished)) for endpoint in ordered]


def _of_role(endpoints: Sequence[EndpointSpec], role: str) -> list[EndpointSpec]:
    """Without what is there for other roles; what is there for this one takes the place of its endpoint."""
    own = {one.slug: one for one in endpoints if role and one.role == role}
    return [*own.values(), *(one for one in endpoints if not one.role and one.slug not in own)]


def _is_payable(endpoint: EndpointSpec, needs: Needs) -> bool:
    """What has no known price can be held to no budget, so it is not called where one is in force."""
    limits = [limit for limit in (needs.budget_left, needs.cheaper_than) if limit is not None]
    if not limits:
        return True
    cost = _most_it_costs(endpoint, needs)
    if needs.cheaper_than is None:
        return cost is not None
    return cost is not None and cost <= min(limits)


def _most_it_costs(endpoint: EndpointSpec, needs: Needs) -> Decimal | None:
    return endpoint.cost_of(needs.prompt_tokens, endpoint.limit_for(needs.prompt_tokens, needs.max_tokens))


def _why_unpayable(endpoints: Sequence[EndpointSpec], needs: Needs) -> str:
    if any(endpoint.is_priced for endpoint in endpoints):
        return f"No endpoint can answer within the ${needs.budget_left} that the budget leaves."
    return (
        "A budget is in force, and the prices of the endpoints are not known, so none may be called; "
        "set input_usd and output_usd of an endpoint."
    )


def _place(endpoint: EndpointSpec, needs: Needs, tier: str) -> tuple[Any, ...]:
    cost = _most_it_costs(endpoint, needs)
    too_dear = needs.budget_left is not None and cost is not None and cost > needs.budget_left
    return (
        endpoint.breaker == "open",
        endpoint.slug in needs.avoid,
        too_dear,
        endpoint.slug != needs.endpoint if needs.endpoint else False,
        not endpoint.role,
        not (endpoint.is_default or _is_strong_enough(endpoint, needs)) if not needs.tier else False,
        abs(TIERS.index(endpoint.tier) - TIERS.index(tier)),
        not endpoint.is_default,
        min(endpoint.failures, 5),
        (endpoint.latency_ms or 0) > SLOW_MS,
        cost if cost is not None else Decimal(0),
        endpoint.latency_ms if endpoint.latency_ms is not None else SLOW_MS / 2,
        endpoint.slug,
    )


def _is_strong_enough(endpoint: EndpointSpec, needs: Needs) -> bool:
    """A hard task goes past the default to a strong endpoint, where there is one."""
    return needs.complexity == "high" and endpoint.tier == TIER_OF["high"]


def _reason(endpoint: EndpointSpec, needs: Needs, tier: str) -> str:
    said = []
    if needs.endpoint:
        said.append("the node asks for it" if endpoint.slug == needs.endpoint else f"instead of {needs.endpoint!r}")
    elif endpoint.role:
        said.append(f"the settings choose {endpoint.model} for the role {endpoint.role}")
    elif needs.tier:
        said.append(f"the node asks for tier {needs.tier}, it is {endpoint.tier}")
    else:
        why = f" ({needs.why_complexity})" if needs.why_complexity else ""
        said.append(f"{needs.complexity} complexity{why} asks for tier {tier}, it is {endpoint.tier}")
        if endpoint.is_default:
            said.append("it is the default")
    if endpoint.slug in needs.avoid:
        said.append("it failed before in this step")
    if endpoint.breaker != "closed":
        said.append(f"its breaker is {endpoint.breaker.replace('_', ' ')}")
    elif endpoint.failures:
        said.append(f"{endpoint.failures} failures in a row")
    if endpoint.latency_ms is not None:
        said.append(f"{endpoint.latency_ms:.0f} ms to the first words")
    cost = _most_it_costs(endpoint, needs)
    said.append("price not known" if cost is None else f"at most ${cost}")
    if needs.cheaper_than is not None:
        said.append("a cheaper model was chosen")
    return "; ".join(said)
