"""What a search of the web gives, and which service is configured."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

MAX_RESULTS = 5


class SearchFailed(Exception):
    """Raised when a search service cannot be reached or does not answer as it should; the message is for people."""

    code = "search_failed"


@dataclass(frozen=True, slots=True)
class Found:
    """One page that was found."""

    source: str
    """The service that found it."""
    title: str
    url: str
    excerpt: str


class Search(Protocol):
    """Finds pages. An implementation raises only SearchFailed."""

    @property
    def name(self) -> str: ...

    async def search(self, query: str) -> Sequence[Found]: ...
