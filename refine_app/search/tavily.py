"""Tavily, by key."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx2

from refine_app.safety.egress import EgressRefused, SafeHttp
from refine_app.search.service import MAX_RESULTS, Found, SearchFailed

_NOT_ITS_ANSWER = (ValueError, KeyError, TypeError, AttributeError)


@dataclass(frozen=True, slots=True)
class Tavily:
    """Asks the API at a URL; the pages themselves are not fetched."""

    url: str
    key: str = field(repr=False)
    http: SafeHttp = field(default_factory=SafeHttp)

    @property
    def name(self) -> str:
        return "tavily"

    async def search(self, query: str) -> Sequence[Found]:
        body = json.dumps({"query": query[:400], "max_results": MAX_RESULTS}).encode()
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
        try:
            answer = await self.http.fetch("POST", self.url, headers=headers, content=body)
            if answer.status != 200:
                raise SearchFailed(f"Tavily answered {answer.status}.")
            results = json.loads(answer.body)["results"][:MAX_RESULTS]
            return [_found(one) for one in results]
        except (EgressRefused, httpx2.HTTPError, TimeoutError, *_NOT_ITS_ANSWER) as error:
            raise SearchFailed(f"Tavily could not be asked: {str(error)[:200] or type(error).__name__}.") from error


def _found(one: dict[str, Any]) -> Found:
    title, excerpt = str(one.get("title", ""))[:300], str(one.get("content", ""))[:2000]
    return Found("tavily", title, _web(one.get("url")), excerpt)


def _web(url: object) -> str:
    """A link that people may follow: no other scheme than the web's."""
    text = str(url or "")[:1000]
    return text if text.startswith(("https://", "http://")) else ""
