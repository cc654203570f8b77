"""TLS in front of a server that has none, with a certificate for localhost by a private CA."""

import socket
import ssl
import subprocess
import threading
from contextlib import suppress
from pathlib import Path


class TlsInFront:
    """Ends TLS, as a server with certificates does, and passes the rest on to one without."""

    def __init__(self, server: tuple[str, int], folder: Path) -> None:
        self.server = server
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(folder / "server.pem", folder / "server.key")
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with (
            suppress(OSError),
            self.context.wrap_socket(client, server_side=True) as plain,
            socket.create_connection(self.server) as server,
        ):
            threading.Thread(target=_pass_on, args=(server, plain), daemon=True).start()
            _pass_on(plain, server)


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while found := source.recv(65_536):
            target.sendall(found)


def certify(folder: Path) -> None:
    """A private CA, and by it a certificate for localhost."""
    for command in (
        "req -x509 -newkey rsa:2048 -nodes -days 2 -keyout ca.key -out ca.pem -subj /CN=ours",
        "req -newkey rsa:2048 -nodes -keyout server.key -out server.csr -subj /CN=localhost",
        "x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile names -out server.pem",
    ):
        (folder / "names").write_text("subjectAltName=DNS:localhost\n")
        subprocess.run(["openssl", *command.split()], cwd=folder, check=True, capture_output=True)
