"""The Hugging Face client before a server that fails in every way that real ones do."""

import asyncio
import json
import os
from collections.abc import Callable, Iterator
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx2
import pytest

from refine_app.model_clients.client import Delta, Message
from refine_app.model_clients.errors import (
    ContextTooLong,
    EndpointLoading,
    EndpointTimeout,
    EndpointUnavailable,
    ModelError,
    OutputInvalid,
    RateLimited,
    StreamBroken,
    Unauthorized,
)
from refine_app.model_clients.huggingface import HuggingFaceClient
from tests.model_server import Behaviour, ModelServer

MESSAGES = [Message("system", "You refine."), Message("user", "```python\nx == None\n```")]


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with ModelServer() as running:
        yield running


def client_of(server: ModelServer, *, token: str = "", timeout_s: float = 10, idle_s: float = 5) -> HuggingFaceClient:
    return HuggingFaceClient(
        model="stand-in", url=server.url, token=token, timeout_s=timeout_s, idle_timeout_s=idle_s, allow_private=True
    )


async def answer(client: HuggingFaceClient) -> list[Delta]:
    return [delta async for delta in client.stream(MESSAGES, max_tokens=500, temperature=0.0)]


def text_of(deltas: list[Delta]) -> str:
    return "".join(delta.text for delta in deltas)


async def error_of(server: ModelServer, behaviour: Behaviour, **client: float) -> ModelError:
    server.then(behaviour)
    with pytest.raises(ModelError) as caught:
        await answer(client_of(server, **client))  # type: ignore[arg-type]
    return caught.value


REFUSALS = [
    (503, EndpointLoading, True),
    (429, RateLimited, True),
    (500, EndpointUnavailable, True),
    (502, EndpointUnavailable, True),
    (504, EndpointTimeout, True),
    (401, Unauthorized, False),
    (402, Unauthorized, False),
    (403, Unauthorized, False),
    (404, EndpointUnavailable, False),
    (400, EndpointUnavailable, False),
    (413, ContextTooLong, False),
    (422, EndpointUnavailable, False),
]


@pytest.mark.parametrize(("status", "kind", "retryable"), REFUSALS)
async def test_a_refusal_has_its_own_error_and_says_whether_to_try_again(
    server: ModelServer, status: int, kind: type[ModelError], retryable: bool
) -> None:
    error = await error_of(server, Behaviour(status=status))
    assert type(error) is kind
    assert error.retryable is retryable
    assert str(status) in str(error)
    assert f"refused {status}" in str(error)
    assert error.retry_after_s is None


@pytest.mark.parametrize("status", [429, 503])
async def test_retry_after_in_seconds_is_honoured(server: ModelServer, status: int) -> None:
    error = await error_of(server, Behaviour(status=status, headers={"Retry-After": "7"}))
    assert error.retry_after_s == 7


async def test_retry_after_as_a_date_is_honoured_and_capped(server: ModelServer) -> None:
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=60))
    error = await error_of(server, Behaviour(status=429, headers={"Retry-After": soon}))
    assert 50 < (error.retry_after_s or 0) <= 60
    late = format_datetime(datetime.now(UTC) + timedelta(days=9))
    error = await error_of(server, Behaviour(status=429, headers={"Retry-After": late}))
    assert error.retry_after_s == 300


@pytest.mark.parametrize("said", ["soon", "-3", "", "1e9", "nan"])
async def test_a_retry_after_that_makes_no_sense_is_no_retry_after(server: ModelServer, said: str) -> None:
    error = await error_of(server, Behaviour(status=429, headers={"Retry-After": said}))
    assert error.retry_after_s is None


async def test_a_model_that_is_loading_says_how_long_it_will_take(server: ModelServer) -> None:
    body = json.dumps({"error": "Model stand-in is currently loading", "estimated_time": 20.5})
    error = await error_of(server, Behaviour(status=503, body=body))
    assert error.code == "endpoint_loading"
    assert error.retry_after_s == 20.5


async def test_a_text_that_is_too_long_is_told_apart(server: ModelServer) -> None:
    body = json.dumps({"error": {"message": "This model's maximum context length is 4096 tokens."}})
    error = await error_of(server, Behaviour(status=400, body=body))
    assert error.code == "context_too_long"


async def test_a_refusal_with_an_endless_body_is_bounded(server: ModelServer) -> None:
    error = await error_of(server, Behaviour(status=500, body=b"x" * 30_000_000))
    assert len(str(error)) < 1000


async def test_a_redirect_is_not_followed(server: ModelServer) -> None:
    error = await error_of(server, Behaviour(status=307, headers={"Location": "http://127.0.0.1:1/elsewhere"}))
    assert error.code == "endpoint_unavailable"
    assert "elsewhere" in str(error)
    assert not error.retryable


async def test_a_server_that_is_not_there_is_unavailable() -> None:
    client = HuggingFaceClient(
        model="m", url="http://127.0.0.1:1/v1", timeout_s=5, idle_timeout_s=5, allow_private=True
    )
    with pytest.raises(EndpointUnavailable, match="cannot be reached"):
        await answer(client)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "0x7f.1", "169.254.169.254"])
async def test_an_endpoint_that_leads_into_this_network_is_refused_before_anything_is_sent(
    server: ModelServer, host: str
) -> None:
    client = HuggingFaceClient(model="m", url=server.url.replace("127.0.0.1", host), token="mine", timeout_s=5)
    with pytest.raises(EndpointUnavailable, match="is not called") as refused:
        await answer(client)
    assert (refused.value.retryable, server.count) == (False, 0)


async def test_a_url_that_is_none_is_an_error_of_ours() -> None:
    with pytest.raises(ModelError):
        await answer(HuggingFaceClient(model="m", url="http://[oops/v1", timeout_s=5, idle_timeout_s=5))


async def test_silence_before_the_answer_is_a_timeout(server: ModelServer) -> None:
    error = await error_of(server, Behaviour(latency_s=5), idle_s=0.2)
    assert error.code == "endpoint_timeout"
    assert "silent for 0.2 s" in str(error)


async def test_a_half_open_stream_is_a_timeout(server: ModelServer) -> None:
    error = await error_of(server, Behaviour(stall_after=2, chunk=4), idle_s=0.2)
    assert error.code == "endpoint_timeout"
    assert error.retryable


async def test_keep_alive_comments_do_not_keep_a_call_alive_for_ever(server: ModelServer) -> None:
    error = await error_of(server, Behaviour(stall_after=2, chunk=4, keep_alive=True), timeout_s=0.6, idle_s=0.3)
    assert error.code == "endpoint_timeout"
    assert "longer than 0.6 s" in str(error)


async def test_a_slow_drip_is_read_to_its_end_while_the_call_may_last(server: ModelServer) -> None:
    server.then(Behaviour(chunk=10, drip_s=0.01))
    deltas = await answer(client_of(server, idle_s=1))
    assert "x is None" in text_of(deltas)


async def test_a_drip_that_lasts_too_long_is_a_timeout(server: ModelServer) -> None:
    error = await error_of(server, Behaviour(chunk=1, drip_s=0.05), timeout_s=0.4)
    assert error.code == "endpoint_timeout"


@pytest.mark.parametrize("fault", [Behaviour(hang_up_after=2, chunk=4), Behaviour(stop_after=2, chunk=4)])
async def test_a_stream_that_ends_before_its_end_is_broken(server: ModelServer, fault: Behaviour) -> None:
    error = await error_of(server, fault)
    assert isinstance(error, StreamBroken)
    assert error.retryable


@pytest.mark.parametrize(
    "garbage",
    [
        b"data: {not json}\n\n",
        b"data: []\n\n",
        b"data: null\n\n",
        b'data: {"choices": 5}\n\n',
        b'data: {"choices": [7]}\n\n',
        b'data: {"choices": [{"delta": {"content": {"a": 1}}}]}\n\n',
        b"data: " + b"[" * 100_000 + b"\n\n",
        b"data: \xff\xfe\x00\n\n",
    ],
)
async def test_garbage_in_the_stream_is_invalid_output(server: ModelServer, garbage: bytes) -> None:
    error = await error_of(server, Behaviour(garbage=garbage))
    assert isinstance(error, OutputInvalid)
    assert "does not speak the chat protocol" in str(error)


async def test_an_error_event_in_the_stream_is_told_in_its_words(server: ModelServer) -> None:
    event = b'data: {"error": {"message": "out of memory on the card"}}\n\n'
    error = await error_of(server, Behaviour(garbage=event))
    assert isinstance(error, StreamBroken)
    assert "out of memory" in str(error)


async def test_a_web_page_instead_of_an_answer_is_no_answer(server: ModelServer) -> None:
    error = await error_of(server, Behaviour(body="<html>login</html>"))
    assert error.code in ("invalid_output", "stream_broken")


async def test_empty_chunks_are_passed_over(server: ModelServer) -> None:
    server.then(Behaviour(empty_chunks=True))
    assert "x is None" in text_of(await answer(client_of(server)))


@pytest.mark.parametrize("raw", [b"data: " + b"x" * 1_000_000, b"{" * 1_000_000])
async def test_a_line_without_end_is_cut_off(server: ModelServer, raw: bytes) -> None:
    error = await error_of(server, Behaviour(raw=raw, raw_times=50))
    assert isinstance(error, OutputInvalid)
    assert "in a line" in str(error)


async def test_an_answer_without_end_is_cut_off(server: ModelServer) -> None:
    event = {"choices": [{"index": 0, "delta": {"content": "y" * 100_000}}]}
    raw = b"data: " + json.dumps(event).encode() + b"\n\n"
    error = await error_of(server, Behaviour(raw=raw, raw_times=500))
    assert isinstance(error, OutputInvalid)
    assert "longer than" in str(error)


async def test_a_compressed_answer_is_refused_because_it_could_unfold_to_any_size(server: ModelServer) -> None:
    error = await error_of(server, Behaviour(raw=b"data: [DONE]\n\n", compressed=True))
    assert isinstance(error, OutputInvalid)
    assert server.requests[0].headers["accept-encoding"] == "identity"


async def test_nul_and_lone_surrogates_are_dropped(server: ModelServer) -> None:
    server.then(Behaviour(answer="a\0b\ud800c", chunk=2))
    assert text_of(await answer(client_of(server))) == "abc"


async def test_honest_usage_is_taken(server: ModelServer) -> None:
    tokens = (await answer(client_of(server)))[-1].tokens
    assert tokens is not None
    assert not tokens.estimated
    assert tokens.completion == server.tokens_served or abs(tokens.completion - server.tokens_served) < 20


@pytest.mark.parametrize("usage", ["missing", "lying", "broken"])
async def test_usage_that_is_missing_or_cannot_be_true_is_estimated(server: ModelServer, usage: str) -> None:
    server.then(Behaviour(usage=usage))  # type: ignore[arg-type]
    tokens = (await answer(client_of(server)))[-1].tokens
    assert tokens is not None
    assert tokens.estimated
    assert 10 < tokens.completion < 200


async def test_a_server_that_does_not_know_stream_options_is_asked_without_and_only_once(server: ModelServer) -> None:
    server.default = Behaviour(refuses_stream_options=True)
    client = client_of(server)
    assert "x is None" in text_of(await answer(client))
    assert "x is None" in text_of(await answer(client))
    assert ["stream_options" in request.body for request in server.requests] == [True, False, False]


async def test_the_answers_cut_at_the_token_limit_say_so(server: ModelServer) -> None:
    server.then(Behaviour(finish_reason="length"))
    assert (await answer(client_of(server)))[-1].finish_reason == "length"


async def test_the_endpoints_token_is_sent_and_never_shown(server: ModelServer) -> None:
    client = client_of(server, token="secret-token")
    await answer(client)
    assert server.requests[0].headers["authorization"] == "Bearer secret-token"
    assert "secret-token" not in repr(client)
    assert "secret-token" not in client.endpoint


async def test_the_hugging_face_token_never_goes_to_another_server(
    server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_CANARY")
    assert os.environ["HF_TOKEN"] == "hf_CANARY"
    await answer(client_of(server))
    assert "authorization" not in server.requests[0].headers
    assert "CANARY" not in json.dumps([server.requests[0].headers, server.requests[0].body])


async def test_a_password_in_the_url_is_not_part_of_the_name() -> None:
    client = HuggingFaceClient(model="m", url="https://user:secret@models.example/v1")
    assert client.endpoint == "models.example/m"


class Recorded(httpx2.AsyncBaseTransport):
    """Keeps what would have been sent."""

    def __init__(self) -> None:
        self.requests: list[httpx2.Request] = []

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        self.requests.append(request)
        return httpx2.Response(429, json={"error": "later"})


async def test_a_model_by_its_id_goes_through_the_router_with_the_token() -> None:
    recorded = Recorded()
    made: Callable[[], httpx2.AsyncBaseTransport] = lambda: recorded  # noqa: E731
    with pytest.raises(RateLimited):
        await answer(HuggingFaceClient(model="org/model", token="hf_mine", transport=made))
    sent = recorded.requests[0]
    assert str(sent.url) == "https://router.huggingface.co/v1/chat/completions"
    assert sent.headers["authorization"] == "Bearer hf_mine"
    assert json.loads(sent.content)["model"] == "org/model"


async def test_cancelling_hangs_up(server: ModelServer) -> None:
    server.then(Behaviour(stall_after=1, chunk=4))
    got = asyncio.Event()

    async def read() -> None:
        async with aclosing(client_of(server).stream(MESSAGES, max_tokens=5, temperature=0)) as deltas:
            async for _ in deltas:
                got.set()

    task = asyncio.create_task(read())
    await asyncio.wait_for(got.wait(), 5)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert asyncio.all_tasks() == {asyncio.current_task()}
