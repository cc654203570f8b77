"""The served site against hostile HTTP, by raw sockets: what is too large or slow is refused, others are served."""

import json
import socket
import time
from asyncio import BaseTransport
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from http.client import HTTPConnection, HTTPResponse
from typing import cast

import pytest
from django.test import override_settings

from agentsite.bounded_http import Doors
from tests.servers.site import Site, StartSite, build, tear_down

QUICK = {
    "REQUEST_HEAD_S": "2",
    "REQUEST_BODY_S": "2",
    "REQUEST_BODY_MIN_BYTES_PER_S": "100000",
    "RESPONSE_STALL_S": "3",
    "KEEP_ALIVE_S": "2",
    "REQUEST_BODIES_MAX_BYTES": "3000000",
}
HOST = b"Host: localhost\r\n"


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    """The embedded site, with times that tests can wait for."""
    made = build(environment=QUICK)
    try:
        made.start()
        yield made
    finally:
        tear_down(made)


def opened(site: Site) -> socket.socket:
    return socket.create_connection(("127.0.0.1", site.port), timeout=30)


def answered(connection: socket.socket) -> tuple[int, bytes]:
    """Everything until the other side ends the connection: the status of the first answer, and all of it."""
    heard = b""
    while piece := connection.recv(65536):
        heard += piece
    return (int(heard.split(b" ", 2)[1]) if heard else 0), heard


def refused(site: Site, *pieces: bytes) -> tuple[int, str]:
    """Status and code of the problem that a raw request ends in; its connection ends with it."""
    with closing(opened(site)) as connection:
        for piece in pieces:
            connection.sendall(piece)
        status, heard = answered(connection)
    head, _, body = heard.partition(b"\r\n\r\n")
    assert b"application/problem+json" in head, heard[:500]
    return status, json.loads(body)["code"]


def health(site: Site, within_s: float = 2.0) -> int:
    connection = HTTPConnection("127.0.0.1", site.port, timeout=within_s)
    with closing(connection):
        connection.request("GET", "/api/health")
        return connection.getresponse().status


@pytest.mark.parametrize(
    "head",
    [
        b"".join(b"X-%d: %s\r\n" % (number, b"a" * 4000) for number in range(5000)),
        b"X-Large: " + b"a" * 20_000_000 + b"\r\n",
        b"X-" + b"a" * 20_000_000,
        b"X-Large: " + b"a" * 9000 + b"\r\n",
        b"".join(b"X-%d: a\r\n" % number for number in range(120)),
        b"Cookie: a=b\r\n" * 120,
    ],
    ids=["twenty megabytes", "one of twenty", "a name of twenty", "one line", "many", "the same again and again"],
)
def test_heads_are_bounded_in_bytes_and_in_number(site: Site, head: bytes) -> None:
    assert refused(site, b"GET /api/health HTTP/1.1\r\n" + HOST, head, b"\r\n") == (431, "headers_too_large")
    assert health(site) == 200


def test_a_head_without_an_end_is_bounded(site: Site) -> None:
    assert refused(site, b"GET /api/health HTTP/1.1\r\n", b"X: a\r\n" * 20_000) == (431, "headers_too_large")
    assert refused(site, b"GET /api/health HTTP/1.1\r\nX: ", b" " * 200_000) == (431, "headers_too_large")
    assert refused(site, b"\r\n" * 100_000) == (431, "headers_too_large")


def test_an_ordinary_large_head_is_answered(site: Site) -> None:
    connection = HTTPConnection("127.0.0.1", site.port, timeout=10)
    with closing(connection):
        for _ in range(3):
            connection.request("GET", "/api/health?" + "q" * 7000, headers={f"X-{i}": "a" * 800 for i in range(20)})
            answer = connection.getresponse()
            assert (answer.status, bool(answer.read())) == (200, True)


def test_an_address_is_bounded(site: Site) -> None:
    assert refused(site, b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\n") == (414, "uri_too_long")
    assert refused(site, b"GET /" + b"a" * 20_000_000) == (414, "uri_too_long")


@pytest.mark.parametrize(
    "request_",
    [
        b"nonsense\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /\xff\xfe HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"CONNECT example.org:80 HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"POST /v1/runs HTTP/1.1\r\nHost: localhost\r\nContent-Length: -5\r\n\r\n",
        b"POST /v1/runs HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        b"POST /v1/runs HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n",
        b"POST /v1/runs HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ],
)
def test_what_is_no_http_is_malformed(site: Site, request_: bytes) -> None:
    assert refused(site, request_) == (400, "malformed")


PATHS = [
    *("/", "/api/health", "/api/health/ready", "/v1/runs", "/v1/graphs", "/v1/auth/token", "/admin/login/", "/graphs/"),
    *("/api/schema", "/static/nothing", "/nowhere", "/v1/nowhere", "/%00", "/%ff", "/?a=%ff&a[]=%00", "//", "/..%2f"),
    *("/v1/runs/not-an-id", "http://elsewhere.example/v1/runs", "/v1/runs?" + "a=b&" * 1500, "/?" + "a=b&" * 1500),
]


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "GET", "TRACE", "PATCH", "DELETE", "PUT", "PROPFIND"])
def test_every_method_is_answered_without_a_failure_everywhere(site: Site, method: str) -> None:
    for path in PATHS:
        connection = HTTPConnection("127.0.0.1", site.port, timeout=10)
        with closing(connection):
            connection.putrequest(method, path, skip_host=True)
            connection.putheader("Host", "localhost")
            connection.endheaders()
            answer = connection.getresponse()
            answer.read()
            assert answer.status < 500, (method, path)


def test_the_whole_site_has_options(site: Site) -> None:
    with closing(opened(site)) as connection:
        connection.sendall(b"OPTIONS * HTTP/1.1\r\nConnection: close\r\n" + HOST + b"\r\n")
        status, _ = answered(connection)
    assert 200 <= status < 500


def begun(site: Site, sent: bytes) -> socket.socket:
    connection = opened(site)
    connection.sendall(sent)
    return connection


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"POST /v1/auth/guest HTTP/1.1\r\n" + HOST + b"Content-Length: 1000\r\n\r\n{", 408),
        (b"POST /v1/auth/guest HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n5\r\n{", 408),
        (b"POST /v1/auth/guest HTTP/1.1\r\n" + HOST + b"Content-Le", 408),
        (b"GET /api/he", 408),
        (b"", 0),
        (b"GET /v1/ws HTTP/1.1\r\n" + HOST + b"Connection: Upgrade\r\nUpgrade: websocket\r\n", 408),
    ],
    ids=["body", "chunk", "header", "line", "nothing", "handshake"],
)
def test_three_hundred_that_are_half_sent_hold_up_nobody_and_are_closed(site: Site, sent: bytes, status: int) -> None:
    with ExitStack() as stack:
        connections = [stack.enter_context(closing(begun(site, sent))) for _ in range(300)]
        assert [health(site) for _ in range(5)] == [200] * 5
        assert {answered(connection)[0] for connection in connections} == {status}
    assert health(site) == 200


def trickled(site: Site, head: bytes, piece: bytes, every_s: float) -> tuple[int, float]:
    """What a client hears that never stops sending little, and after how long."""
    begun_at = time.monotonic()
    with closing(begun(site, head)) as connection:
        connection.settimeout(every_s)
        while time.monotonic() < begun_at + 40:
            try:
                connection.sendall(piece)
                heard = connection.recv(65536)
                return (int(heard.split(b" ", 2)[1]) if heard else 0), time.monotonic() - begun_at
            except TimeoutError:
                continue
            except ConnectionError:
                return 0, time.monotonic() - begun_at
    raise AssertionError("it was never told to stop")


def test_a_head_and_a_body_that_trickle_are_ended_though_something_always_comes(site: Site) -> None:
    assert trickled(site, b"GET /api/health HTTP/1.1\r\n", b"X: a\r\n", 0.2)[0] == 408
    length = b"POST /v1/auth/guest HTTP/1.1\r\n" + HOST + b"Content-Length: 100000\r\n\r\n"
    assert trickled(site, length, b"{", 0.2)[0] == 408
    chunked = b"POST /v1/auth/guest HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n"
    assert trickled(site, chunked, b"1\r\na\r\n", 0.2)[0] == 408
    ended = b"GET /api/health HTTP/1.1\r\n" + HOST + b"\r\n"
    with closing(begun(site, ended)) as connection:
        connection.recv(65536)
        for _ in range(200):  # empty lines between requests are no request
            try:
                connection.sendall(b"\r\n")
                connection.settimeout(0.2)
                if not connection.recv(65536):
                    break
            except TimeoutError:
                continue
            except ConnectionError:
                break
        else:
            raise AssertionError("it was kept open")


def test_a_body_that_comes_fast_enough_may_take_longer(site: Site) -> None:
    body = json.dumps({"name": "x" * 400_000}).encode()
    with closing(begun(site, b"POST /v1/nowhere HTTP/1.1\r\n" + HOST + b"Content-Length: %d\r\n" % len(body))) as one:
        one.sendall(b"Connection: close\r\n\r\n")
        for begin in range(0, len(body), 100_000):
            one.sendall(body[begin : begin + 100_000])
            time.sleep(0.7)  # the pace of a slow line, which is what this is about
        assert answered(one)[0] == 404


def test_a_body_without_an_end_and_one_that_is_declared_too_large_are_refused(site: Site) -> None:
    declared = b"POST /v1/runs HTTP/1.1\r\n" + HOST + b"Content-Length: 99999999999999999\r\n\r\n"
    assert refused(site, declared) == (413, "too_large")
    chunk = b"100000\r\n" + b"a" * 0x100000 + b"\r\n"
    chunked = b"POST /v1/auth/guest HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n"
    with closing(begun(site, chunked)) as connection:
        try:
            for _ in range(300):
                connection.sendall(chunk)
        except ConnectionError:
            pass
        else:
            raise AssertionError("300 MB were taken")
    assert health(site) == 200


def test_trailers_and_sizes_of_chunks_are_bounded_and_trailers_are_no_headers(site: Site) -> None:
    chunked = b"POST /v1/auth/guest HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n"
    assert refused(site, chunked, b"2\r\n{}\r\n0\r\n", b"X: " + b"a" * 5_000_000)[0] == 431
    assert refused(site, chunked, b"2;" + b"a" * 5_000_000)[0] in (400, 431)
    whole = chunked.replace(b"/v1/auth/guest", b"/v1/nowhere") + b"2\r\n{}\r\n0\r\nX-Request-ID: from-a-trailer\r\n\r\n"
    with closing(begun(site, whole)) as connection:
        assert b"from-a-trailer" not in connection.recv(65536)


def test_a_shorter_length_than_the_body_makes_no_second_request(site: Site) -> None:
    lying = b"POST /v1/nowhere HTTP/1.1\r\n" + HOST + b"Content-Length: 2\r\n\r\n{}GETX /api/health nonsense\r\n\r\n"
    with closing(begun(site, lying)) as connection:
        heard = answered(connection)[1]
    assert heard.count(b"HTTP/1.1 ") <= 2
    assert b" 200 " not in heard


def test_coded_bodies_are_not_undone(site: Site) -> None:
    connection = HTTPConnection("127.0.0.1", site.port, timeout=10)
    with closing(connection):
        headers = {"Content-Encoding": "gzip", "Content-Type": "application/json"}
        connection.request("POST", "/v1/auth/guest", body=b"\x1f\x8b", headers=headers)
        answer = connection.getresponse()
        assert (answer.status, json.loads(answer.read())["code"]) == (415, "unsupported_media_type")


def test_bodies_together_hold_only_so_much(site: Site) -> None:
    head = b"POST /v1/auth/guest HTTP/1.1\r\n" + HOST + b"Content-Length: 1900000\r\n\r\n"
    with ExitStack() as stack:
        for _ in range(3):
            stack.enter_context(closing(begun(site, head + b"a" * 1_000_000)))
        last = stack.enter_context(closing(begun(site, head + b"a" * 1_000_000)))
        head_of_answer = last.recv(65536)
        assert b" 503 " in head_of_answer
        assert b"retry-after" in head_of_answer.lower()
    wait_for(lambda: posted(site).status == 404)


def posted(site: Site) -> HTTPResponse:
    connection = HTTPConnection("127.0.0.1", site.port, timeout=10)
    with closing(connection):
        connection.request("POST", "/v1/nowhere", body=b"{}" + b" " * 1_000_000)
        answer = connection.getresponse()
        answer.read()
        return answer


def wait_for(holds: Callable[[], bool], within_s: float = 20.0) -> None:
    deadline = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_who_reads_nothing_of_an_answer_is_cut_off(site: Site) -> None:
    with closing(socket.socket()) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.settimeout(0.2)
        connection.connect(("127.0.0.1", site.port))
        asked = b"GET /v1/schema HTTP/1.1\r\n" + HOST + b"\r\n"
        wait_for(lambda: is_cut_off(connection, asked * 20), 60)


def is_cut_off(connection: socket.socket, sent: bytes) -> bool:
    try:
        connection.sendall(sent)
    except TimeoutError:
        return False  # nobody reads there either: the answers go nowhere
    except ConnectionError:
        return True
    return False


def test_connections_are_bounded_for_each_address_and_for_all(start_site: StartSite) -> None:
    site = start_site(environment={"CONNECTIONS_PER_ADDRESS_MAX": "20", "REQUEST_HEAD_S": "2"})
    with ExitStack() as stack:
        for _ in range(20):
            stack.enter_context(closing(opened(site)))
        assert refused(site, b"GET /api/health HTTP/1.1\r\n" + HOST + b"\r\n") == (429, "too_many_requests")
    wait_for(lambda: health(site) == 200)
    with ExitStack() as stack:
        for _ in range(25):
            stack.enter_context(closing(opened(site)))
        wait_for(lambda: health(site) == 200)  # those that ask for nothing are closed


def test_upgrades_to_other_protocols_are_passed_over(site: Site) -> None:
    asked = b"GET /api/health HTTP/1.1\r\n" + HOST + b"Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n"
    with closing(begun(site, asked)) as connection:
        assert answered(connection)[0] == 200


@pytest.mark.parametrize("header", [b"Cookie: " + b"a" * 7900, b"X: a\r\n" * 90, b"Cookie: " + b"a" * 9000])
def test_the_handshake_of_a_socket_is_bounded_like_any_head(site: Site, header: bytes) -> None:
    shake = (
        b"GET /ws/nowhere HTTP/1.1\r\n" + HOST + b"Connection: Upgrade\r\nUpgrade: websocket\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" + header + b"\r\n\r\n"
    )
    with closing(begun(site, shake)) as connection:
        status = int(connection.recv(65536).split(b" ", 2)[1])
    assert status < 500


SHAKE = (
    b"GET %s HTTP/1.1\r\n" + HOST + b"Connection: Upgrade\r\nUpgrade: websocket\r\nOrigin: http://localhost\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


def test_the_address_of_a_socket_is_read_without_a_failure(site: Site) -> None:
    for path in (b"x/?" + b"a=b&" * 50, b"x/?ticket=%ff%00", b"x/?after=" + b"9" * 500, b"%ff/", b"x/document/?a=%"):
        with closing(begun(site, SHAKE % (b"/ws/sessions/" + path))) as connection:
            assert int(connection.recv(65536).split(b" ", 2)[1]) in (101, 403), path
    assert "Exception in ASGI" not in site.log()
    assert "max_num_fields" not in site.log()


def test_sockets_count_among_the_connections_and_leave_with_their_end(start_site: StartSite) -> None:
    site = start_site(environment={"CONNECTIONS_PER_ADDRESS_MAX": "20", "REQUEST_HEAD_S": "2"})
    for _ in range(3):
        with ExitStack() as stack:
            for _ in range(15):
                socket_ = stack.enter_context(closing(begun(site, SHAKE % b"/ws/sessions/x/?ticket=x")))
                assert b" 101 " in socket_.recv(65536)
        wait_for(lambda: health(site) == 200)


def test_the_scaled_site_is_bounded_as_well(start_site: StartSite) -> None:
    scaled = start_site(scaled=True, environment=QUICK)
    assert refused(scaled, b"GET /api/health HTTP/1.1\r\nX: " + b"a" * 2_000_000) == (431, "headers_too_large")
    half = b"POST /v1/auth/guest HTTP/1.1\r\n" + HOST + b"Content-Length: 1000\r\n\r\n{"
    with ExitStack() as stack:
        connections = [stack.enter_context(closing(begun(scaled, half))) for _ in range(300)]
        assert [health(scaled) for _ in range(5)] == [200] * 5
        assert {answered(connection)[0] for connection in connections} == {408}


def test_connections_of_one_network_of_ipv6_count_together() -> None:
    doors, transports = Doors(), [cast(BaseTransport, object()) for _ in range(3)]
    with override_settings(CONNECTIONS_PER_ADDRESS_MAX=2, BEHIND_PROXY=False):
        assert doors.enter(transports[0], "2001:db8::1") is None
        assert doors.enter(transports[1], "2001:db8::2") is None
        refused = doors.enter(transports[2], "2001:db8::3")
        assert refused is not None
        assert refused.status == 429
        for transport in transports:
            doors.leave(transport)
        assert doors.enter(transports[0], "2001:db8::4") is None
