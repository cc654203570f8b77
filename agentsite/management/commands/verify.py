"""`manage.py verify versioning|durability`: tries what is promised on a SQLite database of its own, without the stack.

The command starts itself again with settings for that database, in memory brokers and no model, and tells each thing
that it looked at in a line. Exit code 0 when all of it holds, 1 otherwise.
"""

import os
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.core.management.base import BaseCommand, CommandError, CommandParser

from graphs_app import snapshots, worker
from graphs_app.models import GraphVersion, NodeRun, NodeRunStatus, Run, RunStatus
from graphs_app.services import execution, graphs, runs, versions
from sessions_app.models import User

SUBJECTS = ("versioning", "durability")
STEPS = 6
DIES_AFTER = 3
WITHIN_S = 60
Check = tuple[str, bool]


class Command(BaseCommand):
    help = "Tries versioning or durability on a database of its own; exit code 1 if something does not hold."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("subject", choices=SUBJECTS)
        parser.add_argument("--part", choices=("all", "victim"), help="For the command itself.")

    def handle(self, *args: Any, subject: str, part: str | None, **options: Any) -> None:
        if part is None:
            raise SystemExit(_apart(subject))
        if part == "victim":
            _start_and_work()
            return
        found = list(_versioning() if subject == "versioning" else _durability())
        for words, holds in found:
            self.stdout.write(f"{'ok  ' if holds else 'FAIL'} {words}")
        if not all(holds for _, holds in found):
            raise SystemExit(1)


def _apart(subject: str) -> int:
    """Runs the subject where nothing of this site's is at hand."""
    with tempfile.TemporaryDirectory(prefix="agentsite-verify-") as folder:
        own = {
            "PATH": os.environ.get("PATH", ""),
            "VAR_DIR": folder,
            "ENV_FILE": os.devnull,
            "DUCKDUCKGO_URL": "",
            "LOG_LEVEL": "WARN",
        }
        for command in (["migrate", "--verbosity", "0"], ["verify", subject, "--part", "all"]):
            code = _manage(own, *command).returncode
            if code:
                return code
    return 0


def _manage(environment: dict[str, str], *arguments: str) -> "subprocess.CompletedProcess[bytes]":
    command = [sys.executable, str(Path(settings.BASE_DIR) / "manage.py"), *arguments]
    return subprocess.run(command, env=environment, check=False, timeout=10 * WITHIN_S)  # noqa: S603 -- our own


def _someone() -> User:
    user, _ = User.objects.get_or_create(
        username="verify", defaults={"name": "verify", "is_guest": True, "password": make_password(None)}
    )
    return user


def _line(values: list[int]) -> dict[str, Any]:
    """A graph of nodes in a row, each of which sets a value."""
    names = [f"step_{at}" for at in range(1, len(values) + 1)]
    return {
        "name": "Verified",
        "entry_node": names[0],
        "nodes": [
            {"node_id": name, "tool": "set_state", "config": {"values": {name: value}}}
            for name, value in zip(names, values, strict=True)
        ],
        "edges": [{"from_node": one, "to_node": other} for one, other in pairwise(names)],
    }


def _versioning() -> Iterator[Check]:
    user = _someone()
    graph = graphs.create_graph(user=user, definition=_line([1, 2]))
    first = GraphVersion.objects.get(graph=graph)
    versions.save_draft(user=user, graph=graph, definition=_line([1, 3]))
    second = versions.publish_draft(user=user, graph=graph, note="another value")
    yield f"a draft is published as version {second.semver} after {first.semver}", second.number == first.number + 1
    old, new = versions.compare_with(graph=graph, old=first.number, new=second.number)
    changed = [one["node_id"] for one, other in zip(old["nodes"], new["nodes"], strict=True) if one != other]
    yield f"comparing them tells what changed: {', '.join(changed)}", changed == ["step_2"]
    third = versions.roll_back(user=user, graph=graph, number=first.number)
    graph.refresh_from_db()
    yield (
        f"rolling back makes version {first.number} current again, as version {third.number}",
        (graphs.current_version(graph) == third and third.digest == first.digest != second.digest),
    )
    kept = GraphVersion.objects.get(pk=first.pk)
    yield "the digest is that of the definition that is kept", kept.digest == snapshots.digest(kept.definition)
    yield "the snapshot came back as it was", third.snapshot == kept.snapshot
    run = runs.start_run(user=user, graph=graph.slug, initial_state={})
    _work(run)
    run.refresh_from_db()
    yield (
        f"a run after it goes by version {third.number}",
        (
            run.graph_version_id == third.pk
            and run.status == RunStatus.COMPLETED
            and (run.state or {}).get("step_2") == 2
        ),
    )


def _durability() -> Iterator[Check]:
    environment = dict(os.environ, CRASH_AT=f"after_checkpoint:{DIES_AFTER}")
    died = _manage(environment, "verify", "durability", "--part", "victim").returncode
    yield "a process died of SIGKILL in the middle of a run", died == -signal.SIGKILL
    run = Run.objects.get()
    before = _completed(run)
    yield f"the journal has the {len(before)} nodes that it completed", 0 < len(before) < STEPS
    runs.release_run(run=run)
    _work(run)
    run.refresh_from_db()
    yield "another process went on with the run to its end", run.status == RunStatus.COMPLETED
    after = _completed(run)
    yield "no node that was completed ran again", all(after.get(pk) == ended for pk, ended in before.items())
    often = Counter(NodeRun.objects.filter(run=run, status=NodeRunStatus.COMPLETED).values_list("node_id", flat=True))
    yield f"each of {STEPS} nodes was completed once", sorted(often.values()) == [1] * STEPS
    yield (
        "its state has what all of them wrote",
        [(run.state or {}).get(f"step_{at}") for at in range(1, STEPS + 1)] == [*range(STEPS)],
    )


def _completed(run: Run) -> dict[Any, Any]:
    return dict(NodeRun.objects.filter(run=run, status=NodeRunStatus.COMPLETED).values_list("pk", "finished_at"))


def _start_and_work() -> None:
    """In a process that dies of it."""
    user = _someone()
    graph = graphs.create_graph(user=user, definition=_line([*range(STEPS)]))
    _work(runs.start_run(user=user, graph=graph.slug, initial_state={}))


def _work(run: Run) -> None:
    try:
        work = execution.execute(run_id=run.pk)
        if work is not None:
            work.result(WITHIN_S)
    except TimeoutError:
        raise CommandError(f"Run {run.pk} is not over within {WITHIN_S} s.") from None
    finally:
        worker.stop(grace_s=0)
