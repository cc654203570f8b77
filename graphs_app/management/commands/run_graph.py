"""`manage.py run_graph FILE_OR_SLUG --input STATE.json`: runs a graph in this process, by the services of the site.

The final state goes to stdout, progress (--follow) to stderr. Exit codes: 0 completed; 1 the run failed or was
cancelled; 2 the graph, the state or an answer cannot be used; 3 it waits for a person; 130 stopped by Ctrl-C,
143 by SIGTERM.

Sub-graphs of a file are found by their slug: in files beside it, else among the graphs that are kept. Questions are
answered by --answer NODE=VALUE; one whose time is over within a minute is waited for.
"""

import json
import sys
from argparse import ArgumentParser
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

from django.contrib.auth.hashers import make_password
from django.core.management.base import BaseCommand, CommandError
from django.core.serializers.json import DjangoJSONEncoder
from django.db import OperationalError, ProgrammingError
from django.utils import timezone

from graphs_app import run_log, selectors, snapshots, worker
from graphs_app.ending import Ending, look_again
from graphs_app.engine import validate
from graphs_app.engine.registry import REGISTRY
from graphs_app.errors import RunFinished
from graphs_app.following import Follower
from graphs_app.management.told_once import ToldOnce, of_database, quiet_log
from graphs_app.models import Interrupt, InterruptStatus, Run, RunStatus
from graphs_app.services import execution, graphs, runs
from sessions_app import strict_json
from sessions_app.errors import DomainError
from sessions_app.invisible_characters import escaped, shown
from sessions_app.models import User
from sessions_app.stopping import Stop, tidily

FAILED, UNUSABLE, WAITS = 1, 2, 3
LOOK_AGAIN_S = 0.1
PATIENCE_S = 60.0
"""A question whose time is over within this is waited for."""
USERNAME = "command-line"


class Command(BaseCommand):
    help = "Runs a graph, from a definition's file or by the slug of one that is kept."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("graph", help="A file with a definition, or the slug or id of a graph.")
        parser.add_argument("--input", type=Path, help="A file with the initial state, a JSON object; - reads stdin.")
        parser.add_argument(
            "--answer",
            action="append",
            default=[],
            metavar="NODE=VALUE",
            help="What to answer a node, JSON or text. Several answer in turn, the last of them all further questions.",
        )
        parser.add_argument("--follow", action="store_true", help="Tell of each node on stderr.")
        parser.add_argument("--json", action="store_true", dest="as_json", help="Print the whole run as JSON.")

    def handle(self, *args: Any, **options: Any) -> None:
        self._progress = ToldOnce(self.stderr.write)
        state = self._json(options["input"]) if options["input"] else {}
        answers = self._answers(options["answer"])
        try:
            with quiet_log(options["verbosity"]), tidily() as stop:
                self._run(state, answers, stop, options)
        except DomainError as error:
            untold = [problem for problem in error.errors if problem["message"] not in error.message]
            for problem in untold:
                self.stderr.write(shown(f"{problem['pointer'] or '/'}: {problem['message']}"))
            self._fail(f"{error.message}{_places(error)}", UNUSABLE)
        except (OperationalError, ProgrammingError) as error:
            self._fail(of_database(error), UNUSABLE)

    def _run(self, state: Any, answers: dict[str, list[Any]], stop: Stop, options: dict[str, Any]) -> None:
        try:
            user = _operator()
            slug = self._slug(options["graph"], user)
            self._check_answers(answers, slug, user)
            if stop.is_told():
                self._fail("Stopped; no run was started.", stop.exit_code)
            run = runs.start_run(user=user, graph=slug, initial_state=state)
            self._to_its_end(run, user, answers, stop, follow=options["follow"])
            self._show(selectors.runs_with_graph().get(pk=run.pk), as_json=options["as_json"])
        finally:
            worker.stop(grace_s=0)

    def _slug(self, given: str, user: User) -> str:
        """The graph's slug; a file's definition is kept under its name, as a new version when it has changed."""
        path = Path(given)
        if path.suffix != ".json" and not path.is_file():
            return given
        return self._keep(path, user, set())

    def _keep(self, path: Path, user: User, kept: set[Path]) -> str:
        """Keeps the graph of a file, its sub-graphs that lie beside it first."""
        kept.add(path)
        definition = self._json(path)
        sound = not validate.problems(definition, REGISTRY)
        for slug in snapshots.used_sub_graphs(definition) if sound else ():
            beside = path.with_name(f"{slug}.json")
            if beside not in kept and beside.is_file():
                self._keep(beside, user, kept)
        return graphs.save_graph(user=user, name=path.stem, definition=definition).slug

    def _answers(self, given: list[str]) -> dict[str, list[Any]]:
        """By node, what it is to be answered, in turn."""
        answers: dict[str, list[Any]] = {}
        for one in given:
            node_id, sign, text = one.partition("=")
            if not sign:
                self._fail(f"--answer {one!r} must be NODE=VALUE.", UNUSABLE)
            try:
                value = strict_json.loads(text)
            except strict_json.JsonRefused as error:
                if error.code != "not_json":
                    self._fail(f"--answer {node_id}: {error}", UNUSABLE)
                value = text
            answers.setdefault(node_id, []).append(value)
        return answers

    def _check_answers(self, answers: dict[str, list[Any]], slug: str, user: User) -> None:
        """An answer for a node that neither the graph nor a sub-graph of it has would never be given."""
        if not answers:
            return
        nodes = _nodes_of(slug, user)
        unknown = [node_id for node_id in answers if node_id not in nodes]
        if unknown:
            asking = sorted(node_id for node_id, tool in nodes.items() if tool == "ask_human")
            those = (
                f"those that ask are {', '.join(map(repr, asking))}" if asking else "none of its nodes asks a person"
            )
            names = ", ".join(map(repr, unknown))
            self._fail(f"--answer names {names}, and graph {slug!r} has no such node; {those}.", UNUSABLE)

    def _json(self, path: Path) -> Any:
        try:
            text = sys.stdin.read() if str(path) == "-" else path.read_text(encoding="utf-8")
            return strict_json.loads(text)
        except OSError as error:
            self._fail(f"{str(path)!r} cannot be read: {error.strerror}.", UNUSABLE)
        except ValueError as error:
            self._fail(f"{str(path)!r} cannot be taken: {error}", UNUSABLE)

    def _to_its_end(self, run: Run, user: User, answers: dict[str, list[Any]], stop: Stop, *, follow: bool) -> None:
        follower = Follower(run.pk)
        self._work(run, follower, stop, follow=follow)
        while not stop.is_told() and (self._answer(run, user, answers) or self._wait_for_defaults(run, stop)):
            follower.is_over = False
            self._work(run, follower, stop, follow=follow)
        if not stop.pass_no_return():
            _cancel(run)  # unless that was done: it may wait for a person
            self._fail(f"Stopped; run {run.pk} is cancelled, unless it was over.", stop.exit_code)

    def _answer(self, run: Run, user: User, answers: dict[str, list[Any]]) -> bool:
        """Answers a question that an answer was given for; whether there was one."""
        for asked in selectors.waiting_interrupts(run.pk):
            values = answers.get(asked["node_id"])
            if values:
                value = values.pop(0) if len(values) > 1 else values[0]
                runs.resume_run(user=user, run=run, interrupt_id=asked["id"], value=value)
                return True
        return False

    def _wait_for_defaults(self, run: Run, stop: Stop) -> bool:
        """Waits for the first question whose time is nearly over; whether there was one."""
        waiting = Interrupt.objects.filter(run__in=selectors.family(run.pk), status=InterruptStatus.WAITING)
        first = waiting.filter(expires_at__isnull=False).select_related("run").order_by("expires_at").first()
        if first is None or first.expires_at is None:
            return False
        left_s = (first.expires_at - timezone.now()).total_seconds()
        if left_s > PATIENCE_S:
            return False
        if stop.wait(max(0.0, left_s)):
            return False
        runs.expire_interrupt(interrupt=first)
        return True

    def _work(self, run: Run, follower: Follower, stop: Stop, *, follow: bool) -> None:
        """Executes the run here, unless a worker elsewhere is quicker, until it is over or waits.

        Once told to stop it cancels the run, and waits for its end."""
        work: Ending | None = None
        is_cancelled = False
        while not follower.is_over:
            if stop.is_told() and not is_cancelled:
                is_cancelled = True
                _cancel(run)
            if work is None or work.done():
                work = execution.execute(run_id=run.pk)
            look_again(work, LOOK_AGAIN_S)
            for frame in follower.all():
                if follow:
                    self._tell(frame)

    def _tell(self, frame: dict[str, Any]) -> None:
        match frame["event"]:
            case "node_start":
                self._progress.say(shown(f"{frame['node']} ({frame['tool']}) …"))
            case "node_complete":
                line = shown(f"{frame['node']} {frame['status']} in {frame['duration_ms'] or 0:.0f} ms")
                if frame["error"]:
                    self._progress.failed(line, shown(frame["error"]["message"]))
                else:
                    self._progress.say(line)

    def _show(self, run: Run, *, as_json: bool) -> None:
        self._progress.end(shown(str((run.error or {}).get("message", ""))))
        if as_json:
            told: Any = {
                "run_id": str(run.pk),
                "graph": run.graph_version.graph.slug,
                "graph_version": run.graph_version.number,
                "status": run.status,
                "error": run.error,
                "interrupts": selectors.waiting_interrupts(run.pk),
                "result": run_log.result_of(run),
            }
        else:
            told = run.state
        self.stdout.write(escaped(json.dumps(told, indent=2, ensure_ascii=False, cls=DjangoJSONEncoder)))
        if run.status == RunStatus.INTERRUPTED:
            questions = "; ".join(one["question"] for one in selectors.waiting_interrupts(run.pk))
            self._fail(f"Run {run.pk} waits for a person: {questions}", WAITS)
        if run.status != RunStatus.COMPLETED:
            self._fail(f"Run {run.pk} {run.status}: {(run.error or {}).get('message', '')}", FAILED)

    def _fail(self, message: str, code: int) -> NoReturn:
        raise CommandError(shown(message), returncode=code)


def _places(error: DomainError) -> str:
    """Where that is, of which the error's message tells only what."""
    told = [one["pointer"] for one in error.errors if one["pointer"] and one["message"] in error.message]
    return f" (at {', '.join(told)})" if told else ""


def _cancel(run: Run) -> None:
    with suppress(RunFinished):
        runs.cancel_run(run=run)
    if (here := worker.known()) is not None:
        here.cancel(run.pk)


def _nodes_of(slug: str, user: User) -> dict[str, str]:
    """The tool of each node of a graph and of the sub-graphs that it uses, by the node's id."""
    nodes: dict[str, str] = {}
    seen: set[str] = set()
    to_see = [slug]
    while to_see:
        key = to_see.pop()
        if key in seen:
            continue
        seen.add(key)
        definition = graphs.version_to_run(graph=key, user_id=user.pk).definition
        nodes |= {node["node_id"]: node["tool"] for node in definition["nodes"]}
        to_see += snapshots.used_sub_graphs(definition)
    return nodes


def _operator() -> User:
    """The user that commands act as; nobody can sign in as it."""
    user, _ = User.objects.get_or_create(
        username=USERNAME, defaults={"name": "Command line", "is_guest": True, "password": make_password(None)}
    )
    return user
