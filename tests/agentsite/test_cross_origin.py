"""Pages of other sites that settings name use the API and the sockets of the running site; all others do not."""

import json
from collections.abc import Iterator
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from agentsite import cross_origin
from tests.servers.site import Site, build, tear_down

APP = "https://app.example.org"
LOCAL = "http://localhost:3000"
SUB = "https://a.b.example.net"


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    site = build(environment={"CORS_ORIGINS": f"{APP},https://*.example.net", "ALLOWED_ORIGINS": LOCAL})
    try:
        site.start()
        yield site
    finally:
        tear_down(site)


def call(site: Site, method: str, path: str, origin: str, **headers: str) -> tuple[int, dict[str, str], Any]:
    body = b"{}" if method == "POST" else None
    sent = {"Content-Type": "application/json", "Origin": origin} | {k.replace("_", "-"): v for k, v in headers.items()}
    try:
        with urlopen(Request(site.url + path, body, sent, method=method)) as answer:  # noqa: S310
            return answer.status, {k.lower(): v for k, v in answer.headers.items()}, answer.read()
    except HTTPError as error:
        with error:
            return error.code, {k.lower(): v for k, v in error.headers.items()}, error.read()


@pytest.mark.parametrize("origin", [APP, LOCAL, SUB])
def test_a_page_of_a_named_origin_may_ask_and_read_the_answer(site: Site, origin: str) -> None:
    status, headers, _ = call(
        site,
        "OPTIONS",
        "/v1/auth/guest",
        origin,
        Access_Control_Request_Method="POST",
        Access_Control_Request_Headers="authorization,content-type,idempotency-key",
    )
    assert (status, headers["access-control-allow-origin"]) == (200, origin)
    assert "POST" in headers["access-control-allow-methods"]
    assert {"authorization", "idempotency-key"} <= set(headers["access-control-allow-headers"].split(", "))
    status, headers, _ = call(site, "POST", "/v1/auth/guest", origin)
    assert (status, headers["access-control-allow-origin"]) == (201, origin)
    assert {"Location", "Retry-After", "X-Request-ID"} <= set(headers["access-control-expose-headers"].split(", "))
    assert "access-control-allow-credentials" not in headers


def test_a_page_can_read_why_it_was_refused(site: Site) -> None:
    status, headers, _ = call(site, "GET", "/v1/sessions", APP)
    assert (status, headers["access-control-allow-origin"]) == (401, APP)
    status, headers, _ = call(site, "GET", "/v1/sessions", APP, Content_Encoding="zstd")
    assert (status, headers["access-control-allow-origin"]) == (415, APP)


@pytest.mark.parametrize(
    "origin",
    ["https://evil.example", "https://app.example.org:8443", "http://app.example.org", "https://example.net.evil",
     "https://xexample.net", "null"],
)  # fmt: skip
def test_a_page_of_any_other_origin_may_not(site: Site, origin: str) -> None:
    for method in ("OPTIONS", "GET"):
        _, headers, _ = call(site, method, "/v1/sessions", origin, Access_Control_Request_Method="GET")
        assert "access-control-allow-origin" not in headers


def test_pages_of_the_site_are_for_nobody_else(site: Site) -> None:
    assert "access-control-allow-origin" not in call(site, "GET", "/", APP)[1]


def test_sockets_open_from_there_by_a_ticket_and_not_by_a_login(site: Site) -> None:
    guest = json.loads(call(site, "POST", "/v1/auth/guest", APP)[2])
    bearer = f"Bearer {guest['access']}"
    session = json.loads(call(site, "POST", "/v1/sessions", APP, Authorization=bearer)[2])["id"]

    def address() -> str:
        ticket = json.loads(call(site, "POST", "/v1/auth/ticket", APP, Authorization=bearer)[2])["ticket"]
        return f"{site.socket_url}/ws/sessions/{session}?ticket={ticket}"

    with connect(address(), origin=APP) as opened:
        assert json.loads(opened.recv(timeout=20))["type"]
    with pytest.raises(InvalidStatus) as refused, connect(address(), origin="https://evil.example"):
        pass
    assert refused.value.response.status_code == 403
    # Whoever signs in has a cookie, which a browser may send along: it opens nothing for a page of another site.
    without = address().partition("?")[0]
    cookie = {"Cookie": "sessionid=anything"}
    with (
        pytest.raises(ConnectionClosed, match="4401"),
        connect(without, origin=APP, additional_headers=cookie) as opened,
    ):
        opened.recv(timeout=20)


@pytest.mark.parametrize("text", ["*", "app.example.org", "https://app.example.org/", "https://*", "ftp://a.example"])
def test_what_is_no_origin_is_none(text: str) -> None:
    assert not cross_origin.is_origin(text)
