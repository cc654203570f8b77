"""`manage.py runs`: an operator's look at runs, and the same actions as the admin's, from a shell.

    manage.py runs                          what is queued, running or waiting
    manage.py runs --status failed          the newest of one status; of all with --status all
    manage.py runs ID …                     these runs
    manage.py runs ID … --release           gives the lease of a worker that is gone back
    manage.py runs ID … --requeue           takes them from their workers and queues them again
    manage.py runs ID … --cancel            asks for their end

Exit codes: 0 done; 1 at least one of them could not be acted on; 2 there is no such run.
"""

import json
from argparse import ArgumentParser
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError
from django.core.serializers.json import DjangoJSONEncoder

from graphs_app import selectors
from graphs_app.models import TERMINAL, Run, RunStatus
from graphs_app.services.operating import ACTIONS, Action
from sessions_app.invisible_characters import shown
from sessions_app.plurals import counted

LEFT_ALONE, UNKNOWN = 1, 2
OPEN = [status for status in RunStatus.values if status not in TERMINAL]


class Command(BaseCommand):
    help = "Shows runs; releases, requeues or cancels those that are named."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("ids", nargs="*", type=UUID, metavar="ID", help="Runs; the open ones when left out.")
        parser.add_argument("--status", choices=["open", "all", *RunStatus.values], default="open")
        parser.add_argument("--limit", type=int, default=50, help="So many at most, the newest first.")
        parser.add_argument("--json", action="store_true", dest="as_json", help="Print one JSON object a line.")
        action = parser.add_mutually_exclusive_group()
        for name, (_, done, _) in ACTIONS.items():
            action.add_argument(f"--{name}", dest="action", action="store_const", const=name, help=f"Runs are {done}.")

    def handle(self, *args: Any, **options: Any) -> None:
        ids: list[UUID] = options["ids"]
        if options["action"] and not ids:
            raise CommandError("Name the runs by their ids; without any, nothing is changed.", returncode=UNKNOWN)
        found = self._named(ids) if ids else self._listed(options["status"], options["limit"])
        if options["action"]:
            self._act(ACTIONS[options["action"]], found)
            return
        for run in found:
            self.stdout.write(_as_json(run) if options["as_json"] else _as_line(run))

    def _named(self, ids: list[UUID]) -> list[Run]:
        known = selectors.runs_with_graph().in_bulk(ids)
        for run_id in ids:
            if run_id not in known:
                raise CommandError(f"There is no run {str(run_id)!r}.", returncode=UNKNOWN)
        return [known[run_id] for run_id in ids]

    def _listed(self, status: str, limit: int) -> list[Run]:
        found = selectors.runs_with_graph().filter(parent__isnull=True).defer("state", "initial_state")
        if status != "all":
            found = found.filter(status__in=OPEN if status == "open" else [status])
        return list(found.order_by("-pk")[:limit])

    def _act(self, action: Action, found: list[Run]) -> None:
        left_alone = 0
        for run in found:
            acted = action.act(run)
            left_alone += not acted
            self.stdout.write(f"{run.pk} {action.done}" if acted else f"{run.pk} left alone: {action.otherwise}")
        if left_alone:
            raise CommandError(
                f"{left_alone} of {counted(len(found), 'run')} {'was' if left_alone == 1 else 'were'} left alone.",
                returncode=LEFT_ALONE,
            )


def _as_json(run: Run) -> str:
    shown = {
        "id": run.pk,
        "graph": run.graph_version.graph.slug,
        "graph_version": run.graph_version.number,
        "status": run.status,
        "session": run.session_id,
        "created_at": run.created_at,
        "attempt": run.attempt,
        "crashes": run.crashes,
        "checkpoints": run.checkpoints,
        "lease_owner": run.lease_owner or None,
        "lease_until": run.lease_until,
        "cancel_requested_at": run.cancel_requested_at,
        "error": run.error,
    }
    return json.dumps(shown, cls=DjangoJSONEncoder)


def _as_line(run: Run) -> str:
    parts = [str(run.pk), run.status, f"{run.graph_version.graph.slug} v{run.graph_version.number}"]
    parts.append(f"attempt {run.attempt}, {run.checkpoints} checkpoints")
    if run.lease_owner and run.lease_until is not None:
        parts.append(f"held by {run.lease_owner} until {run.lease_until:%Y-%m-%d %H:%M:%S}Z")
    if run.error:
        parts.append(f"{run.error.get('type')}: {run.error.get('message')}")
    return shown("  ".join(parts))
