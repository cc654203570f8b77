"""The limiter for HTTP: asks for a request, and tells of it in headers (draft-ietf-httpapi-ratelimit-headers)."""

import math
from collections.abc import Iterable, Sequence
from typing import Any

from django.http import HttpRequest

from sessions_app.limits import addresses, limiter
from sessions_app.limits.limiter import Caller, Standing
from sessions_app.limits.policies import Policy

TOLD = "_rate_limits"
"""Where a request keeps how its limits stand, for the middleware that writes the headers."""


def ask(request: HttpRequest, policies: Policy | Sequence[Policy], user: Any = None) -> None:
    """Counts a request of somebody who is signed in, or of a stranger. Raises RateLimited."""
    person = user.pk if user is not None and user.is_authenticated else None
    standings = limiter.ask(policies, Caller(person=person, ip=addresses.of_request(request)))
    setattr(request, TOLD, [*getattr(request, TOLD, ()), *standings])


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
