"""From POST /v1/sessions/{id}/requests to node.started on the session's socket. Prints ms as JSON.

Usage: python -m tests.benchmarks.programs.request_latency embedded|scaled
"""

import asyncio
import json
import sys
import time
import urllib.request
from typing import Any

import websockets

from tests.servers import site

REQUESTS = 40
CODE = "import os\n\n\ndef area(radius):\n    return 3.14159 * radius * radius\n"


def call(base: str, method: str, path: str, body: Any = None, token: str = "") -> Any:
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(base + path, data=data, headers=headers, method=method)  # noqa: S310 (our own site)
    with urllib.request.urlopen(request, timeout=30) as response:  # noqa: S310
        return json.load(response)


async def one(base: str, token: str, session: str, socket: Any) -> float:
    """Asks once and times the first node's start; then waits for the run's end, so that runs do not mix."""
    asked = time.perf_counter()
    body = {"intent": "code_review", "instruction": "Review it."}
    answer = asyncio.create_task(asyncio.to_thread(call, base, "POST", f"/v1/sessions/{session}/requests", body, token))
    started = 0.0
    async for message in socket:
        frame = json.loads(message)
        if frame["type"] == "node.started" and not started:
            started = time.perf_counter()
        elif frame["type"] in ("run.completed", "run.failed"):
            break
    run = (await answer)["run"]
    if frame["run"] != run["id"]:
        raise SystemExit("the socket told of another run")
    return (started - asked) * 1000


async def keep_alive(socket: Any) -> None:
    """As a browser does, so that the site does not take the socket for a dead one."""
    while True:
        await socket.send('{"type": "ping"}')
        await asyncio.sleep(15)


async def measure(base: str, socket_base: str) -> list[float]:
    token = call(base, "POST", "/v1/auth/guest", {"name": "Bench"})["access"]
    session = call(base, "POST", "/v1/sessions", {"title": "Bench", "language": "python"}, token)
    path = f"/v1/sessions/{session['id']}/document"
    call(base, "PUT", path, {"text": CODE}, token)
    ticket = call(base, "POST", "/v1/auth/ticket", {}, token)["ticket"]
    seq = call(base, "GET", f"/v1/sessions/{session['id']}", token=token)["last_seq"]
    url = f"{socket_base}/ws/sessions/{session['id']}/?after={seq}&ticket={ticket}"
    async with websockets.connect(url) as socket:
        alive = asyncio.create_task(keep_alive(socket))
        for _ in range(5):
            await one(base, token, session["id"], socket)
        times = [await one(base, token, session["id"], socket) for _ in range(REQUESTS)]
        alive.cancel()
        return times


def main(form: str) -> None:
    with site.alone(scaled=form == "scaled") as place:
        times = sorted(asyncio.run(measure(place.url, place.socket_url)))
    print(json.dumps({"p50": times[len(times) // 2], "p95": times[int(len(times) * 0.95)]}))


if __name__ == "__main__":
    main(sys.argv[1])
