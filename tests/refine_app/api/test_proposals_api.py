import subprocess
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from rest_framework.test import APIClient

from refine_app.models import ModelCall, ModelCallText, Proposal
from refine_app.services.ledger import record_model_call
from sessions_app.models import Session, SessionStatus, User
from tests.refine_app.cast import BOTH_ENDS_CHANGED, CHECKS, TWENTY_LINES, Cast, make_cast, replaced

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast(db: None) -> Cast:
    return make_cast()


@pytest.fixture
def proposal(cast: Cast) -> Proposal:
    return cast.answered(cast.asked(), BOTH_ENDS_CHANGED)


def signed_in(user: User) -> APIClient:
    client = APIClient()
    client.force_authenticate(user)
    return client


@pytest.fixture
def ana(cast: Cast) -> APIClient:
    return signed_in(cast.ana)


def post(client: APIClient, path: str, body: dict[str, Any] | None = None, **headers: str) -> Any:
    return client.post(path, body or {}, format="json", headers=headers or None)


def test_a_proposal_has_the_shape_that_programs_were_promised(ana: APIClient, proposal: Proposal) -> None:
    shown = ana.get(f"/v1/proposals/{proposal.pk}").json()
    hunks = shown.pop("hunks")
    created_at = shown.pop("created_at")
    assert created_at.endswith("Z")
    assert shown == {
        "id": str(proposal.pk),
        "run": str(proposal.run_id),
        "request": str(proposal.request_id),
        "session": str(proposal.session_id),
        "base_revision": 1,
        "status": "open",
        "summary": "Tidied.",
        "endpoint": "builtin",
        "diff": proposal.diff,
        "checks": CHECKS,
        "api_version": "v1",
    }
    assert hunks[0] == {
        "n": 1,
        "header": "@@ -1,5 +1,5 @@",
        "old_start": 1,
        "old_lines": 5,
        "new_start": 1,
        "new_lines": 5,
        "text": " line 1\n-line 2\n+line two\n line 3\n line 4\n line 5\n",
        "warnings": [],
        "status": "open",
        "reason": "",
        "decided_by": None,
        "decided_at": None,
    }
    assert [hunk["n"] for hunk in hunks] == [1, 2]


def test_one_hunk_is_accepted_and_the_other_rejected(cast: Cast, ana: APIClient, proposal: Proposal) -> None:
    first = post(ana, f"/v1/proposals/{proposal.pk}/hunks/1/accept")
    assert (first.status_code, first.json()["status"]) == (200, "open")
    second = post(ana, f"/v1/proposals/{proposal.pk}/hunks/2/reject", {"reason": "keep it"}).json()
    assert second["status"] == "decided"
    assert [(hunk["status"], hunk["reason"]) for hunk in second["hunks"]] == [("accepted", ""), ("rejected", "keep it")]
    assert second["hunks"][0]["decided_by"] == {"id": str(cast.ana.pk), "name": "Ana", "is_guest": False}
    assert cast.document.text == replaced(TWENTY_LINES, ("line 2", "line two"))


def test_all_hunks_are_accepted_at_once(cast: Cast, ana: APIClient, proposal: Proposal) -> None:
    assert post(ana, f"/v1/proposals/{proposal.pk}/accept").json()["status"] == "decided"
    assert cast.document.text == BOTH_ENDS_CHANGED


def test_some_hunks_are_decided_by_their_numbers(ana: APIClient, proposal: Proposal) -> None:
    post(ana, f"/v1/proposals/{proposal.pk}/accept", {"hunks": [2]})
    shown = post(ana, f"/v1/proposals/{proposal.pk}/reject", {"hunks": [1], "reason": "no"}).json()
    assert [hunk["status"] for hunk in shown["hunks"]] == ["rejected", "accepted"]


def test_a_conflict_is_a_state_and_not_an_error(cast: Cast, ana: APIClient, proposal: Proposal) -> None:
    cast.write(replaced(TWENTY_LINES, ("line 2", "mine")))
    answer = post(ana, f"/v1/proposals/{proposal.pk}/hunks/1/accept")
    assert answer.status_code == 200
    assert answer.json()["hunks"][0]["status"] == "conflicted"
    assert "changed since" in answer.json()["hunks"][0]["reason"]


def assert_problem(answer: Any, status: int, code: str) -> None:
    assert (answer.status_code, answer.json()["code"], answer.json()["status"]) == (status, code, status)
    assert answer["Content-Type"].startswith("application/problem+json")


def test_what_is_decided_is_not_decided_again(cast: Cast, ana: APIClient, proposal: Proposal) -> None:
    post(ana, f"/v1/proposals/{proposal.pk}/accept")
    assert_problem(post(ana, f"/v1/proposals/{proposal.pk}/hunks/1/accept"), 409, "hunk_decided")
    assert_problem(post(ana, f"/v1/proposals/{proposal.pk}/reject"), 409, "proposal_decided")


def test_a_superseded_proposal_is_not_decided(cast: Cast, ana: APIClient, proposal: Proposal) -> None:
    cast.answered(cast.asked("again"), TWENTY_LINES)
    assert_problem(post(ana, f"/v1/proposals/{proposal.pk}/accept"), 409, "proposal_superseded")


def test_the_same_post_with_the_same_key_gets_the_same_answer(ana: APIClient, proposal: Proposal) -> None:
    path = f"/v1/proposals/{proposal.pk}/hunks/1/accept"
    first = post(ana, path, **{"Idempotency-Key": "once"})
    again = post(ana, path, **{"Idempotency-Key": "once"})
    assert (again.status_code, again.json()) == (200, first.json())


def test_a_viewer_reads_and_does_not_decide(cast: Cast, proposal: Proposal) -> None:
    vera = signed_in(cast.vera)
    assert vera.get(f"/v1/proposals/{proposal.pk}").status_code == 200
    for path in ("accept", "reject", "hunks/1/accept", "hunks/1/reject"):
        assert_problem(post(vera, f"/v1/proposals/{proposal.pk}/{path}"), 403, "not_allowed")


def test_a_stranger_finds_nothing(cast: Cast, proposal: Proposal) -> None:
    sam = signed_in(cast.sam)
    for path in (
        f"/v1/proposals/{proposal.pk}",
        f"/v1/proposals/{proposal.pk}/patch",
        f"/v1/requests/{proposal.request_id}",
        f"/v1/sessions/{cast.session.pk}/proposals",
        f"/v1/sessions/{cast.session.pk}/requests",
        f"/v1/proposals/{uuid4()}",
    ):
        assert_problem(sam.get(path), 404, "not_found")
    for path in ("accept", "reject", "hunks/1/accept", "hunks/1/reject"):
        assert_problem(post(sam, f"/v1/proposals/{proposal.pk}/{path}"), 404, "not_found")


def test_nobody_who_is_not_signed_in_finds_anything(proposal: Proposal) -> None:
    assert_problem(APIClient().get(f"/v1/proposals/{proposal.pk}"), 401, "not_authenticated")


def test_an_expired_session_can_be_read_and_not_decided_in(ana: APIClient, proposal: Proposal) -> None:
    Session.objects.update(status=SessionStatus.EXPIRED)
    assert ana.get(f"/v1/proposals/{proposal.pk}").status_code == 200
    assert_problem(post(ana, f"/v1/proposals/{proposal.pk}/accept"), 409, "session_expired")


@pytest.mark.parametrize("path", ["hunks/3/accept", "hunks/0/reject", "hunks/99999999999999999999/accept"])
def test_a_hunk_that_is_not_there_is_not_found(ana: APIClient, proposal: Proposal, path: str) -> None:
    assert_problem(post(ana, f"/v1/proposals/{proposal.pk}/{path}"), 404, "not_found")


@pytest.mark.parametrize(
    ("path", "body", "pointer"),
    [
        ("accept", {"hunks": []}, "/hunks"),
        ("accept", {"hunks": "all"}, "/hunks"),
        ("accept", {"hunks": [0]}, "/hunks/0"),
        ("reject", {"reason": ["because"]}, "/reason"),
    ],
)
def test_a_malformed_decision_is_pointed_at(
    ana: APIClient, proposal: Proposal, path: str, body: dict[str, Any], pointer: str
) -> None:
    answer = post(ana, f"/v1/proposals/{proposal.pk}/{path}", body)
    assert_problem(answer, 422, "invalid")
    assert answer.json()["errors"][0]["pointer"] == pointer


def test_git_applies_the_patch(cast: Cast, ana: APIClient, proposal: Proposal, tmp_path: Path) -> None:
    answer = ana.get(f"/v1/proposals/{proposal.pk}/patch")
    assert answer["Content-Type"] == "text/x-patch; charset=utf-8"
    assert answer["Content-Disposition"] == "attachment; filename*=UTF-8''Lines.py.patch"
    (tmp_path / "Lines.py").write_bytes(TWENTY_LINES.encode())
    subprocess.run(["git", "apply", "-"], cwd=tmp_path, input=answer.content, check=True)
    assert (tmp_path / "Lines.py").read_text() == BOTH_ENDS_CHANGED


def test_a_patch_of_crlf_lines_without_a_last_line_feed_applies(cast: Cast, ana: APIClient, tmp_path: Path) -> None:
    text = TWENTY_LINES.replace("\n", "\r\n").removesuffix("\r\n")
    cast.write(text)
    proposal = cast.answered(cast.asked(), text.replace("line 20", "line zwölf"))
    patch = ana.get(f"/v1/proposals/{proposal.pk}/patch", headers={"Accept": "text/x-patch"})
    (tmp_path / "Lines.py").write_bytes(text.encode())
    subprocess.run(["git", "apply", "-"], cwd=tmp_path, input=patch.content, check=True)
    assert (tmp_path / "Lines.py").read_bytes() == proposal.new_text.encode()


def test_proposals_are_listed_newest_first_in_pages(cast: Cast, ana: APIClient, proposal: Proposal) -> None:
    second = cast.answered(cast.asked("again"), TWENTY_LINES)
    page = ana.get(f"/v1/sessions/{cast.session.pk}/proposals?limit=1").json()
    assert [shown["id"] for shown in page["results"]] == [str(second.pk)]
    assert page["previous"] is None
    rest = ana.get(page["next"]).json()
    assert [(shown["id"], shown["status"]) for shown in rest["results"]] == [(str(proposal.pk), "superseded")]


def test_listing_many_proposals_takes_as_many_queries_as_listing_one(
    cast: Cast, ana: APIClient, proposal: Proposal, django_assert_max_num_queries: Any
) -> None:
    for n in range(5):
        cast.answered(cast.asked(f"{n}"), BOTH_ENDS_CHANGED)
    with django_assert_max_num_queries(8):
        ana.get(f"/v1/sessions/{cast.session.pk}/proposals")


def test_people_see_their_own_model_calls(cast: Cast, ana: APIClient) -> None:
    run = cast.asked().run
    record_model_call(run, uuid4(), {"endpoint": "small", "cost_usd": "0.5", "prompt_tokens": 3, "latency_ms": 2.5})
    [call] = ana.get(f"/v1/model-calls?run={run.pk}").json()["results"]
    assert (call["endpoint"], call["tokens"], call["run"]) == ("small", {"prompt": 3, "completion": 0}, str(run.pk))
    assert (float(call["cost_usd"]), type(call["cost_usd"])) == (0.5, str)
    assert signed_in(cast.ben).get("/v1/model-calls").json()["results"] == []
    assert_problem(ana.get("/v1/model-calls?session=nonsense"), 422, "invalid")


def test_what_was_said_to_a_model_is_read_by_members_of_the_session_and_by_nobody_else(cast: Cast) -> None:
    run, node_run = cast.asked().run, uuid4()
    for endpoint in ("first", "second"):
        record_model_call(run, node_run, {"endpoint": endpoint})
    call = ModelCall.objects.get(endpoint="second")
    ModelCallText.objects.create(
        call=call, run=run, prompt=[{"role": "user", "content": "Tidy."}], reply="So be it.", truncated=True
    )
    path = f"/v1/runs/{run.pk}/node-runs/{node_run}/model-calls"
    for member in (cast.ana, cast.ben, cast.vera):
        first, second = signed_in(member).get(path).json()["model_calls"]
        assert (first["endpoint"], first["prompt"], first["reply"], first["kept"]) == ("first", [], "", False)
        assert (second["endpoint"], second["kept"], second["truncated"]) == ("second", True, True)
        assert (second["prompt"], second["reply"]) == ([{"role": "user", "content": "Tidy."}], "So be it.")
    olga = User.objects.create_user(username="olga", is_staff=True, is_superuser=True)
    for stranger in (cast.sam, olga):
        assert signed_in(stranger).get(path).status_code == 404
    assert signed_in(cast.ana).get(f"/v1/runs/{run.pk}/node-runs/{uuid4()}/model-calls").json()["model_calls"] == []
    assert signed_in(cast.ana).get(f"/v1/runs/{uuid4()}/node-runs/{node_run}/model-calls").status_code == 404
    run.session = None
    run.save()
    assert signed_in(cast.ana).get(path).status_code == 200
    assert signed_in(cast.ben).get(path).status_code == 404


def test_a_hunk_tells_which_of_the_texts_checks_and_bodies_it_takes_away(ana: APIClient, proposal: Proposal) -> None:
    guard = {"name": "if not user.is_admin:", "kind": "check", "line": 2}
    body = {"name": "load", "kind": "body of the function", "line": 19}
    proposal.checks = [{"name": "definitions", "verdict": "failed", "detail": "", "losses": [body], "removed": [guard]}]
    proposal.save()
    first, second = ana.get(f"/v1/proposals/{proposal.pk}").json()["hunks"]
    assert first["warnings"] == ["removes the check 'if not user.is_admin:' (line 2)"]
    assert second["warnings"] == ["takes away the body of the function 'load' (line 19); nobody asked for that"]
