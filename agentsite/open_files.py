"""How many files this process may open, and so how many connections it can serve.

A process that has no file left accepts nobody, and its database connections, pipes and children fail as well. So the
bound on connections leaves room for these, and a little for those who are being refused.
"""

import logging
import resource

from django.conf import settings

logger = logging.getLogger(__name__)

WANTED = 65_536
BESIDE = 200
"""Open files that are no connections of clients: the database's, of which SQLite has three a thread, logs, children."""
LEAST_SHARE = 4
"""Where there are few files, clients have one in so many."""
FEW = 100
"""With fewer connections than this a site serves hardly anybody."""


def raise_limit() -> int | None:
    """As many files as the system lets this process have; None where it sets no limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = WANTED if hard == resource.RLIM_INFINITY else min(hard, WANTED)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        soft = wanted
    return None if soft == resource.RLIM_INFINITY else soft


def connections_within(files: int | None) -> int:
    """How many connections a process may have that may open so many files."""
    if files is None:
        return int(settings.CONNECTIONS_MAX)
    return min(settings.CONNECTIONS_MAX, max(files - BESIDE, files // LEAST_SHARE))


def make_room() -> None:
    """Takes as many files as there may be, and as many connections as these allow."""
    files = raise_limit()
    most = connections_within(files)
    if most < settings.CONNECTIONS_MAX:
        logger.warning("%s", told(files))
        settings.CONNECTIONS_MAX = most
        # Or one address alone could have them all.
        settings.CONNECTIONS_PER_ADDRESS_MAX = min(settings.CONNECTIONS_PER_ADDRESS_MAX, most // 2)


def told(files: int | None) -> str:
    """What the limit means, and what to do where it is low."""
    most = connections_within(files)
    if files is None or most == settings.CONNECTIONS_MAX:
        return f"{most:,} connections at once (CONNECTIONS_MAX)"
    return (
        f"{most:,} connections at once, not {settings.CONNECTIONS_MAX:,} (CONNECTIONS_MAX): this process may open "
        f"{files:,} files. Raise that by ulimit -n or LimitNOFILE"
    )
