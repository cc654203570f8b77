"""`manage.py run_graph FILE_OR_SLUG --input STATE.json`: runs a graph in this process, by the services of the site.

The final state goes to stdout, progress (--follow) to stderr. Exit codes: 0 completed; 1 the run failed or was
cancelled; 2 the graph or the state cannot be used; 3 it waits for a person; 130 stopped by Ctrl-C.
"""

import json
import sys
from argparse import ArgumentParser
from concurrent.futures import Future, wait
from pathlib import Path
from typing import Any, NoReturn

from django.contrib.auth.hashers import make_password
from django.core.management.base import BaseCommand, CommandError
from django.core.serializers.json import DjangoJSONEncoder
from django.db import OperationalError, ProgrammingError

from graphs_app import selectors, worker
from graphs_app.engine.checkpoint import RunEnded
from graphs_app.errors import RunFinished
from graphs_app.following import Follower
from graphs_app.models import Run, RunStatus
from graphs_app.services import execution, graphs, runs
from sessions_app.errors import DomainError
from sessions_app.models import User

FAILED, UNUSABLE, WAITS, STOPPED = 1, 2, 3, 130
LOOK_AGAIN_S = 0.1
USERNAME = "command-line"


class Command(BaseCommand):
    help = "Runs a graph, from a definition's file or by the slug of one that is kept."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("graph", help="A file with a definition, or the slug or id of a graph.")
        parser.add_argument("--input", type=Path, help="A file with the initial state, a JSON object; - reads stdin.")
        parser.add_argument("--follow", action="store_true", help="Tell of each node on stderr.")
        parser.add_argument("--json", action="store_true", dest="as_json", help="Print the whole run as JSON.")

    def handle(self, *args: Any, **options: Any) -> None:
        state = self._json(options["input"]) if options["input"] else {}
        try:
            user = _operator()
            run = runs.start_run(user=user, graph=self._slug(options["graph"], user), initial_state=state)
            self._show(self._to_its_end(run, follow=options["follow"]), as_json=options["as_json"])
        except DomainError as error:
            for problem in error.errors:
                self.stderr.write(f"{problem['pointer'] or '/'}: {problem['message']}")
            self._fail(error.message, UNUSABLE)
        except (OperationalError, ProgrammingError) as error:
            self._fail(f"The database cannot be used ({error}); has `manage.py migrate` been run?", UNUSABLE)
        finally:
            worker.stop(grace_s=0)

    def _slug(self, given: str, user: User) -> str:
        """The graph's slug; a file's definition is kept under its name, as a new version when it has changed."""
        path = Path(given)
        if path.suffix != ".json" and not path.is_file():
            return given
        return graphs.save_graph(user=user, name=path.stem, definition=self._json(path)).slug

    def _json(self, path: Path) -> Any:
        try:
            text = sys.stdin.read() if str(path) == "-" else path.read_text(encoding="utf-8")
            return json.loads(text)
        except OSError as error:
            self._fail(f"{str(path)!r} cannot be read: {error.strerror}.", UNUSABLE)
        except (ValueError, RecursionError) as error:
            self._fail(f"{str(path)!r} is not JSON: {error}", UNUSABLE)

    def _to_its_end(self, run: Run, *, follow: bool) -> Run:
        follower = Follower(run.pk)
        try:
            self._work(run, follower, follow=follow)
        except KeyboardInterrupt:
            self._cancel(run, follower, follow=follow)
            self._fail(f"Stopped; run {run.pk} is cancelled.", STOPPED)
        return selectors.runs_with_graph().get(pk=run.pk)

    def _work(self, run: Run, follower: Follower, *, follow: bool) -> None:
        """Executes the run here, unless a worker elsewhere is quicker, until it is over or waits."""
        work: Future[RunEnded | None] | None = None
        while not follower.is_over:
            if work is None or work.done():
                work = execution.execute(run_id=run.pk)
            wait([work] if work else [], timeout=LOOK_AGAIN_S)
            for frame in follower.look():
                if follow:
                    self._tell(frame)

    def _cancel(self, run: Run, follower: Follower, *, follow: bool) -> None:
        try:
            runs.cancel_run(run=run)
            worker.current().cancel(run.pk)
        except RunFinished:
            return
        self._work(run, follower, follow=follow)

    def _tell(self, frame: dict[str, Any]) -> None:
        match frame["event"]:
            case "node_start":
                self.stderr.write(f"{frame['node']} ({frame['tool']}) …")
            case "node_complete":
                error = f": {frame['error']['message']}" if frame["error"] else ""
                self.stderr.write(f"{frame['node']} {frame['status']} in {frame['duration_ms'] or 0:.0f} ms{error}")

    def _show(self, run: Run, *, as_json: bool) -> None:
        if as_json:
            shown: Any = {
                "run_id": str(run.pk),
                "graph": run.graph_version.graph.slug,
                "graph_version": run.graph_version.number,
                "status": run.status,
                "error": run.error,
                "interrupts": selectors.waiting_interrupts(run.pk),
                "result": selectors.result_of(run),
            }
        else:
            shown = run.state
        self.stdout.write(json.dumps(shown, indent=2, ensure_ascii=False, cls=DjangoJSONEncoder))
        if run.status == RunStatus.INTERRUPTED:
            questions = "; ".join(one["question"] for one in selectors.waiting_interrupts(run.pk))
            self._fail(f"Run {run.pk} waits for a person: {questions}", WAITS)
        if run.status != RunStatus.COMPLETED:
            self._fail(f"Run {run.pk} {run.status}: {(run.error or {}).get('message', '')}", FAILED)

    def _fail(self, message: str, code: int) -> NoReturn:
        raise CommandError(message, returncode=code)


def _operator() -> User:
    """The user that commands act as; nobody can sign in as it."""
    user, _ = User.objects.get_or_create(
        username=USERNAME, defaults={"name": "Command line", "is_guest": True, "password": make_password(None)}
    )
    return user
