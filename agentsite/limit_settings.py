"""The settings of rate limits and quotas: how often somebody may ask, and how much somebody may hold.

A rate is "scope number/window, …" with the scopes person, ip and site; "off" counts nothing. An amount is "kind number,
…": guest, person and staff are one user, ip is all guests of one address together, session is a session; who is not
named has no limit. The defaults let a class of thirty work behind one address. What each one counts is said in
sessions_app/limits/policies.py and by the apps that register quotas.
"""

from agentsite.environment import Environment


def read(env: Environment, *, tasks_per_minute: int) -> dict[str, str]:
    """By the names of the settings."""
    return _rates(env, tasks_per_minute) | _amounts(env)


def _rates(env: Environment, tasks_per_minute: int) -> dict[str, str]:
    found = {
        "RATE_LIMIT_SIGN_INS": env.rates("RATE_LIMIT_SIGN_INS", default="ip 120/1m, site 3000/1m"),
        # By name from all addresses together the waits double and double; an address from which the person has signed
        # in before does not share them, so nobody can keep a person out of where they work.
        "RATE_LIMIT_WRONG_PASSWORDS": env.rates(
            "RATE_LIMIT_WRONG_PASSWORDS",
            default="name_ip 10/15m, ip 100/15m, name 20/15m, name 40/1h, name 80/6h, name 160/1d",
        ),
        "RATE_LIMIT_TOKENS": env.rates("RATE_LIMIT_TOKENS", default="person 300/1m, ip 1200/1m"),
        "RATE_LIMIT_STRANGERS": env.rates("RATE_LIMIT_STRANGERS", default="ip 300/1m"),
        "RATE_LIMIT_GUESTS": env.rates("RATE_LIMIT_GUESTS", default="ip 60/1m, ip 300/1h, site 1200/1m"),
        "RATE_LIMIT_SESSIONS": env.rates("RATE_LIMIT_SESSIONS", default="person 60/1m, ip 300/1m, site 3000/1m"),
        "RATE_LIMIT_INVITES": env.rates("RATE_LIMIT_INVITES", default="person 60/1m, person 600/1d, ip 300/1m"),
        "RATE_LIMIT_RUNS": env.rates("RATE_LIMIT_RUNS", default="person 120/1m, ip 600/1m, site 6000/1m"),
        "RATE_LIMIT_TASKS": env.rates(
            "RATE_LIMIT_TASKS", default=f"person {tasks_per_minute}/1m, ip {10 * tasks_per_minute}/1m"
        ),
        "RATE_LIMIT_PROBES": env.rates("RATE_LIMIT_PROBES", default="person 30/1m, ip 300/1m"),
        "RATE_LIMIT_COMPUTING": env.rates("RATE_LIMIT_COMPUTING", default="person 300/1m, ip 1800/1m, site 9000/1m"),
        "RATE_LIMIT_IMPORTS": env.rates("RATE_LIMIT_IMPORTS", default="person 30/1m, ip 150/1m, site 600/1m"),
        "RATE_LIMIT_CHANGES": env.rates("RATE_LIMIT_CHANGES", default="person 600/1m, ip 6000/1m"),
        "RATE_LIMIT_READS": env.rates("RATE_LIMIT_READS", default="person 3000/1m, ip 18000/1m"),
        "RATE_LIMIT_SOCKETS": env.rates("RATE_LIMIT_SOCKETS", default="person 240/1m, ip 2400/1m"),
    }
    return found


def _amounts(env: Environment) -> dict[str, str]:
    return {
        "QUOTA_GUESTS": env.amounts("QUOTA_GUESTS", default="ip 1000"),
        "QUOTA_SESSIONS": env.amounts("QUOTA_SESSIONS", default="guest 200, person 5000, ip 5000"),
        "QUOTA_DOCUMENT_BYTES": env.amounts(
            "QUOTA_DOCUMENT_BYTES", default="guest 50000000, person 2000000000, ip 1000000000"
        ),
        "QUOTA_MEMBERS": env.amounts("QUOTA_MEMBERS", default="session 200"),
        "QUOTA_INVITES": env.amounts("QUOTA_INVITES", default="session 100"),
        "QUOTA_GRAPHS": env.amounts("QUOTA_GRAPHS", default="guest 200, person 2000, ip 2000"),
        "QUOTA_GRAPH_BYTES": env.amounts(
            "QUOTA_GRAPH_BYTES", default="guest 50000000, person 2000000000, ip 1000000000"
        ),
        "QUOTA_RUN_BYTES": env.amounts("QUOTA_RUN_BYTES", default="guest 200000000, person 5000000000, ip 1000000000"),
        "QUOTA_RUNS": env.amounts("QUOTA_RUNS", default="guest 100, person 1000, ip 1000"),
    }
