"""The pool of connections to PostgreSQL hands out none that is dead, and asks no more often than it has to."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.test import override_settings
from psycopg.conninfo import conninfo_to_dict

from tests.servers.postgres import start_postgres

patience = pytest.importorskip("agentsite.postgres.patience")


class Relay:
    """Passes bytes on to the server, until it forgets the connections that it has, without a word to either end."""

    def __init__(self, server: Path) -> None:
        self.server = server
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self.listener.getsockname()[1]
        self.forgotten: set[socket.socket] = set()
        self.open: set[socket.socket] = set()
        self.sent = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def forget(self) -> None:
        self.forgotten |= self.open

    def close(self) -> None:
        self.listener.close()
        for one in self.open:
            one.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                server = socket.socket(socket.AF_UNIX)
                server.connect(str(self.server))
                self.open |= {client, server}
                for source, target in ((client, server), (server, client)):
                    threading.Thread(target=self._pass_on, args=(source, target), daemon=True).start()

    def _pass_on(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while found := source.recv(65_536):
                self.sent += len(found)
                if source not in self.forgotten:
                    target.sendall(found)


@pytest.fixture
def relay() -> Iterator[Relay]:
    at = conninfo_to_dict(start_postgres().url)
    made = Relay(Path(str(at["host"])) / f".s.PGSQL.{at.get('port') or 5432}")
    yield made
    made.close()


@contextlib.contextmanager
def pool_over(relay: Relay, **options: int) -> Iterator["patience.Pool"]:
    at = conninfo_to_dict(start_postgres().url)
    made = patience.Pool(
        kwargs={**at, "host": "127.0.0.1", "port": relay.port, "autocommit": True},
        connection_class=patience.Connection,
        open=True,
        check=patience.look_at_idle,
        timeout=20,
        **options,
    )
    try:
        yield made
    finally:
        made.close()


def test_a_connection_that_was_forgotten_on_the_way_is_not_handed_out(relay: Relay) -> None:
    with pool_over(relay, kept=1, min_size=1, max_size=1) as pool, override_settings(DATABASE_POOL_CHECK_AFTER_S=0):
        pool.wait(20)
        relay.forget()
        connection = pool.getconn()
        try:
            assert connection.execute("SELECT 1").fetchone() == (1,)
        finally:
            pool.putconn(connection)


def test_one_that_was_just_used_is_handed_out_without_asking_the_server(relay: Relay) -> None:
    with pool_over(relay, kept=1, min_size=1, max_size=1) as pool:
        pool.putconn(pool.getconn())
        before = relay.sent
        for _ in range(100):
            pool.putconn(pool.getconn())
        assert relay.sent == before


def test_connections_beyond_those_that_are_kept_end_with_their_use(relay: Relay) -> None:
    with pool_over(relay, kept=2, min_size=1, max_size=4) as pool:
        taken = [pool.getconn() for _ in range(4)]
        for connection in taken:
            pool.putconn(connection)
        assert pool.get_stats()["pool_size"] == 2
        assert sum(connection.closed for connection in taken) == 2
