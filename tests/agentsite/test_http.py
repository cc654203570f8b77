"""The HTTP handler: bodies up to their limit, answers whole, threads and their connections kept."""

import gc
import json
import threading
import weakref
from collections.abc import Iterator
from typing import Any

import pytest
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.test import override_settings
from django.urls import path
from django.views.decorators.csrf import csrf_exempt
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from agentsite.http import HttpApplication
from agentsite.web_threads import kind_of

pytestmark = pytest.mark.once


@csrf_exempt
def echo(request: HttpRequest) -> HttpResponse:
    return HttpResponse(request.body, headers={"X-Thread": threading.current_thread().name})


@csrf_exempt
def stream(request: HttpRequest) -> StreamingHttpResponse:
    def words() -> Iterator[bytes]:
        yield b"one "
        yield b"two"

    response = StreamingHttpResponse(words(), status=203, headers={"X-Kept": "yes"})
    response.set_cookie("taste", "sweet")
    return response


class Held:
    """What a view has read from the database."""

    text = "x" * 100


class HeldShape(serializers.Serializer[Any]):
    text = serializers.CharField()


class Answering(APIView):
    authentication_classes = permission_classes = ()
    held: "list[weakref.ref[Held]]" = []  # noqa: RUF012 -- for the test

    def post(self, request: Request) -> Response:
        one = Held()
        self.held.append(weakref.ref(one))
        assert request.data is not None
        return Response(HeldShape(one).data)


urlpatterns = [path("v1/echo", echo), path("stream", stream), path("v1/held", Answering.as_view())]


@pytest.fixture
def handler() -> Iterator[HttpApplication]:
    with override_settings(ROOT_URLCONF=__name__, REQUEST_BODY_MAX_BYTES=1000, WEB_THREADS=2):
        made = HttpApplication()
        yield made
        made.threads.shutdown()


async def ask(
    handler: HttpApplication, at: str, *chunks: bytes, ends: bool = True
) -> tuple[int, dict[bytes, bytes], bytes]:
    """Sends a request in chunks and gathers the answer."""
    waiting = [{"type": "http.request", "body": chunk, "more_body": True} for chunk in chunks]
    waiting.append({"type": "http.request", "body": b""} if ends else {"type": "http.disconnect"})
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return waiting.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": at,
        "raw_path": at.encode(),
        "query_string": b"",
        "headers": [(b"host", b"localhost"), (b"authorization", b"Bearer x")],
        "server": ("localhost", 80),
        "client": ("127.0.0.1", 9),
        "scheme": "http",
    }
    await handler(scope, receive, send)
    if not sent:
        return 0, {}, b""
    return sent[0]["status"], dict(sent[0]["headers"]), b"".join(message.get("body", b"") for message in sent[1:])


async def test_a_body_in_pieces_arrives_whole(handler: HttpApplication) -> None:
    status, _, body = await ask(handler, "/v1/echo", b"a" * 600, b"b" * 400)
    assert (status, body) == (200, b"a" * 600 + b"b" * 400)


async def test_a_body_over_the_limit_is_read_to_its_end_and_answered_with_the_limit(handler: HttpApplication) -> None:
    status, headers, body = await ask(handler, "/v1/echo", b"a" * 600, b"b" * 401)
    assert status == 413
    assert headers[b"Content-Type"] == b"application/problem+json"
    assert (json.loads(body)["code"], json.loads(body)["limit"]) == ("too_large", 1000)


async def test_a_client_that_leaves_in_mid_body_costs_nothing(handler: HttpApplication) -> None:
    assert await ask(handler, "/v1/echo", b"a", ends=False) == (0, {}, b"")


async def test_a_stream_is_sent_whole_with_its_headers_and_cookies(handler: HttpApplication) -> None:
    status, headers, body = await ask(handler, "/stream")
    assert (status, body, headers[b"X-Kept"]) == (203, b"one two", b"yes")
    assert headers[b"Set-Cookie"].startswith(b"taste=sweet")


async def test_threads_are_kept_from_request_to_request(handler: HttpApplication) -> None:
    names = {(await ask(handler, "/v1/echo", b"x"))[1][b"X-Thread"] for _ in range(6)}
    assert names <= {b"web_0", b"web_1"}


async def test_what_was_answered_waits_for_no_collection(handler: HttpApplication) -> None:
    gc.collect()
    gc.disable()
    try:
        status, _, body = await ask(handler, "/v1/held")
        assert (status, json.loads(body)) == (200, {"text": Held.text})
        assert [one() for one in Answering.held] == [None]
    finally:
        gc.enable()


async def test_who_sends_more_heavy_requests_than_may_wait_is_told_to_come_again(
    handler: HttpApplication, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agentsite.web_threads.WAITING_S", 0.01)
    handler.costs.note(kind_of("POST", "/v1/echo", 1), 1.0)
    async with handler.shares.of("somebody else", is_heavy=True):
        status, headers, body = await ask(handler, "/v1/echo", b"x")
        assert (status, json.loads(body)["code"]) == (429, "too_many_requests")
        assert int(headers[b"Retry-After"]) > 0
        assert "Nothing was done" in json.loads(body)["detail"]
    assert (await ask(handler, "/v1/echo", b"x"))[0] == 200
