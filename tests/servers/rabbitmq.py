"""A real RabbitMQ, where this machine has one installed (Debian's rabbitmq-server); it keeps everything in a folder."""

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import kombu

from tests.servers import shared
from tests.servers.ports import free_port

PROGRAM = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
START_WITHIN_S = 60


@contextmanager
def started_in(folder: Path) -> Iterator[str]:
    """The URL of a broker that ends with the block."""
    port = free_port()
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "RABBITMQ_NODENAME": f"agentsite-{port}@localhost",
        "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
        "RABBITMQ_NODE_PORT": str(port),
        "RABBITMQ_DIST_PORT": str(free_port()),
        "RABBITMQ_MNESIA_BASE": str(folder / "data"),
        "RABBITMQ_LOG_BASE": str(folder / "log"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
        "RABBITMQ_CONF_ENV_FILE": os.devnull,
        "ERL_EPMD_PORT": str(free_port()),
        "ERL_EPMD_ADDRESS": "127.0.0.1",
    }
    (folder / "plugins").write_text("[].\n")
    with (folder / "out").open("wb") as out:
        process = subprocess.Popen([str(PROGRAM)], env=environment, stdout=out, stderr=out, process_group=0)
    shared.watch_process(process.pid)
    url = f"amqp://guest:guest@127.0.0.1:{port}//"
    try:
        _wait_for(url, folder)
        yield url
    finally:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(20)
        process.kill()
        subprocess.run(["epmd", "-kill"], env=environment, check=False, capture_output=True)


def _wait_for(url: str, folder: Path) -> None:
    deadline = time.monotonic() + START_WITHIN_S
    while True:
        try:
            with kombu.Connection(url, connect_timeout=2) as connection:
                connection.connect()
            return
        except OSError as error:
            if time.monotonic() > deadline:
                raise RuntimeError(f"RabbitMQ does not start: {(folder / 'out').read_text()}") from error
            time.sleep(0.1)
