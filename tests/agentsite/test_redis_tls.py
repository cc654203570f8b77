"""Redis by rediss://: its certificate is verified, by this system's CAs or a private one, and the broker stays ours."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers.redis_server import new_redis_database
from tests.servers.site import ROOT
from tests.servers.tls import TlsInFront, certify

USE_ALL = """
import asyncio, django
django.setup()
from channels.layers import get_channel_layer
from django.core.cache import cache
from agentsite.celery import app
from graphs_app import dispatch
import agentsite.celery, uuid

def tell(name, use):
    try:
        print(name, use())
    except Exception as error:
        print(name, "refused", error)

async def layer():
    layers = get_channel_layer()
    channel = await layers.new_channel()
    await layers.send(channel, {"type": "hello"})
    return (await asyncio.wait_for(layers.receive(channel), 5))["type"]

def cached():
    cache.set("key", "kept", 60)
    assert not cache.is_away, "it is away"
    return cache.get("key")

def queued():
    with app.connection_for_write() as connection:
        connection.ensure_connection(max_retries=1, timeout=5)
        said = type(connection.transport).__module__
        dispatch.through(agentsite.celery)
        assert dispatch.send(uuid.uuid4()), "not sent"
        queue = app.amqp.queues["agent_tasks"](connection.default_channel)
        assert queue.get(no_ack=True), "not there"
        return said

tell("cache", cached)
tell("layer", lambda: asyncio.run(layer()))
tell("broker", queued)
"""


@pytest.fixture
def in_front(tmp_path: Path) -> Iterator[TlsInFront]:
    certify(tmp_path)
    at = new_redis_database().removeprefix("redis://").partition("/")
    host, port = at[0].split(":")
    made = TlsInFront((host, int(port)), tmp_path)
    yield made
    made.listener.close()


def use_all(folder: Path, url: str, **settings: str) -> list[str]:
    environment = {"PATH": os.environ["PATH"], "VAR_DIR": str(folder), "ENV_FILE": os.devnull, "REDIS_URL": url}
    environment |= {"DJANGO_SETTINGS_MODULE": "agentsite.settings", "REDIS_TIMEOUT_S": "5", **settings}
    done = subprocess.run(
        [sys.executable, "-c", USE_ALL], env=environment, cwd=ROOT, capture_output=True, text=True, check=False
    )
    return [line for line in done.stdout.splitlines() if line.startswith(("cache ", "layer ", "broker "))] or [
        done.stderr
    ]


GOOD = ["cache kept", "layer hello", "broker agentsite.redis_broker"]


def test_cache_layer_and_broker_go_over_tls_with_a_private_ca(in_front: TlsInFront, tmp_path: Path) -> None:
    url = f"rediss://localhost:{in_front.port}/900"
    assert use_all(tmp_path, url, REDIS_CA_FILE=str(tmp_path / "ca.pem")) == GOOD
    assert use_all(tmp_path, f"{url}?ssl_ca_certs={tmp_path}/ca.pem") == GOOD


def test_a_redis_that_no_known_ca_speaks_for_is_refused(in_front: TlsInFront, tmp_path: Path) -> None:
    said = use_all(tmp_path, f"rediss://localhost:{in_front.port}/900")
    assert [line.split()[1] for line in said] == ["refused"] * 3, said


def test_a_certificate_for_another_name_is_refused(in_front: TlsInFront, tmp_path: Path) -> None:
    said = use_all(tmp_path, f"rediss://127.0.0.1:{in_front.port}/900", REDIS_CA_FILE=str(tmp_path / "ca.pem"))
    assert [line.split()[1] for line in said] == ["refused"] * 3, said
