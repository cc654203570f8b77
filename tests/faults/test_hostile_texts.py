"""Texts that are made to hold up a site: it answers everybody else while it refuses them, or works on them."""

import json
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from typing import Any

import pytest

from tests.faults.field import wait_until
from tests.servers.site import Site, build, tear_down

pytestmark = [pytest.mark.once, pytest.mark.timeout(300)]
SILENT_S = 2.0
"""How long health may take to answer on a machine that is busy with other tests as well."""
LOOPS = "{% for a in x %}{% for b in x %}{{ a }}{% endfor %}{% endfor %}"


def ask(site: Site, method: str, path: str, body: Any = None, token: str = "") -> tuple[int, Any]:
    connection = HTTPConnection("127.0.0.1", site.port, timeout=120)
    try:
        headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
        connection.request(method, path, None if body is None else json.dumps(body), headers)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read() or b"null")
    finally:
        connection.close()


@pytest.fixture
def guest(live_site: Site) -> str:
    status, told = ask(live_site, "POST", "/v1/auth/guest", {})
    assert status in (200, 201)
    return str(told["access"])


@contextmanager
def health_is_watched(site: Site) -> Iterator[list[float]]:
    """Asks for health all the time; the list has how long each answer took."""
    taken: list[float] = []
    ended = threading.Event()

    def watch() -> None:
        while not ended.is_set():
            began = time.monotonic()
            status, _ = ask(site, "GET", "/api/health")
            taken.append(time.monotonic() - began if status == 200 else float("inf"))
            ended.wait(0.05)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield taken
    finally:
        ended.set()
        watcher.join()


def test_templates_that_loop_over_long_strings_are_refused_and_the_site_answers(live_site: Site, guest: str) -> None:
    asked = {"content": LOOPS, "values": {"x": "a" * 15_000}}
    answers: list[tuple[int, Any]] = []

    def render() -> None:
        answers.append(ask(live_site, "POST", "/v1/prompts/refine_system/render", asked, guest))

    threads = [threading.Thread(target=render) for _ in range(8)]
    with health_is_watched(live_site) as taken:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert [(status, told["code"]) for status, told in answers] == [(422, "prompt_invalid")] * 8
    assert "line 1" in answers[0][1]["detail"]
    assert max(taken) < SILENT_S


@pytest.mark.parametrize(
    "code",
    ["9f86d081884c7d659a2feaa0c55ad015a3bf4f1b" * 25_000, "def a():\n  x=1 # noqa\n" * 40_000, "((((" * 240_000],
    ids=["one word", "python", "brackets"],
)
def test_a_megabyte_is_reviewed_and_the_site_answers(live_site: Site, guest: str, code: str) -> None:
    with health_is_watched(live_site) as taken:
        status, run = ask(
            live_site, "POST", "/v1/runs", {"graph": "code_review", "initial_state": {"code": code}}, guest
        )
        assert status == 202, run
        path = f"/v1/runs/{run['id']}"
        wait_until(lambda: ask(live_site, "GET", path, token=guest)[1]["status"] in ("completed", "failed"), "its end")
    assert ask(live_site, "GET", path, token=guest)[1]["status"] == "completed"
    assert max(taken) < SILENT_S


@pytest.mark.parametrize("tool", ["block", "burn"])
def test_a_tool_that_stops_the_whole_site_is_poison_and_the_site_is_there_again(tool: str) -> None:
    """The workers are threads of the web process here; a supervisor starts it again, and nobody else's run is lost."""
    site = build(
        environment={"SERVE_RESTARTS": "yes", "LOOP_BLOCKED_MAX_S": "3", "RUN_LEASE_S": "2", "RUN_MAX_ATTEMPTS": "2"}
    )
    site.command = (sys.executable, "-m", "tests.faults.serve", "serve")
    try:
        site.start()
        token = ask(site, "POST", "/v1/auth/guest", {})[1]["access"]
        graph = {"v": 1, "name": "One", "entry_node": "one", "nodes": [{"node_id": "one", "tool": tool}], "edges": []}
        made = ask(site, "POST", "/v1/graphs", graph, token)[1]
        run = ask(site, "POST", "/v1/runs", {"graph": made["id"]}, token)[1]["id"]

        def ended() -> bool:
            try:
                return bool(ask(site, "GET", f"/v1/runs/{run}", token=token)[1]["status"] == "failed")
            except OSError:
                return False  # it is being started again

        wait_until(ended, "the end of the run that stops the site", within_s=150)
        told = ask(site, "GET", f"/v1/runs/{run}", token=token)[1]
        assert told["error"]["code"] == "poison"
        assert site.web is not None
        assert site.web.poll() is None, "the supervisor is the same process as before"
        assert site.log().count("It starts again in") == 2
        assert "tools.py" in site.log(), "the stack says where it was"
        harmless = {**graph, "nodes": [{"node_id": "one", "tool": "sleep", "config": {"seconds": 0}}]}
        made = ask(site, "POST", "/v1/graphs", harmless, token)[1]
        run = ask(site, "POST", "/v1/runs", {"graph": made["id"]}, token)[1]["id"]
        wait_until(lambda: ask(site, "GET", f"/v1/runs/{run}", token=token)[1]["status"] == "completed", "another run")
        site.web.terminate()
        assert site.web.wait(60) == 0
    finally:
        tear_down(site)
