"""Searching the web for a node: what was found, as material that a prompt can hold, or why nothing was."""

from collections.abc import Sequence

from refine_app.search.configured import configured_search
from refine_app.search.service import Found, SearchFailed

NEED = {
    "type": "object",
    "properties": {
        "needs_search": {"type": "boolean"},
        "query": {"type": "string", "maxLength": 400},
        "known": {"type": "string", "maxLength": 8000},
    },
    "required": ["needs_search", "query", "known"],
}


HOW_TO_SEARCH = (
    "no web search is configured; whoever runs this site sets TAVILY_API_KEY, or DUCKDUCKGO_URL, which is left empty"
)


async def look_up(query: str) -> tuple[Sequence[Found], str]:
    """What a search finds, and else why there is nothing, for the model to say."""
    search = configured_search()
    if search is None:
        return (), (
            f"This needs knowledge from outside ({query[:200]!r}), and {HOW_TO_SEARCH}. Treat what may have changed as "
            "unknown, and say so."
        )
    try:
        found = await search.search(query)
    except SearchFailed as failure:
        return (), f"The web could not be searched for {query[:200]!r}: {failure} Say so, and make nothing up."
    return found, "" if found else f"Nothing was found for {query[:200]!r}."


def in_words(found: Sequence[Found]) -> str:
    """The results, numbered as they may be cited."""
    return "\n\n".join(f"[{n}] {one.title}\n{one.url}\n{one.excerpt}" for n, one in enumerate(found, 1))
