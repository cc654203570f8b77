"""Stock Yjs clients (y-websocket from npm, in Node.js), for tests against the real site; and those who use them."""

import json
import queue
import shutil
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

from filelock import FileLock

from tests.servers.site import Site

FOLDER = Path(__file__).parent / "yclients"
PATIENCE_S = 60.0


def install() -> None:
    """Puts the clients' packages in place, as their lock file names them; once."""
    with FileLock(FOLDER / ".install.lock"):
        if not (FOLDER / "node_modules" / "y-websocket").exists():
            subprocess.run(["npm", "ci", "--silent"], cwd=FOLDER, check=True, timeout=300)


def has_node() -> bool:
    return shutil.which("node") is not None and shutil.which("npm") is not None


class Person:
    """A guest who speaks REST."""

    def __init__(self, site: Site, name: str) -> None:
        self.site = site
        self.token = ""
        told = self.call("POST", "/v1/auth/guest", {"name": name})
        self.token = told["access"]
        self.id: str = told["user"]["id"]

    def call(self, method: str, path: str, body: Any = None) -> Any:
        request = Request(self.site.url + path, method=method)  # noqa: S310  # http to a site of our own
        request.add_header("Content-Type", "application/json")
        if self.token:
            request.add_header("Authorization", f"Bearer {self.token}")
        data = None if body is None else json.dumps(body).encode()
        with urlopen(request, data, timeout=30) as answer:  # noqa: S310  # the same
            content = answer.read()
        return json.loads(content) if content else None

    def ticket(self) -> str:
        ticket: str = self.call("POST", "/v1/auth/ticket")["ticket"]
        return ticket

    def open_session(self, text: str = "") -> str:
        session: str = self.call("POST", "/v1/sessions", {"title": "Shared", "text": text})["id"]
        return session

    def text_of(self, session: str) -> str:
        text: str = self.call("GET", f"/v1/sessions/{session}/document")["text"]
        return text

    def let_in(self, session: str, other: "Person", role: str = "editor") -> None:
        """By an invitation, as people do."""
        invite = self.call("POST", f"/v1/sessions/{session}/invites", {"role": role})
        other.call("POST", f"/v1/invites/{invite['token']}/accept")


class YClient:
    """One y-websocket client in a Node.js process of its own."""

    def __init__(self, site: Site, session: str, person: Person) -> None:
        install()
        self.person = person
        self.events: list[dict[str, Any]] = []
        self._answers: queue.Queue[dict[str, Any]] = queue.Queue()
        server = f"{site.socket_url}/ws/sessions/{session}"
        self.process = subprocess.Popen(
            ["node", str(FOLDER / "client.mjs"), server, "document/", person.ticket()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()
        try:
            self.wait_for(lambda: any(event["event"] == "ready" for event in self.events), "the client to start")
        except AssertionError:
            self.stop()
            raise

    def _listen(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            told = json.loads(line)
            if "event" in told:
                self.events.append(told)
                if told["event"] == "close":
                    self._renew()
            else:
                self._answers.put(told)

    def _renew(self) -> None:
        """A ticket is good once, so a client that connects again needs another."""
        try:
            self.do("ticket", ticket=self.person.ticket())
        except (OSError, ValueError):
            return  # the site is down: the client fails to connect, and closes, and we are here again

    def do(self, deed: str, **given: Any) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"do": deed, **given}) + "\n")
        self.process.stdin.flush()

    def ask(self, deed: str) -> dict[str, Any]:
        self.do(deed)
        return self._answers.get(timeout=PATIENCE_S)

    def text(self) -> str:
        text: str = self.ask("text")["text"]
        return text

    def agents(self) -> dict[str, dict[str, Any]]:
        """The agents that it sees, by their client ids."""
        here: dict[str, dict[str, Any]] = self.ask("here")["here"]
        return {client: state for client, state in here.items() if state.get("user", {}).get("role") == "agent"}

    def wait_until_synced(self, times: int = 1) -> "YClient":
        self.wait_for(lambda: sum(event.get("isSynced", False) for event in self.events) >= times, "the sync")
        return self

    def wait_for_text(self, wanted: str) -> None:
        self.wait_for(lambda: self.text() == wanted, f"the text {wanted[:80]!r}; it is {self.text()[:200]!r}")

    def wait_for(self, condition: Callable[[], bool], what: str) -> None:
        wait_for(condition, what)

    def closes(self) -> list[int]:
        return [event["code"] for event in self.events if event["event"] == "close" and event.get("code")]

    def stop(self) -> None:
        if self.process.stdin is not None:
            self.process.stdin.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._listener.join(10)
        if self.process.stdout is not None:
            self.process.stdout.close()


def wait_for(condition: Callable[[], bool], what: str) -> None:
    """Polls what another process does; there is nothing to await."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {PATIENCE_S} s for {what}")
        time.sleep(0.02)
