"""Which pages of other sites may use the API (CORS), as the settings of django-cors-headers."""

import re
from typing import Any

API_PATHS = r"^/(v1|api|graphs|executions|runs)(/|$)"
"""What programs use. Pages of this site are for nobody else's."""
READABLE = (
    "Content-Disposition", "ETag", "Location", "RateLimit", "RateLimit-Policy", "Retry-After", "X-Request-ID",
)  # fmt: skip
"""Headers of answers beyond those that every page may read."""
SENDABLE = (
    "accept", "authorization", "content-type", "idempotency-key", "if-none-match", "last-event-id", "traceparent",
    "x-request-id",
)  # fmt: skip
_ORIGIN = re.compile(r"https?://(\*\.)?[a-z0-9.-]+(:\d{1,5})?|https?://\[[0-9a-f:]+\](:\d{1,5})?", re.IGNORECASE)


def is_origin(text: str) -> bool:
    """Whether it is scheme, host and port alone; the host may begin with "*."."""
    return _ORIGIN.fullmatch(text) is not None


def settings_for(origins: list[str]) -> dict[str, Any]:
    """By their names. Credentials are never allowed: a page of another site brings its token."""
    wild = [origin for origin in origins if "://*." in origin]
    return {
        "CORS_ALLOWED_ORIGINS": [origin for origin in origins if origin not in wild and is_origin(origin)],
        "CORS_ALLOWED_ORIGIN_REGEXES": [_pattern(origin) for origin in wild if is_origin(origin)],
        "CORS_URLS_REGEX": API_PATHS,
        "CORS_ALLOW_HEADERS": SENDABLE,
        "CORS_EXPOSE_HEADERS": READABLE,
        "CORS_ALLOW_CREDENTIALS": False,
    }


def _pattern(origin: str) -> str:
    scheme, _, host = origin.lower().partition("://*.")
    return rf"^{scheme}://([a-z0-9-]+\.)+{re.escape(host)}$"
