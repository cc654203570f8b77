"""Waits for the wake-ups of runs outside any session (`wakeups`), on the loop of the sockets.

Apart from those who wake, because a worker that has no sockets need not load what serves them.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from graphs_app.wakeups import TOPIC
from sessions_app.realtime import hub, topics

_waiting: dict[str, set[asyncio.Event]] = {}


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
