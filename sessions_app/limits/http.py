"""The limiter for HTTP: asks for a request, and tells of it in headers (draft-ietf-httpapi-ratelimit-headers)."""

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

from django.http import HttpRequest

from sessions_app.limits import addresses, limiter
from sessions_app.limits.limiter import Caller, Standing
from sessions_app.limits.policies import CHANGES, READS, Policy

TOLD = "_rate_limits"
"""Where a request keeps how its limits stand, for the middleware that writes the headers."""
LIMITS = "_limits"
"""Where a page keeps what it counts as."""
SAFE = ("GET", "HEAD", "OPTIONS", "TRACE")


def ask(request: HttpRequest, policies: Policy | Sequence[Policy], user: Any = None) -> None:
    """Counts a request of somebody who is signed in, or of a stranger. Raises RateLimited."""
    person = user.pk if user is not None and user.is_authenticated else None
    tell(request, limiter.ask(policies, Caller(person=person, ip=addresses.of_request(request))))


def tell(request: HttpRequest, standings: Sequence[Standing]) -> None:
    """Keeps how limits stand, for the headers of the answer."""
    setattr(request, TOLD, [*getattr(request, TOLD, ()), *standings])


View = TypeVar("View", bound=Callable[..., Any])


def limited(*policies: Policy) -> Callable[[View], View]:
    """Marks a page, as its outermost decorator, with what it counts as; none where it asks by itself."""

    def mark(view: View) -> View:
        setattr(view, LIMITS, policies)
        return view

    return mark


def policies_of(view: Callable[..., Any], method: str | None) -> Sequence[Policy]:
    """What a page counts as: what it is marked with, else a read or a change."""
    marked: Sequence[Policy] | None = getattr(view, LIMITS, None)
    return by_method(method) if marked is None else marked


def by_method(method: str | None) -> Sequence[Policy]:
    return (READS,) if method in SAFE else (CHANGES,)


def told(request: HttpRequest) -> dict[str, str]:
    """The headers that say how the limits of a request stand; none where it had none."""
    standings: Sequence[Standing] = getattr(request, TOLD, ())
    return rate_limit_headers([one for one in standings if one.rate.scope != "site"])


def rate_limit_headers(standings: Iterable[Standing]) -> dict[str, str]:
    """Policies by name, scope and window; what all the site does is not told."""
    policies, limits = [], []
    for one in standings:
        name = f'"{one.policy}-{one.rate.scope}"' if one.rate.scope else f'"{one.policy}"'
        policies.append(f"{name};q={one.rate.limit};w={one.rate.window_s}")
        limits.append(f"{name};r={one.remaining};t={max(math.ceil(one.resets_s), 0)}")
    return {"RateLimit-Policy": ", ".join(policies), "RateLimit": ", ".join(limits)} if policies else {}
