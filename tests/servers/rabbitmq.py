"""A real RabbitMQ, where this machine has one installed (Debian's rabbitmq-server); it keeps everything in a folder."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import kombu

from tests.servers import shared
from tests.servers.ports import free_port

PROGRAM = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
START_WITHIN_S = 60


@dataclass
class RabbitMQ:
    """Keeps its port over its deaths, as a real one does, and its durable queues unless it is told to forget."""

    folder: Path
    port: int = field(default_factory=free_port)
    ports: tuple[int, int] = field(default_factory=lambda: (free_port(), free_port()))
    """Of Erlang's own."""
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def url(self) -> str:
        return f"amqp://guest:guest@127.0.0.1:{self.port}//"

    def start(self) -> None:
        (self.folder / "plugins").write_text("[].\n")
        with (self.folder / "out").open("ab") as out:
            self.process = subprocess.Popen(
                [str(PROGRAM)], env=self._environment(), stdout=out, stderr=out, process_group=0
            )
        shared.watch_process(self.process.pid)
        self._wait()

    def kill(self) -> None:
        """At once, as a machine that loses its power."""
        if self.process is not None and self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def fall_silent(self) -> None:
        """It takes connections and what they send, and answers nothing."""
        self._send(signal.SIGSTOP)

    def speak_again(self) -> None:
        self._send(signal.SIGCONT)

    def _send(self, what: signal.Signals) -> None:
        assert self.process is not None
        os.killpg(self.process.pid, what)

    def forget(self) -> None:
        """All queues and messages, of one that does not run."""
        shutil.rmtree(self.folder / "data")

    def end(self) -> None:
        self.kill()
        subprocess.run(["epmd", "-kill"], env=self._environment(), check=False, capture_output=True)

    def _environment(self) -> dict[str, str]:
        distribution, epmd = self.ports
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "RABBITMQ_NODENAME": f"agentsite-{self.port}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(distribution),
            "RABBITMQ_MNESIA_BASE": str(self.folder / "data"),
            "RABBITMQ_LOG_BASE": str(self.folder / "log"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.folder / "plugins"),
            "RABBITMQ_CONF_ENV_FILE": os.devnull,
            "ERL_EPMD_PORT": str(epmd),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
        }

    def _wait(self) -> None:
        deadline = time.monotonic() + START_WITHIN_S
        while True:
            with suppress(OSError), kombu.Connection(self.url, connect_timeout=2) as connection:
                connection.connect()
                return
            if time.monotonic() > deadline:
                raise RuntimeError(f"RabbitMQ does not start: {(self.folder / 'out').read_text()}")
            time.sleep(0.1)


@contextmanager
def started_in(folder: Path) -> Iterator[RabbitMQ]:
    """A broker that ends with the block."""
    made = RabbitMQ(folder)
    try:
        made.start()
        yield made
    finally:
        made.end()
