"""Models behind the Hugging Face client: by id through the router, or by the URL of any server of the chat protocol."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast
from urllib.parse import urlsplit

import httpx2
from huggingface_hub import AsyncInferenceClient
from huggingface_hub.errors import HfHubHTTPError, InferenceTimeoutError
from huggingface_hub.inference._common import RequestParameters

from refine_app.diffs.errors import excerpt
from refine_app.diffs.thoughts import without_thoughts
from refine_app.model_clients.chat_chunks import Heard, Piece, read_chunk
from refine_app.model_clients.client import Delta, Message, Subject
from refine_app.model_clients.error_words import body_of, words_of
from refine_app.model_clients.errors import (
    EndpointTimeout,
    EndpointUnavailable,
    ModelError,
    OutputInvalid,
    StreamBroken,
    ThinkingLimitReached,
)
from refine_app.model_clients.event_stream import DataLines, Lines, Reported
from refine_app.model_clients.failures import from_reported, from_response
from refine_app.model_clients.quirks import NO_QUIRKS, Quirks
from refine_app.model_clients.refusals import Lesson, learnt
from refine_app.model_clients.tokens import count_tokens
from refine_app.model_clients.transport import BoundedTransport, Start

MAX_TEXT = 2_000_000
CONNECT_S = 10.0
MAX_TRIES = 8
"""Requests of one call, each with one thing less that the server does not take."""
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
    quirks: Quirks = NO_QUIRKS
    """How its server differs from the protocol; a call that learns more of it replaces this."""
    thinking_tokens: int | None = None
    """Room for thoughts as the operator set it; None: as much as is learnt."""
    reasoning_effort: str = ""
    """minimal, low, medium or high, where the model offers it; empty leaves it to the server."""

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
        heard = Heard()
        try:
            chunks = await self._start(transport, messages, parameters, deadline)
            while (piece := await self._next(chunks)) is not None:
                text, thought = heard.add(piece)
                if heard.length > MAX_TEXT:
                    raise OutputInvalid(f"The answer of {self.endpoint!r} is longer than {MAX_TEXT} characters.")
                if text or thought:
                    yield Delta(text, thought=thought)
        finally:
            await transport.hang_up()
        if heard.finish_reason is None and not transport.saw_done:
            raise StreamBroken(
                f"{self.endpoint!r} hung up in the middle of its answer, after {heard.length} characters."
            )
        heard.raise_if_none(self.endpoint)
        self._learn_of_thoughts(heard, max_tokens)
        tokens = count_tokens(messages, heard.said, heard.usage, max_tokens=max_tokens)
        yield Delta(tokens=tokens, finish_reason="length" if heard.is_cut else "stop")

    def _learn_of_thoughts(self, heard: Heard, limit: int) -> None:
        """Remembers how much room thoughts take. Raises ThinkingLimitReached when they took all of it."""
        is_spent = heard.is_cut and not without_thoughts(heard.answer).strip()
        if not (is_spent or heard.thought_tokens):
            return
        before = self.quirks.thinking_room
        self.quirks = self.quirks.with_thoughts(heard.thought_tokens, limit_spent=is_spent, limit=limit)
        if is_spent:
            room = self.quirks.thinking_room
            raise ThinkingLimitReached(
                self.endpoint, limit=limit, room=room, retryable=self.thinking_tokens is None and room > before
            )

    async def _start(
        self, transport: BoundedTransport, messages: Sequence[Message], parameters: dict[str, Any], deadline: float
    ) -> AsyncIterator[Any]:
        """Sends the request, again without what the server refuses to take."""
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
        client.quirks = self.quirks
        client.more = {"reasoning_effort": self.reasoning_effort} if self.reasoning_effort else {}
        turns: list[Any] = [{"role": message.role, "content": message.content} for message in messages]
        options: dict[str, Any] = {"stream": True, "stream_options": {"include_usage": True}, **parameters}
        try:
            with self._translated():
                async with asyncio.timeout_at(deadline):
                    chunks = await client.chat_completion(turns, model=self.model or None, **options)
                    return aiter(cast(AsyncIterator[Any], chunks))
        finally:
            self.quirks = client.quirks

    async def _next(self, chunks: AsyncIterator[Any]) -> Piece | None:
        with self._translated(streaming=True):
            chunk = await anext(chunks, None)
            return None if chunk is None else read_chunk(chunk)

    @contextlib.contextmanager
    def _translated(self, *, streaming: bool = False) -> Any:
        """The client library's errors, and those below it, as ours."""
        try:
            yield
        except ModelError:
            raise
        except HfHubHTTPError as error:
            raise from_response(self.endpoint, error.response) from error
        except Reported as reported:
            raise from_reported(self.endpoint, reported.error) from reported
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
    quirks: Quirks
    more: Mapping[str, Any]
    """Parameters that the library does not know."""

    async def _inner_post(self, request_parameters: RequestParameters, *, stream: bool = False) -> Any:
        asked = {**cast(Mapping[str, Any], request_parameters.json), **self.more}
        tried: list[Mapping[str, Any]] = []
        while True:
            sent = self.quirks.applied(asked)
            response = await self._sent(request_parameters, sent)
            if response.status_code < 300:
                break
            await _read_refusal(response)
            tried.append(sent)
            lesson = self._learnt(response, sent)
            if lesson is None or len(tried) == MAX_TRIES:
                raise HfHubHTTPError("refused", response=response)
            self.quirks = lesson.quirks
            if lesson.limit is not None:
                asked["max_tokens"] = lesson.limit
            if self.quirks.applied(asked) in tried:  # it refuses one thing and then the other
                raise HfHubHTTPError("refused", response=response)
        lines = Lines(aiter(cast(httpx2.AsyncByteStream, response.stream)))
        return DataLines(lines, self.transport.note_done)

    async def _sent(self, parameters: RequestParameters, sent: Mapping[str, Any]) -> httpx2.Response:
        request = httpx2.Request(
            "POST",
            parameters.url,
            json=sent,
            headers={"accept": "*/*", **parameters.headers},
            extensions=dict(self.extensions),
        )
        response = await self.transport.handle_async_request(request)
        response.request = request
        return response

    def _learnt(self, response: httpx2.Response, sent: Mapping[str, Any]) -> Lesson | None:
        body = body_of(response)
        return learnt(self.quirks, response.status_code, body, words_of(body), sent)


async def _read_refusal(response: httpx2.Response) -> None:
    """Refusals are read here, bounded, so that their words can be told; redirects are refusals too, and final."""
    await response.aread()
    if response.status_code < 400:
        raise EndpointUnavailable(
            f"The endpoint redirects to {response.headers.get('location', '')!r}; configure that URL itself.",
            retryable=False,
        )


def _host(url: str) -> str:
    try:
        return urlsplit(url).netloc.rpartition("@")[2] or "endpoint"
    except ValueError:
        return "endpoint"
