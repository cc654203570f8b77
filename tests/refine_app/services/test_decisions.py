from collections.abc import Callable
from threading import Barrier, Thread
from typing import Any

import pytest
from django.db import connection, transaction

from refine_app.errors import HunkDecided, HunkNotFound, ProposalDecided, ProposalSuperseded, ReasonTooLong
from refine_app.models import Proposal
from refine_app.services.decisions import accept_hunks, reject_hunks
from sessions_app.errors import InvalidText, NotAllowed, NotFound, SessionExpired
from sessions_app.models import Revision, Session, SessionStatus
from sessions_app.services import documents
from tests.refine_app.cast import BOTH_ENDS_CHANGED, TWENTY_LINES, Cast, make_cast, replaced


@pytest.fixture
def cast(transactional_db: None) -> Cast:
    return make_cast()


@pytest.fixture
def proposal(cast: Cast) -> Proposal:
    with transaction.atomic():
        return cast.answered(cast.asked(), BOTH_ENDS_CHANGED)


def statuses(proposal: Proposal) -> list[str]:
    return list(proposal.hunks.order_by("n").values_list("status", flat=True))


def accept(cast: Cast, proposal: Proposal, *numbers: int, user: Any = None) -> Proposal:
    return accept_hunks(user=user or cast.ana, proposal_id=proposal.pk, numbers=list(numbers) or None, now=cast.later())


def reject(cast: Cast, proposal: Proposal, *numbers: int, reason: str = "", user: Any = None) -> Proposal:
    return reject_hunks(
        user=user or cast.ana,
        proposal_id=proposal.pk,
        numbers=list(numbers) or None,
        reason=reason,
        now=cast.later(),
    )


def test_an_accepted_hunk_is_in_the_document_and_the_other_is_not(cast: Cast, proposal: Proposal) -> None:
    decided = accept(cast, proposal, 1)
    assert cast.document.text == replaced(TWENTY_LINES, ("line 2", "line two"))
    assert (decided.status, statuses(decided)) == ("open", ["accepted", "open"])


def test_accepting_everything_is_one_change_and_one_revision(cast: Cast, proposal: Proposal) -> None:
    before = cast.document.revision
    decided = accept(cast, proposal)
    assert cast.document.text == BOTH_ENDS_CHANGED
    assert cast.document.revision == before + 1
    assert (decided.status, statuses(decided)) == ("decided", ["accepted", "accepted"])
    revision = Revision.objects.get(document=cast.document, number=before + 1)
    assert revision.author == cast.ana
    assert revision.origin == {
        "kind": "proposal",
        "proposal": str(proposal.pk),
        "run": str(proposal.run_id),
        "node": "propose",
        "node_run": str(proposal.node_run),
        "hunks": [1, 2],
        "endpoint": "builtin",
        "agent": "refine_code",
    }


def test_a_decision_is_told_in_the_order_of_what_happened(cast: Cast, proposal: Proposal) -> None:
    accept(cast, proposal, 2, user=cast.ben)
    saved, accepted = cast.told()[-2:]
    assert saved["type"] == "document.saved"
    assert (saved["by"], saved["origin"]) == ("refine_code via Ben", "proposal")
    assert accepted == {
        "type": "hunk.accepted",
        "run": proposal.run_id,
        "proposal": str(proposal.pk),
        "hunks": [2],
        "by": "Ben",
        "by_id": str(cast.ben.pk),
        "revision": cast.document.revision,
        "status": "open",
    }


@pytest.mark.parametrize("order", [(1, 2), (2, 1)])
def test_the_order_in_which_hunks_are_accepted_does_not_matter(
    cast: Cast, proposal: Proposal, order: tuple[int, int]
) -> None:
    for n in order:
        accept(cast, proposal, n)
    assert cast.document.text == BOTH_ENDS_CHANGED


def test_what_people_wrote_meanwhile_stays(cast: Cast, proposal: Proposal) -> None:
    cast.write("# Ben was here\n" + replaced(TWENTY_LINES, ("line 10", "line ten")), user=cast.ben)
    accept(cast, proposal)
    assert cast.document.text == "# Ben was here\n" + replaced(BOTH_ENDS_CHANGED, ("line 10", "line ten"))


def test_a_hunk_that_no_longer_fits_is_a_conflict_and_the_others_go_in(cast: Cast, proposal: Proposal) -> None:
    edited = replaced(TWENTY_LINES, ("line 2", "my own second line"))
    cast.write(edited, user=cast.ben)
    decided = accept(cast, proposal)
    assert cast.document.text == replaced(edited, ("line 19", "line nineteen"))
    assert (decided.status, statuses(decided)) == ("decided", ["conflicted", "accepted"])
    assert "changed since" in decided.hunks.get(n=1).reason
    conflicted = cast.told("hunk.conflicted")[-1]
    assert (conflicted["hunks"], conflicted["revision"]) == ([1], None)
    assert "changed since" in conflicted["reasons"]["1"]
    assert Revision.objects.filter(document=cast.document).latest("number").origin["hunks"] == [2]


def test_a_conflict_alone_changes_nothing_in_the_document(cast: Cast, proposal: Proposal) -> None:
    document = cast.write(replaced(TWENTY_LINES, ("line 2", "my own")))
    accept(cast, proposal, 1)
    assert (cast.document.text, cast.document.revision) == (document.text, document.revision)


def test_a_conflicted_hunk_can_be_tried_again_when_the_text_is_back(cast: Cast, proposal: Proposal) -> None:
    cast.write(replaced(TWENTY_LINES, ("line 2", "my own")))
    accept(cast, proposal, 1)
    cast.write(TWENTY_LINES)
    decided = accept(cast, proposal, 1)
    assert statuses(decided) == ["accepted", "open"]
    assert decided.hunks.get(n=1).reason == ""
    assert cast.document.text == replaced(TWENTY_LINES, ("line 2", "line two"))


def test_a_conflicted_hunk_can_be_rejected(cast: Cast, proposal: Proposal) -> None:
    cast.write(replaced(TWENTY_LINES, ("line 2", "my own")))
    accept(cast, proposal)
    assert statuses(reject(cast, proposal, 1)) == ["rejected", "accepted"]


def test_a_hunk_whose_result_somebody_wrote_themselves_is_accepted_without_a_change(
    cast: Cast, proposal: Proposal
) -> None:
    document = cast.write(replaced(TWENTY_LINES, ("line 2", "line two")))
    accept(cast, proposal, 1)
    assert cast.document.revision == document.revision
    assert cast.told("hunk.accepted")[-1]["revision"] is None


def test_a_rejection_keeps_its_reason_and_leaves_the_document_alone(cast: Cast, proposal: Proposal) -> None:
    decided = reject(cast, proposal, 1, reason=" the old name is public ")
    hunk = decided.hunks.get(n=1)
    assert (hunk.status, hunk.reason, hunk.decided_by) == ("rejected", "the old name is public", cast.ana)
    assert cast.document.text == TWENTY_LINES
    told = cast.told("hunk.rejected")[-1]
    assert (told["hunks"], told["reason"], told["revision"]) == ([1], "the old name is public", None)


def test_a_proposal_is_decided_when_no_hunk_is_open(cast: Cast, proposal: Proposal) -> None:
    assert reject(cast, proposal, 1).status == "open"
    assert accept(cast, proposal, 2).status == "decided"
    assert cast.told("hunk.accepted")[-1]["status"] == "decided"


def test_a_decided_hunk_cannot_be_decided_again(cast: Cast, proposal: Proposal) -> None:
    accept(cast, proposal, 1)
    with pytest.raises(HunkDecided, match="accepted already"):
        reject(cast, proposal, 1)
    with pytest.raises(HunkDecided):
        accept(cast, proposal, 1, 2)
    assert statuses(proposal) == ["accepted", "open"]


def test_when_nothing_is_left_to_decide_it_is_said(cast: Cast, proposal: Proposal) -> None:
    accept(cast, proposal)
    for decide in (accept, reject):
        with pytest.raises(ProposalDecided):
            decide(cast, proposal)


def test_a_number_without_a_hunk_is_refused_and_nothing_changes(cast: Cast, proposal: Proposal) -> None:
    with pytest.raises(HunkNotFound, match="expected 1 to 2"):
        accept(cast, proposal, 1, 7)
    assert statuses(proposal) == ["open", "open"]


def test_a_superseded_proposal_cannot_be_decided(cast: Cast, proposal: Proposal) -> None:
    with transaction.atomic():
        cast.answered(cast.asked("again"), replaced(TWENTY_LINES, ("line 5", "line five")))
    for decide in (accept, reject):
        with pytest.raises(ProposalSuperseded):
            decide(cast, proposal, 1)


def test_a_viewer_cannot_decide(cast: Cast, proposal: Proposal) -> None:
    for decide in (accept, reject):
        with pytest.raises(NotAllowed):
            decide(cast, proposal, 1, user=cast.vera)


def test_for_a_stranger_the_proposal_does_not_exist(cast: Cast, proposal: Proposal) -> None:
    for decide in (accept, reject):
        with pytest.raises(NotFound):
            decide(cast, proposal, 1, user=cast.sam)


def test_in_an_expired_session_nothing_is_decided(cast: Cast, proposal: Proposal) -> None:
    Session.objects.update(status=SessionStatus.EXPIRED)
    with pytest.raises(SessionExpired):
        accept(cast, proposal, 1)


def test_a_reason_has_a_limit_and_must_be_text(cast: Cast, proposal: Proposal) -> None:
    with pytest.raises(ReasonTooLong):
        reject(cast, proposal, 1, reason="x" * 2_001)
    with pytest.raises(InvalidText):
        reject(cast, proposal, 1, reason="a\0b")


def in_threads(*calls: Callable[[], object]) -> list[object]:
    """Runs the calls at once, each on a connection of its own; what each returned or raised."""
    barrier = Barrier(len(calls))
    results: list[object] = [None] * len(calls)

    def run(index: int) -> None:
        barrier.wait()
        try:
            results[index] = calls[index]()
        except Exception as error:
            results[index] = error
        finally:
            connection.close()

    threads = [Thread(target=run, args=(index,)) for index in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive()
    return results


def test_of_two_people_who_accept_the_same_hunk_at_once_one_does(cast: Cast, proposal: Proposal) -> None:
    results = in_threads(
        lambda: accept(cast, proposal, 1, user=cast.ana), lambda: accept(cast, proposal, 1, user=cast.ben)
    )
    assert sorted(type(result).__name__ for result in results) == ["HunkDecided", "Proposal"]
    assert cast.document.text == replaced(TWENTY_LINES, ("line 2", "line two"))
    assert len(cast.told("hunk.accepted")) == 1


def test_one_accepts_and_another_rejects_at_once_and_one_of_them_stands(cast: Cast, proposal: Proposal) -> None:
    results = in_threads(lambda: accept(cast, proposal, 1), lambda: reject(cast, proposal, 1, user=cast.ben))
    assert sorted(type(result).__name__ for result in results) == ["HunkDecided", "Proposal"]
    was_accepted = statuses(proposal)[0] == "accepted"
    assert was_accepted == ("line two" in cast.document.text)


def test_different_hunks_accepted_at_once_are_both_in_the_document(cast: Cast, proposal: Proposal) -> None:
    results = in_threads(lambda: accept(cast, proposal, 1), lambda: accept(cast, proposal, 2, user=cast.ben))
    assert [type(result) for result in results] == [Proposal, Proposal]
    assert cast.document.text == BOTH_ENDS_CHANGED
    proposal.refresh_from_db()
    assert proposal.status == "decided"


def test_accepting_while_others_type_loses_neither(cast: Cast, proposal: Proposal) -> None:
    def type_a_line() -> None:
        documents.change_text(
            user=cast.ben,
            document_id=proposal.document_id,
            transform=lambda text: text.replace("line 10\n", "line 10\nmore\n"),
            origin={"kind": "edit"},
        )

    results = in_threads(lambda: accept(cast, proposal), *[type_a_line] * 5)
    assert [result for result in results if isinstance(result, Exception)] == []
    assert cast.document.text == BOTH_ENDS_CHANGED.replace("line 10\n", "line 10\n" + "more\n" * 5)
    numbers = [event["revision"] for event in cast.told("document.saved")]
    assert numbers == sorted(set(numbers))


def test_accepting_while_a_newer_answer_comes_happens_before_it_or_not_at_all(cast: Cast, proposal: Proposal) -> None:
    request = cast.asked("again")

    def answer() -> None:
        with transaction.atomic():
            cast.answered(request, replaced(TWENTY_LINES, ("line 9", "line nine")))

    accepted, answered = in_threads(lambda: accept(cast, proposal), answer)
    assert answered is None
    types = [event["type"] for event in cast.told("hunk.accepted", "proposal.created")]
    if isinstance(accepted, Proposal):
        assert types == ["proposal.created", "hunk.accepted", "proposal.created"]
    else:
        assert isinstance(accepted, ProposalSuperseded)
        assert types == ["proposal.created", "proposal.created"]
        assert cast.document.text == TWENTY_LINES
