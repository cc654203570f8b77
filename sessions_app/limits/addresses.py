"""Which address a caller has, so that no header can make it another one.

The connection's own address counts; behind a proxy of ours (BEHIND_PROXY) it is what that proxy appended last to
X-Forwarded-For, and what stands before it is the caller's own invention.
"""

import hashlib
import hmac
from collections.abc import Iterable, Mapping
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Any

from django.conf import settings
from django.http import HttpRequest

UNKNOWN = "unknown"
"""All who come without an address, such as by a Unix socket, count as one."""
IPV6_PREFIX = 64
"""What one customer gets at least; single addresses are free."""


def of_request(request: HttpRequest) -> str:
    """The network that a request came from."""
    return _counted(str(request.META.get("REMOTE_ADDR") or ""), str(request.META.get("HTTP_X_FORWARDED_FOR") or ""))


def of_scope(scope: Mapping[str, Any]) -> str:
    """The network that a socket was opened from."""
    client = scope.get("client")
    forwarded = _forwarded(scope.get("headers", ())) if settings.BEHIND_PROXY else ""
    return _counted(str(client[0]) if client else "", forwarded)


def digest(address: str) -> str:
    """What is kept of an address: enough to know it again here, and of no use elsewhere."""
    key = settings.SECRET_KEY.encode()
    return hmac.new(key, b"address:" + address.encode(), hashlib.sha256).hexdigest()[:32]


def _forwarded(headers: Iterable[tuple[bytes, bytes]]) -> str:
    return ",".join(value.decode("latin-1") for name, value in headers if name.lower() == b"x-forwarded-for")


def _counted(direct: str, forwarded: str) -> str:
    shown = forwarded.rpartition(",")[2] if settings.BEHIND_PROXY else ""
    return network(shown) or network(direct) or UNKNOWN


def network(text: str) -> str:
    """An IPv4 address, or the /64 of one of IPv6; empty for what is neither."""
    try:
        address: IPv4Address | IPv6Address = ip_address(text.strip().partition("%")[0])
    except ValueError:
        return ""
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is None:
            return str(IPv6Network((int(address), IPV6_PREFIX), strict=False))
        address = address.ipv4_mapped
    return str(address)
