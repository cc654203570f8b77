"""How much somebody may hold. Each app registers what it makes; its services ask in the transaction that makes it.

A quota has an amount for each kind of holder in its setting, such as "guest 200, person 5000, ip 5000": `guest`,
`person` and `staff` for one user, `ip` for all guests of one address together (a new guest is no new allowance), and
names of their own for what is no person, such as `session`. A kind that the setting does not name has no limit.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection

from sessions_app.errors import QuotaExceeded
from sessions_app.limits.rates import parse_amounts
from sessions_app.models import User

UNDER_WAY_MAX = 200
"""How many transactions may be making the same thing at once: as many as PostgreSQL has connections, twice over. With
more room than that left, nobody has to wait for anybody."""


@dataclass(frozen=True, slots=True, order=True)
class Holder:
    """Whose things are counted together."""

    kind: str
    key: str

    def owning(self, field: str) -> dict[str, Any]:
        """The filter for rows whose `field` is a user who is this holder, or one of them."""
        if self.kind == "ip":
            return {f"{field}__is_guest": True, f"{field}__address": self.key}
        return {f"{field}_id": UUID(self.key)}


def holders_of(user: User) -> list[Holder]:
    """A person, and with a guest all guests of their address."""
    if user.is_staff:
        return [Holder("staff", str(user.pk))]
    if not user.is_guest:
        return [Holder("person", str(user.pk))]
    shared = [Holder("ip", user.address)] if user.address else []
    return [Holder("guest", str(user.pk)), *shared]


def _never(holder: Holder) -> datetime | None:
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """One thing that people hold."""

    name: str
    what: str
    """Plural, for the sentence that refuses: "There are 200 …; the limit is 200"."""
    setting: str
    used: Callable[[Holder], int]
    advice: str
    """What makes room, as a sentence."""
    free_at: Callable[[Holder], datetime | None] = _never
    """When there is room again by itself, where that is known."""

    def limit_of(self, holder: Holder) -> int | None:
        return parse_amounts(getattr(settings, self.setting)).get(holder.kind)


_registered: dict[str, Quota] = {}


def register(quota: Quota) -> None:
    """Called in AppConfig.ready()."""
    _registered[quota.name] = quota


def registered() -> tuple[Quota, ...]:
    return tuple(_registered.values())


def require(
    name: str, holders: Sequence[Holder], *, adding: int = 1, before_waiting: Callable[[], object] = lambda: None
) -> None:
    """Raises QuotaExceeded if a holder would have more than they may. Only inside a transaction: what is counted and
    what is made have to be one.

    Near the limit whoever asks waits for the others who make the same for the same holder. Who waits so may lock no row
    afterwards that others lock first, or both wait for ever: what else is needed is locked by before_waiting().
    """
    quota = _registered[name]
    if not connection.in_atomic_block:
        raise RuntimeError(f"quota {name!r} is asked outside of a transaction; two who ask at once would both pass")
    for holder in sorted(holders):
        limit = quota.limit_of(holder)
        if limit is None:
            continue
        if quota.used(holder) + adding * UNDER_WAY_MAX <= limit:
            continue
        before_waiting()
        _wait_for_others(quota, holder)
        found = quota.used(holder)
        if found + adding > limit:
            raise QuotaExceeded(
                quota=name,
                what=quota.what,
                limit=limit,
                used=found,
                advice=quota.advice,
                resets_at=quota.free_at(holder),
            )


def exceeded(name: str, holders: Sequence[Holder], *, adding: int = 0) -> QuotaExceeded | None:
    """Who has more than they may, or would with this; for what grows by itself and is looked at now and then."""
    quota = _registered[name]
    for holder in holders:
        limit = quota.limit_of(holder)
        if limit is not None and (found := quota.used(holder)) + adding > limit:
            return QuotaExceeded(quota=name, what=quota.what, limit=limit, used=found, advice=quota.advice)
    return None


def usage(names: Iterable[str], holder: Holder) -> dict[str, tuple[int, int | None]]:
    """What a holder has of some quotas, and may have."""
    return {name: (_registered[name].used(holder), _registered[name].limit_of(holder)) for name in names}


def _wait_for_others(quota: Quota, holder: Holder) -> None:
    """One transaction at a time, until it ends; SQLite has only one that writes anyway (transaction_mode IMMEDIATE)."""
    if connection.vendor != "postgresql":
        return
    name = f"quota:{quota.name}:{holder.kind}:{holder.key}"
    number = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], signed=True)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [number])
