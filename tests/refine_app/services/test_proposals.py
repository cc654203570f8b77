from uuid import uuid4

import pytest
from django.db import transaction

from graphs_app.models import Run, node_run_id
from graphs_app.services.continuing import EDITED_BY
from refine_app.diffs import unified
from refine_app.errors import EffectRefused
from refine_app.models import Hunk, Proposal
from refine_app.services.decisions import accept_hunks
from refine_app.services.proposals import create_proposal
from sessions_app.models import Revision
from tests.refine_app.cast import BOTH_ENDS_CHANGED, CHECKS, TWENTY_LINES, Cast, make_cast, replaced

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast(db: None) -> Cast:
    return make_cast()


def status_of(proposal: Proposal) -> str:
    proposal.refresh_from_db()
    return proposal.status


def test_an_answer_becomes_a_proposal_against_the_requests_revision(cast: Cast) -> None:
    request = cast.asked()
    cast.write("somebody emptied it")
    proposal = cast.answered(request, BOTH_ENDS_CHANGED)
    assert (proposal.base_revision, proposal.status, proposal.checks) == (request.base_revision, "open", CHECKS)
    assert list(proposal.hunks.values_list("n", "old_start", "status")) == [(1, 1, "open"), (2, 16, "open")]
    assert proposal.diff.startswith("diff --git a/Lines.py b/Lines.py\n")


def test_the_session_is_told_of_a_proposal(cast: Cast) -> None:
    request = cast.asked()
    proposal = cast.answered(request, BOTH_ENDS_CHANGED, summary="Two names.")
    assert cast.told("proposal.created") == [
        {
            "type": "proposal.created",
            "run": request.run_id,
            "proposal": str(proposal.pk),
            "request": str(request.pk),
            "base_revision": 1,
            "hunks": 2,
            "summary": "Two names.",
            "checks": CHECKS,
            "status": "open",
            "superseded": [],
        }
    ]


def test_an_answer_that_changes_nothing_is_decided_at_once(cast: Cast) -> None:
    proposal = cast.answered(cast.asked(), TWENTY_LINES)
    assert (proposal.status, proposal.diff, proposal.hunks.count()) == ("decided", "", 0)
    assert cast.told("proposal.created")[0]["status"] == "decided"


def test_asked_for_twice_there_is_one_proposal_and_one_event(cast: Cast) -> None:
    request = cast.asked()
    cast.answered(request, BOTH_ENDS_CHANGED)
    payload = {"new_text": "something else\n"}
    assert create_proposal(request.run, node_run_id(request.run.pk, 6), payload) == []
    assert Proposal.objects.get().new_text == BOTH_ENDS_CHANGED
    assert Hunk.objects.count() == 2


def test_a_transaction_that_fails_after_the_effect_leaves_nothing_and_can_be_run_again(cast: Cast) -> None:
    request = cast.asked()

    def crash() -> None:
        with transaction.atomic():
            cast.answered(request, BOTH_ENDS_CHANGED)
            raise KeyError("the power went")

    with pytest.raises(KeyError):
        crash()
    assert (Proposal.objects.count(), cast.told("proposal.created")) == (0, [])
    assert cast.answered(request, BOTH_ENDS_CHANGED).hunks.count() == 2
    assert len(cast.told("proposal.created")) == 1


def test_an_older_proposal_is_open_until_the_new_one_is_there(cast: Cast) -> None:
    older = cast.answered(cast.asked(), BOTH_ENDS_CHANGED)
    request = cast.asked("again", parent=older.request)
    assert status_of(older) == "open"
    accept_hunks(user=cast.ana, proposal_id=older.pk, numbers=[1], now=cast.later())
    cast.answered(request, replaced(TWENTY_LINES, ("line 2", "line two"), ("line 9", "line nine")))
    assert status_of(older) == "superseded"
    assert cast.told("proposal.created")[-1]["superseded"] == [str(older.pk)]
    assert list(older.hunks.values_list("status", flat=True)) == ["accepted", "open"]


def test_a_decided_proposal_is_not_superseded(cast: Cast) -> None:
    older = cast.answered(cast.asked(), BOTH_ENDS_CHANGED)
    accept_hunks(user=cast.ana, proposal_id=older.pk, now=cast.later())
    cast.answered(cast.asked("again"), TWENTY_LINES)
    assert status_of(older) == "decided"


def test_an_answer_that_comes_late_does_not_close_that_of_a_newer_request(cast: Cast) -> None:
    slow, quick = cast.asked("slow"), cast.asked("quick", user=cast.ben)
    newer = cast.answered(quick, BOTH_ENDS_CHANGED)
    late = cast.answered(slow, replaced(TWENTY_LINES, ("line 9", "line nine")))
    assert (status_of(newer), status_of(late)) == ("open", "open")


def test_another_sessions_proposals_are_left_alone(cast: Cast) -> None:
    older = cast.answered(cast.asked(), BOTH_ENDS_CHANGED)
    for person in (cast.ana, cast.ben, cast.vera, cast.sam):
        person.username = f"other-{person.username}"
        person.save()
    other = make_cast()
    other.clock = cast.later()
    other.answered(other.asked(), BOTH_ENDS_CHANGED)
    assert status_of(older) == "open"


def test_a_run_that_serves_no_request_proposes_to_nobody(cast: Cast) -> None:
    run = Run.objects.create(graph_version=cast.asked().run.graph_version, metadata={})
    assert create_proposal(run, node_run_id(run.pk, 1), {"new_text": "x"}) == []


def test_a_run_cannot_propose_into_another_sessions_request(cast: Cast) -> None:
    request = cast.asked()
    run = Run.objects.create(graph_version=request.run.graph_version, metadata={"request": str(request.pk)})
    assert create_proposal(run, uuid4(), {"new_text": "x"}) == []


def test_what_is_stored_is_what_the_tool_made_and_nothing_is_made_again(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = cast.asked()
    by_hand = {
        **{"n": 1, "header": "@@ -1,20 +1,20 @@ all of it", "text": ""},
        **{"old_start": 1, "old_lines": 20, "new_start": 1, "new_lines": 20},
    }
    old, new = TWENTY_LINES.splitlines(keepends=True), BOTH_ENDS_CHANGED.splitlines(keepends=True)
    by_hand["text"] = "".join([f"-{line}" for line in old] + [f"+{line}" for line in new])
    monkeypatch.setattr(unified, "align", lambda *_: pytest.fail("a diff is made in the transaction"))
    payload = {"new_text": BOTH_ENDS_CHANGED, "hunks": [by_hand]}
    create_proposal(request.run, node_run_id(request.run.pk, 5), payload)
    proposal = Proposal.objects.get()
    [hunk] = proposal.hunks.all()
    assert (hunk.header, hunk.text) == (by_hand["header"], by_hand["text"])
    assert proposal.diff.startswith("diff --git a/Lines.py b/Lines.py\n")


def test_hunks_that_do_not_make_the_new_text_of_the_revision_are_refused(cast: Cast) -> None:
    request = cast.asked()
    hunks = [hunk.as_json() for hunk in unified.make_diff(TWENTY_LINES, BOTH_ENDS_CHANGED).hunks]
    for wrong in (
        {"new_text": BOTH_ENDS_CHANGED + "more\n", "hunks": hunks},
        {"new_text": BOTH_ENDS_CHANGED, "hunks": hunks[:1]},
        {"new_text": BOTH_ENDS_CHANGED, "hunks": [hunks[0], {**hunks[1], "old_start": 3}]},
        {"new_text": BOTH_ENDS_CHANGED, "hunks": [{**hunk, "header": "@@ x"} for hunk in hunks]},
        {"new_text": BOTH_ENDS_CHANGED},
    ):
        with pytest.raises(EffectRefused, match="of revision 1"):
            create_proposal(request.run, node_run_id(request.run.pk, 5), wrong)
    assert not Proposal.objects.exists()


@pytest.mark.parametrize("payload", [{}, {"new_text": 1}, {"new_text": "x", "checks": "passed"}])
def test_a_payload_that_cannot_be_meant_is_refused(cast: Cast, payload: dict[str, object]) -> None:
    with pytest.raises(EffectRefused):
        create_proposal(cast.asked().run, uuid4(), payload)


def test_line_ends_and_a_byte_order_mark_survive_being_accepted(cast: Cast) -> None:
    text = "\ufeff" + TWENTY_LINES.replace("\n", "\r\n").removesuffix("\r\n")
    cast.write(text)
    proposal = cast.answered(cast.asked(), text.replace("line 9\r\n", "line nine\r\n"))
    accept_hunks(user=cast.ana, proposal_id=proposal.pk, now=cast.later())
    assert cast.document.text == text.replace("line 9\r\n", "line nine\r\n")


def test_the_revision_a_request_was_made_on_is_pinned(cast: Cast) -> None:
    request = cast.asked()
    assert Revision.objects.get(document=cast.document, number=request.base_revision).pinned


def test_nothing_passes_as_checked_that_somebody_has_set(cast: Cast) -> None:
    request = cast.asked()
    Run.objects.filter(pk=request.run_id).update(metadata={**request.run.metadata, EDITED_BY: str(cast.ben.pk)})
    request.run.refresh_from_db()
    proposal = cast.answered(request, BOTH_ENDS_CHANGED)
    assert [(check["name"], check["verdict"]) for check in proposal.checks] == [("edited", "skipped")]
    assert proposal.endpoint == ""
