"""Our own time and memory for streamed model calls, beside the bare client in the same run. Prints figures as JSON.

Usage: python -m tests.benchmarks.programs.model_streams STREAMS, with DATABASE_URL naming an empty database.

The server is a process of its own. Times are processor time of this process, so that other work on the machine does not
count: what a call takes through choosing, reserving, streaming and the ledger, less what the library alone takes, all
in all and up to the first token.
"""

import asyncio
import gc
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

WARM, SHORT, LONG, TOKENS = 10, 60, 12, 1000
RENDERED = 5000
OPEN_FILES = (8192, 8192)


def serve() -> None:
    """Answers with as many tokens as it is asked for; one that is asked to hold sends one token, and waits."""
    from tests.model_server import Behaviour, ModelServer

    class Asked(ModelServer):
        async def _do(self, request: Any, body: dict[str, Any], does: Behaviour, number: int) -> Any:
            words = str(body["messages"][-1]["content"]).split()
            hold = words[0] == "hold"
            does = Behaviour(
                answer="word " * int(words[1]), chunk=5, stall_after=1 if hold else None, then_goes_on=hold
            )
            return await super()._do(request, body, does, number)

    with Asked() as server:
        sys.stdout.write(f"{server.url}\n")
        sys.stdout.flush()
        for _ in sys.stdin:
            server.go_on()


class FirstTokens:
    """The processor time from the beginnings of calls to their first tokens."""

    def __init__(self) -> None:
        self.ms = 0.0
        self._began: float | None = None

    def begin(self) -> None:
        self._began = time.process_time()

    def heard(self) -> None:
        if self._began is not None:
            self.ms += (time.process_time() - self._began) * 1000
            self._began = None


@dataclass
class Stage:
    """A site's database with a run, and the server's URL."""

    url: str
    run: UUID
    first: FirstTokens = field(default_factory=FirstTokens)

    async def ours(self, tokens: int) -> None:
        from refine_app.model_clients.client import Message
        from refine_app.tools.asking import Question, ask_model

        self.first.begin()
        asked = Question(messages=(Message("user", f"say {tokens} {uuid4()}"),), max_tokens=4000)
        reply = await ask_model(self._context(), asked, lambda text: self.first.heard())
        assert len(reply.text) == 5 * tokens

    def _context(self) -> Any:
        from graphs_app.engine.clock import SystemClock

        def nothing(*_: Any, **__: Any) -> None:
            """Where a run would be told."""

        return SimpleNamespace(
            run_id=self.run, node_run_id=uuid4(), node_id="answer", attempt=1, config={}, metadata={}, dry_run=False,
            clock=SystemClock(), effect=nothing, emit=nothing, spend=nothing,
        )  # fmt: skip

    async def listen(self, begun: asyncio.Semaphore) -> None:
        """One stream that begins, and goes on when the server is told to."""
        from refine_app.model_clients.client import Message
        from refine_app.model_clients.huggingface import HuggingFaceClient

        client = HuggingFaceClient(model="m", url=self.url, timeout_s=300, idle_timeout_s=300, allow_private=True)
        stream: Any = client.stream((Message("user", "hold 3"),), max_tokens=4000, temperature=0.2)
        async with aclosing(stream) as deltas:
            async for delta in deltas:
                if delta.text:
                    begun.release()


class Bare:
    """The library's client; one for all calls, as a careful program has it: making one reads the certificates."""

    def __init__(self, url: str) -> None:
        from huggingface_hub import AsyncInferenceClient

        self._client = AsyncInferenceClient(base_url=url, token="none")
        self.first = FirstTokens()

    async def ask(self, tokens: int) -> None:
        self.first.begin()
        length = 0
        messages: list[Any] = [{"role": "user", "content": f"say {tokens} {uuid4()}"}]
        options: dict[str, Any] = {"stream_options": {"include_usage": True}, "temperature": 0.2, "max_tokens": 4000}
        async for chunk in await self._client.chat_completion(messages, stream=True, **options):
            if chunk.choices:
                self.first.heard()
                length += len(chunk.choices[0].delta.content or "")
        assert length == 5 * tokens


def set_up(url: str) -> Stage:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "agentsite.settings")
    os.environ |= {"MODEL_ENDPOINT_URL": url, "MODEL_ENDPOINT_MODEL": "stand-in", "HF_TOKEN": ""}
    os.environ |= {"MODEL_ENDPOINT_INPUT_USD": "1", "MODEL_ENDPOINT_OUTPUT_USD": "1"}
    import django

    django.setup()
    from django.core.management import call_command

    from graphs_app.models import GraphVersion, Run
    from sessions_app.models import User, new_id

    call_command("migrate", verbosity=0)
    run = Run.objects.create(
        id=new_id(),
        user=User.objects.create(username="bench"),
        graph_version=GraphVersion.objects.get(graph__slug="ask"),
        status="running",
    )
    return Stage(url, run.pk)


def cpu_ms(times: int, ask: Callable[[int], Awaitable[None]], tokens: int, loop: asyncio.AbstractEventLoop) -> float:
    """The processor time of one of so many calls in a row."""

    async def in_a_row() -> None:
        for _ in range(times):
            await ask(tokens)

    begin = time.process_time()
    loop.run_until_complete(in_a_row())
    return (time.process_time() - begin) / times * 1000


def call_times(stage: Stage, loop: asyncio.AbstractEventLoop) -> dict[str, float]:
    library = Bare(stage.url)
    asks: tuple[Callable[[int], Awaitable[None]], ...] = (stage.ours, library.ask)
    for ask in asks:
        cpu_ms(WARM, ask, 1, loop)
    stage.first.ms = library.first.ms = 0.0
    ours, bare = (cpu_ms(SHORT, ask, 1, loop) for ask in asks)
    to_first = (stage.first.ms - library.first.ms) / SHORT
    our_long, bare_long = (cpu_ms(LONG, ask, TOKENS, loop) for ask in asks)
    of_token = 1000 / (TOKENS - 1)
    return {
        "own time to the first token": to_first,
        "own time of a call": ours - bare,
        "the bare client's": bare,
        "own time of a token": ((our_long - ours) - (bare_long - bare)) * of_token,
        "the bare client's of a token": (bare_long - bare) * of_token,
    }


async def stream_memory(stage: Stage, streams: int, go_on: Callable[[], None]) -> float:
    """kB of each of so many streams that have begun, and wait for more."""
    begun = asyncio.Semaphore(0)
    gc.collect()
    before = resident_kb()
    listening = [asyncio.ensure_future(stage.listen(begun)) for _ in range(streams)]
    for _ in range(streams):
        await begun.acquire()
    gc.collect()
    took = resident_kb() - before
    go_on()
    await asyncio.gather(*listening)
    return took / streams


def resident_kb() -> float:
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e3


def rendering_times() -> dict[str, float]:
    """All the product's prompts in turn, each with texts of two hundred characters."""
    from refine_app.prompts import rendering
    from refine_app.services.prompts import in_production

    names = rendering.built_in_names()
    texts = in_production(names)
    lists: dict[str, Any] = {"agents": [{"name": "a", "responsibilities": "b"}], "intents": [], "pairs": []}
    values = {
        name: {place: lists.get(place, "x" * 200) for place in rendering.places_of(text.content)}
        for name, text in texts.items()
    }
    begin = time.process_time()
    for n in range(RENDERED):
        name = names[n % len(names)]
        texts[name].render(values[name])
    took = (time.process_time() - begin) / RENDERED * 1e6
    return {"rendering a prompt": took, "templates at hand": (rendering.hit_rate() or 0) * 100}


def main(streams: int, url: str, go_on: Callable[[], None]) -> None:
    stage = set_up(url)
    loop = asyncio.new_event_loop()
    figures = call_times(stage, loop)
    figures["memory of a stream"] = loop.run_until_complete(stream_memory(stage, streams, go_on))
    loop.run_until_complete(loop.shutdown_asyncgens())
    loop.close()
    sys.stdout.write(json.dumps(figures | rendering_times()) + "\n")


def run(streams: int) -> None:
    command = [sys.executable, "-m", "tests.benchmarks.programs.model_streams", "serve"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        send, read = server.stdin, server.stdout
        if send is None or read is None:
            raise RuntimeError("the server has pipes")

        def go_on() -> None:
            send.write("\n")
            send.flush()

        try:
            main(streams, read.readline().strip(), go_on)
        finally:
            server.kill()


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_NOFILE, OPEN_FILES)
    if sys.argv[1] == "serve":
        serve()
    else:
        run(int(sys.argv[1]))
