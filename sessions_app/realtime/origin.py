"""Whether a socket was opened by a page of this site, or of one that may use its API (CORS_ORIGINS).

Browsers send cookies from anywhere, so Origin is checked; a page of another site comes in by a ticket alone.
"""

from collections.abc import Iterable
from urllib.parse import urlsplit

from django.conf import settings
from django.http.request import split_domain_port, validate_host

DEFAULT_PORTS = {"http": "80", "https": "443"}


def header(headers: Iterable[tuple[bytes, bytes]], name: bytes) -> str | None:
    """A header of an ASGI scope; None when it is not there."""
    return next((value.decode("latin-1") for key, value in headers if key.lower() == name), None)


def is_own(origin: str, headers: Iterable[tuple[bytes, bytes]], scheme: str) -> bool:
    """Whether the Origin is the site itself (scheme, host and port), or one that settings trust."""
    headers = list(headers)
    host = _host(headers)
    parts = _parts(origin)
    if host is None or parts is None:
        return False
    own = _parts(f"{_page_scheme(headers, scheme)}://{host}")
    return parts == own or any(_trusts(trusted, parts) for trusted in settings.CSRF_TRUSTED_ORIGINS)


def is_allowed(origin: str, headers: Iterable[tuple[bytes, bytes]]) -> bool:
    """Whether pages of the Origin may use the API, by a token of their own."""
    parts = _parts(origin)
    return (
        parts is not None
        and _host(headers) is not None
        and any(_trusts(allowed, parts) for allowed in settings.CORS_ORIGINS)
    )


def _host(headers: Iterable[tuple[bytes, bytes]]) -> str | None:
    """The name that the site was asked by; None for one that is not its own."""
    host = header(headers, b"host") or ""
    return host if validate_host(split_domain_port(host)[0], settings.ALLOWED_HOSTS) else None


def _page_scheme(headers: Iterable[tuple[bytes, bytes]], scheme: str) -> str:
    """https when the socket came by TLS, be it only to the proxy in front, which is believed when settings say so."""
    proxy = getattr(settings, "SECURE_PROXY_SSL_HEADER", None)
    if proxy is not None:
        name, secure = proxy
        shown = header(headers, name.removeprefix("HTTP_").replace("_", "-").lower().encode()) or ""
        if shown.split(",")[0].strip() == secure:
            return "https"
    return "https" if scheme in {"wss", "https"} else "http"


def _parts(origin: str) -> tuple[str, str, str] | None:
    """(scheme, host, port) of an origin, with the port that its scheme implies; None for what is none, such as null."""
    try:
        split = urlsplit(origin.lower())
        port = str(split.port) if split.port else DEFAULT_PORTS.get(split.scheme)
    except ValueError:
        return None
    if not split.hostname or port is None or split.path or split.query or split.fragment or split.username:
        return None
    return split.scheme, split.hostname, port


def _trusts(trusted: str, origin: tuple[str, str, str]) -> bool:
    """One entry of CSRF_TRUSTED_ORIGINS or CORS_ORIGINS: an origin, or https://*.example.org for the subdomains."""
    parts = _parts(trusted.replace("://*.", "://", 1))
    if parts is None:
        return False
    if "://*." not in trusted:
        return parts == origin
    return parts[0] == origin[0] and parts[2] == origin[2] and origin[1].endswith("." + parts[1])
