"""The system's clock, for whoever does not pass in one of their own."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from time import monotonic


class SystemClock:
    """Time as the machine tells it; timers are those of the running event loop."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    def call_later(self, seconds: float, callback: Callable[[], None]) -> asyncio.TimerHandle:
        return asyncio.get_running_loop().call_later(seconds, callback)
