"""What every client that speaks to a model server makes of the answers in tests/corpora/answers."""

from collections.abc import Iterator

import pytest

from refine_app.model_clients.client import Message
from refine_app.model_clients.quirks import Quirks
from tests.corpora.answer_cases import AnswerCase, cases
from tests.corpora.answer_clients import CLIENTS, heard
from tests.model_server import ModelServer
from tests.network_guard import network_guarded

MESSAGES = [["system", "You refine code."], ["user", "Refine this."]]
SENT = {
    "@folded": [{"role": "user", "content": "You refine code.\n\nRefine this."}],
    "@merged": [
        {"role": "system", "content": "You refine code."},
        {"role": "user", "content": "Refine this.\n\nAnd again."},
    ],
}


@pytest.fixture(autouse=True)
def _no_network() -> Iterator[None]:
    with network_guarded():
        yield


@pytest.mark.parametrize("name", CLIENTS)
@pytest.mark.parametrize("case", cases("client"), ids=lambda case: case.name)
async def test_a_client_makes_of_an_answer_what_the_case_says(case: AnswerCase, name: str) -> None:
    expected = dict(case.client or {})
    requests, sent, says = expected.pop("requests", None), dict(expected.pop("sent", {})), expected.pop("says", "")
    quirks = expected.pop("quirks", None)
    messages = [Message(role, words) for role, words in case.request.get("messages", MESSAGES)]
    *script, last = case.behaviours
    with ModelServer(*script, default=last) as server:
        client = CLIENTS[name](server.url, Quirks.from_json(case.request.get("quirks")))
        found = await heard(client, messages)
        assert {key: found.get(key) for key in expected} == expected, found
        assert says in found.get("says", found.get("text", ""))
        if requests is not None:
            assert server.count == requests
        body = server.requests[-1].body
        sent = {key: SENT.get(value, value) if isinstance(value, str) else value for key, value in sent.items()}
        assert {key: body.get(key, False) for key in sent} == sent
        if quirks is not None:
            assert client.quirks.in_words() == quirks
        before = server.count
        await heard(client, messages)
        if "error" not in found:
            assert server.count == before + 1, "what was learnt is remembered"
