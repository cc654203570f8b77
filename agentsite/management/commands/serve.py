"""Serves the site: HTTP and sockets, and in the embedded form the workers and the beat as well."""

import asyncio
import contextlib
import ctypes
import errno
import faulthandler
import gc
import os
import signal
import socket
import sys
import time
from collections.abc import Iterator
from http.client import HTTPConnection
from types import FrameType
from typing import Any

import uvicorn
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from agentsite import open_files, supervisor, unreachable, warm
from agentsite.bounded_http import BoundedHttp
from agentsite.embedded import EmbeddedCelery
from agentsite.quick_sockets import QuickSockets
from agentsite.slow_readers import SlowReaders, show_what_is_not_sent
from sessions_app import stopping

SOCKET_FRAME_MAX_BYTES = 4 * 1024 * 1024
"""Well over the largest update, so that the room can say 4413 and why; more than this ends the connection by 1009."""
GARBAGE_AFTER = 10_000
"""So many new objects are looked through for cycles at once; the usual 700 come with every few keystrokes."""
M_ARENA_MAX = -8
ARENAS = 2
TURN_S = 0.001
"""How long a thread computes before another that wants to may; the usual 5 ms, times WEB_THREADS, hold up an edit."""
CONNECTIONS_CLOSE_WITHIN_S = 5
TICKS_PER_LOOK = 10
"""Ticks come ten times a second."""
WORKERS_START_WITHIN_S = 30.0
ANSWERS_WITHIN_S = 30.0


class Server(uvicorn.Server):
    """uvicorn, with signals left to the command: they end the workers too. It ends connections that take too long."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._slow_readers = SlowReaders()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def on_tick(self, counter: int) -> bool:
        if counter % TICKS_PER_LOOK == 0:
            now = asyncio.get_running_loop().time()
            connections = list(self.server_state.connections)
            for connection in connections:
                if isinstance(connection, BoundedHttp):
                    connection.overdue(now)
            self._slow_readers.look(connections, now)
        return await super().on_tick(counter)


class Command(BaseCommand):
    help = "Serves the site on HOST and PORT. Ctrl-C ends it; a second Ctrl-C does not wait for what runs."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--host", default=settings.HOST)
        parser.add_argument("--port", type=int, default=settings.PORT)

    def handle(self, *args: Any, host: str, port: int, **options: Any) -> None:
        unreachable.look()
        faulthandler.enable()  # should compiled code crash, the log says where
        warm.up()
        gc.freeze()  # what is loaded by now stays; looking through all of it again would hold up every edit
        gc.set_threshold(GARBAGE_AFTER, 20, 50)
        sys.setswitchinterval(TURN_S)
        _share_memory()
        open_files.make_room()
        listener = _listen(host, port)
        celery = EmbeddedCelery() if settings.EMBEDDED_WORKER else None
        server = Server(
            uvicorn.Config(
                "agentsite.asgi:application",
                loop="uvloop",
                http=BoundedHttp,
                ws=QuickSockets,
                ws_max_size=SOCKET_FRAME_MAX_BYTES,
                ws_per_message_deflate=False,  # most frames are a keystroke: it makes them larger, and costs the most
                lifespan="on",
                log_config=None,
                log_level="warning",
                access_log=False,
                server_header=False,
                proxy_headers=settings.BEHIND_PROXY,
                backlog=2048,
                timeout_keep_alive=settings.KEEP_ALIVE_S,
                timeout_graceful_shutdown=CONNECTIONS_CLOSE_WITHIN_S,
            )
        )
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, _stopper(server))
        stopping.leave()
        if celery is not None and not celery.start(WORKERS_START_WITHIN_S):
            raise CommandError(f"The worker did not start within {WORKERS_START_WITHIN_S:.0f} s; see the log above.")
        try:
            with asyncio.Runner(loop_factory=server.config.get_loop_factory()) as runner:
                runner.run(self._serve(server, listener))
        finally:
            if celery is not None:
                celery.stop(settings.RUN_DRAIN_S)

    async def _serve(self, server: Server, listener: socket.socket) -> None:
        serving = asyncio.ensure_future(server.serve(sockets=[listener]))
        announcing = asyncio.ensure_future(self._announce(server, listener))
        await serving
        announcing.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await announcing

    async def _announce(self, server: Server, listener: socket.socket) -> None:
        """Says where to go, once the site has really answered."""
        host, port = listener.getsockname()[:2]
        deadline = time.monotonic() + ANSWERS_WITHIN_S
        while not await asyncio.to_thread(_answers, host, port):
            if time.monotonic() > deadline:
                self.stderr.write(f"The site does not answer on port {port}; see the log above.")
                server.should_exit = True
                return
            await asyncio.sleep(0.05)
        supervisor.say_ready(restarts=settings.SERVE_RESTARTS)
        shown = "127.0.0.1" if host in ("0.0.0.0", "::") else host  # noqa: S104  # compared, not bound
        self.stdout.write(f"agentsite is ready on http://{f'[{shown}]' if ':' in shown else shown}:{port}")
        self.stdout.flush()


def _share_memory() -> None:
    """Has threads allocate from a few places, where glibc would give each thread its own and keep what it once had."""
    with contextlib.suppress(OSError, AttributeError):  # another C library has nothing of the kind
        ctypes.CDLL(None).mallopt(M_ARENA_MAX, ARENAS)


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise CommandError(
                f"Port {port} of {host} is in use by another process. "
                f"Stop it, or choose another: PORT={port + 1} make run"
            ) from None
        raise CommandError(
            f"Cannot listen on {host}, port {port}: {error.strerror or error}. Set HOST and PORT."
        ) from None
    show_what_is_not_sent(listener)
    return listener


def _answers(host: str, port: int) -> bool:
    """Whether the health check answers, asked the way a stranger would, under a host name that is allowed."""
    reachable = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104  # compared, not bound
    named = [name for name in settings.ALLOWED_HOSTS if name != "*"]
    connection = HTTPConnection(reachable, port, timeout=5)
    try:
        connection.request("GET", "/api/health", headers={"Host": named[0].lstrip(".") if named else reachable})
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def _stopper(server: Server) -> Any:
    def stop(number: int, frame: FrameType | None) -> None:
        if server.should_exit:
            os._exit(128 + number)  # asked twice: what is not finished goes on from the journal at the next start
        server.should_exit = True

    return stop
