"""The one group of the channel layer that this site uses: every web process listens to it, every process may send.

What it carries are hints: a lost message costs a poll interval, never an event.
"""

import asyncio
import logging
import uuid
from collections.abc import Sequence
from typing import Any

import redis.exceptions
from channels.layers import get_channel_layer

log = logging.getLogger(__name__)

GROUP = "agentsite.sessions"
PROCESS = uuid.uuid4().hex
SEND_TIMEOUT_S = 2.0
RETRY_AFTER_S = 1.0

Item = tuple[str, str | None]
"""A session's id, with an encoded frame for its sockets, or with the rows that its log has grown by, or with None: it
has grown, by more than goes with the word of it."""


def down() -> tuple[type[BaseException], ...]:
    """What a layer raises that is down. Asked for only then: who has no Redis need not load its client."""
    return (OSError, TimeoutError, redis.exceptions.RedisError)


class Sender:
    """Sends to the group from one event loop; while the layer is down it drops, and says so once."""

    def __init__(self) -> None:
        self._down_until = 0.0
        self._is_down = False

    async def send(self, items: Sequence[Item]) -> bool:
        """Sends the items to the other processes; False when the layer is down and they were dropped."""
        loop = asyncio.get_running_loop()
        if loop.time() < self._down_until:
            return False
        message = {"type": "sessions.items", "from": PROCESS, "items": [list(item) for item in items]}
        try:
            await asyncio.wait_for(_layer().group_send(GROUP, message), SEND_TIMEOUT_S)
        except down() as error:
            if not self._is_down:
                log.warning("the channel layer is down (%s); other processes poll until it is back", error)
            self._is_down, self._down_until = True, loop.time() + RETRY_AFTER_S
            return False
        if self._is_down:
            log.warning("the channel layer is back")
            self._is_down = False
        return True


def _layer() -> Any:
    return get_channel_layer()


def reaches_others() -> bool:
    """Whether any other process could hear what is sent; a layer that has no answer might reach some."""
    return bool(getattr(_layer(), "reaches_others", True))


async def subscribe() -> str:
    """Joins the group; returns the channel to receive from."""
    async with asyncio.timeout(SEND_TIMEOUT_S):
        channel: str = await _layer().new_channel("hub")
        await _layer().group_add(GROUP, channel)
    return channel


async def unsubscribe(channel: str) -> None:
    """Leaves the group; nobody is to go on sending to a channel that nobody reads."""
    try:
        await asyncio.wait_for(_layer().group_discard(GROUP, channel), SEND_TIMEOUT_S)
    except down() as error:
        log.info("the channel %s is left to expire: %s", channel, error)


async def receive(channel: str) -> list[Item]:
    """The next items that another process sent."""
    while True:
        message = await _layer().receive(channel)
        if message["from"] != PROCESS:
            return [(session_id, frame) for session_id, frame in message["items"]]
