"""The system's clock, for whoever does not pass in one of their own."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from time import monotonic


class SystemClock:
    """Time as the machine tells it; timers are those of the running event loop."""

    # Asked four times a step: not by way of a method of Python's.
    now = staticmethod(partial(datetime.now, UTC))
    monotonic = staticmethod(monotonic)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    def call_later(self, seconds: float, callback: Callable[[], None]) -> asyncio.TimerHandle:
        return asyncio.get_running_loop().call_later(seconds, callback)
