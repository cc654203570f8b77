"""Wakes those who follow a run outside any session, over the same way as the sockets of sessions are woken.

A wake-up says only that there is something to read; it may be lost, so who waits for one looks now and then all the
same. Those who wait live on the loop of the sockets.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from uuid import UUID

from django.db import transaction

from graphs_app.models import Run
from sessions_app.realtime import hub, publish, topics

TOPIC = "run"

_waiting: dict[str, set[asyncio.Event]] = {}


def wake_on_commit(run: Run) -> None:
    """Wakes the run's followers, if it may have any, once the present transaction is committed."""
    if run.is_followed:
        transaction.on_commit(partial(wake, run))


def wake(run: Run) -> None:
    """Wakes them now: what there is to read is committed."""
    if run.is_followed:
        publish.topic(TOPIC, str(run.pk))


@contextmanager
def woken_by(run_id: UUID) -> Iterator[asyncio.Event]:
    """An event that is set each time the run has something new; on the loop of the sockets."""
    hub.current()
    event = asyncio.Event()
    key = str(run_id)
    _waiting.setdefault(key, set()).add(event)
    try:
        yield event
    finally:
        _waiting[key].discard(event)
        if not _waiting[key]:
            del _waiting[key]


def _deliver(key: str, text: str | None) -> None:
    for event in _waiting.get(key, ()):
        event.set()


topics.register(TOPIC, _deliver)
