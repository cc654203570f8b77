"""What every model client must do: the built-in rules, and the Hugging Face client before a real server."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing

import pytest

from refine_app.diffs.answers import parse_answer
from refine_app.model_clients.builtin import BuiltinClient
from refine_app.model_clients.client import Delta, Message, ModelClient, Subject
from refine_app.model_clients.huggingface import HuggingFaceClient
from tests.model_server import ModelServer
from tests.network_guard import network_guarded

CODE = "import os\n\n\ndef same(a):   \n    return a == None\n"
MESSAGES = [
    Message("system", "You refine code."),
    Message("user", f"Refine this.\n\n```python\n{CODE}```\n"),
]
SUBJECT = Subject(code=CODE, language="python", instruction="clean up, and fix comparisons")


@pytest.fixture(autouse=True)
def _no_network() -> Iterator[None]:
    with network_guarded():
        yield


@pytest.fixture(params=["builtin", "huggingface by URL"])
def client(request: pytest.FixtureRequest) -> Iterator[ModelClient]:
    if request.param == "builtin":
        yield BuiltinClient()
        return
    with ModelServer() as server:
        yield HuggingFaceClient(
            model="stand-in", url=server.url, token="", timeout_s=20, idle_timeout_s=10, allow_private=True
        )


def ask(client: ModelClient) -> AsyncIterator[Delta]:
    return client.stream(MESSAGES, max_tokens=2000, temperature=0.2, subject=SUBJECT)


async def test_the_answer_comes_in_pieces_and_ends_with_its_tokens(client: ModelClient) -> None:
    deltas = [delta async for delta in ask(client)]
    assert len([delta for delta in deltas if delta.text]) > 1
    assert [delta.tokens is not None for delta in deltas] == [False] * (len(deltas) - 1) + [True]
    assert deltas[-1].finish_reason == "stop"


async def test_the_answer_can_be_read_and_is_better(client: ModelClient) -> None:
    text = "".join([delta.text async for delta in ask(client)])
    answer = parse_answer(text, base=CODE, languages=("python",))
    assert "a is None" in answer.new_text
    assert "def same(a):\n" in answer.new_text
    assert answer.summary


async def test_hanging_up_early_leaves_nothing_behind(client: ModelClient) -> None:
    async with aclosing(ask(client)) as deltas:  # type: ignore[type-var]
        async for delta in deltas:
            assert delta.text
            break
    assert len(asyncio.all_tasks()) == 1


async def test_a_client_serves_many_calls_at_once(client: ModelClient) -> None:
    async def whole() -> str:
        return "".join([delta.text async for delta in ask(client)])

    answers = await asyncio.gather(*(whole() for _ in range(5)))
    assert len(set(answers)) == 1


async def test_nothing_secret_is_in_its_name(client: ModelClient) -> None:
    assert client.endpoint
    assert "token" not in client.endpoint


async def test_a_model_counts_tokens_and_rules_cost_none(client: ModelClient) -> None:
    tokens = [delta async for delta in ask(client)][-1].tokens
    assert tokens is not None
    assert (tokens.completion > 0) is client.is_model
    assert not tokens.estimated
