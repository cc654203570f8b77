"""The hostile guest: one person at one address, who counts what the site answers."""

import asyncio
import json
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import aiohttp

ADDRESS = "127.0.0.2"
"""Not the colleague's, so that what is counted by address meets the guest alone."""
PATIENCE_S = 30.0


class Refused(Exception):
    """Raised when the site does not give what an attack needs to begin with: that attack waits and begins again."""


@dataclass
class Report:
    """What the site answered to the guest."""

    statuses: Counter[str] = field(default_factory=Counter)
    """Attack and status, "cut" for a connection that was closed, "slow" for no answer in time."""
    faults: list[str] = field(default_factory=list)
    """Answers that must never come: 5xx."""
    slowest: dict[str, float] = field(default_factory=dict)
    """Seconds of each attack's slowest answer."""

    def note(self, attack: str, status: str, took_s: float = 0.0) -> None:
        self.statuses[f"{attack} {status}"] += 1
        self.slowest[attack] = max(self.slowest.get(attack, 0.0), took_s)


@dataclass
class Guest:
    """Speaks REST, sockets and raw bytes to one site, for one attack."""

    attack: str
    host: str
    port: int
    report: Report
    http: aiohttp.ClientSession
    token: str = ""

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"

    async def call(self, method: str, path: str, body: Any = None, *, raw: bytes | None = None, **more: Any) -> Any:
        """The answer's JSON, or None when there is none."""
        headers = {"Content-Type": "application/json"} | (
            {"Authorization": f"Bearer {self.token}"} if self.token else {}
        )
        data = raw if raw is not None else None if body is None else json.dumps(body).encode()
        began = time.monotonic()
        try:
            async with self.http.request(method, self.url + path, data=data, headers=headers | more) as answer:
                content = await answer.read()
        except TimeoutError:
            self.report.note(self.attack, "slow", time.monotonic() - began)
            return None
        except (aiohttp.ClientError, OSError):
            self.report.note(self.attack, "cut", time.monotonic() - began)
            return None
        self.report.note(self.attack, str(answer.status), time.monotonic() - began)
        if answer.status >= 500:
            self.report.faults.append(f"{self.attack}: {method} {path} {answer.status} {content[:300]!r}")
        if answer.status == 429:
            await asyncio.sleep(0.2)  # even the rudest client has only so many connections
        try:
            return json.loads(content)
        except ValueError:
            return None

    async def come_in(self) -> None:
        """Becomes a guest; Refused when there are too many already."""
        answer = await self.call("POST", "/v1/auth/guest", {"name": "Mallory"})
        if not isinstance(answer, dict) or "access" not in answer:
            raise Refused
        self.token = answer["access"]

    async def session(self, text: str = "", language: str = "text") -> str:
        """A session of the guest's own with that text."""
        answer = await self.call("POST", "/v1/sessions", {"title": "Mine", "language": language, "text": text})
        return self._id_of(answer)

    async def graph(self, nodes: list[dict[str, Any]], edges: list[dict[str, Any]] | None = None, **more: Any) -> str:
        """A graph of the guest's own."""
        definition = {"v": 1, "name": "Mine", "entry_node": nodes[0]["node_id"], "nodes": nodes, "edges": edges or []}
        return self._id_of(await self.call("POST", "/v1/graphs", definition | more))

    async def run(self, graph: str, state: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
        """Starts a run."""
        answer = await self.call("POST", "/v1/runs", {"graph": graph, "initial_state": state or {}} | more)
        self._id_of(answer)
        return dict(answer)

    async def raw(self, *pieces: bytes, pause_s: float = 0.0, hold_s: float = 0.0) -> bytes:
        """Sends bytes as they are and reads one answer's beginning; empty when the site closed the connection."""
        began = time.monotonic()
        try:
            reader, writer = await asyncio.open_connection(self.host, self.port, local_addr=(ADDRESS, 0))
        except OSError:
            self.report.note(self.attack, "cut")
            return b""
        answer = b""
        try:
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(pause_s)
            answer = await asyncio.wait_for(reader.read(4096), hold_s or PATIENCE_S)
        except (OSError, TimeoutError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()
        status = answer[9:12].decode("ascii", "replace") if answer.startswith(b"HTTP/") else "cut"
        self.report.note(self.attack, status, time.monotonic() - began)
        if status.startswith("5"):
            self.report.faults.append(f"{self.attack}: {pieces[0][:80]!r} {answer[:200]!r}")
        return answer

    @staticmethod
    def _id_of(answer: Any) -> str:
        if not isinstance(answer, dict) or "id" not in answer:
            raise Refused
        return str(answer["id"])
