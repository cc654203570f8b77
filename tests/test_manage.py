"""Ctrl-C and SIGTERM on the product's commands as processes, at whatever moment they come."""

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random

import pytest

from tests.faults.field import wait_until
from tests.servers import programs
from tests.servers.site import ROOT, Site, build, tear_down

MOMENTS = int(os.environ.get("STOP_MOMENTS", "12"))
TEXT = "import os\nimport sys\n\n\ndef add(  a,b  ):\n    return a+b\n"
REST = {"node_id": "rest", "tool": "sleep", "config": {"seconds": 600}}
GRAPH = json.dumps({"name": "Long", "entry_node": "rest", "nodes": [REST]})
TOLD = 130
BEGINS_WITHIN_S = 60.0
ENDS_WITHIN_S = 60.0


@dataclass
class Place:
    site: Site
    silent: socket.socket
    """A model's server that takes calls and never answers."""


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    with socket.create_server(("127.0.0.1", 0), backlog=500) as silent:
        site = build(
            environment={
                "MODEL_ENDPOINT_URL": f"http://127.0.0.1:{silent.getsockname()[1]}/v1",
                "MODEL_ENDPOINT_MODEL": "none",
                "PRIVATE_ENDPOINTS_ALLOWED": "true",
            }
        )
        yield Place(site, silent)
        tear_down(site)


@pytest.fixture
def nothing_left(place: Place) -> Iterator[None]:
    """What one moment leaves behind is not counted for the next."""
    yield
    wipe(place.site)


def begin(site: Site, *arguments: str) -> "subprocess.Popen[str]":
    """The command, from the moment on when signals are its own: what comes earlier, Python's start has."""
    process = programs.start(
        [sys.executable, str(ROOT / "manage.py"), *arguments],
        env=site.environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    wait_until(lambda: takes(process.pid, signal.SIGTERM), "its handlers", within_s=BEGINS_WITHIN_S)
    return process


def takes(pid: int, number: int) -> bool:
    status = Path(f"/proc/{pid}/status").read_text()
    [caught] = [line.split()[1] for line in status.splitlines() if line.startswith("SigCgt:")]
    return bool(int(caught, 16) >> (number - 1) & 1)


def ended(process: "subprocess.Popen[str]") -> tuple[int, str]:
    try:
        _, told = process.communicate(timeout=ENDS_WITHIN_S)
    except subprocess.TimeoutExpired:
        process.kill()
        _, told = process.communicate()
        return 0, f"it went on for {ENDS_WITHIN_S:g} s\n{told}"
    return process.returncode, told


def left_behind(site: Site) -> list[int]:
    """Sessions, and runs that somebody would go on with."""
    database = sqlite3.connect(site.var_dir / "agentsite.sqlite3")
    with database:
        found = [
            database.execute(query).fetchone()[0]
            for query in (
                "SELECT count(*) FROM sessions_app_session",
                "SELECT count(*) FROM graphs_app_run WHERE status NOT IN ('completed', 'failed', 'cancelled')",
            )
        ]
    database.close()
    return found


def wipe(site: Site) -> None:
    database = sqlite3.connect(site.var_dir / "agentsite.sqlite3", timeout=30)
    with database:
        database.execute("PRAGMA foreign_keys = off")
        for table in ("graphs_app_run", "sessions_app_session"):
            database.execute(f"DELETE FROM {table}")  # noqa: S608
    database.close()


@pytest.fixture(scope="module")
def reaches_model_s(place: Place, tmp_path_factory: pytest.TempPathFactory) -> float:
    """How long a refine takes until it waits for its model."""
    file = tmp_path_factory.mktemp("measured") / "adding.py"
    file.write_text(TEXT)
    process = begin(place.site, "refine", str(file), "-i", "format", "--write")
    began = time.monotonic()
    place.silent.settimeout(BEGINS_WITHIN_S)
    call, _ = place.silent.accept()
    call.close()
    took_s = time.monotonic() - began
    process.send_signal(signal.SIGINT)
    assert ended(process)[0] == TOLD
    wipe(place.site)
    return took_s


@pytest.mark.usefixtures("nothing_left")
@pytest.mark.parametrize("seed", range(MOMENTS))
def test_refine_ends_by_ctrl_c_at_any_moment_and_changes_nothing(
    place: Place, reaches_model_s: float, tmp_path: Path, seed: int
) -> None:
    random = Random(seed)  # noqa: S311
    file = tmp_path / "adding.py"
    file.write_text(TEXT)
    after_s, is_twice = random.uniform(0, 1.3 * reaches_model_s), seed % 4 == 3
    process = begin(place.site, "refine", str(file), "-i", "format", "--write")
    time.sleep(after_s)
    process.send_signal(signal.SIGINT)
    if is_twice:
        time.sleep(random.uniform(0, 0.3))
        with suppress(ProcessLookupError):
            process.send_signal(signal.SIGINT)
    code, told = ended(process)
    assert (code, file.read_text()) == (TOLD, TEXT), f"{after_s:.3f} s of {reaches_model_s:.3f} s: {told}"
    assert "Traceback" not in told
    assert "Stopped" in told
    assert os.listdir(tmp_path) == ["adding.py"]
    if not is_twice:  # then it has a second to put things away, and on a busy machine that may be too short
        assert left_behind(place.site) == [0, 0]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize(
    "command", ["check_endpoints", "doctor", "prune_sessions", "refine", "run_graph", "runs", "serve"]
)
def test_a_command_ends_while_it_is_being_imported(place: Place, command: str, number: signal.Signals) -> None:
    process = begin(place.site, command, *(["x", "-i", "x"] if command == "refine" else []))
    process.send_signal(number)
    code, told = ended(process)
    assert (code, "Traceback" in told) == (128 + number, False), told


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_command_that_waits_for_a_model_ends(place: Place, number: signal.Signals) -> None:
    process = begin(place.site, "check_endpoints")
    place.silent.settimeout(BEGINS_WITHIN_S)
    call, _ = place.silent.accept()
    with call:
        process.send_signal(number)
        code, told = ended(process)
    assert (code, "Traceback" in told) == (128 + number, False), told


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_run_graph_cancels_its_run(place: Place, tmp_path: Path, number: signal.Signals) -> None:
    graph = tmp_path / "long.json"
    graph.write_text(GRAPH)
    process = begin(place.site, "run_graph", str(graph), "--follow")
    assert process.stderr is not None
    assert "rest" in process.stderr.readline()
    process.send_signal(number)
    code, told = ended(process)
    assert (code, "Traceback" in told) == (128 + number, False), told
    assert "cancelled" in told
    assert left_behind(place.site)[1] == 0
