"""A PostgreSQL of one test's own, since nobody else likes it to be restarted, stopped or silent."""

import os
import signal
import subprocess
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tests.servers import shared
from tests.servers.postgres import start_in
from tests.servers.shared import Server, start_once


@dataclass
class OwnPostgres:
    name: str
    server: Server

    def restart(self) -> None:
        """As after a crash: no connection is closed in order, and what was not on disk is gone."""
        self._control("-w", "restart")

    def stop(self) -> None:
        self._control("-w", "stop")

    def start(self) -> None:
        self._control("-w", "restart")  # which knows the options of the last start, as `start` does not

    def fall_silent(self) -> None:
        self._signal_all(signal.SIGSTOP)

    def speak_again(self) -> None:
        self._signal_all(signal.SIGCONT)

    def end(self) -> None:
        """For good, however it was left: silent, or stopped already."""
        with suppress(FileNotFoundError, ProcessLookupError):
            self.speak_again()
        shared.stop(self.name)

    def _control(self, *what: str) -> None:
        subprocess.run(
            [*self.server.stop[:-1], *what],
            check=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
        )

    def _signal_all(self, what: signal.Signals) -> None:
        """The postmaster and each of its processes: it alone would only take no new connections."""
        data = Path(self.server.stop[self.server.stop.index("-D") + 1])
        postmaster = int((data / "postmaster.pid").read_text().split()[0])
        children = Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()
        for process in (postmaster, *map(int, children)):
            os.kill(process, what)


def start() -> OwnPostgres:
    """One for each process of the run: what one process stops, another may be using. Who starts it ends it."""
    name = f"own-{os.environ.get('PYTEST_XDIST_WORKER', 'main')}"

    def start_it(folder: Path) -> Server:
        inner = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=folder))
        inner.chmod(0o755)  # its user must be able to get in
        return start_in(inner)

    return OwnPostgres(name, start_once(name, start_it))
