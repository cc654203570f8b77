"""What a command says when its database cannot be used: one line in place of a traceback and the log of an outage."""

import logging

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection

_log = logging.getLogger("agentsite.postgres")


def quiet() -> None:
    """The command tells of its database itself, and so the log need not."""
    _log.setLevel(logging.ERROR)


def look() -> None:
    """Raises OperationalError while the database cannot be used. From then on the log tells of outages."""
    connection.ensure_connection()
    connection.close()
    _log.setLevel(logging.NOTSET)


def in_words(error: OperationalError | InterfaceError) -> str:
    database = settings.DATABASES["default"]
    where = str(database["NAME"])
    if database.get("HOST"):
        where += f" on {database['HOST']}:{database.get('PORT') or 5432}"
    said = str(error).removeprefix("the database cannot be reached: ").splitlines()
    why = " ".join(" ".join(line for line in said if not line.strip().startswith("Is the server")).split()).rstrip(".")
    return (
        f"The database {where} cannot be used: {why}. Start it, or correct DATABASE_URL (deploy/README.md);"
        " then give the command again."
    )
