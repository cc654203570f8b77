"""The site's desk: the database, asked on threads of its own, since the runs' event loop must not wait for it."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import TypeVar

from django.db import close_old_connections
from django.utils import timezone

from refine_app.model_clients.desk import Asked, Begun, Caller, Closed, Opened, Planned
from refine_app.prompts.rendering import PromptText
from refine_app.services import budgets, calls, endpoints, prompts

T = TypeVar("T")
_THREADS = ThreadPoolExecutor(max_workers=2, thread_name_prefix="ledger")


async def in_database(function: Callable[[], T]) -> T:
    """Calls a function that uses the database, off the event loop."""
    return await asyncio.get_running_loop().run_in_executor(_THREADS, _with_connection, function)


def _with_connection(function: Callable[[], T]) -> T:
    close_old_connections()
    try:
        return function()
    finally:
        close_old_connections()


class DatabaseDesk:
    """See desk.Desk."""

    async def has_endpoints(self) -> bool:
        return endpoints.is_one_given() or await in_database(endpoints.is_one_callable)

    async def begin(self, asked: Asked) -> Begun:
        return await in_database(lambda: calls.begin_call(asked, timezone.now()))

    async def open(self, planned: Planned) -> Opened:
        return await in_database(lambda: calls.open_call(planned, timezone.now()))

    async def close(self, closed: Closed) -> None:
        await in_database(lambda: calls.close_call(closed, timezone.now()))

    async def prompts(self, names: Sequence[str]) -> Mapping[str, PromptText]:
        known = prompts.at_hand(names)
        return known if known is not None else await in_database(lambda: prompts.in_production(names))

    async def raise_budget(self, caller: Caller, budget_usd: Decimal) -> None:
        await in_database(lambda: budgets.raise_run_budget(run_id=caller.run_id, budget_usd=budget_usd))
