"""Both search services against a web of our own, and what agents make of what they find."""

import json
from collections.abc import Iterator

import pytest
from pytest_django import Settings

from refine_app.model_clients import desk
from refine_app.safety.egress import SafeHttp
from refine_app.search.configured import configured_search
from refine_app.search.duckduckgo import DuckDuckGo
from refine_app.search.service import SearchFailed
from refine_app.search.tavily import Tavily
from tests.model_server import Behaviour, ModelServer
from tests.refine_app.graphs.conftest import spec_of
from tests.refine_app.graphs.stage import play
from tests.refine_app.search.web import Web

HTTP = SafeHttp(allow_private=True)


@pytest.fixture(scope="module")
def running() -> Iterator[Web]:
    with Web() as web:
        yield web


@pytest.fixture
def web(running: Web) -> Web:
    running.requests.clear()
    return running


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with ModelServer() as model:
        before = desk.use(desk.StaticDesk([spec_of(model)]))
        yield model
        desk.use(before)


async def test_tavily_is_asked_with_its_key_and_only_links_of_the_web_are_kept(web: Web) -> None:
    found = await Tavily(f"{web.url}/tavily", "tvly-key", HTTP).search("how do counters count")
    assert [(one.source, one.title, one.url) for one in found] == [
        ("tavily", "Counters", "https://example.com/counters"),
        ("tavily", "Trap", ""),
    ]
    assert web.requests[0].headers["authorization"] == "Bearer tvly-key"
    assert json.loads(web.requests[0].body)["query"] == "how do counters count"


async def test_duckduckgos_page_is_read(web: Web) -> None:
    [found] = await DuckDuckGo(f"{web.url}/duck", HTTP).search("a page")
    assert (found.title, found.url, found.excerpt) == ("A page", "https://example.com/a", "What it says & more.")
    assert web.requests[0].path == "/duck?q=a+page"


@pytest.mark.parametrize("path", ["/broken", "/redirect", "/huge2", "/none"])
async def test_a_service_that_fails_says_so(web: Web, path: str) -> None:
    with pytest.raises(SearchFailed, match="Tavily"):
        await Tavily(f"{web.url}{path}", "k", HTTP).search("x")


async def test_a_service_inside_the_network_is_not_asked_unless_the_operator_says_so(web: Web) -> None:
    with pytest.raises(SearchFailed, match="inside this network"):
        await Tavily(f"{web.url}/tavily", "k").search("x")
    assert web.requests == []


def test_the_settings_choose_the_service(settings: Settings) -> None:
    settings.TAVILY_API_KEY = settings.DUCKDUCKGO_URL = ""
    assert configured_search() is None
    settings.DUCKDUCKGO_URL = "https://html.duckduckgo.com/html/"
    assert isinstance(configured_search(), DuckDuckGo)
    settings.TAVILY_API_KEY = "tvly-CANARY"
    chosen = configured_search()
    assert isinstance(chosen, Tavily)
    assert "CANARY" not in repr(chosen)


async def test_the_content_agent_cites_what_it_found(web: Web, server: ModelServer, settings: Settings) -> None:
    settings.PRIVATE_ENDPOINTS_ALLOWED = True
    settings.TAVILY_API_KEY, settings.TAVILY_URL = "tvly-CANARY", f"{web.url}/tavily"
    replies = (
        {"agent_name": "ContentAgent", "confidence": 0.9, "reasoning": "A text."},
        {"needs_search": True, "query": "counters", "known": ""},
    )
    server.then(*(Behaviour(answer=json.dumps(reply)) for reply in replies), Behaviour(answer="They count [1]."))
    played = await play("task_router", {"task": "Write about counters"})
    result = played.state["result"]
    assert result["raw_output"] == "They count [1]."
    assert result["citations"][0] == {"source": "tavily", "title": "Counters", "url": "https://example.com/counters"}
    assert "[1] Counters\nhttps://example.com/counters\nCounters count from one." in server.requests[2].text
    assert "CANARY" not in json.dumps([played.state, [request.body for request in server.requests]])


async def test_the_content_agent_does_not_search_when_nothing_is_needed_from_outside(
    web: Web, server: ModelServer, settings: Settings
) -> None:
    settings.TAVILY_API_KEY, settings.TAVILY_URL = "k", f"{web.url}/tavily"
    replies = (
        {"agent_name": "ContentAgent", "confidence": 0.9, "reasoning": "A text."},
        {"needs_search": False, "query": "", "known": ""},
    )
    server.then(*(Behaviour(answer=json.dumps(reply)) for reply in replies), Behaviour(answer="A poem."))
    played = await play("task_router", {"task": "Write a poem"})
    assert (played.state["result"]["citations"], web.requests) == ([], [])
