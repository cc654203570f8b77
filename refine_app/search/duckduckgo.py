"""DuckDuckGo's page for browsers without scripts: needs no key, and may refuse whoever asks often."""

import html
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx2

from refine_app.safety.egress import EgressRefused, SafeHttp
from refine_app.search.service import MAX_RESULTS, Found, SearchFailed

_LINK = re.compile(r'<a[^>]{0,300}class="result__a"[^>]{0,300}href="([^"]{1,2000})"[^>]{0,300}>(.{0,1000}?)</a>', re.S)
_EXCERPT = re.compile(r'class="result__snippet"[^>]{0,2000}>(.{0,3000}?)</a>', re.S)
_TAG = re.compile(r"<[^>]{0,500}>")


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
        excerpts = [_plain(found[1]) for found in _EXCERPT.finditer(page)]
        links = [(_target(html.unescape(found[1])), _plain(found[2])) for found in _LINK.finditer(page)]
        return [
            Found("duckduckgo", title[:300], url, excerpts[at][:2000] if at < len(excerpts) else "")
            for at, (url, title) in enumerate(links)
            if url
        ][:MAX_RESULTS]


def _plain(text: str) -> str:
    return html.unescape(_TAG.sub("", text)).strip()


def _target(link: str) -> str:
    """Where a result leads, behind the service's own redirect."""
    wrapped = parse_qs(urlsplit(link).query).get("uddg")
    url = wrapped[0] if wrapped else link
    return url if url.startswith(("https://", "http://")) else ""
