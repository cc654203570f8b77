"""Rates and amounts as settings write them: "person 120/1m, ip 600/1m", "guest 200, person 5000"; pure."""

import re
from dataclasses import dataclass
from functools import lru_cache

SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
RATE = re.compile(r"([a-z_]+) +([0-9]{1,9})/([0-9]{1,5})([smhd])")
AMOUNT = re.compile(r"([a-z_]+) +([0-9]{1,15})")
OFF = ("", "off")


@dataclass(frozen=True, slots=True)
class Rate:
    """At most `limit` in any `window_s` seconds, counted for each one of a scope."""

    scope: str
    """What is counted apart: person, ip, site; some policies have more."""
    limit: int
    window_s: int


@lru_cache(maxsize=256)
def parse_rates(text: str) -> tuple[Rate, ...]:
    """The rates in a setting; none when it is off. Raises ValueError, which names the part that cannot be read."""
    if text.strip() in OFF:
        return ()
    rates = []
    for part in text.split(","):
        found = RATE.fullmatch(part.strip())
        if found is None or int(found[2]) < 1 or int(found[3]) < 1:
            raise ValueError(f"{part.strip()!r} is no rate; expected one such as 'ip 60/1m' (units: s, m, h, d)")
        rates.append(Rate(found[1], int(found[2]), int(found[3]) * SECONDS[found[4]]))
    return tuple(rates)


@lru_cache(maxsize=256)
def parse_amounts(text: str) -> dict[str, int]:
    """The amounts in a setting, by who holds them; whom it does not name may hold any amount. Raises ValueError."""
    if text.strip() in OFF:
        return {}
    amounts = {}
    for part in text.split(","):
        found = AMOUNT.fullmatch(part.strip())
        if found is None:
            raise ValueError(f"{part.strip()!r} is no amount; expected one such as 'guest 200'")
        amounts[found[1]] = int(found[2])
    return amounts
