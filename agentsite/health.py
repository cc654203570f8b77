"""What the site needs, each looked at on its own: the database, the broker, the channel layer, a worker that lives."""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any
from uuid import uuid4

from asgiref.sync import async_to_sync
from asgiref.timeout import timeout
from channels.layers import get_channel_layer
from django.conf import settings
from django.db import connection
from django.utils import timezone

from agentsite.celery import app
from graphs_app.models import WorkerHeartbeat

ANSWERS_WITHIN_S = 2.0


@dataclass(frozen=True)
class Finding:
    """How one part is."""

    name: str
    ok: bool
    ms: float
    detail: str

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def findings() -> list[Finding]:
    """Every part, looked at now."""
    return [_look(name, part) for name, part in PARTS.items()]


def database() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        cursor.fetchone()
    return connection.vendor


def broker() -> str:
    with app.connection_for_write(connect_timeout=ANSWERS_WITHIN_S) as link:
        link.ensure_connection(max_retries=1, interval_start=0, timeout=int(ANSWERS_WITHIN_S))
        name: str = link.transport.driver_name
    return "in this process" if settings.BROKER_URL.startswith("memory") else name


def channel_layer() -> str:
    """A message to ourselves, there and back."""
    return async_to_sync(_echo)()


async def _echo() -> str:
    layer = get_channel_layer()
    if layer is None:
        raise RuntimeError("CHANNEL_LAYER_URL names no layer")
    async with timeout(ANSWERS_WITHIN_S):
        channel = await layer.new_channel()
        sent = uuid4().hex
        await layer.send(channel, {"type": "health", "sent": sent})
        received = await layer.receive(channel)
    if received.get("sent") != sent:
        raise RuntimeError("another message came back than was sent")
    return type(layer).__name__


def worker() -> str:
    newest = WorkerHeartbeat.objects.filter(draining=False).order_by("-seen_at").first()
    if newest is None:
        raise RuntimeError("no worker has ever been seen; start one (deploy/README.md)")
    age = timezone.now() - newest.seen_at
    if age > timedelta(seconds=settings.RUN_LEASE_S):  # it is renewed three times as often
        raise RuntimeError(f"the last heartbeat is {age.total_seconds():.0f} s old, of {newest.name}")
    return f"{newest.name}, seen {max(age.total_seconds(), 0):.0f} s ago"


PARTS: dict[str, Callable[[], str]] = {
    "database": database,
    "broker": broker,
    "channel_layer": channel_layer,
    "worker": worker,
}


def _look(name: str, part: Callable[[], str]) -> Finding:
    started = time.perf_counter()
    try:
        ok, detail = True, part()
    except Exception as error:  # whatever a driver raises, it is the answer to the question that was asked
        ok, detail = False, f"{type(error).__name__}: {error}"
    return Finding(name, ok, round((time.perf_counter() - started) * 1000, 1), detail)
