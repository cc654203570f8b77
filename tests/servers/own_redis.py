"""A Redis of one test's own, since nobody else likes it to be silent, killed, or to come back empty."""

import os
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path

import redis

from tests.servers import shared
from tests.servers.ports import free_port
from tests.servers.redis_server import answers, command


@dataclass
class OwnRedis:
    """Keeps its port over its deaths, as a real one does."""

    folder: Path
    port: int
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        self.process = subprocess.Popen(
            command(self.port, self.folder), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
        )
        shared.watch_process(self.process.pid)
        if not answers(self.url):
            self.kill()
            raise RuntimeError(f"redis-server does not start; its log is {self.folder / 'log'}")

    def kill(self) -> None:
        """At once, and with all that it held."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def fall_silent(self) -> None:
        """It takes connections and what they send, and answers nothing."""
        self._send(signal.SIGSTOP)

    def speak_again(self) -> None:
        self._send(signal.SIGCONT)

    def client(self) -> "redis.Redis[bytes]":
        return redis.Redis.from_url(self.url)

    def _send(self, what: signal.Signals) -> None:
        assert self.process is not None
        os.kill(self.process.pid, what)


def start_in(folder: Path) -> OwnRedis:
    own = OwnRedis(folder, free_port())
    own.start()
    return own
