"""Real Yjs clients edit together on one server, ours or a peer's. Prints ms, % delivered and µs of CPU an edit as JSON.

Usage: python -m tests.benchmarks.programs.documents agentsite|y-websocket|hocuspocus ROOMS CLIENTS
The server has one core and the clients another.
"""

import json
import os
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock

from tests.benchmarks.programs.request_latency import call
from tests.servers import site
from tests.servers.ports import free_port

HERE = Path(__file__).resolve().parents[1] / "documents"
ROOT = HERE.parents[2]
PACKAGES = ROOT / "var" / "bench-node"
RATE = 5
WARM_S = 6
SECONDS = 8
SERVER_CORE, CLIENTS_CORE = 0, 1
READY_WITHIN_S = 60
PROGRAMS = ("load.mjs", "hocuspocus.mjs")


def install() -> None:
    """Puts the packages in place as their lock file names them, with the programs beside them; once for each lock."""
    PACKAGES.mkdir(parents=True, exist_ok=True)
    with FileLock(PACKAGES / ".install.lock"):
        lock = (HERE / "package-lock.json").read_text()
        stamp = PACKAGES / "installed.json"
        if not stamp.exists() or stamp.read_text() != lock:
            for name in ("package.json", "package-lock.json"):
                shutil.copy(HERE / name, PACKAGES / name)
            subprocess.run(["npm", "ci", "--silent"], cwd=PACKAGES, check=True, timeout=300)
            stamp.write_text(lock)
        for name in PROGRAMS:
            shutil.copy(HERE / name, PACKAGES / name)


@contextmanager
def on_core(core: int) -> Iterator[None]:
    """What is started here runs on that core, as far as this program may use it."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core} if core in before else before)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def cpu_of(pid: int) -> float:
    """Seconds of CPU that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def agentsite(rooms: int, clients: int) -> Iterator[tuple[int, dict[str, Any]]]:
    """Our site, embedded; each client comes with a ticket of its own person."""
    with ExitStack() as stack:
        with on_core(SERVER_CORE):
            place = stack.enter_context(site.alone())
        assert place.web is not None
        people = [call(place.url, "POST", "/v1/auth/guest", {"name": f"P{n}"}) for n in range(clients)]
        told = [_room(place, people) for _ in range(rooms)]
        yield place.web.pid, {"framing": "agentsite", "rooms": told}


def _room(place: site.Site, people: list[dict[str, Any]]) -> dict[str, Any]:
    owner = people[0]["access"]
    session = call(place.url, "POST", "/v1/sessions", {"title": "Bench"}, owner)["id"]
    for person in people[1:]:
        asked = {"user": person["user"]["id"], "role": "editor"}
        invitation = call(place.url, "POST", f"/v1/sessions/{session}/members", asked, owner)["id"]
        call(place.url, "POST", f"/v1/me/invitations/{invitation}/accept", {}, person["access"])
    tickets = [call(place.url, "POST", "/v1/auth/ticket", {}, person["access"])["ticket"] for person in people]
    path = f"{place.socket_url}/ws/sessions/{session}/document/?agentsite=1&ticket="
    return {"name": session, "urls": [path + ticket for ticket in tickets]}


@contextmanager
def peer(name: str, rooms: int, clients: int) -> Iterator[tuple[int, dict[str, Any]]]:
    """A server of the Yjs world, which keeps documents in memory."""
    port = free_port()
    script = "hocuspocus.mjs" if name == "hocuspocus" else "node_modules/y-websocket/bin/server.cjs"
    environment = {**os.environ, "PORT": str(port), "HOST": "127.0.0.1"}
    with on_core(SERVER_CORE):
        server = subprocess.Popen(["node", script], cwd=PACKAGES, env=environment, stdout=subprocess.DEVNULL)
    try:
        _wait_for(port)
        names = [f"room{n}" for n in range(rooms)]
        url = f"ws://127.0.0.1:{port}"
        urls = {name: [f"{url}/{room}" for room in names] for name in ("y-websocket",)}.get(name, [url] * rooms)
        told = [{"name": room, "urls": [url] * clients} for room, url in zip(names, urls, strict=True)]
        framing = "hocuspocus" if name == "hocuspocus" else "yjs"
        yield server.pid, {"framing": framing, "rooms": told}
    finally:
        server.terminate()
        server.wait(10)


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + READY_WITHIN_S
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5):
                return
        except urllib.error.HTTPError:
            return  # it answers
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def measure(pid: int, work: dict[str, Any]) -> dict[str, float]:
    """Has the clients edit; the server's CPU is counted while they are measured."""
    with on_core(CLIENTS_CORE):
        load = subprocess.Popen(
            ["node", "load.mjs"], cwd=PACKAGES, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
    assert load.stdin is not None
    assert load.stdout is not None
    load.stdin.write(json.dumps({**work, "rate": RATE, "warm_s": WARM_S, "seconds": SECONDS}) + "\n")
    load.stdin.flush()
    cpu: dict[str, float] = {}
    figures: dict[str, float] = {}
    for line in load.stdout:
        told = json.loads(line)
        if "state" in told:
            cpu[told["state"]] = cpu_of(pid)
        else:
            figures = told
    if load.wait(60) or not figures:
        raise SystemExit("the clients failed; what went wrong stands above")
    figures["CPU"] = (cpu["ended"] - cpu["began"]) / figures.pop("edits") * 1e6
    return figures


def main(name: str, rooms: int, clients: int) -> None:
    install()
    server = agentsite(rooms, clients) if name == "agentsite" else peer(name, rooms, clients)
    with server as (pid, work):
        print(json.dumps(measure(pid, work)))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
