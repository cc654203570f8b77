"""Clients that ask for much and read nothing: what waits for them is bounded in bytes and in time, and others go on."""

import json
import select
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from http.client import HTTPConnection
from types import SimpleNamespace
from typing import Any
from urllib.request import Request, urlopen

import pytest
from django.test import override_settings

from agentsite.slow_readers import SlowReaders
from tests.servers.site import Site, StartSite, build, tear_down

STALL_S = 3


class Pipe:
    """A connection's transport whose client leaves so much unread."""

    def __init__(self, size: int, *, closing: bool = False) -> None:
        self.size, self.closing, self.is_cut = size, closing, False

    def get_write_buffer_size(self) -> int:
        return 0 if self.is_cut else self.size

    def is_closing(self) -> bool:
        return self.closing or self.is_cut

    def get_extra_info(self, name: str) -> None:
        return None

    def abort(self) -> None:
        self.is_cut = True


class Connection:
    def __init__(self, pipe: Pipe, *, paused: bool = False) -> None:
        self.transport = pipe
        self.flow = SimpleNamespace(write_paused=paused)


def test_who_leaves_most_unread_is_cut_off_when_all_together_leave_too_much() -> None:
    pipes = [Pipe(10), Pipe(700), Pipe(300), Pipe(0), Pipe(500, closing=True)]
    connections = [Connection(pipe) for pipe in pipes]
    readers = SlowReaders()
    with override_settings(UNREAD_MAX_BYTES=400):
        assert readers.look(connections, 0.0) == 2
        assert [pipe.size for pipe in pipes if pipe.is_cut] == [700, 500]
        assert readers.look(connections, 1.0) == 0


def test_who_reads_slowly_is_waited_for_and_who_reads_nothing_is_not() -> None:
    slow, silent, closing, quick = Pipe(900), Pipe(900), Pipe(900, closing=True), Pipe(900)
    connections = [
        Connection(slow, paused=True),
        Connection(silent, paused=True),
        Connection(closing),
        Connection(quick),
    ]
    readers = SlowReaders()
    with override_settings(RESPONSE_STALL_S=3.0):
        for second in range(5):
            slow.size -= 1
            readers.look(connections, float(second))
        assert [pipe.is_cut for pipe in (slow, silent, closing, quick)] == [False, True, True, False]
        assert readers.look(connections[:1], 6.0) == 0
        assert list(readers._stalls) == connections[:1]


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    made = build(environment={"RESPONSE_STALL_S": str(STALL_S), "KEEP_ALIVE_S": "2"})
    try:
        made.start()
        yield made
    finally:
        tear_down(made)


def wait_for(holds: Callable[[], bool], within_s: float = 30.0) -> None:
    deadline = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def asking(site: Site, asked: bytes) -> socket.socket:
    """A connection that has asked, and will read nothing; its system takes as little as it may."""
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.connect(("127.0.0.1", site.port))
    connection.sendall(asked)
    return connection


def is_cut_off(connection: socket.socket) -> bool:
    """Whether the other side has ended it, seen without reading anything."""
    poll = select.poll()
    poll.register(connection, select.POLLERR | select.POLLHUP)
    return bool(poll.poll(0))


def health(site: Site) -> int:
    connection = HTTPConnection("127.0.0.1", site.port, timeout=2)
    connection.request("GET", "/api/health")
    status = connection.getresponse().status
    connection.close()
    return status


def get(path: str, **headers: str) -> bytes:
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    return f"GET {path} HTTP/1.1\r\nHost: localhost\r\n{lines}\r\n".encode()


def call(site: Site, method: str, path: str, body: Any = None, token: str = "") -> Any:
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    data = None if body is None else json.dumps(body).encode()
    with urlopen(Request(site.url + path, data, headers, method=method)) as answer:  # noqa: S310
        return json.loads(answer.read())


def test_a_dozen_who_read_nothing_are_cut_off_as_soon_as_they_leave_too_much(start_site: StartSite) -> None:
    site = start_site(environment={"UNREAD_MAX_BYTES": "2000000", "RESPONSE_STALL_S": "600"})
    with ExitStack() as stack:
        clients = [stack.enter_context(asking(site, get("/v1/schema") * 20)) for _ in range(12)]
        wait_for(lambda: sum(map(is_cut_off, clients)) > 0)
        assert health(site) == 200
        # The others leave less than is held for all: they are not to blame, and may still come to read.
        assert sum(map(is_cut_off, clients)) < 12


def test_who_reads_nothing_of_an_answer_is_cut_off_in_time(site: Site) -> None:
    with ExitStack() as stack:
        clients = [stack.enter_context(asking(site, get("/v1/schema"))) for _ in range(3)]
        wait_for(lambda: all(map(is_cut_off, clients)))
    assert health(site) == 200


def test_who_reads_nothing_of_a_document_is_cut_off_in_time(site: Site) -> None:
    token = call(site, "POST", "/v1/auth/guest", {"name": "Ana"})["access"]
    session = call(site, "POST", "/v1/sessions", {"title": "Large"}, token)["id"]
    call(site, "PUT", f"/v1/sessions/{session}/document", {"text": "a line of it\n" * 70_000}, token)
    ticket = call(site, "POST", "/v1/auth/ticket", None, token)["ticket"]
    shake = get(
        f"/ws/sessions/{session}/document/?agentsite=1&ticket={ticket}",
        Connection="Upgrade",
        Upgrade="websocket",
        Sec_WebSocket_Version="13",
        Sec_WebSocket_Key="dGhlIHNhbXBsZSBub25jZQ==",
    )
    # A masked frame: sync, "what have you that I lack?", and that it has nothing.
    ask = bytes((0x82, 0x80 | 4, 0, 0, 0, 0, 0, 0, 1, 0))
    with ExitStack() as stack:
        client = stack.enter_context(asking(site, shake))
        wait_for(lambda: b"101" in client.recv(16, socket.MSG_PEEK))
        client.sendall(ask)
        wait_for(lambda: is_cut_off(client))
    wait_for(lambda: health(site) == 200)
