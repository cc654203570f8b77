"""A site that may open few files serves fewer connections, refuses the others, and goes on."""

import json
import os
import shlex
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from http.client import HTTPConnection
from pathlib import Path

import pytest
from django.test import override_settings

from agentsite import open_files
from tests.servers.site import Site, build, tear_down

FILES = 128
FLOOD = 300
PATIENCE_S = 30.0


@pytest.mark.parametrize(
    ("files", "connections"), [(None, 5000), (65_536, 5000), (1024, 824), (256, 64), (128, 32), (64, 16)]
)
def test_connections_leave_room_for_other_files(files: int | None, connections: int) -> None:
    with override_settings(CONNECTIONS_MAX=5000):
        assert open_files.connections_within(files) == connections
        assert open_files.told(files).startswith(f"{connections:,} connections at once")
        assert ("ulimit -n" in open_files.told(files)) == (connections < 5000)


@pytest.fixture
def site() -> Iterator[Site]:
    made = build()
    made.command = ("sh", "-c", f"ulimit -n {FILES}; exec {shlex.join(made.command)}")
    try:
        made.start()
        yield made
    finally:
        tear_down(made)


def asked(site: Site, method: str, path: str, *, source: str) -> int:
    """From another address than the flood's, as everybody else is."""
    connection = HTTPConnection("127.0.0.1", site.port, timeout=PATIENCE_S, source_address=(source, 0))
    with closing(connection):
        connection.request(method, path, "{}" if method == "POST" else None, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        answer.read()
        return answer.status


def serving(site: Site) -> Path:
    """In /proc, the process that has the connections: the one with the most files."""
    assert site.web is not None
    children = Path(f"/proc/{site.web.pid}/task/{site.web.pid}/children").read_text().split()
    return max((Path(f"/proc/{pid}") for pid in [site.web.pid, *children]), key=lambda it: len(os.listdir(it / "fd")))


def processor_s(process: Path) -> float:
    ticks = process.joinpath("stat").read_text().rpartition(")")[2].split()[11:13]
    return sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="open files are counted in /proc")
def test_a_site_with_few_files_refuses_politely_and_serves_the_others(site: Site) -> None:
    assert f"32 connections at once, not 5,000 (CONNECTIONS_MAX): this process may open {FILES} files" in site.log()
    with ExitStack() as held:
        flood = []
        for _ in range(FLOOD):
            flood.append(held.enter_context(socket.create_connection(("127.0.0.1", site.port), timeout=PATIENCE_S)))
        for _ in range(5):
            assert asked(site, "GET", "/api/health", source="127.0.0.2") == 200
            assert asked(site, "POST", "/v1/auth/guest", source="127.0.0.3") == 201
        process = serving(site)
        assert len(os.listdir(process / "fd")) < FILES, "none is left for what else has to be opened"
        before = processor_s(process)
        refused = [connection for connection in flood if is_over(connection)]
        assert len(flood) - len(refused) <= 16, "one address has no more than half"
        time.sleep(1.0)  # what is measured is how little is done in a while
        assert processor_s(process) - before < 0.7, "a busy loop"
        assert asked(site, "GET", "/api/health/ready", source="127.0.0.2") == 200
    assert site.manage("doctor").stdout.count("connections at once") == 1
    answers = [asked(site, "GET", "/api/health", source="127.0.0.1") for _ in range(20)]
    assert answers == [200] * 20


def is_over(connection: socket.socket) -> bool:
    """Whether the site has ended a connection, with or without a word."""
    connection.settimeout(0.05)
    try:
        heard = connection.recv(65_536)
    except TimeoutError:
        return False
    except ConnectionError:
        return True
    if heard:
        assert json.loads(heard.partition(b"\r\n\r\n")[2])["code"] in ("too_many_requests", "unavailable")
    return True
