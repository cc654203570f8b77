"""The one way out for URLs on somebody's word: corpus of ways in, one look at the name, and bounds."""

import asyncio
import socket
import threading
from collections.abc import Iterator, Sequence
from typing import Any

import httpx2
import pytest

from refine_app.safety import egress
from refine_app.safety.addresses import url_problem
from refine_app.safety.egress import EgressRefused, NoAddress, PinnedTransport, SafeHttp
from tests.refine_app.search.web import Web

INSIDE = [
    "http://127.0.0.1/",
    "http://127.1/",
    "http://0x7f.1/",
    "http://0177.0.0.1/",
    "http://2130706433/",
    "http://localhost/",
    "http://localhost./",
    "http://a.localhost/",
    "http://db.internal/",
    "http://10.1.2.3/",
    "http://172.16.0.1/",
    "http://192.168.0.1/",
    "http://100.64.0.1/",
    "http://169.254.169.254/latest/meta-data/",
    "http://[::1]/",
    "http://[::ffff:127.0.0.1]/",
    "http://[::ffff:a9fe:a9fe]/",
    "http://[64:ff9b::a9fe:a9fe]/",
    "http://[2002:7f00:1::]/",
    "http://[fe80::1]/",
    "http://[fd00:ec2::254]/",
    "http://[fc00::1]/",
    "http://0.0.0.0/",
    "http://224.0.0.1/",
    "http://user@example.com/",
    "http://user:secret@example.com/",
    "file:///etc/passwd",
    "gopher://example.com/",
    "unix:///run/docker.sock",
    "//example.com/",
    "http:///nothing",
    "http://example.com:99999/",
    "http://exa mple.com/",
    "http://example.com\\@127.0.0.1/",
    "http://[::1",
]


@pytest.mark.parametrize("url", INSIDE)
def test_a_url_that_leads_inside_is_refused_before_anybody_is_asked(url: str) -> None:
    assert url_problem(url, allow_private=False)


@pytest.mark.parametrize("url", ["http://169.254.169.254/", "http://[::ffff:a9fe:a9fe]/", "http://[fe80::1]/"])
def test_the_clouds_metadata_are_refused_also_where_the_network_may_be_reached(url: str) -> None:
    assert url_problem(url, allow_private=True)


@pytest.mark.parametrize("url", ["https://example.com/a?b=c", "http://93.184.216.34:8080/", "https://[2606:2800::1]/"])
def test_a_url_of_the_web_is_not_refused(url: str) -> None:
    assert url_problem(url, allow_private=False) == ""


class Names:
    """A name server that answers one thing after the other, and counts."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.answers = list(answers)
        self.asked = 0

    async def resolve(self, host: str, port: int) -> Sequence[str]:
        self.asked += 1
        return self.answers[min(self.asked, len(self.answers)) - 1]


@pytest.fixture
def web() -> Iterator[Web]:
    with Web() as running:
        yield running


@pytest.mark.parametrize("answer", [["127.0.0.1"], ["93.184.216.34", "10.0.0.1"], ["::ffff:169.254.169.254"], []])
async def test_a_name_with_any_address_inside_is_refused_whole(answer: list[str]) -> None:
    names = Names(answer)
    with pytest.raises(EgressRefused):
        await SafeHttp(resolve=names.resolve).fetch("GET", "http://evil.example/")


async def test_a_name_is_looked_up_once_and_that_address_is_called(web: Web) -> None:
    """A second answer would be the attacker's; nobody asks for it."""
    names = Names(["127.0.0.1"], ["169.254.169.254"])
    http = SafeHttp(allow_private=True, resolve=names.resolve)
    fetched = await http.fetch("GET", f"http://pages.example:{web.port}/hello")
    assert (fetched.status, fetched.body, names.asked) == (200, b"hello", 1)
    assert web.requests[0].headers["host"] == f"pages.example:{web.port}"


@pytest.mark.parametrize("path", ["/redirect", "/huge"])
async def test_redirects_and_floods_are_refused(web: Web, path: str) -> None:
    http = SafeHttp(allow_private=True, max_body=100_000)
    with pytest.raises(EgressRefused):
        await http.fetch("GET", f"{web.url}{path}")
    assert [request.path for request in web.requests] == [path]


async def test_proxies_of_the_environment_are_not_asked(web: Web, monkeypatch: Any) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    fetched = await SafeHttp(allow_private=True).fetch("GET", f"{web.url}/hello")
    assert fetched.body == b"hello"


async def called(web: Web, names: Names, *, times: int = 1) -> list[httpx2.Response]:
    """What comes of calls that keep to a name, as calls to models do."""
    transport = PinnedTransport(httpx2.AsyncHTTPTransport(), allow_private=True, resolve=names.resolve)
    async with httpx2.AsyncClient(transport=transport) as client:
        return [await client.post(f"http://models.example:{web.port}/hello", content=b"asked") for _ in range(times)]


async def test_every_request_goes_to_the_address_that_was_judged_for_it(web: Web) -> None:
    names = Names(["127.0.0.1"], ["169.254.169.254"])
    with pytest.raises(EgressRefused, match="metadata"):
        await called(web, names, times=2)
    assert names.asked == 2
    assert [(one.headers["host"], one.body) for one in web.requests] == [(f"models.example:{web.port}", b"asked")]


async def test_an_address_that_does_not_answer_gives_way_to_the_next_of_the_name(web: Web) -> None:
    names = Names(["::1", "127.0.0.1"])
    [response] = await called(web, names)
    assert (response.status_code, names.asked, len(web.requests)) == (200, 1, 1)
    http = SafeHttp(allow_private=True, resolve=Names(["::1", "127.0.0.1"]).resolve)
    assert (await http.fetch("GET", f"http://pages.example:{web.port}/hello")).body == b"hello"


async def test_a_silent_resolver_is_given_up_and_takes_no_thread_that_others_need(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answers = threading.Event()
    monkeypatch.setattr(egress, "RESOLVES_WITHIN_S", 0.05)
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: answers.wait(60) and [])
    try:
        for _ in range(50):  # far more than there are threads
            with pytest.raises(NoAddress, match="did not answer") as refused:
                await egress.addresses_of("silent.example", 443, allow_private=False)
            assert refused.value.retryable
        assert await asyncio.wait_for(asyncio.to_thread(lambda: "free"), 20) == "free"
    finally:
        answers.set()
