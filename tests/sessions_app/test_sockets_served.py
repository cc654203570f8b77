"""The session socket as a real server serves it: handshakes, close codes, and frames that no client library sends."""

import json
import socket
import struct
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any
from urllib.request import Request, urlopen

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from tests.servers.site import Site


class Person:
    """Somebody with a token of the running site."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.token = self.call("POST", "/v1/auth/guest", {"name": "Ana"})["access"]

    def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        headers = {"Content-Type": "application/json"}
        if hasattr(self, "token"):
            headers["Authorization"] = f"Bearer {self.token}"
        data = None if body is None else json.dumps(body).encode()
        with urlopen(Request(self.site.url + path, data, headers, method=method)) as answer:  # noqa: S310
            content = answer.read()
        return json.loads(content) if content else None

    @contextmanager
    def socket(self, session: str, *, after: int = 0, **options: Any) -> Iterator[ClientConnection]:
        ticket = self.call("POST", "/v1/auth/ticket")["ticket"]
        url = f"{self.site.socket_url}/ws/sessions/{session}/?after={after}&ticket={ticket}"
        with connect(url, **options) as opened:
            yield opened


@pytest.fixture(scope="module")
def person(live_site: Site) -> Person:
    return Person(live_site)


@pytest.fixture
def session(person: Person) -> str:
    made: str = person.call("POST", "/v1/sessions", {"title": "Served"})["id"]
    return made


def closed_with(opened: ClientConnection) -> tuple[int, str]:
    with suppress(ConnectionClosed):
        for _ in opened:
            pass
    assert opened.close_code is not None
    return opened.close_code, opened.close_reason or ""


def test_events_come_over_the_wire_and_pings_are_answered(person: Person, session: str) -> None:
    with person.socket(session, origin=person.site.url) as opened:
        assert json.loads(opened.recv(timeout=10))["type"] == "member.joined"
        person.call("PUT", f"/v1/sessions/{session}/document", {"text": "x = 1\n"})
        assert json.loads(opened.recv(timeout=10))["type"] == "document.saved"
        opened.send('{"type": "ping"}')
        assert json.loads(opened.recv(timeout=10)) == {"type": "pong"}


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:1"])
def test_a_foreign_page_is_refused_with_403(person: Person, session: str, origin: str) -> None:
    with pytest.raises(InvalidStatus) as refused, person.socket(session, origin=origin):
        pass
    assert refused.value.response.status_code == 403


@pytest.mark.parametrize("path", ["/ws/", "/ws/sessions/", "/ws/nothing/here/", "/v1/sessions"])
def test_a_path_without_a_socket_is_refused(person: Person, path: str) -> None:
    with pytest.raises(InvalidStatus) as refused, connect(person.site.socket_url + path):
        pass
    assert refused.value.response.status_code in (403, 404)


def test_close_codes_and_reasons_reach_the_client(person: Person, session: str) -> None:
    with person.socket("0190c0de-0000-7000-8000-000000000000") as opened:
        assert closed_with(opened)[0] == 4404
    with connect(f"{person.site.socket_url}/ws/sessions/{session}/?ticket=used") as opened:
        assert closed_with(opened)[0] == 4401
    with person.socket(session) as opened:
        opened.send('{"type": "document.set"}')
        code, reason = closed_with(opened)
        assert (code, "document.set" in reason) == (4400, True)
    with person.socket(session) as opened:
        opened.send("x" * 5000)
        assert closed_with(opened)[0] == 4413
    with person.socket(f"{session}/document") as opened:
        opened.send(b"\x00\x02" + bytes(2 * 1024 * 1024))
        assert closed_with(opened)[0] == 4413
    with person.socket(session) as opened:
        with suppress(ConnectionClosed):  # while it is sending still, or soon after
            for _ in range(2_000):
                opened.send('{"type": "ping"}')
        assert closed_with(opened)[0] == 4429


def test_a_deleted_session_closes_the_sockets_in_it(person: Person, session: str) -> None:
    with person.socket(session) as opened:
        opened.recv(timeout=10)
        person.call("DELETE", f"/v1/sessions/{session}")
        assert closed_with(opened)[0] == 4404


MASK = b"\x01\x02\x03\x04"


def masked(payload: bytes) -> bytes:
    return bytes(byte ^ MASK[at % 4] for at, byte in enumerate(payload))


BROKEN = {
    "unmasked": (b"\x81\x04ping", 1002),
    "bad opcode": (b"\x83\x80" + MASK, 1002),
    "invalid UTF-8": (b"\x81\x82" + MASK + masked(b"\xff\xfe"), 1007),
    "long control frame": (b"\x89\xfe" + struct.pack("!H", 200) + MASK + masked(b"x" * 200), 1002),
    "over four megabytes": (b"\x81\xff" + struct.pack("!Q", 2**23) + MASK, 1009),
    "fragments without end": (b"\x01\x80" + MASK + (b"\x00\x80" + MASK) * 5000, 1009),
    "a flood of pings": ((b"\x89\x80" + MASK) * 500, 1008),
}


@pytest.mark.parametrize("name", BROKEN)
def test_frames_that_are_no_frames_end_that_socket_alone(person: Person, session: str, name: str) -> None:
    sent, code = BROKEN[name]
    raw = raw_socket(person, session)
    with raw:
        raw.sendall(sent)
        assert close_code(raw) == code
    assert person.call("GET", f"/v1/sessions/{session}")["id"] == session


def raw_socket(person: Person, session: str) -> socket.socket:
    """A handshake by hand; what comes after it is up to the test."""
    ticket = person.call("POST", "/v1/auth/ticket")["ticket"]
    raw = socket.create_connection(("127.0.0.1", person.site.port), timeout=10)
    key = b64encode(b"0123456789abcdef").decode()
    lines = [
        f"GET /ws/sessions/{session}/?after=1&ticket={ticket} HTTP/1.1",
        f"Host: 127.0.0.1:{person.site.port}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Key: {key}",
        "Sec-WebSocket-Version: 13",
    ]
    raw.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
    answer = b""
    while not answer.endswith(b"\r\n\r\n"):
        answer += raw.recv(1)
    assert answer.startswith(b"HTTP/1.1 101"), answer
    return raw


def close_code(raw: socket.socket) -> int:
    """Reads frames of the server until it closes; none here is longer than 125 bytes."""
    received = b""
    while chunk := raw.recv(4096):
        received += chunk
        while len(received) >= 2 and len(received) >= 2 + received[1]:
            length = received[1]
            if received[0] & 0x0F == 8:
                code: int = struct.unpack("!H", received[2:4])[0]
                return code
            received = received[2 + length :]
    raise AssertionError(f"the server hung up without a close frame, after {received!r}")
