"""The site's desk: the database, asked on threads of its own, since the runs' event loop must not wait for it."""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from decimal import Decimal
from typing import TypeVar
from uuid import UUID

from django.conf import settings
from django.db import close_old_connections
from django.utils import timezone

from refine_app.model_clients.desk import Asked, Begun, Caller, Closed, Opened, Planned
from refine_app.model_clients.errors import ModelError
from refine_app.prompts.rendering import PromptText
from refine_app.services import budgets, calls, endpoints, prompts
from sessions_app.conflicts import retried

logger = logging.getLogger(__name__)

T = TypeVar("T")
ROOM_POLL_S = 1.0
"""How often who waits for an endpoint tries again: calls of other workers tell nobody here that they are over."""
TRIES_A_SECOND = 50
"""How often all who wait in this process try together, at most; the more of them, the longer each waits."""
HEARD_S = 0.25
"""How long what was heard of an answer may be known to this process alone."""
_THREADS = ThreadPoolExecutor(max_workers=2, thread_name_prefix="ledger")


async def in_database(function: Callable[[], T]) -> T:
    """Calls a function that uses the database, off the event loop."""
    return await asyncio.get_running_loop().run_in_executor(_THREADS, _with_connection, function)


def _with_connection(function: Callable[[], T]) -> T:
    close_old_connections()
    try:
        return retried(function)
    finally:
        close_old_connections()


class DatabaseDesk:
    """See desk.Desk."""

    def __init__(self, now: Callable[[], datetime] = timezone.now) -> None:
        self._now = now
        self._hearing: dict[UUID, Callable[[], str]] = {}
        """Calls of whose answers more was heard than is written down."""
        self._soon: asyncio.AbstractEventLoop | None = None
        """The loop that will write it down."""
        self._waiting: set[asyncio.Future[None]] = set()
        """Of those who wait for room; on the loop that calls are made on."""

    def hear(self, call_id: UUID, heard: Callable[[], str]) -> None:
        """One transaction now and then for all calls of this process."""
        self._hearing[call_id] = heard
        loop = asyncio.get_running_loop()
        if self._soon is not loop:
            self._soon = loop
            loop.call_later(HEARD_S, self._write_down)

    def _write_down(self) -> None:
        hearing, self._hearing, self._soon = self._hearing, {}, None
        if hearing:
            lengths = {call_id: calls.measured(heard()) for call_id, heard in hearing.items()}
            with contextlib.suppress(RuntimeError):  # a stopped executor: this process ends, as its calls do
                _THREADS.submit(_with_connection, lambda: calls.hear(lengths))

    async def has_endpoints(self) -> bool:
        return endpoints.is_one_given() or await in_database(endpoints.is_one_callable)

    async def begin(self, asked: Asked) -> Begun:
        return await in_database(lambda: calls.begin_call(asked, self._now()))

    async def open(self, planned: Planned) -> Opened:
        return await in_database(lambda: calls.open_call(planned, self._now()))

    def patience_s(self, waited_s: float) -> float:
        return max(0.0, settings.MODEL_QUEUE_S - waited_s)

    async def room(self, refusal: ModelError, patience_s: float) -> None:
        """Woken by each call of this process that ends, and by the clock for those of others."""
        pause_s = max(ROOM_POLL_S, len(self._waiting) / TRIES_A_SECOND)
        woken = asyncio.get_running_loop().create_future()
        self._waiting.add(woken)
        try:
            await asyncio.wait({woken}, timeout=min(pause_s, patience_s, max(refusal.retry_after_s or 0.0, 0.1)))
        finally:
            self._waiting.discard(woken)

    def answers(self, slug: str) -> None:
        with contextlib.suppress(RuntimeError):  # a stopped executor: this process ends
            done = asyncio.get_running_loop().run_in_executor(
                _THREADS, _with_connection, lambda: calls.endpoint_answers(slug)
            )
            done.add_done_callback(self._tell_of_answers)

    def _tell_of_answers(self, done: "asyncio.Future[None]") -> None:
        if not done.cancelled() and (error := done.exception()) is not None:
            logger.warning("that an endpoint answers again was not written down: %s", error)
        self._wake()

    def _wake(self) -> None:
        for woken in self._waiting:
            if not woken.done():
                woken.set_result(None)

    async def close(self, closed: Closed) -> None:
        self._hearing.pop(closed.call_id, None)
        try:
            await in_database(lambda: calls.close_call(closed, self._now()))
        finally:
            self._wake()

    async def prompts(self, names: Sequence[str], snapshot: UUID | None = None) -> Mapping[str, PromptText]:
        if snapshot is not None:
            return await in_database(lambda: prompts.for_run(names, snapshot))
        known = prompts.at_hand(names)
        return known if known is not None else await in_database(lambda: prompts.in_production(names))

    async def raise_budget(self, caller: Caller, budget_usd: Decimal) -> None:
        await in_database(lambda: budgets.raise_run_budget(run_id=caller.run_id, budget_usd=budget_usd))
