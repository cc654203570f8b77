"""Clients that do not read what they asked for: what waits for them is counted, and bounded in bytes and in time."""

import socket
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.conf import settings

NOT_SENT_AT_MOST = 128 * 1024
"""Bytes of one connection that the kernel holds and has not sent: beyond it they wait here, where they are counted. It
would take some four million of each connection otherwise, and what nobody ever reads would seem to have been sent."""


def show_what_is_not_sent(listener: socket.socket) -> None:
    """Connections that it accepts inherit this. What is under way is not bounded by it, and so speed is not either."""
    option = getattr(socket, "TCP_NOTSENT_LOWAT", None)
    if option is not None:
        listener.setsockopt(socket.IPPROTO_TCP, option, NOT_SENT_AT_MOST)


@dataclass(slots=True)
class _Stall:
    """Since when a client has read nothing, as far as one can see."""

    least: int
    """The fewest bytes that waited; fewer are progress, since nobody adds any while writing is paused."""
    since: float


class SlowReaders:
    """Looks at all connections of a server, once a second."""

    def __init__(self) -> None:
        self._stalls: dict[Any, _Stall] = {}

    def look(self, connections: Iterable[Any], now: float) -> int:
        """Cuts off who reads nothing for RESPONSE_STALL_S; and who leaves most unread, when all together leave more
        than UNREAD_MAX_BYTES. Connections that are closing count as well: they close when all is read. How many."""
        unread = {connection: _unread(connection) for connection in connections}
        late = [connection for connection, size in unread.items() if self._is_late(connection, size, now)]
        self._stalls = {one: stall for one, stall in self._stalls.items() if one in unread}
        ended = len(late)
        for connection in late:
            _end(connection)
            unread.pop(connection)
        over = sum(unread.values()) - settings.UNREAD_MAX_BYTES
        for connection in sorted(unread, key=unread.__getitem__, reverse=True):
            if over <= 0:
                break
            _end(connection)
            over -= unread[connection]
            ended += 1
        return ended

    def _is_late(self, connection: Any, size: int, now: float) -> bool:
        transport = connection.transport
        if not size or not (transport.is_closing() or _is_paused(connection)):
            self._stalls.pop(connection, None)
            return False
        buffered = transport.get_write_buffer_size()
        stall = self._stalls.get(connection)
        if stall is None or buffered < stall.least:
            self._stalls[connection] = _Stall(buffered, now)
            return False
        return bool(now - stall.since > settings.RESPONSE_STALL_S)


def _end(connection: Any) -> None:
    """A connection that was ended is still among them for a moment; nothing waits for it any more."""
    forget = getattr(connection, "forget_answer", None)
    if forget is not None:
        forget()
    opened = connection.transport.get_extra_info("socket")
    if opened is not None:
        # By a reset: else the system would go on offering what it holds, and the client would learn nothing.
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.transport.abort()


def _is_paused(connection: Any) -> bool:
    """Whether so much waits that the application is not to write more."""
    flow = getattr(connection, "flow", None)
    if flow is not None:
        return bool(flow.write_paused)
    writable = getattr(connection, "writable", None)
    return writable is not None and not writable.is_set()


def _unread(connection: Any) -> int:
    """What waits for a client: in its connection's buffer, and of an answer that goes there piece by piece."""
    buffered: int = connection.transport.get_write_buffer_size()
    return buffered + int(getattr(connection, "unsent_bytes", 0))
