"""Every rate limit of the site, in one table: its name, what it counts, and which setting says how much.

A rate's scope is whom it counts apart: `person` (the signed-in user), `ip` (an IPv4 address, or a /64 of IPv6), `site`
(everybody together), and for passwords `name` and `name_ip`. An organization and an API key will be two more.
"""

from dataclasses import dataclass

from django.conf import settings

from sessions_app.limits.rates import Rate, parse_rates


@dataclass(frozen=True, slots=True)
class Policy:
    """One kind of thing that people may do only so often."""

    name: str
    what: str
    """Plural, for the sentence that refuses: "Too many …"."""
    setting: str

    def rates(self) -> tuple[Rate, ...]:
        return parse_rates(getattr(settings, self.setting))


SIGN_INS = Policy("sign_ins", "attempts to sign in", "RATE_LIMIT_SIGN_INS")
WRONG_PASSWORDS = Policy("wrong_passwords", "wrong passwords", "RATE_LIMIT_WRONG_PASSWORDS")
TOKENS = Policy("tokens", "tokens and tickets", "RATE_LIMIT_TOKENS")
STRANGERS = Policy("strangers", "requests without a valid login", "RATE_LIMIT_STRANGERS")
GUESTS = Policy("guests", "new guests", "RATE_LIMIT_GUESTS")
SESSIONS = Policy("sessions", "new sessions", "RATE_LIMIT_SESSIONS")
INVITES = Policy("invites", "invitations", "RATE_LIMIT_INVITES")
RUNS = Policy("runs", "runs started, answered or continued", "RATE_LIMIT_RUNS")
TASKS = Policy("tasks", "tasks for agents", "RATE_LIMIT_TASKS")
PROBES = Policy("probes", "tests of endpoints and prompts", "RATE_LIMIT_PROBES")
COMPUTING = Policy("computing", "drawings, checks, comparisons and exports", "RATE_LIMIT_COMPUTING")
IMPORTS = Policy("imports", "imports", "RATE_LIMIT_IMPORTS")
CHANGES = Policy("changes", "changes", "RATE_LIMIT_CHANGES")
READS = Policy("reads", "requests", "RATE_LIMIT_READS")
SOCKETS = Policy("sockets", "sockets opened", "RATE_LIMIT_SOCKETS")

POLICIES = (
    SIGN_INS, WRONG_PASSWORDS, TOKENS, STRANGERS, GUESTS, SESSIONS, INVITES, RUNS, TASKS, PROBES, COMPUTING, IMPORTS,
    CHANGES, READS, SOCKETS,
)  # fmt: skip
