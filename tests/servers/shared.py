"""One server for all the processes of a pytest run: the first that asks starts it, the run's own process stops it.

The run's process makes a folder and names it in the environment, which xdist's workers inherit. Each server keeps
its URL and the command that stops it there. A watchdog stops what is left when the run is killed before it can tidy up.
"""

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from filelock import FileLock

FOLDER_VARIABLE = "AGENTSITE_TEST_SERVERS"


@dataclass(frozen=True)
class Server:
    """A server that runs: where it is, and how to stop it."""

    url: str
    stop: list[str]
    """A command; run once, at the end."""


def make_folder() -> bool:
    """Makes the run's folder; False when an outer process has made it, and will stop the servers itself."""
    if os.environ.get(FOLDER_VARIABLE):
        return False
    folder = tempfile.mkdtemp(prefix="agentsite-servers-")
    os.chmod(folder, 0o755)  # noqa: S103  # PostgreSQL refuses to be root, so its user must be able to get in
    os.environ[FOLDER_VARIABLE] = folder
    # The watchdogs look at which process the run belongs to.
    (Path(folder) / "owner").write_text(f"{os.getpid()}\n")
    return True


def folder() -> Path:
    return Path(os.environ[FOLDER_VARIABLE])


def start_once(name: str, start: Callable[[Path], Server]) -> Server:
    """The server of that name; started now if no process of this run has started it yet."""
    state = folder() / f"{name}.json"
    with FileLock(folder() / f"{name}.lock"):
        if state.exists():
            return Server(**json.loads(state.read_text()))
        server = start(folder())
        state.write_text(json.dumps(asdict(server)))
        _watch(server)
        return server


def stop(name: str) -> None:
    """Stops the server of that name, if there is one; who asks for it after that gets a new one, and not a dead one."""
    with FileLock(folder() / f"{name}.lock"):
        _stop(folder() / f"{name}.json")


def stop_all() -> None:
    """Stops every server of this run and removes its folder."""
    here = folder()
    for state in sorted(here.glob("*.json")):
        _stop(state)
    shutil.rmtree(here, ignore_errors=True)
    del os.environ[FOLDER_VARIABLE]


def _stop(state: Path) -> None:
    if not state.exists():
        return
    server = Server(**json.loads(state.read_text()))
    subprocess.run(server.stop, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False, cwd="/")
    state.unlink()


def _watch(server: Server) -> None:
    """Stops the server when the run's folder is still there but nobody of the run is (SIGKILL, a closed terminal)."""
    script = 'while read -r owner < "$0" && kill -0 "$owner"; do sleep 4; done; [ -e "$0" ] && "$@"; rm -rf "${0%/*}"'
    _in_background(script, *server.stop)


def watch_process(pid: int) -> None:
    """Kills a process when the run that it belongs to is gone; looks no longer than either lives.

    What it looks with is built into the shell: it needs no process of its own, whose start could fail.
    """
    script = 'while kill -0 "$1"; do read -r owner < "$0" && kill -0 "$owner" || kill -9 "$1"; sleep 4; done'
    _in_background(script, str(pid))


def _in_background(script: str, *arguments: str) -> None:
    """Runs a shell script whose $0 is the file that names the run's process."""
    subprocess.run(
        ["sh", "-c", f"({script}) &", str(folder() / "owner"), *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        check=True,
    )
