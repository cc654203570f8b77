"""What every client that speaks to a model server makes of the answers in tests/corpora/answers."""

from collections.abc import Callable, Iterator
from contextlib import aclosing
from typing import Any, cast

import pytest

from refine_app.model_clients.client import Message, ModelClient
from refine_app.model_clients.errors import ModelError
from refine_app.model_clients.huggingface import HuggingFaceClient
from tests.corpora.answer_cases import AnswerCase, cases
from tests.model_server import ModelServer
from tests.network_guard import network_guarded

MESSAGES = [Message("system", "You refine code."), Message("user", "Refine this.")]
FOLDED = [{"role": "user", "content": "You refine code.\n\nRefine this."}]
MAX_TOKENS = 500


def hugging_face(url: str) -> ModelClient:
    return HuggingFaceClient(model="stand-in", url=url, timeout_s=20, idle_timeout_s=5, allow_private=True)


CLIENTS: dict[str, Callable[[str], ModelClient]] = {"huggingface": hugging_face}


@pytest.fixture(autouse=True)
def _no_network() -> Iterator[None]:
    with network_guarded():
        yield


async def heard(client: ModelClient) -> dict[str, Any]:
    """What a call comes to, in the words of a case."""
    text = thought = ""
    finish_reason = None
    try:
        stream = client.stream(MESSAGES, max_tokens=MAX_TOKENS, temperature=0.2)
        async with aclosing(cast(Any, stream)) as deltas:
            async for delta in deltas:
                text += delta.text
                thought += delta.thought
                finish_reason = delta.finish_reason or finish_reason
    except ModelError as error:
        return {"error": error.code, "retryable": error.retryable, "says": str(error)}
    return {"text": text, "thought": thought, "finish_reason": finish_reason}


@pytest.mark.parametrize("name", CLIENTS)
@pytest.mark.parametrize("case", cases("client"), ids=lambda case: case.name)
async def test_a_client_makes_of_an_answer_what_the_case_says(case: AnswerCase, name: str) -> None:
    expected = dict(case.client or {})
    requests, sent, says = expected.pop("requests", None), expected.pop("sent", {}), expected.pop("says", "")
    *script, last = case.behaviours
    with ModelServer(*script, default=last) as server:
        client = CLIENTS[name](server.url)
        found = await heard(client)
        assert {key: found.get(key) for key in expected} == expected, found
        assert says in found.get("says", found.get("text", ""))
        if requests is not None:
            assert server.count == requests
        body = server.requests[-1].body
        if sent.pop("messages", "") == "@folded":
            assert body["messages"] == FOLDED
        assert {key: body.get(key, False) for key in sent} == sent
        before = server.count
        await heard(client)
        if "error" not in found:
            assert server.count == before + 1, "what was learnt is remembered"
