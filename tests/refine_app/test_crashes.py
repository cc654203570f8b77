"""The power goes while an answer is written down: afterwards there is one proposal, never two and never none."""

from collections import Counter
from typing import Any

import pytest

from tests.refine_app.test_from_request_to_follow_up import UNTIDY, Program, frames_until


@pytest.mark.parametrize("place", ["in_checkpoint:5", "after_checkpoint:5"])
def test_a_killed_site_goes_on_and_proposes_once(start_site: Any, place: str) -> None:
    site = start_site(environment={"CRASH_AT": place, "RUN_LEASE_S": "2"})
    program = Program(site)
    session = program.post("/v1/sessions", {"title": "totals", "text": UNTIDY})["id"]
    asked = program.post(f"/v1/sessions/{session}/requests", {"intent": "refine_code", "instruction": "Format it"})
    assert site.web.wait(60) == -9
    del site.environment["CRASH_AT"]
    site.start()
    with program.watch(session) as socket:
        frames = frames_until(socket, "run.completed", "run.failed", run=asked["run"]["id"])
    types = Counter(frame["type"] for frame in frames)
    assert (types["run.completed"], types["run.failed"], types["proposal.created"]) == (1, 0, 1)
    [proposal] = program.get(f"/v1/sessions/{session}/proposals")["results"]
    assert [hunk["n"] for hunk in proposal["hunks"]] == list(range(1, len(proposal["hunks"]) + 1))
    decided = program.post(f"/v1/proposals/{proposal['id']}/accept")
    assert {hunk["status"] for hunk in decided["hunks"]} == {"accepted"}
