"""Connections that wait for an answer only so long, and a pool of them that hands out none that is dead.

The server ends a statement that takes too long by itself (statement_timeout); a server that says nothing at all, frozen
or behind a network that swallows everything, is given up a little later, and the thread that asked is free again.
"""

import logging
import select
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

import psycopg
from django.conf import settings
from psycopg.errors import _WaitTimeout
from psycopg_pool import ConnectionPool
from psycopg_pool.pool import AddConnection

from agentsite.outage import Outage

logger = logging.getLogger(__name__)

GRACE_S = 2.0
"""How much longer than the server's own limit an answer is waited for."""
LOOKS_WITHIN_S = 1.0
"""How long a connection may take to show that it lives, after an outage or when its server has said something."""
WAIT_INTERVAL_S = 0.1

outage = Outage()


class Connection(psycopg.Connection[Any]):
    is_bounded: ClassVar[bool] = True
    answers_within_s: float | None = None
    """In place of the setting, where somebody is less patient."""
    idle_since: float = 0.0
    """When it came into the pool, by the monotonic clock."""

    def wait(self, gen: Any, interval: float = WAIT_INTERVAL_S, timeout: float | None = None) -> Any:
        if timeout is not None or not self.is_bounded:
            return super().wait(gen, interval, timeout)
        within_s = self.answers_within_s or settings.DATABASE_TIMEOUT_S + GRACE_S
        try:
            return super().wait(gen, interval, within_s)
        except _WaitTimeout:
            self.pgconn.finish()  # whatever it still says is nobody's answer
            note_failure(f"no answer within {within_s:g} s")
            raise psycopg.OperationalError(f"the database did not answer within {within_s:g} s") from None

    def check(self) -> None:
        """Raises psycopg.Error when the server does not answer on it."""
        self.answers_within_s = LOOKS_WITHIN_S
        try:
            self.execute("")
        finally:
            self.answers_within_s = None

    def has_news(self) -> bool:
        """Whether the server has said something unasked: that it goes, nearly always. Costs no round trip."""
        if self.pgconn.status != psycopg.pq.ConnStatus.OK:
            return True
        poll = select.poll()
        poll.register(self.pgconn.socket, select.POLLIN)
        return bool(poll.poll(0))


def look_at_idle(connection: Connection) -> None:
    """Before it is handed out; raises psycopg.Error for one that is dead.

    The server is asked where it has said something, or nobody has used the connection for long: what lies between may
    have forgotten it without a word to either end. In between the answer of a moment ago will do.
    """
    idle_s = time.monotonic() - connection.idle_since
    if idle_s >= settings.DATABASE_POOL_CHECK_AFTER_S or connection.has_news():
        connection.check()


@contextmanager
def without_limit() -> Iterator[None]:
    """For migrations, which take as long as they take."""
    before, Connection.is_bounded = Connection.is_bounded, False
    try:
        yield
    finally:
        Connection.is_bounded = before


class Pool(ConnectionPool[Connection]):
    """Tells who waits at once that the server is not there, and tries anew when somebody asks again.

    Of its connections `kept` stay for the next who asks; those beyond, up to max_size, end with their use.
    """

    def __init__(self, *, kept: int, **options: Any) -> None:
        super().__init__(**options)
        self.kept = kept

    def putconn(self, conn: Connection) -> None:
        self._check_pool_putconn(conn)
        with self._lock:
            is_beyond = self._nconns > self.kept and not self._waiting
            if is_beyond:
                self._nconns -= 1
        if is_beyond:
            conn._pool = None
            self._close_connection(conn)
        else:
            super().putconn(conn)

    def _add_to_pool(self, conn: Connection) -> None:
        conn.idle_since = time.monotonic()
        super()._add_to_pool(conn)

    def getconn(self, timeout: float | None = None) -> Connection:
        self._drop_dead()
        return super().getconn(timeout)

    def _drop_dead(self) -> None:
        """A server that restarts ends all its connections, so when the next one is well all are."""
        with self._lock:
            if not self._pool or not self._pool[0].has_news():
                return
            suspects = [connection for connection in self._pool if connection.has_news()]
            for connection in suspects:
                self._pool.remove(connection)
        for connection in suspects:
            try:
                connection.check()
            except psycopg.Error:
                self._close_connection(connection)
                self.run_task(AddConnection(self))
            else:
                self._add_to_pool(connection)

    def _connect(self, timeout: float | None = None) -> Connection:
        try:
            return super()._connect(timeout)
        except psycopg.OperationalError as error:
            note_failure(str(error).strip())
            with self._lock:
                waiting = list(self._waiting)
                self._waiting.clear()
            for client in waiting:
                client.fail(psycopg.OperationalError(f"the database cannot be reached: {str(error).strip()}"))
            raise


def note_failure(why: str) -> None:
    if outage.begins():
        logger.warning("the database does not answer (%s); it is asked again every %g s", why, retry_s())


def note_success() -> None:
    if outage.ends():
        logger.warning("the database is back")


def retry_s() -> float:
    return float(settings.DEPENDENCY_RETRY_S)
