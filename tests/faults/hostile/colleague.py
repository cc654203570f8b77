"""Somebody who works while the site is attacked, in a process of their own: types, reads, asks, runs a graph.

python -m tests.faults.hostile.colleague URL SECONDS   prints JSON: milliseconds of each kind, and what went wrong
"""

import asyncio
import json
import sys
import time
from typing import Any

import aiohttp
from pycrdt import Doc, Text

from sessions_app.crdt import lib0
from sessions_app.crdt.lib0 import Reader
from sessions_app.realtime import yprotocol

PAUSE_S = 0.2
PATIENCE_S = 30.0
RUN_WITHIN_S = 60.0
CODE = "import os\n\n\ndef area(radius):\n    if radius == None:\n        return 0\n    return 3.14 * radius * radius\n"


class Colleague:
    """One person with one session."""

    def __init__(self, url: str, http: aiohttp.ClientSession) -> None:
        self.url = url
        self.http = http
        self.token = ""
        self.times: dict[str, list[float]] = {}
        self.faults: list[str] = []

    async def call(self, kind: str, method: str, path: str, body: Any = None) -> Any:
        began = time.perf_counter()
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        try:
            async with self.http.request(method, self.url + path, json=body, headers=headers) as answer:
                content = await answer.json(content_type=None)
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            self.faults.append(f"{kind}: {type(error).__name__} {error}")
            return None
        self.times.setdefault(kind, []).append((time.perf_counter() - began) * 1000)
        if answer.status >= 400:
            self.faults.append(f"{kind}: {answer.status} {str(content)[:200]}")
            return None
        return content

    async def work(self, seconds: float) -> None:
        told = await self.call("sign in", "POST", "/v1/auth/guest", {"name": "Ana"})
        self.token = told["access"]
        made = {"title": "Work", "language": "python", "text": CODE}
        session = (await self.call("open", "POST", "/v1/sessions", made))["id"]
        ends_at = time.monotonic() + seconds
        await asyncio.gather(
            self.types(session, ends_at), self.reads(session, ends_at), self.asks(session, ends_at), self.runs(ends_at)
        )

    async def types(self, session: str, ends_at: float) -> None:
        """One letter after the other; each waits until the one before is stored."""
        ticket = await self.call("ticket", "POST", "/v1/auth/ticket")
        if ticket is None:
            return
        try:
            await self._type(
                f"{self.url}/ws/sessions/{session}/document/?agentsite=1&ticket={ticket['ticket']}", ends_at
            )
        except (aiohttp.ClientError, OSError) as error:
            self.faults.append(f"edit: {type(error).__name__} {error}")

    async def _type(self, path: str, ends_at: float) -> None:
        document: Doc[Any] = Doc()
        text = document.get("text", type=Text)
        async with self.http.ws_connect(path, heartbeat=None) as socket:
            await socket.send_bytes(yprotocol.ask(document.get_state()))
            seq = 0
            while time.monotonic() < ends_at:
                before = document.get_state()
                text += "#" if seq == 0 else "x"  # a comment, wherever it lands
                seq += 1
                began = time.perf_counter()
                update = document.get_update(before)
                await socket.send_bytes(lib0.uint(yprotocol.NUMBERED_UPDATE) + lib0.uint(seq) + lib0.array(update))
                if not await self._stored(socket, seq, document):
                    return
                self.times.setdefault("edit", []).append((time.perf_counter() - began) * 1000)
                await asyncio.sleep(PAUSE_S)

    async def _stored(self, socket: aiohttp.ClientWebSocketResponse, seq: int, document: "Doc[Any]") -> bool:
        while True:
            try:
                message = await socket.receive(timeout=PATIENCE_S)
            except TimeoutError:
                self.faults.append(f"edit {seq}: not stored within {PATIENCE_S} s")
                return False
            if message.type is not aiohttp.WSMsgType.BINARY:
                self.faults.append(f"edit {seq}: the socket ended: {message}")
                return False
            reader = Reader(message.data)
            kind = reader.uint()
            if kind == yprotocol.STORED and reader.uint() == seq:
                return True
            if kind == yprotocol.REFUSED:
                self.faults.append(f"edit {seq}: refused {message.data!r}")
                return False

    async def reads(self, session: str, ends_at: float) -> None:
        while time.monotonic() < ends_at:
            await self.call("read", "GET", f"/v1/sessions/{session}")
            await self.call("read", "GET", f"/v1/sessions/{session}/events?after=0")
            await self.call("health", "GET", "/api/health")
            await asyncio.sleep(PAUSE_S)

    async def asks(self, session: str, ends_at: float) -> None:
        """Asks for a refinement by the built-in rules, waits for it, and asks again."""
        while time.monotonic() < ends_at:
            body = {"intent": "refine_code", "instruction": "Tidy it."}
            asked = await self.call("ask", "POST", f"/v1/sessions/{session}/requests", body)
            if asked is not None:
                await self._finished("refinement", asked["run"]["id"])
            await asyncio.sleep(2.0)

    async def runs(self, ends_at: float) -> None:
        """Saves a small graph and runs it at priority 9, again and again."""
        node = {"node_id": "one", "tool": "compute", "config": {"set": {"n": "1 + 1"}}}
        definition = {"v": 1, "name": "Sum", "entry_node": "one", "nodes": [node], "edges": []}
        while time.monotonic() < ends_at:
            made = await self.call("graph", "POST", "/v1/graphs", definition)
            if made is None:
                return
            body = {"graph": made["slug"], "initial_state": {}, "priority": 9}
            run = await self.call("start", "POST", "/v1/runs", body)
            if run is not None:
                await self._finished("run", run["id"])
            await asyncio.sleep(1.0)

    async def _finished(self, kind: str, run: str) -> None:
        began = time.perf_counter()
        while time.perf_counter() - began < RUN_WITHIN_S:
            found = await self.call("poll", "GET", f"/v1/runs/{run}")
            if found is not None and found["status"] in ("completed", "failed", "cancelled"):
                self.times.setdefault(f"{kind} finished", []).append((time.perf_counter() - began) * 1000)
                if found["status"] != "completed":
                    self.faults.append(f"{kind}: {found['status']} {found['error']}")
                return
            await asyncio.sleep(0.1)
        self.faults.append(f"{kind}: not finished within {RUN_WITHIN_S} s")


async def main(url: str, seconds: float) -> None:
    timeout = aiohttp.ClientTimeout(total=PATIENCE_S)
    async with aiohttp.ClientSession(timeout=timeout) as http:
        colleague = Colleague(url, http)
        await colleague.work(seconds)
    sys.stdout.write(json.dumps({"times": colleague.times, "faults": colleague.faults}))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], float(sys.argv[2])))
