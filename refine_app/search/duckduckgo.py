"""DuckDuckGo's page for browsers without scripts: needs no key, and may refuse whoever asks often."""

import html
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx2

from refine_app.safety.egress import EgressRefused, SafeHttp
from refine_app.search.service import MAX_RESULTS, Found, SearchFailed

_ANCHOR = re.compile(r"<a\s([^<>]{1,3000})>")
_TARGET = re.compile(r'href="([^"]{1,2000})"')
_TAG = re.compile(r"<[^<>]{0,500}>")
LINK = 'class="result__a"'
EXCERPT = 'class="result__snippet"'
TEXT_MAX = 3000


@dataclass(frozen=True, slots=True)
class DuckDuckGo:
    """Reads the page of results at a URL."""

    url: str
    http: SafeHttp = field(default_factory=SafeHttp)

    @property
    def name(self) -> str:
        return "duckduckgo"

    async def search(self, query: str) -> Sequence[Found]:
        try:
            answer = await self.http.fetch("GET", f"{self.url}?{urlencode({'q': query[:400]})}")
        except (EgressRefused, httpx2.HTTPError, TimeoutError) as error:
            raise SearchFailed(f"DuckDuckGo could not be asked: {str(error)[:200] or type(error).__name__}.") from error
        if answer.status != 200:
            raise SearchFailed(f"DuckDuckGo answered {answer.status}.")
        page = answer.body.decode("utf-8", "replace")
        anchors = list(_anchors(page))
        excerpts = [_plain(text) for attributes, text in anchors if EXCERPT in attributes]
        links = [
            (_target(html.unescape(target[1])), _plain(text))
            for attributes, text in anchors
            if LINK in attributes and (target := _TARGET.search(attributes))
        ]
        return [
            Found("duckduckgo", title[:300], url, excerpts[at][:2000] if at < len(excerpts) else "")
            for at, (url, title) in enumerate(links)
            if url
        ][:MAX_RESULTS]


def _anchors(page: str) -> Iterator[tuple[str, str]]:
    """The attributes and the text of each link that has its end."""
    for anchor in _ANCHOR.finditer(page):
        end = page.find("</a>", anchor.end(), anchor.end() + TEXT_MAX)
        if end >= 0:
            yield anchor[1], page[anchor.end() : end]


def _plain(text: str) -> str:
    return html.unescape(_TAG.sub("", text)).strip()


def _target(link: str) -> str:
    """Where a result leads, behind the service's own redirect."""
    wrapped = parse_qs(urlsplit(link).query).get("uddg")
    url = wrapped[0] if wrapped else link
    return url if url.startswith(("https://", "http://")) else ""
