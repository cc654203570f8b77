"""The server: a thread with an event loop of its own, on a port of its own."""

import asyncio
import gzip
import json
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from aiohttp import web

from tests.model_server.behaviour import Behaviour


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked of it."""

    body: dict[str, Any]
    headers: dict[str, str]

    @property
    def text(self) -> str:
        """All the messages' words."""
        return "\n".join(str(message["content"]) for message in self.body["messages"])


class ModelServer:
    """Answers by its script, request by request, and by the default when the script is over.

    with ModelServer(Behaviour(status=503), Behaviour()) as server:
        ... server.url ...
    """

    def __init__(
        self,
        *script: Behaviour,
        default: Behaviour | None = None,
        port: int = 0,
        tokens: Callable[[str], int] | None = None,
    ) -> None:
        self.script = list(script)
        self.default = default or Behaviour()
        self.requests: list[Request] = []
        self.tokens_served = 0
        """Words and signs in all deltas that were sent."""
        self.said: list[str] = []
        """What was sent in answer to each request, as far as it came."""
        self.chooses: Callable[[Request], Behaviour] | None = None
        """Answers by what was asked, once the script is over; for many who ask at the same time."""
        self._tokens = tokens or _tokens
        self.open = 0
        """Answers under way."""
        self._port = port
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="model-server", daemon=True)
        self._ready = threading.Event()
        self._lock = threading.Lock()
        self._may_go_on = threading.Event()
        self._over: asyncio.Event | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}/v1"

    @property
    def count(self) -> int:
        """How many requests it got."""
        return len(self.requests)

    @property
    def counted(self) -> list[tuple[int, int]]:
        """The tokens that it would charge for each request: read, and written as far as it came."""
        return [
            (self._tokens(_asked(one.body)), self._tokens(said))
            for one, said in zip(self.requests, self.said, strict=True)
        ]

    def then(self, *behaviours: Behaviour) -> None:
        """Adds to the script."""
        with self._lock:
            self.script.extend(behaviours)

    def go_on(self) -> None:
        """Lets the answers go on that stall until they may."""
        self._may_go_on.set()

    def start(self) -> Self:
        self._thread.start()
        if not self._ready.wait(10):
            raise RuntimeError("the model server did not start within 10 s")
        return self

    def stop(self) -> None:
        if self._thread.is_alive() and self._over is not None:
            self._loop.call_soon_threadsafe(self._over.set)
            self._thread.join(10)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._serve())
        finally:
            self._loop.close()

    async def _serve(self) -> None:
        self._over = asyncio.Event()
        app = web.Application(client_max_size=64 * 1024 * 1024)
        app.router.add_post("/v1/chat/completions", self._answer)
        app.router.add_post("/chat/completions", self._answer)
        app.router.add_get("/v1/models", self._models)
        runner = web.AppRunner(app, shutdown_timeout=0.1, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", self._port)
        await site.start()
        self._port = runner.addresses[0][1]
        self._ready.set()
        try:
            await self._over.wait()
        finally:
            await runner.cleanup()

    async def _models(self, request: web.Request) -> web.Response:
        return web.json_response({"object": "list", "data": [{"id": "stand-in", "object": "model"}]})

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        with self._lock:
            asked = Request(body, {k.lower(): v for k, v in request.headers.items()})
            self.requests.append(asked)
            self.said.append("")
            number = len(self.said) - 1
            if self.script:
                does = self.script.pop(0)
            else:
                does = self.chooses(asked) if self.chooses is not None else self.default
            self.open += 1
        try:
            return await self._do(request, body, does, number)
        finally:
            with self._lock:
                self.open -= 1

    async def _do(self, request: web.Request, body: dict[str, Any], does: Behaviour, number: int) -> web.StreamResponse:
        if does.latency_s:
            await asyncio.sleep(does.latency_s)
        if does.refuses_stream_options and "stream_options" in body:
            return web.json_response({"error": {"message": "unknown field stream_options"}}, status=400)
        if does.status != 200 or does.body is not None:
            text = does.body if does.body is not None else json.dumps({"error": {"message": f"refused {does.status}"}})
            sent = text.encode() if isinstance(text, str) else text
            return web.Response(status=does.status, headers=does.headers, body=sent, content_type="application/json")
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream", **does.headers})
        if does.compressed:
            response.headers["Content-Encoding"] = "gzip"
        await response.prepare(request)
        if does.raw is not None:
            sent = gzip.compress(does.raw) if does.compressed else does.raw
            for _ in range(does.raw_times):
                for at in range(0, len(sent), does.raw_slices or len(sent) or 1):
                    await response.write(sent[at : at + (does.raw_slices or len(sent))])
            return response
        return await self._stream(request, response, body, does, number)

    async def _stream(
        self, request: web.Request, response: web.StreamResponse, body: dict[str, Any], does: Behaviour, number: int
    ) -> web.StreamResponse:
        text = does.answer if isinstance(does.answer, str) else does.answer(body["messages"])
        pieces = [text[at : at + does.chunk] for at in range(0, len(text), does.chunk)]
        for n, piece in enumerate(pieces):
            if n == does.hang_up_after:
                _cut(request)
                return response
            if n == does.stop_after:
                return response
            if n == does.stall_after:
                await self._stall(response, does)
                if not does.then_goes_on:
                    return response
            for chunk in _around(piece, empty=does.empty_chunks):
                await _send(response, chunk)
            self.tokens_served += _tokens(piece)
            self.said[number : number + 1] = [part + piece for part in self.said[number : number + 1]]
            if does.garbage and n == 0:
                await response.write(does.garbage)
            if does.drip_s:
                await asyncio.sleep(does.drip_s)
        await _send(response, _chunk({}, finish_reason=does.finish_reason))
        usage = _usage(body, text, does, self._tokens)
        if usage is not None and body.get("stream_options", {}).get("include_usage"):
            await _send(response, {**_chunk({}), "choices": [], "usage": usage})
        await response.write(b"data: [DONE]\n\n")
        return response

    async def _stall(self, response: web.StreamResponse, does: Behaviour) -> None:
        over = self._over
        while over is not None and not over.is_set() and not (does.then_goes_on and self._may_go_on.is_set()):
            try:
                await asyncio.wait_for(over.wait(), 0.05)
            except TimeoutError:
                if does.keep_alive:
                    await response.write(b": still here\n\n")


def _cut(request: web.Request) -> None:
    """Ends the connection in the middle, as a crash or a proxy does."""
    if request.transport is not None:
        request.transport.abort()


def _around(piece: str, *, empty: bool) -> Iterable[dict[str, Any]]:
    if empty:
        yield {**_chunk({}), "choices": []}
        yield _chunk({"role": "assistant"})
        yield _chunk({"content": None})
        yield _chunk({"content": ""})
    yield _chunk({"role": "assistant", "content": piece})


def _chunk(delta: dict[str, Any], finish_reason: str | None = None) -> dict[str, Any]:
    return {
        "id": "answer",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "stand-in",
        "system_fingerprint": "",
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish_reason}],
    }


async def _send(response: web.StreamResponse, chunk: dict[str, Any]) -> None:
    await response.write(b"data: " + json.dumps(chunk).encode() + b"\n\n")


def _usage(body: dict[str, Any], text: str, does: Behaviour, tokens: Callable[[str], int]) -> dict[str, Any] | None:
    asked = tokens(_asked(body))
    if does.usage == "missing":
        return None
    if does.usage == "lying":
        return {"prompt_tokens": 10**9, "completion_tokens": 0, "total_tokens": 10**9}
    if does.usage == "broken":
        return {"prompt_tokens": "many", "completion_tokens": None, "total_tokens": -1}
    return {"prompt_tokens": asked, "completion_tokens": tokens(text), "total_tokens": asked + tokens(text)}


def _asked(body: dict[str, Any]) -> str:
    return "".join(str(message["content"]) for message in body["messages"])


def _tokens(text: str) -> int:
    return max(1, len(text) // 4) if text else 0
