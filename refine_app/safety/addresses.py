"""Which URLs the site may call on somebody's word: none that lead to itself, its neighbours or its cloud's metadata."""

import ipaddress
import re
from urllib.parse import urlsplit

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
NAT64 = ipaddress.ip_network("64:ff9b::/96")
CARRIER = ipaddress.ip_network("100.64.0.0/10")
METADATA = (
    ipaddress.ip_network("169.254.0.0/16"),
    ipaddress.ip_network("fe80::/10"),
    ipaddress.ip_network("fd00:ec2::/32"),
)
_NUMBER = re.compile(r"0[xX][0-9a-fA-F]+|0[0-7]*|[1-9][0-9]*")


def url_problem(url: str, *, allow_private: bool) -> str:
    """What is wrong with a URL, without asking any name server; empty when nothing is."""
    if re.search(r"[\x00-\x20\x7f\\]", url):
        return "a URL has neither blanks nor control characters nor backslashes"
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").rstrip(".").lower()
        _ = parts.port
    except ValueError as error:
        return f"it is not a URL: {error}"
    if parts.scheme not in ("http", "https"):
        return f"expected http:// or https://, found {parts.scheme or 'no scheme'!r}"
    if "@" in parts.netloc:
        return "a URL with a user name or password would be kept and shown; name a secret instead"
    if not host:
        return "it names no host"
    if host == "localhost" or host.endswith((".localhost", ".local", ".internal")):
        return "" if allow_private else f"{host!r} is inside this network"
    address = literal_address(host)
    return address_problem(address, allow_private=allow_private) if address is not None else ""


def literal_address(host: str) -> Address | None:
    """The address that a host is when it is one, in any of the forms that resolvers understand; None for a name."""
    bare = host.strip("[]").split("%")[0]
    try:
        return ipaddress.ip_address(bare)
    except ValueError:
        pass
    parts = bare.split(".")
    if not 1 <= len(parts) <= 4 or not all(_NUMBER.fullmatch(part) for part in parts):
        return None
    numbers = [_number(part) for part in parts]
    *heads, last = numbers
    value = last
    for at, head in enumerate(heads):
        value += head << (8 * (3 - at))
    try:
        return ipaddress.IPv4Address(value)
    except ValueError:
        return None


def address_problem(address: Address, *, allow_private: bool) -> str:
    """Why an address may not be called; empty when it may."""
    inner = _inner(address)
    if any(inner in network for network in METADATA if network.version == inner.version):
        return f"{address} is link-local: the cloud's metadata are there"
    if inner.is_multicast or inner.is_unspecified or (inner.is_reserved and not inner.is_loopback):
        return f"{address} is no address of a server"
    is_private = inner.is_private or inner.is_loopback or (inner.version == 4 and inner in CARRIER)
    if is_private and not allow_private:
        return f"{address} is inside this network"
    return ""


def _inner(address: Address) -> Address:
    """The IPv4 address in an IPv6 one that only carries it."""
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return address.ipv4_mapped
        if address.sixtofour is not None:
            return address.sixtofour
        if address in NAT64:
            return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def _number(text: str) -> int:
    if text.lower().startswith("0x"):
        return int(text, 16)
    return int(text, 8) if text.startswith("0") and len(text) > 1 else int(text)
