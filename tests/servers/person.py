"""Somebody who uses a running site over HTTP, as a program does."""

import json
import time
from collections.abc import Mapping
from contextlib import closing
from http.client import HTTPConnection
from typing import Any

from tests.servers.site import Site


class Person:
    """A caller with a token."""

    def __init__(self, site: Site, token: str = "") -> None:
        self.site, self.token = site, token

    def call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        headers = {"Content-Type": "application/json", "User-Agent": "person"} | (
            {"Authorization": f"Bearer {self.token}"} if self.token else {}
        )
        with closing(HTTPConnection("127.0.0.1", self.site.port, timeout=30)) as connection:
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            answer = connection.getresponse()
            content = answer.read()
        assert answer.status < 300, f"{method} {path}: {answer.status} {content!r}"
        return json.loads(content) if content else {}

    def wait_for(self, path: str, *, until: set[str]) -> Any:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            found = self.call("GET", path)
            if found["status"] in until:
                return found
            time.sleep(0.1)
        raise AssertionError(f"{path} is not among {until} after 60 s")
