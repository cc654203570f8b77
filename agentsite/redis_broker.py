"""Celery's Redis broker, which acknowledges together what ends together, and which nothing in Redis can bring down.

kombu tells Redis of each acknowledgement by itself and waits for the answer, which is a third of what a short run
costs the consumer. Here those of one round of its event loop go in one pipeline. A worker that dies before that is as
one that died a moment earlier: its messages are delivered again, and a run is claimed only once.

For the same reason nothing depends on giving messages back: what Redis cannot be told now, it delivers again later, or
the sweeper sends. And a message that nobody here could have sent is set aside in a list of its own, DEAD_LETTERS.
"""

import logging
from collections import deque
from collections.abc import Callable
from queue import Empty
from typing import Any

from kombu.exceptions import KombuError
from kombu.transport import redis, virtual
from kombu.utils.encoding import bytes_to_str
from kombu.utils.json import loads
from redis.exceptions import RedisError

logger = logging.getLogger(__name__)

DEAD_LETTERS = "dead_letters"
DEAD_LETTERS_KEPT = 1_000
SHOWN = 200
"""How much of a dead letter goes into the log."""


class QoS(redis.QoS):
    _delivered: Any
    _flush: Callable[[], None]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._over: deque[Any] = deque()
        """Filled by whatever thread a run ends in, emptied by the consumer's."""

    def ack(self, delivery_tag: Any) -> None:
        """Makes room for another message at once; Redis is told before the next one is asked for."""
        virtual.QoS.ack(self, delivery_tag)
        self._over.append(delivery_tag)

    def reject(self, delivery_tag: Any, requeue: bool = False) -> None:
        if not requeue:
            self.ack(delivery_tag)
            return
        try:
            if self._can_be_told():
                self.restore_by_tag(delivery_tag, leftmost=True)
        except (RedisError, OSError) as error:
            logger.warning("a message cannot be given back, and will be delivered again: %s", error)
        virtual.QoS.ack(self, delivery_tag)

    def can_consume(self) -> bool:
        """Asked once in each round of the consumer's loop, before it waits."""
        self.tell()
        return bool(super().can_consume())

    def restore_unacked_once(self, stderr: Any = None) -> None:
        """At the channel's end, after the last round."""
        self.tell()
        super().restore_unacked_once(stderr)

    def restore_unacked(self, client: Any = None) -> None:
        """What was taken and is not over goes back, if there is anybody to give it to."""
        self._flush()
        try:
            if self._delivered and self._can_be_told():
                super().restore_unacked(client)
        except (RedisError, OSError) as error:
            logger.warning(
                "%d messages cannot be given back, and will be delivered again: %s", len(self._delivered), error
            )
        self._delivered.clear()

    def tell(self) -> None:
        over = []
        while self._over:
            over.append(self._over.popleft())
        if not over or not self._can_be_told():
            return
        try:
            with self.pipe_or_acquire() as pipe:
                pipe.zrem(self.unacked_index_key, *over).hdel(self.unacked_key, *over).execute()
        except (RedisError, OSError) as error:
            # The consumer finds out by itself that the connection is lost.
            logger.warning(
                "%d messages are over, but Redis cannot be told and will deliver them again: %s", len(over), error
            )

    def _can_be_told(self) -> bool:
        """kombu closes the connection first and asks it for its address after, where Redis was lost."""
        connection = self.channel.connection
        return connection is not None and connection.client is not None


class Channel(redis.Channel):
    QoS = QoS

    qos: Any
    connection: Any  # the transport; of what else is used here the stubs know nothing
    connection_errors: tuple[type[Exception], ...]
    _in_poll: Any
    _queue_cycle: Any
    _flush_brpop_reauth: Callable[[], None]

    def _brpop_read(self, **options: Any) -> bool:
        """The next message to its consumer; one that cannot be taken is set aside, and the consumer lives."""
        try:
            try:
                found = self.client.parse_response(self.client.connection, "BRPOP", **options)
            except self.connection_errors:
                self.client.connection.disconnect()  # the next round connects anew
                raise
            if not found:
                raise Empty
            key, letter = found
            queue = bytes_to_str(key).rsplit(self.sep, 1)[0]
            self._queue_cycle.rotate(queue)
            self._take(queue, letter)
            return True
        finally:
            self._in_poll = None
            self._flush_brpop_reauth()

    def _take(self, queue: str, letter: bytes) -> None:
        message: Any = None
        try:
            message = loads(bytes_to_str(letter))
            self.connection._deliver(message, queue)
        except self.connection_errors:
            raise
        except (ValueError, TypeError, LookupError, AttributeError, RecursionError, KombuError) as error:
            self._set_aside(queue, letter, error)
            self._forget(message)

    def _set_aside(self, queue: str, letter: bytes, error: Exception) -> None:
        logger.error(
            "a message in queue %r cannot be read (%s: %s) and lies in %r now: %r",
            queue, type(error).__name__, error, DEAD_LETTERS, letter[:SHOWN],
        )  # fmt: skip
        with self.conn_or_acquire() as client:
            client.pipeline().lpush(DEAD_LETTERS, letter).ltrim(DEAD_LETTERS, 0, DEAD_LETTERS_KEPT - 1).execute()

    def _forget(self, message: Any) -> None:
        """One that was counted as taken before it failed would keep its place for ever."""
        properties = message.get("properties") if isinstance(message, dict) else None
        tag = properties.get("delivery_tag") if isinstance(properties, dict) else None
        if isinstance(tag, str) and tag in self.qos._delivered:
            self.qos.ack(tag)


class Transport(redis.Transport):
    Channel = Channel
