"""`manage.py verify SUBJECT`: tries what is promised of it on a SQLite database of its own, without the stack.

The command starts itself again with settings for that database, in memory brokers and no model but one of its own, and
tells each thing that it looked at in a line. Exit code 0 when all of it holds, 1 otherwise.
"""

import os
import tempfile
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from agentsite.verification import cost, durability, versioning
from agentsite.verification.groundwork import manage

SUBJECTS = {"versioning": versioning.checks, "durability": durability.checks, "cost": cost.checks}
VICTIMS = {"durability": durability.victim, "cost": cost.victim}
"""What works in a process that dies of it."""


class Command(BaseCommand):
    help = "Tries versioning, durability or cost on a database of its own; exit code 1 if something does not hold."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("subject", choices=SUBJECTS)
        parser.add_argument("--part", choices=("all", "victim"), help="For the command itself.")

    def handle(self, *args: Any, subject: str, part: str | None, **options: Any) -> None:
        if part is None:
            raise SystemExit(_apart(subject))
        if part == "victim":
            VICTIMS[subject]()
            return
        found = []
        for words, holds in SUBJECTS[subject]():
            self.stdout.write(f"{'ok  ' if holds else 'FAIL'} {words}")
            found.append(holds)
        if not all(found):
            raise SystemExit(1)


def _apart(subject: str) -> int:
    """Runs the subject where nothing of this site's is at hand."""
    with tempfile.TemporaryDirectory(prefix="agentsite-verify-") as folder:
        own = {
            "PATH": os.environ.get("PATH", ""),
            "VAR_DIR": folder,
            "ENV_FILE": os.devnull,
            "DUCKDUCKGO_URL": "",
            "LOG_LEVEL": "ERROR",  # calls and runs that fail as they are to are no news
            "PRIVATE_ENDPOINTS_ALLOWED": "true",
        }
        for command in (["migrate", "--verbosity", "0"], ["verify", subject, "--part", "all"]):
            code = manage(own, *command).returncode
            if code:
                return code
    return 0
