"""Tests cannot reach the network: a connection to anywhere but this machine fails at once, whoever asks for it."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

LOCAL = ("127.", "::1", "localhost", "0.0.0.0")  # noqa: S104 - compared with, not bound to


class NetworkReached(AssertionError):
    """Raised when a test tries to leave this machine."""


def _check(family: int, address: Any) -> None:
    if family in (socket.AF_INET, socket.AF_INET6) and not str(address[0]).startswith(LOCAL):
        raise NetworkReached(f"A test tried to reach {address!r}; use tests.model_server instead.")


@contextmanager
def network_guarded() -> Iterator[None]:
    """Guards connections and name look-ups of this process while the block runs."""
    connect, connect_ex, getaddrinfo = socket.socket.connect, socket.socket.connect_ex, socket.getaddrinfo

    def guarded_connect(self: socket.socket, address: Any) -> None:
        _check(self.family, address)
        connect(self, address)

    def guarded_connect_ex(self: socket.socket, address: Any) -> int:
        _check(self.family, address)
        return connect_ex(self, address)

    def guarded_getaddrinfo(host: Any, *args: Any, **kwargs: Any) -> Any:
        if host is not None and not str(host.decode() if isinstance(host, bytes) else host).startswith(LOCAL):
            raise NetworkReached(f"A test tried to look up {host!r}; use tests.model_server instead.")
        return getaddrinfo(host, *args, **kwargs)

    socket.socket.connect = guarded_connect  # type: ignore[method-assign]
    socket.socket.connect_ex = guarded_connect_ex  # type: ignore[method-assign]
    socket.getaddrinfo = guarded_getaddrinfo
    try:
        yield
    finally:
        socket.socket.connect = connect  # type: ignore[method-assign]
        socket.socket.connect_ex = connect_ex  # type: ignore[method-assign]
        socket.getaddrinfo = getaddrinfo
