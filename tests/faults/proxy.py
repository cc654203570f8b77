"""A proxy before PostgreSQL that can lose the answer to a COMMIT: it has happened, and nobody is told."""

import socket
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

SOCKET = ".s.PGSQL.5432"


@dataclass
class Proxy:
    """Listens in one folder for what PostgreSQL listens for in another."""

    folder: Path
    server: Path
    to_lose: int = 0
    """How many answers are still to be lost."""
    lost: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def start(self) -> None:
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(self.folder / SOCKET))
        listener.listen(100)
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def url(self, server_url: str) -> str:
        return server_url.replace(str(self.server), str(self.folder))

    def lose_answers(self, count: int) -> None:
        with self._lock:
            self.to_lose += count

    def _accept(self, listener: socket.socket) -> None:
        while True:
            client, _ = listener.accept()
            server = socket.socket(socket.AF_UNIX)
            server.connect(str(self.server / SOCKET))
            commits = threading.Event()
            for work in (self._ask, self._answer):
                threading.Thread(target=work, args=(client, server, commits), daemon=True).start()

    def _ask(self, client: socket.socket, server: socket.socket, commits: threading.Event) -> None:
        """From the client to the server; notes whether a COMMIT is under way."""
        with suppress(OSError):
            while data := client.recv(65536):
                if b"COMMIT" in data:
                    commits.set()
                else:
                    commits.clear()
                server.sendall(data)
        _close(client, server)

    def _answer(self, client: socket.socket, server: socket.socket, commits: threading.Event) -> None:
        """From the server to the client, unless this answer is to be lost: then the connection is lost with it."""
        with suppress(OSError):
            while data := server.recv(65536):
                if commits.is_set() and self._loses():
                    break
                client.sendall(data)
        _close(client, server)

    def _loses(self) -> bool:
        with self._lock:
            loses = self.to_lose > 0
            self.to_lose -= loses
            self.lost += loses
        return loses


def _close(*ends: socket.socket) -> None:
    for end in ends:
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
        end.close()
