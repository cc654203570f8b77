"""Paths that are no socket."""

import asyncio
import json
from http.client import HTTPConnection
from typing import Any
from urllib.request import Request, urlopen

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from tests.servers.site import Site


async def test_an_unknown_socket_is_refused_and_leaves_no_traceback(live_site: Site) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with connect(f"{live_site.socket_url}/ws/nothing/"):
            pass
    assert refused.value.response.status_code == 403
    assert "Traceback" not in live_site.log()


@pytest.mark.parametrize("slash", ["", "/"])
async def test_a_socket_is_found_with_and_without_its_last_slash(live_site: Site, slash: str) -> None:
    guest = await call(live_site, "/v1/auth/guest")
    session = await call(live_site, "/v1/sessions", guest["access"])

    async def address(path: str) -> str:
        ticket = (await call(live_site, "/v1/auth/ticket", guest["access"]))["ticket"]
        return f"{live_site.socket_url}{path}{slash}?ticket={ticket}"

    async with connect(await address("/ws/execute/code_review")) as socket:
        await socket.send(json.dumps({"initial_state": {"code": "def f():\n    pass\n"}}))
        assert json.loads(await asyncio.wait_for(socket.recv(), 20))["event"] == "started"
    async with connect(await address(f"/ws/sessions/{session['id']}")) as socket:
        assert json.loads(await asyncio.wait_for(socket.recv(), 20))["type"]
    async with connect(await address(f"/ws/sessions/{session['id']}/document")) as socket:
        assert isinstance(await asyncio.wait_for(socket.recv(), 20), bytes)


async def call(site: Site, path: str, token: str = "") -> Any:
    def ask() -> Any:
        headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
        with urlopen(Request(site.url + path, b"{}", headers)) as answer:  # noqa: S310
            return json.load(answer)

    return await asyncio.to_thread(ask)


async def test_a_body_over_the_limit_is_answered_by_the_server_itself(live_site: Site) -> None:
    def post() -> tuple[int, bytes]:
        connection = HTTPConnection("127.0.0.1", live_site.port, timeout=30)
        try:
            connection.request(
                "POST", "/v1/auth/guest", body=b"x" * 5_000_000, headers={"Content-Type": "application/json"}
            )
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    status, body = await asyncio.to_thread(post)
    assert status == 413
    assert b'"limit": 2000000' in body
