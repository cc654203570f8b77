"""Models behind the Hugging Face client: by id through the router, or by the URL of any server of the chat protocol."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast
from urllib.parse import urlsplit

import httpx2
from huggingface_hub import AsyncInferenceClient
from huggingface_hub.errors import HfHubHTTPError, InferenceTimeoutError, TextGenerationError
from huggingface_hub.inference._common import RequestParameters

from refine_app.diffs.answers import clean
from refine_app.diffs.errors import excerpt
from refine_app.model_clients.client import Delta, Message, Subject
from refine_app.model_clients.errors import (
    EndpointTimeout,
    EndpointUnavailable,
    ModelError,
    OutputInvalid,
    StreamBroken,
)
from refine_app.model_clients.failures import from_reported, from_response
from refine_app.model_clients.tokens import count_tokens
from refine_app.model_clients.transport import BoundedTransport, Lines, Start

MAX_TEXT = 2_000_000
CONNECT_S = 10.0
_NOT_THE_PROTOCOL = (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError)


@dataclass(slots=True)
class HuggingFaceClient:
    """Streams chat completions from one endpoint."""

    model: str
    """The model's id; at a URL of a dedicated endpoint it may be empty."""
    url: str = ""
    """Of a server that speaks the OpenAI chat protocol; empty for the Hugging Face router."""
    token: str = field(default="", repr=False)
    timeout_s: float = 120.0
    """The longest that a whole call may take."""
    idle_timeout_s: float = 30.0
    """The longest silence."""
    allow_private: bool = False
    """Whether the URL may lead into this network, as one that the operator gives may."""
    transport: Callable[[], httpx2.AsyncBaseTransport] | None = None
    """What carries requests; the network, by judged and pinned addresses, when it is left out."""
    name: str = ""
    """What it is called on screens and in the ledger, where it has a name."""
    _says_usage: bool = True

    @property
    def endpoint(self) -> str:
        """Its name, or where it goes, without anything secret that a URL may hold."""
        if self.name:
            return self.name
        place = _host(self.url) if self.url else "huggingface"
        return f"{place}/{self.model}" if self.model else place

    @property
    def is_model(self) -> bool:
        return True

    async def stream(
        self, messages: Sequence[Message], *, max_tokens: int, temperature: float, subject: Subject | None = None
    ) -> AsyncIterator[Delta]:
        deadline = asyncio.get_running_loop().time() + self.timeout_s
        inner = self.transport() if self.transport else None
        transport = BoundedTransport(token=self.token, inner=inner, allow_private=self.allow_private)
        parameters = {"max_tokens": max_tokens, "temperature": temperature}
        answer: list[str] = []
        length = 0
        finish_reason: str | None = None
        usage: tuple[int, int] | None = None
        try:
            chunks = await self._start(transport, messages, parameters, deadline)
            while (piece := await self._next(chunks)) is not None:
                text = piece.text
                usage = piece.usage or usage
                finish_reason = piece.finish_reason or finish_reason
                if text:
                    answer.append(text)
                    length += len(text)
                    if length > MAX_TEXT:
                        raise OutputInvalid(f"The answer of {self.endpoint!r} is longer than {MAX_TEXT} characters.")
                    yield Delta(text)
        finally:
            await transport.hang_up()
        if finish_reason is None and not transport.saw_done:
            raise StreamBroken(f"{self.endpoint!r} hung up in the middle of its answer, after {length} characters.")
        tokens = count_tokens(messages, "".join(answer), usage, max_tokens=max_tokens)
        yield Delta(tokens=tokens, finish_reason=finish_reason or "stop")

    async def _start(
        self, transport: BoundedTransport, messages: Sequence[Message], parameters: dict[str, Any], deadline: float
    ) -> AsyncIterator[Any]:
        """Sends the request. Asks for the usage once; a server that does not know the option is not asked again."""
        start = Start()
        try:
            async with asyncio.timeout_at(deadline):
                await start.wait()
        except TimeoutError as error:
            raise EndpointTimeout(f"{self.endpoint!r} could not be asked within {self.timeout_s:g} s.") from error
        try:
            return await self._send(transport, start, messages, parameters, deadline)
        finally:
            start.sent()

    async def _send(
        self,
        transport: BoundedTransport,
        start: Start,
        messages: Sequence[Message],
        parameters: dict[str, Any],
        deadline: float,
    ) -> AsyncIterator[Any]:
        timeout = httpx2.Timeout(self.idle_timeout_s, connect=min(CONNECT_S, self.idle_timeout_s))
        known: dict[str, Any] = {"token": self.token or "none"}
        with self._translated():
            client = _Client(base_url=self.url, **known) if self.url else _Client(model=self.model, **known)
        client.transport = transport
        client.extensions = {"timeout": timeout.as_dict(), "deadline": deadline, "sent": start.sent}
        turns: list[Any] = [{"role": message.role, "content": message.content} for message in messages]
        model = self.model or None
        for _ in range(2):
            options: dict[str, Any] = {"stream_options": {"include_usage": True}} if self._says_usage else {}
            try:
                with self._translated():
                    async with asyncio.timeout_at(deadline):
                        chunks = await client.chat_completion(turns, model=model, stream=True, **parameters, **options)
                        return aiter(cast(AsyncIterator[Any], chunks))
            except EndpointUnavailable as refused:
                if not (options and "stream_options" in str(refused)):
                    raise
                self._says_usage = False
        raise EndpointUnavailable(f"{self.endpoint!r} refused the request twice.", retryable=False)

    async def _next(self, chunks: AsyncIterator[Any]) -> "_Piece | None":
        with self._translated(streaming=True):
            chunk = await anext(chunks, None)
            return None if chunk is None else _read(chunk)

    @contextlib.contextmanager
    def _translated(self, *, streaming: bool = False) -> Any:
        """The client library's errors, and those below it, as ours."""
        try:
            yield
        except ModelError:
            raise
        except HfHubHTTPError as error:
            raise from_response(self.endpoint, error.response) from error
        except TextGenerationError as error:
            raise from_reported(self.endpoint, error) from error
        except httpx2.ConnectTimeout as error:
            raise EndpointUnavailable(f"{self.endpoint!r} did not answer within {CONNECT_S:g} s.") from error
        except (InferenceTimeoutError, httpx2.TimeoutException) as error:
            raise EndpointTimeout(f"{self.endpoint!r} was silent for {self.idle_timeout_s:g} s.") from error
        except TimeoutError as error:
            raise EndpointTimeout(f"{self.endpoint!r} took longer than {self.timeout_s:g} s.") from error
        except httpx2.TransportError as error:
            if streaming:
                raise StreamBroken(f"{self.endpoint!r} hung up in the middle of its answer: {error}") from error
            raise EndpointUnavailable(f"{self.endpoint!r} cannot be reached: {error}") from error
        except (*_NOT_THE_PROTOCOL, httpx2.HTTPError, httpx2.InvalidURL) as error:
            found = excerpt(f"{type(error).__name__}: {error}", 200)
            raise OutputInvalid(f"{self.endpoint!r} does not speak the chat protocol: {found}") from error


class _Client(AsyncInferenceClient):
    """The library's client on a transport of ours, without redirects: they could carry the text anywhere.

    A response is let go of as soon as its head is known: what waits for words is its body alone.
    """

    transport: BoundedTransport
    extensions: Mapping[str, Any]

    async def _inner_post(self, request_parameters: RequestParameters, *, stream: bool = False) -> Any:
        request = httpx2.Request(
            "POST",
            request_parameters.url,
            json=request_parameters.json,
            headers={"accept": "*/*", **request_parameters.headers},
            extensions=dict(self.extensions),
        )
        response = await self.transport.handle_async_request(request)
        response.request = request
        if response.status_code >= 300:
            await _raise_refusal(response)
        return Lines(aiter(cast(httpx2.AsyncByteStream, response.stream)))


async def _raise_refusal(response: httpx2.Response) -> None:
    """Refusals are read here, bounded, so that their words can be told; redirects are refusals too."""
    await response.aread()
    if response.status_code < 400:
        raise EndpointUnavailable(
            f"The endpoint redirects to {response.headers.get('location', '')!r}; configure that URL itself.",
            retryable=False,
        )
    raise HfHubHTTPError("refused", response=response)


@dataclass(frozen=True, slots=True)
class _Piece:
    """What a chunk of the protocol says."""

    text: str
    finish_reason: str | None
    usage: tuple[int, int] | None


def _read(chunk: Any) -> _Piece:
    """A chunk's words. Chunks without choices, and choices without words, are usual."""
    choices = chunk.choices or []
    if not choices:
        return _Piece("", None, _usage(chunk))
    delta = choices[0].delta
    content = delta.content if delta is not None else None
    if content is not None and not isinstance(content, str):
        raise TypeError(f"a delta's content is a {type(content).__name__}, not text")
    return _Piece(clean(content or ""), choices[0].finish_reason, _usage(chunk))


def _usage(chunk: Any) -> tuple[int, int] | None:
    usage = chunk.usage
    if usage is None:
        return None
    prompt, completion = usage.prompt_tokens, usage.completion_tokens
    return (prompt, completion) if type(prompt) is int and type(completion) is int else None


def _host(url: str) -> str:
    try:
        return urlsplit(url).netloc.rpartition("@")[2] or "endpoint"
    except ValueError:
        return "endpoint"
