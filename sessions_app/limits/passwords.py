"""Passwords are tried against limits, at whatever page or path: Django asks this for every one.

A try is counted as wrong before it is looked at, and given back when it was right: so a hundred at once are a hundred,
and the right one is not let in while it is one too many. Three counts: the name from this address, all names from this
address, and the name from everywhere, whose waits double. The last does not count at an address from which that name
has signed in before, or strangers could keep a person out for good.
"""

import hashlib
import unicodedata
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.backends import ModelBackend
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest

from sessions_app.limits import addresses, http, limiter
from sessions_app.limits.limiter import Caller
from sessions_app.limits.policies import SIGN_INS, WRONG_PASSWORDS
from sessions_app.limits.windows import Counter

KNOWN_FOR_S = 30 * 86400
TRY = (SIGN_INS, WRONG_PASSWORDS)


class PasswordBackend(ModelBackend):
    """Django's own, which hashes for unknown names as well, behind the limits. Raises RateLimited."""

    def authenticate(
        self, request: HttpRequest | None, username: str | None = None, password: str | None = None, **more: Any
    ) -> Any:
        name = more.get(get_user_model().USERNAME_FIELD) if username is None else username
        if name is None or password is None:
            return None
        caller = _caller(name, None if request is None else addresses.of_request(request))
        standings = limiter.ask(TRY, caller)
        if request is not None:
            http.tell(request, [one for one in standings if one.policy == SIGN_INS.name])
        user = super().authenticate(request, username=name, password=password, **more)
        if user is None:
            raise PermissionDenied("wrong name or password")  # no other backend is asked: it would hash once more
        _succeeded(caller)
        return user


def _caller(name: str, ip: str | None) -> Caller:
    key = hashlib.sha256(unicodedata.normalize("NFKC", name).casefold().encode(errors="replace")).hexdigest()[:32]
    if ip is None:
        return Caller(more={"name": key})
    pair = f"{key}@{ip}"
    return Caller(ip=ip, more={"name_ip": pair} if _is_known(pair) else {"name_ip": pair, "name": key})


def _succeeded(caller: Caller) -> None:
    if not settings.RATE_LIMITS:
        return
    limiter.current().give_back([WRONG_PASSWORDS], caller)
    if "name_ip" in caller.more:
        limiter.current().add([_known(caller.more["name_ip"])], 1)


def _is_known(pair: str) -> bool:
    if not settings.RATE_LIMITS:
        return False
    _, [reading] = limiter.current().add([_known(pair)], 0)
    return bool(reading.current or reading.previous)


def _known(pair: str) -> Counter:
    """How often a name has signed in from an address."""
    return Counter(f"known_addresses:all/{KNOWN_FOR_S}:{pair}", 2**53, KNOWN_FOR_S)
