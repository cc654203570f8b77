"""Paths that are no socket."""

import asyncio
from http.client import HTTPConnection

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
