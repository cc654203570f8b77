"""The environment, read strictly: a number that is none and a switch that says neither yes nor no are errors.

django-environ takes "2O" for 2 and "ture" for no, which an operator would find out too late.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import environ
from django.core.exceptions import ImproperlyConfigured

from sessions_app.limits.rates import parse_amounts, parse_rates

YES = ("true", "yes", "on", "1")
NO = ("false", "no", "off", "0", "")
DATABASES = (*environ.Env.POSTGRES_FAMILY[:4], "sqlite")
IN_MEMORY = ("", ":memory:")
KINDS: dict[Any, str] = {
    int: "a whole number",
    float: "a number, such as 30 or 0.5",
    bool: "one of true, yes, on, 1, or false, no, off, 0",
}


class Environment(environ.Env):  # type: ignore[misc]  # the library comes without types
    """Raises ImproperlyConfigured with the variable's name, what it holds and what it should."""

    def get_value(self, var: str, cast: Any = None, default: Any = environ.Env.NOTSET, **options: Any) -> Any:
        given = self.ENVIRON.get(var)
        if given is None or cast not in KINDS:
            return super().get_value(var, cast=cast, default=default, **options)
        try:
            return _read(given.strip().lower(), cast)
        except ValueError:
            raise ImproperlyConfigured(f"{var}={given!r} has to be {KINDS[cast]}.") from None

    def rates(self, var: str, *, default: str) -> str:
        """Rates such as "person 120/1m, ip 600/1m", or "off"; see sessions_app.limits.rates."""
        return self._parsed(var, default, parse_rates)

    def amounts(self, var: str, *, default: str) -> str:
        """Amounts such as "guest 200, person 5000", or "off"."""
        return self._parsed(var, default, parse_amounts)

    def _parsed(self, var: str, default: str, parse: Callable[[str], object]) -> str:
        text: str = self.str(var, default=default)
        try:
            parse(text)
        except ValueError as error:
            raise ImproperlyConfigured(f"{var}={text!r}: {error}.") from None
        return text

    def one_of(self, var: str, choices: Sequence[str], *, default: str) -> str:
        """One of a few words, in either case."""
        found: str = self.str(var, default=default).strip().lower()
        if found not in choices:
            raise ImproperlyConfigured(f"{var}={found!r} has to be one of {', '.join(choices)}.")
        return found

    def database(self, var: str, *, default: str) -> dict[str, Any]:
        """Where the data are: PostgreSQL, or a file of SQLite. A driver in the scheme is left out."""
        given: str = self.str(var, default=default).strip()
        scheme, _, rest = given.partition("://")
        kind = scheme.partition("+")[0].lower()
        if kind not in DATABASES:
            raise ImproperlyConfigured(
                f"{var} begins with {scheme[:20]!r}; it has to be postgresql://user:password@host:5432/name,"
                " or sqlite:///path/to/a/file."
            )
        if kind == "sqlite" and (rest.partition("?")[0].strip("/") in IN_MEMORY or "mode=memory" in rest):
            raise ImproperlyConfigured(
                f"{var}={given!r} is a database in memory, which the processes and threads of a site cannot share."
                " Leave it out for a file in VAR_DIR, or name one that the system keeps in memory:"
                f" {var}=sqlite:////dev/shm/agentsite.sqlite3."
            )
        try:
            found: dict[str, Any] = self.db_url_config(f"{kind}://{rest}")
        except ValueError as error:
            raise ImproperlyConfigured(f"{var} cannot be read: {error}.") from None
        return found

    def port(self, var: str, *, default: int) -> int:
        """A TCP port; 0 lets the system choose one."""
        number: int = self.int(var, default=default)
        if not 0 <= number <= 65535:
            raise ImproperlyConfigured(f"{var}={number} has to be a port: 0 to 65535.")
        return number


def _read(given: str, cast: Any) -> Any:
    if cast is not bool:
        number = cast(given)
        if not math.isfinite(number):
            raise ValueError(given)
        return number
    if given not in YES + NO:
        raise ValueError(given)
    return given in YES
