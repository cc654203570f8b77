"""The HTTP underneath the Hugging Face client: what comes in is bounded, tokens and requests go where they belong."""

import logging
import ssl
from collections.abc import AsyncIterator
from functools import lru_cache

import httpx2

from refine_app.model_clients.errors import EndpointUnavailable, OutputInvalid
from refine_app.safety.egress import EgressRefused, PinnedTransport

# It tells the whole URL of every request, with a password if there is one.
logging.getLogger("httpx2").setLevel(logging.WARNING)

MAX_RESPONSE = 32 * 1024 * 1024
MAX_LINE = 4 * 1024 * 1024
MAX_ERROR_BODY = 64 * 1024


class BoundedTransport(httpx2.AsyncBaseTransport):
    """Sends one call's requests and bounds their responses."""

    def __init__(
        self, *, token: str, inner: httpx2.AsyncBaseTransport | None = None, allow_private: bool = False
    ) -> None:
        self._token = token
        self._inner = inner or PinnedTransport(httpx2.AsyncHTTPTransport(verify=_tls()), allow_private=allow_private)
        self.saw_done = False
        """Whether the server ended its stream by the protocol's own word."""

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        # The library falls back to the token of whoever runs this process, which must not reach other people's servers.
        request.headers.pop("authorization", None)
        if self._token:
            request.headers["authorization"] = f"Bearer {self._token}"
        # A compressed answer could unfold to any size.
        request.headers["accept-encoding"] = "identity"
        try:
            response = await self._inner.handle_async_request(request)
        except EgressRefused as refused:
            raise EndpointUnavailable(str(refused), retryable=refused.retryable) from refused
        if response.headers.get("content-encoding", "identity").lower() not in ("identity", ""):
            await response.aclose()
            raise OutputInvalid("The endpoint compressed its answer though it was asked not to.")
        if not isinstance(response.stream, httpx2.AsyncByteStream):
            return response
        bounded = _BoundedStream(response.stream, self, response.status_code)
        return httpx2.Response(
            response.status_code, headers=response.headers, stream=bounded, extensions=response.extensions
        )

    async def aclose(self) -> None:
        await self._inner.aclose()


class _BoundedStream(httpx2.AsyncByteStream):
    def __init__(self, inner: httpx2.AsyncByteStream, transport: BoundedTransport, status: int) -> None:
        self._inner = inner
        self._transport = transport
        self._status = status

    async def __aiter__(self) -> AsyncIterator[bytes]:
        total = line = 0
        tail = b""
        async for part in self._inner:
            total += len(part)
            if self._status >= 400:
                yield part[: max(0, MAX_ERROR_BODY - total + len(part))]
                if total >= MAX_ERROR_BODY:
                    return
                continue
            newline = part.rfind(b"\n")
            line = line + len(part) if newline < 0 else len(part) - newline - 1
            if total > MAX_RESPONSE or line > MAX_LINE:
                limit = MAX_RESPONSE if total > MAX_RESPONSE else MAX_LINE
                raise OutputInvalid(
                    f"The endpoint sent more than {limit} bytes{'' if line <= MAX_LINE else ' in a line'}."
                )
            tail = (tail + part)[-64:]
            if b"[DONE]" in tail:
                self._transport.saw_done = True
            yield part

    async def aclose(self) -> None:
        await self._inner.aclose()


@lru_cache(maxsize=1)
def _tls() -> ssl.SSLContext:
    """One for all calls: reading the certificates takes longer than many a request."""
    return httpx2.create_ssl_context()
