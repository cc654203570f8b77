"""Does by hand what beat does: expires what is due, and deletes what is past its retention."""

import json
from dataclasses import replace
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from sessions_app.clock import database_now
from sessions_app.plurals import counted
from sessions_app.services import lifetimes
from sessions_app.tasks import tell


class Command(BaseCommand):
    help = "Expire sessions whose time is over, and delete those past their retention."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="Only say what would be done.")
        parser.add_argument("--json", action="store_true", help="Print one JSON object.")

    def handle(self, *args: Any, **options: Any) -> None:
        now = database_now()
        if options["dry_run"]:
            done = lifetimes.preview(now=now)
        else:
            swept = lifetimes.sweep(now=now)
            tell(swept.ended)
            done = replace(swept, pruned=lifetimes.prune(now=now))
            lifetimes.tidy(now=now)
        found = {"warned": done.warned, "expired": done.expired, "pruned": done.pruned}
        if options["json"]:
            lists = {name: [str(session_id) for session_id in ids] for name, ids in found.items()}
            self.stdout.write(json.dumps({"dry_run": options["dry_run"], **lists}))
            return
        would = "would be " if options["dry_run"] else ""
        for name, ids in found.items():
            self.stdout.write(f"{counted(len(ids), 'session')} {would}{name}")
            for session_id in ids:
                self.stdout.write(f"  {session_id}")
