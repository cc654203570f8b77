"""What every channel layer has to do for the sockets: bring hints from other processes, and be missed by nobody."""

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from channels.layers import get_channel_layer
from django.db import connections
from django.test import override_settings

from sessions_app.realtime import hub, publish
from sessions_app.services import auth, documents
from tests.servers import own_redis
from tests.servers.own_redis import OwnRedis
from tests.sessions_app.conftest import Cast, make_cast
from tests.sessions_app.test_consumers import Client, scope_of

pytestmark = pytest.mark.django_db(transaction=True)

ROOT = Path(__file__).resolve().parents[2]
MEMORY = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}


def pubsub(url: str) -> dict[str, Any]:
    return {"default": {"BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer", "CONFIG": {"hosts": [url]}}}


@pytest.fixture
async def cast() -> AsyncIterator[Cast]:
    yield await sync_to_async(make_cast)()
    await hub.current().stop()
    await get_channel_layer().flush()
    await sync_to_async(connections.close_all)()


@pytest.fixture(params=["memory", "redis"])
def layer(request: pytest.FixtureRequest) -> Iterator[None]:
    """Each layer that the site can be configured with."""
    layers = MEMORY if request.param == "memory" else pubsub(request.getfixturevalue("redis_url"))
    with override_settings(CHANNEL_LAYERS=layers):
        yield


@pytest.fixture
def no_polls(monkeypatch: pytest.MonkeyPatch) -> None:
    """What arrives now was brought by a wake-up."""
    monkeypatch.setattr(hub, "LOOK_EVERY_S", 1000)


async def connected(cast: Cast) -> Client:
    """A socket that is live: what it has seen is all there is."""
    ticket = await sync_to_async(auth.issue_ticket)(user=cast.vic)
    client = await Client(scope_of(cast.session.pk, query=f"ticket={ticket}")).accepted()
    await client.frame()
    client.say({"type": "ping"})
    assert await client.frame() == {"type": "pong"}
    return client


async def listening() -> None:
    """Returns when the hub has joined the group, so that nothing is sent to nobody."""
    await asyncio.wait_for(hub.current().listening.wait(), 10)


def save(cast: Cast, text: str) -> None:
    documents.replace_text(user=cast.ana, session_id=cast.session.pk, text=text)


@contextmanager
def from_another_process(url: str, script: str) -> "Iterator[subprocess.Popen[bytes]]":
    """Runs a script in a process that has no sockets, with the same channel layer."""
    prelude = "import django; django.setup(); import time; from sessions_app.realtime import publish; "
    environment = {**os.environ, "CHANNEL_LAYER_URL": url}
    process = subprocess.Popen([sys.executable, "-c", prelude + script], cwd=ROOT, env=environment)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@pytest.mark.usefixtures("layer", "no_polls")
async def test_a_commit_in_any_thread_reaches_the_sockets(cast: Cast) -> None:
    client = await connected(cast)

    def work() -> None:
        save(cast, "from a thread")
        connections.close_all()

    thread = threading.Thread(target=work)
    thread.start()
    assert (await client.frame())["type"] == "document.saved"
    thread.join()
    await client.leave()


@pytest.mark.usefixtures("layer", "no_polls")
async def test_a_commit_is_on_the_socket_within_milliseconds(
    cast: Cast, record_property: Callable[[str, object], None]
) -> None:
    client = await connected(cast)
    took = []
    for number in range(50):
        await sync_to_async(save)(cast, f"text {number}")
        committed = perf_counter()
        frame = await client.frame()
        took.append((perf_counter() - committed) * 1000)
        assert frame["data"]["revision"] == number + 2
    record_property("commit_to_frame_ms", round(median(took), 2))
    print(f"commit -> frame: median {median(took):.2f} ms, worst {max(took):.2f} ms")
    assert median(took) < 50
    await client.leave()


@pytest.mark.usefixtures("layer", "no_polls")
async def test_a_burst_of_unstored_frames_arrives_whole_and_in_order(cast: Cast) -> None:
    client = await connected(cast)
    for number in range(900):
        publish.stream(cast.session.pk, {"type": "text.delta", "data": {"offset": number}})
    assert [(await client.frame())["data"]["offset"] for _ in range(900)] == list(range(900))
    assert client.from_server.empty()
    await client.leave()


@pytest.mark.usefixtures("no_polls")
async def test_another_process_wakes_the_sockets_and_streams_to_them(
    cast: Cast, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with override_settings(CHANNEL_LAYERS=pubsub(redis_url)):
        client = await connected(cast)
        await listening()
        with monkeypatch.context() as unheard:
            unheard.setattr(publish, "wake", lambda session_id, news: None)
            await sync_to_async(save)(cast, "two")
        await asyncio.sleep(0)
        assert client.from_server.empty()
        script = (
            f"import uuid; it = uuid.UUID({str(cast.session.pk)!r}); publish.wake(it); "
            "[publish.stream(it, {'type': 'text.delta', 'data': {'offset': n}}) for n in range(600)]; time.sleep(2)"
        )
        with from_another_process(redis_url, script) as process:
            assert (await client.frame(within=30))["type"] == "document.saved"
            assert [(await client.frame())["data"]["offset"] for _ in range(600)] == list(range(600))
            assert process.wait(30) == 0
        await client.leave()
        await hub.current().stop()
        await get_channel_layer().flush()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[OwnRedis]:
    own = own_redis.start_in(tmp_path)
    yield own
    own.kill()


async def test_a_layer_that_dies_costs_a_poll_interval_and_is_used_again_when_it_is_back(
    cast: Cast, server: OwnRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    with override_settings(CHANNEL_LAYERS=pubsub(server.url)):
        client = await connected(cast)
        await listening()
        server.kill()
        with monkeypatch.context() as unheard:
            unheard.setattr(publish, "wake", lambda session_id, news: None)
            await sync_to_async(save)(cast, "while it is down")
        assert (await client.frame(within=60))["type"] == "document.saved"

        server.start()
        heard = asyncio.Event()
        monkeypatch.setattr(hub.current().rooms[cast.session.pk], "stream", lambda text: heard.set())
        script = (
            f"import uuid; it = uuid.UUID({str(cast.session.pk)!r}); "
            "[(publish.stream(it, {'type': 'text.delta', 'data': {}}), time.sleep(0.1)) for n in range(150)]"
        )
        with from_another_process(server.url, script):
            await asyncio.wait_for(heard.wait(), 30)
        await client.leave()
        await hub.current().stop()
        await get_channel_layer().flush()
