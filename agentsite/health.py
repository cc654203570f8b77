"""What the site needs, each looked at on its own: the database, the broker, the channel layer, a worker that lives.

All are looked at together, each on a thread of its own, and the answer comes within ANSWERS_WITHIN_S whatever they do:
one that hangs is told as such, and not asked a second time before it has answered.
"""

import asyncio
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import timedelta
from functools import partial
from typing import Any, Generic, TypeVar
from uuid import uuid4

from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from django.conf import settings
from django.core.cache import caches
from django.db import connection
from django.utils import timezone

from agentsite.celery import app
from graphs_app.models import WorkerHeartbeat

ANSWERS_WITHIN_S = 1.5
T = TypeVar("T")


@dataclass(frozen=True)
class Finding:
    """How one part is."""

    name: str
    ok: bool
    ms: float
    detail: str

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


class Look(Generic[T]):
    """Something that may hang, done on a thread of its own, by one at a time for all who want to know."""

    def __init__(self, work: Callable[[], T]) -> None:
        self._work = work
        self._changed = threading.Condition()
        self._is_under_way = False
        self._began = 0.0
        self._rounds = 0
        self._found: T | None = None

    def begin(self) -> int:
        """Begins a round unless one is under way; its number, to wait for."""
        with self._changed:
            if not self._is_under_way:
                self._is_under_way = True
                self._began = time.monotonic()
                threading.Thread(target=self._run, name="look", daemon=True).start()
            return self._rounds + 1

    def wait(self, number: int, deadline: float) -> T | None:
        """What the round found; None when it has found nothing by then."""
        with self._changed:
            is_over = self._changed.wait_for(lambda: self._rounds >= number, max(0.0, deadline - time.monotonic()))
            return self._found if is_over else None

    def hangs_for_s(self) -> float:
        return time.monotonic() - self._began

    def _run(self) -> None:
        found = None
        try:
            found = self._work()
        finally:
            connection.close()
            with self._changed:
                self._found = found
                self._rounds += 1
                self._is_under_way = False
                self._changed.notify_all()


def findings() -> list[Finding]:
    """Every part that the site needs, looked at now."""
    return _findings(LOOKS)


def all_findings() -> list[Finding]:
    """These and the parts that it can do without."""
    return _findings(LOOKS | BESIDE)


def _findings(looks: Mapping[str, Look[Finding]]) -> list[Finding]:
    deadline = time.monotonic() + ANSWERS_WITHIN_S
    begun = {name: look.begin() for name, look in looks.items()}
    return [_finding(name, looks[name], number, deadline) for name, number in begun.items()]


def _finding(name: str, look: Look[Finding], number: int, deadline: float) -> Finding:
    found = look.wait(number, deadline)
    if found is not None:
        return found
    hangs_s = look.hangs_for_s()
    return Finding(name, False, round(hangs_s * 1000, 1), f"no answer for {hangs_s:.1f} s")


def database() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        cursor.fetchone()
    return connection.vendor


def broker() -> str:
    with app.connection_for_write(connect_timeout=ANSWERS_WITHIN_S) as link:
        link.ensure_connection(max_retries=0)
        name: str = link.transport.driver_name
    return "in this process" if settings.BROKER_URL.startswith("memory") else name


def channel_layer() -> str:
    """A message to ourselves, there and back."""
    return async_to_sync(_echo)()


async def _echo() -> str:
    layer = get_channel_layer()
    if layer is None:
        raise RuntimeError("CHANNEL_LAYER_URL names no layer")
    async with asyncio.timeout(ANSWERS_WITHIN_S):
        channel = await layer.new_channel()
        sent = uuid4().hex
        await layer.send(channel, {"type": "health", "sent": sent})
        received = await layer.receive(channel)
    if received.get("sent") != sent:
        raise RuntimeError("another message came back than was sent")
    return type(layer).__name__


def cache_store() -> str:
    """A value there and back. The site does without it (redis_cache), so it is no part of readiness."""
    store = caches["default"]
    key, sent = f"health:{uuid4().hex}", uuid4().hex
    store.set(key, sent, 5)
    found = store.get(key)
    store.delete(key)
    if getattr(store, "is_away", False):
        raise RuntimeError("it does not answer; each process keeps its own until it does")
    if found != sent:
        raise RuntimeError("it does not keep what it is given")
    return type(store).__name__


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


def _looked(name: str, part: Callable[[], str]) -> Finding:
    started = time.perf_counter()
    try:
        ok, detail = True, part()
    except Exception as error:  # whatever a driver raises, it is the answer to the question that was asked
        ok, detail = False, f"{type(error).__name__}: {error}"
    return Finding(name, ok, round((time.perf_counter() - started) * 1000, 1), detail)


LOOKS: dict[str, Look[Finding]] = {name: Look(partial(_looked, name, part)) for name, part in PARTS.items()}
BESIDE: dict[str, Look[Finding]] = {"cache": Look(partial(_looked, "cache", cache_store))}
"""What the site can do without."""
