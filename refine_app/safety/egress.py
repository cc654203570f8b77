"""Going out to a URL on somebody's word: the address is looked up once, judged, and then called itself.

1. The URL may name no host inside the network, in any of the forms in which an address can be written.
2. The name is resolved once, and every address that it has is judged; one that is inside refuses the whole name.
3. The connection goes to that very address, with the name kept for TLS and for the Host header, so that a name server
   that changes its mind gains nothing. Redirects are not followed; bodies and times are bounded.
"""

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial

import httpx2

from refine_app.safety.addresses import Address, address_problem, literal_address, url_problem

MAX_BODY = 2_000_000
TIMEOUT_S = 15.0
RESOLVES_WITHIN_S = 5.0
_RESOLVERS = ThreadPoolExecutor(max_workers=8, thread_name_prefix="resolver")

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]


class EgressRefused(Exception):
    """Raised when a URL leads to where the site does not go, or answers with more than is read."""

    code = "egress_refused"
    retryable = False


class NoAddress(EgressRefused):
    """Raised when a name has no address, which may pass."""

    retryable = True


@dataclass(frozen=True, slots=True)
class Fetched:
    """What a server answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes


async def resolve(host: str, port: int) -> Sequence[str]:
    """The addresses of a name, by the system's own resolver. Raises OSError, also when it takes too long.

    A resolver that is silent keeps its thread for half a minute, so that the threads are none that others need.
    """
    look_up = partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
    try:
        async with asyncio.timeout(RESOLVES_WITHIN_S):
            found = await asyncio.get_running_loop().run_in_executor(_RESOLVERS, look_up)
    except TimeoutError:
        raise OSError(f"the resolver did not answer within {RESOLVES_WITHIN_S:g} s") from None
    return [str(address[0]) for _, _, _, _, address in found]


async def addresses_of(host: str, port: int, *, allow_private: bool, resolve: Resolve = resolve) -> list[Address]:
    """All addresses of a host, looked up once. Raises EgressRefused when there is none, or one may not be called."""
    literal = literal_address(host)
    try:
        found = [literal] if literal else [ipaddress.ip_address(one) for one in await resolve(host, port)]
    except (OSError, ValueError) as error:
        raise NoAddress(f"{host!r} has no address: {error}.") from error
    if not found:
        raise NoAddress(f"{host!r} has no address.")
    for address in found:
        if problem := address_problem(address, allow_private=allow_private):
            raise EgressRefused(f"{host!r} is not called: {problem}.")
    return list(dict.fromkeys(found))


def _shown(address: Address) -> str:
    return f"[{address}]" if address.version == 6 else str(address)


class PinnedTransport(httpx2.AsyncBaseTransport):
    """Carries requests to the very addresses that were judged; the name stays in TLS and in the Host header.

    Every request looks the name up anew, once. Where one of its addresses does not answer, the next is tried.
    """

    def __init__(
        self, inner: httpx2.AsyncBaseTransport, *, allow_private: bool = False, resolve: Resolve = resolve
    ) -> None:
        self._inner = inner
        self._allow_private = allow_private
        self._resolve = resolve

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        url = request.url
        if problem := url_problem(str(url), allow_private=self._allow_private):
            raise EgressRefused(f"{url.host!r} is not called: {problem}.")
        host = url.host.rstrip(".")
        port = url.port or (443 if url.scheme == "https" else 80)
        *others, last = await addresses_of(host, port, allow_private=self._allow_private, resolve=self._resolve)
        for address in others:
            try:
                return await self._send(request, host, address)
            except (httpx2.ConnectError, httpx2.ConnectTimeout):
                continue
        return await self._send(request, host, last)

    async def _send(self, request: httpx2.Request, host: str, address: Address) -> httpx2.Response:
        pinned = httpx2.Request(
            request.method,
            request.url.copy_with(host=_shown(address)),
            headers=request.headers,
            stream=request.stream,
            extensions={**request.extensions, "sni_hostname": host},
        )
        return await self._inner.handle_async_request(pinned)

    async def aclose(self) -> None:
        await self._inner.aclose()


@dataclass(frozen=True, slots=True)
class SafeHttp:
    """The way out for URLs that people, models or pages name: a pinned transport, bounded."""

    allow_private: bool = False
    resolve: Resolve = field(default=resolve)
    timeout_s: float = TIMEOUT_S
    max_body: int = MAX_BODY

    async def fetch(
        self, method: str, url: str, *, headers: Mapping[str, str] | None = None, content: bytes | None = None
    ) -> Fetched:
        """Raises EgressRefused; httpx2's own errors where the server cannot be reached."""
        if problem := url_problem(url, allow_private=self.allow_private):
            raise EgressRefused(f"{url[:200]!r} is not fetched: {problem}.")
        sent = {**(headers or {}), "Accept-Encoding": "identity"}
        pinned = PinnedTransport(
            httpx2.AsyncHTTPTransport(trust_env=False), allow_private=self.allow_private, resolve=self.resolve
        )
        async with (
            asyncio.timeout(self.timeout_s),
            httpx2.AsyncClient(transport=pinned, follow_redirects=False, timeout=self.timeout_s) as client,
        ):
            response = await client.send(client.build_request(method, url, headers=sent, content=content), stream=True)
            try:
                return Fetched(response.status_code, dict(response.headers), await self._read(response, url))
            finally:
                await response.aclose()

    async def _read(self, response: httpx2.Response, url: str) -> bytes:
        if 300 <= response.status_code < 400:
            raise EgressRefused(f"{url[:200]!r} redirects to {response.headers.get('location', '')[:200]!r}.")
        parts: list[bytes] = []
        total = 0
        async for part in response.aiter_raw():
            total += len(part)
            if total > self.max_body:
                raise EgressRefused(f"{url[:200]!r} answers with more than {self.max_body} bytes.")
            parts.append(part)
        return b"".join(parts)
