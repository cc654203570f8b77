"""Texts that are made to hold up a site: it answers everybody else while it refuses them, or works on them."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from typing import Any

import pytest

from tests.servers.site import Site

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
