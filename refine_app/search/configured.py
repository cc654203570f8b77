"""The search service that the settings ask for."""

from django.conf import settings

from refine_app.safety.egress import SafeHttp
from refine_app.search.duckduckgo import DuckDuckGo
from refine_app.search.service import Search
from refine_app.search.tavily import Tavily


def configured_search() -> Search | None:
    """Tavily where there is a key, DuckDuckGo where it is switched on, else none. An operator's URL may be inside."""
    http = SafeHttp(allow_private=settings.PRIVATE_ENDPOINTS_ALLOWED)
    if settings.TAVILY_API_KEY:
        return Tavily(settings.TAVILY_URL, settings.TAVILY_API_KEY, http)
    if settings.DUCKDUCKGO_URL:
        return DuckDuckGo(settings.DUCKDUCKGO_URL, http)
    return None
