"""What the subjects have in common: somebody, graphs in a line, a process of its own, and a run worked to its end."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.core.management.base import CommandError

from graphs_app import worker
from graphs_app.models import Run
from graphs_app.services import execution
from sessions_app.models import User

WITHIN_S = 60
Check = tuple[str, bool]
Checks = Iterator[Check]


def manage(environment: Mapping[str, str], *arguments: str) -> "subprocess.CompletedProcess[bytes]":
    """A command of the site's in a process of its own."""
    command = [sys.executable, str(Path(settings.BASE_DIR) / "manage.py"), *arguments]
    return subprocess.run(command, env=dict(environment), check=False, timeout=10 * WITHIN_S)  # noqa: S603 -- our own


def is_killed_at(place: str, subject: str) -> bool:
    """Has the subject's victim work in a process that dies at the place (graphs_app.failpoints): whether it did."""
    environment = dict(os.environ, CRASH_AT=place)
    return manage(environment, "verify", subject, "--part", "victim").returncode == -signal.SIGKILL


def someone(name: str = "verify") -> User:
    user, _ = User.objects.get_or_create(
        username=name, defaults={"name": name, "is_guest": True, "password": make_password(None)}
    )
    return user


def in_a_line(nodes: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """A graph of these nodes, one after the other."""
    names = [node["node_id"] for node in nodes]
    return {
        "name": "Verified",
        "entry_node": names[0],
        "nodes": list(nodes),
        "edges": [{"from_node": one, "to_node": other} for one, other in pairwise(names)],
    }


def setting(values: Sequence[int]) -> dict[str, Any]:
    """A graph of nodes in a line, each of which sets a value: step_1, step_2 and so on."""
    return in_a_line(
        [
            {"node_id": f"step_{at}", "tool": "set_state", "config": {"values": {f"step_{at}": value}}}
            for at, value in enumerate(values, 1)
        ]
    )


def work(run: Run) -> None:
    """Executes a run in this process until it ends. Raises CommandError."""
    try:
        ending = execution.execute(run_id=run.pk)
        if ending is not None:
            ending.result(WITHIN_S)
    except TimeoutError:
        raise CommandError(f"Run {run.pk} is not over within {WITHIN_S} s.") from None
    finally:
        worker.stop(grace_s=0)
    run.refresh_from_db()
