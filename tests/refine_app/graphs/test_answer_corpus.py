"""What comes of the answers in tests/corpora/answers when the graph refine_code asks for them."""

import pytest

from tests.corpora.answer_cases import AnswerCase, cases
from tests.model_server import ModelServer
from tests.refine_app.graphs.stage import play, request


@pytest.mark.parametrize("case", cases("product"), ids=lambda case: case.name)
async def test_a_refinement_comes_to_what_the_case_says(case: AnswerCase, server: ModelServer) -> None:
    expected = case.product or {}
    *script, server.default = case.behaviours
    server.then(*script)
    asked = {name: case.request[name] for name in ("instruction", "language") if name in case.request}
    played = await play("refine_code", request(case.base, **asked))
    proposals = [payload for name, payload in played.effects if name == "proposal.create"]
    said = [check["detail"] for proposal in proposals for check in proposal["checks"]]
    said += [message["content"] for one in server.requests for message in one.body["messages"][2:]]
    if played.ended.status == "failed":
        said.append(played.failure["message"])
    outcome = "proposed" if proposals else played.ended.status
    assert outcome == expected["outcome"], said
    if "text" in expected:
        assert proposals[0]["new_text"] == expected["text"]
    if "requests" in expected:
        assert server.count == expected["requests"], said
    assert expected.get("says", "") in "\n".join(said)
