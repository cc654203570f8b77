"""Celery's Redis broker, which acknowledges together what ends together.

kombu tells Redis of each acknowledgement by itself and waits for the answer, which is a third of what a short run
costs the consumer. Here those of one round of its event loop go in one pipeline. A worker that dies before that is as
one that died a moment earlier: its messages are delivered again, and a run is claimed only once.
"""

import logging
from collections import deque
from typing import Any

from kombu.transport import redis, virtual
from redis.exceptions import RedisError

logger = logging.getLogger(__name__)


class QoS(redis.QoS):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._over: deque[Any] = deque()
        """Filled by whatever thread a run ends in, emptied by the consumer's."""

    def ack(self, delivery_tag: Any) -> None:
        """Makes room for another message at once; Redis is told before the next one is asked for."""
        virtual.QoS.ack(self, delivery_tag)
        self._over.append(delivery_tag)

    def can_consume(self) -> bool:
        """Asked once in each round of the consumer's loop, before it waits."""
        self.tell()
        return bool(super().can_consume())

    def restore_unacked_once(self, stderr: Any = None) -> None:
        """At the channel's end, after the last round."""
        self.tell()
        super().restore_unacked_once(stderr)

    def tell(self) -> None:
        over = []
        while self._over:
            over.append(self._over.popleft())
        if not over:
            return
        try:
            with self.pipe_or_acquire() as pipe:
                pipe.zrem(self.unacked_index_key, *over).hdel(self.unacked_key, *over).execute()
        except (RedisError, OSError) as error:
            # The consumer finds out by itself that the connection is lost.
            logger.warning(
                "%d messages are over, but Redis cannot be told and will deliver them again: %s", len(over), error
            )


class Channel(redis.Channel):
    QoS = QoS


class Transport(redis.Transport):
    Channel = Channel
