"""A connection on the event loop itself: a batch that is one statement is sent and answered without any thread.

Waking the writer's thread and being woken by it is, on a busy core, a third of what a durable step of one run costs.
It speaks libpq directly, one statement at a time; a driver's own way of doing this takes longer than the server.
Whatever goes wrong is not mended here: it is told as "unknown", and the writer's thread finds out what became of it.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from itertools import count
from typing import Any, NamedTuple

import psycopg
from psycopg.pq import ExecStatus

from graphs_app.rows import RunRow

logger = logging.getLogger(__name__)

Answer = psycopg.pq.abc.PGresult
Answered = Callable[[Answer | None], None]
"""Told what the server answered; None when the statement was refused, or nobody knows what became of it."""


class Statement(NamedTuple):
    """What writes a batch, and its parameters."""

    sql: str
    values: list[bytes | None]
    formats: tuple[int, ...] | None = None
    """libpq's, 1 for binary, one for each parameter; all are in text form when there are none."""


Stating = Callable[[Sequence[RunRow]], Statement]

DONE = (ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK)


def first_column(answer: Answer) -> list[str]:
    """Of its rows, in text form."""
    return [(answer.get_value(row, 0) or b"").decode() for row in range(answer.ntuples)]


class Line:
    """One connection and the statement that is under way on it. All but the constructor belongs to the event loop."""

    def __init__(self, connection: "psycopg.Connection[Any]", statement: Stating) -> None:
        self._connection = connection
        self._statement = statement
        self._libpq = connection.pgconn
        self._libpq.nonblocking = 1
        self._socket = self._libpq.socket
        self._loop: asyncio.AbstractEventLoop | None = None
        self._names: dict[str, bytes] = {}
        """The statements that the server has prepared."""
        self._numbers = count()
        self._sql = ""
        self._then: Answered | None = None
        self._next: tuple[bytes, list[bytes | None], tuple[int, ...] | None] | None = None
        """What is executed once it is prepared."""
        self._answered: Answer | None = None
        self.is_open = True

    def attach(self, loop: asyncio.AbstractEventLoop) -> None:
        """From now on it is this loop's; it hears at once when the server goes."""
        self._loop = loop
        loop.add_reader(self._socket, self.look)

    def write(self, runs: Sequence[RunRow], then: Answered) -> None:
        """Sends a batch; `then` is called once, later, from the loop."""
        if self._loop is None or self._then is not None:
            raise RuntimeError("A line takes one batch at a time, once it is attached")
        sql, values, formats = self._statement(runs)
        self._then, self._sql = then, sql
        if formats is None and any(value is not None and b"\0" in value for value in values):
            # libpq would take it for the end of the value; the writer's thread refuses it.
            self._loop.call_soon(self._answer, None)
            return
        try:
            name = self._names.get(sql)
            if name is None:
                name = self._names[sql] = f"journal_{next(self._numbers)}".encode()
                self._next = (name, values, formats)
                self._libpq.send_prepare(name, sql.encode())
            else:
                self._libpq.send_query_prepared(name, values, formats)
            self._flush()
        except psycopg.Error as error:
            self._loop.call_soon(self._lose, error)

    def close(self) -> None:
        """Ends the connection; a statement that is under way is answered by "unknown"."""
        if not self.is_open:
            return
        self.is_open = False
        if self._loop is not None:
            self._loop.remove_reader(self._socket)
            self._loop.remove_writer(self._socket)
        self._connection.close()
        self._answer(None)

    def _flush(self) -> None:
        """A statement that is larger than the socket's buffer goes as the server takes it."""
        if self._loop is not None and self._libpq.flush():
            self._loop.add_writer(self._socket, self._on_writable)

    def _on_writable(self) -> None:
        try:
            if not self._libpq.flush() and self._loop is not None:
                self._loop.remove_writer(self._socket)
        except psycopg.Error as error:
            self._lose(error)

    def look(self) -> None:
        """Takes what the server has said; the loop calls it when there is something."""
        try:
            self._libpq.consume_input()
            while self._then is not None and not self._libpq.is_busy():
                result = self._libpq.get_result()
                if result is None:
                    self._over()
                    return
                self._take(result)
        except psycopg.Error as error:
            self._lose(error)

    def _take(self, result: psycopg.pq.abc.PGresult) -> None:
        if result.status in DONE:
            self._answered = result
            return
        # The writer tries again and finds out whose fault it is; if it is the plan's, the next one is another.
        logger.warning("journal: a batch was refused: %s", result.error_message.decode(errors="replace").strip())
        self._answered = self._next = None
        self._names.pop(self._sql, None)

    def _over(self) -> None:
        """The server has said all about the statement."""
        following, self._next = self._next, None
        if following is None:
            self._answer(self._answered)
            return
        self._libpq.send_query_prepared(*following)
        self._flush()

    def _answer(self, answer: Answer | None) -> None:
        then, self._then, self._answered, self._next = self._then, None, None, None
        if then is not None:
            then(answer)

    def _lose(self, error: psycopg.Error) -> None:
        if self.is_open:
            logger.warning("journal: the connection of the event loop is lost: %s", str(error).strip())
            self.close()
