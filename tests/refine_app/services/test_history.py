import json
from typing import Any

import pytest

from graphs_app.models import RunStatus
from refine_app.models import Request
from refine_app.services import history
from refine_app.services.decisions import accept_hunks, reject_hunks
from refine_app.services.history import fit, session_history
from tests.refine_app.cast import BOTH_ENDS_CHANGED, Cast, make_cast, replaced

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast(db: None) -> Cast:
    return make_cast()


def turns(cast: Cast, parent: Request | None = None) -> list[dict[str, Any]]:
    return session_history(session_id=cast.session.pk, parent_id=parent.pk if parent else None)


def test_a_new_session_has_no_history(cast: Cast) -> None:
    assert turns(cast) == []


def test_a_turn_tells_what_was_asked_answered_accepted_and_rejected(cast: Cast) -> None:
    request = cast.asked("use words", user=cast.ben, status=RunStatus.COMPLETED)
    proposal = cast.answered(request, BOTH_ENDS_CHANGED, summary="Numbers became words.")
    accept_hunks(user=cast.ana, proposal_id=proposal.pk, numbers=[1], now=cast.later())
    reject_hunks(user=cast.ana, proposal_id=proposal.pk, numbers=[2], reason="keep 19", now=cast.later())
    [turn] = turns(cast, parent=request)
    first, second = proposal.hunks.order_by("n")
    assert turn == {
        "request": str(request.pk),
        "intent": "refine_code",
        "instruction": "use words",
        "by": "Ben",
        "status": "completed",
        "is_parent": True,
        "summary": "Numbers became words.",
        "error": "",
        "accepted": [{"n": 1, "header": first.header, "text": first.text, "reason": ""}],
        "rejected": [{"n": 2, "header": second.header, "text": second.text, "reason": "keep 19"}],
        "conflicted": [],
        "open": [],
    }


def test_a_request_that_failed_says_why(cast: Cast) -> None:
    cast.asked(status=RunStatus.FAILED, error={"type": "EndpointError", "message": "the endpoint is away"})
    [turn] = turns(cast)
    assert (turn["status"], turn["error"], turn["summary"]) == ("failed", "the endpoint is away", "")


def test_a_run_without_a_proposal_tells_the_summary_of_its_state(cast: Cast) -> None:
    cast.asked(status=RunStatus.COMPLETED, state={"summary": "Two findings."})
    assert turns(cast)[0]["summary"] == "Two findings."


def test_turns_are_in_the_order_of_the_requests_and_only_the_newest_are_told(cast: Cast) -> None:
    requests = [cast.asked(f"step {n}") for n in range(history.TURNS_MAX + 5)]
    told = turns(cast, parent=requests[0])
    assert [turn["instruction"] for turn in told] == [
        "step 0",
        *[f"step {n}" for n in range(6, history.TURNS_MAX + 5)],
    ]
    assert [turn["is_parent"] for turn in told] == [True] + [False] * (history.TURNS_MAX - 1)


def test_however_much_was_said_the_history_stays_within_its_bounds(cast: Cast) -> None:
    text = "".join(f"line {n} {'x' * 300}\n" for n in range(400))
    cast.write(text)
    changed = replaced(text, *[(f"line {n} {'x' * 300}", f"LINE {n} {'y' * 300}") for n in range(0, 400, 10)])
    for n in range(4):
        cast.answered(cast.asked(f"{n}" * 9_000), changed, summary="s" * 5_000)
    told = turns(cast)
    assert len(json.dumps(told)) <= history.CHARACTERS_MAX * 1.1
    assert told[-1]["instruction"].startswith("3333")
    assert told[-1]["open"][-1]["header"] == "and 10 more"


def turn(n: int, *, is_parent: bool = False, text: str = "") -> dict[str, Any]:
    pieces = [{"n": 1, "header": "@@", "text": text, "reason": ""}]
    return {
        "n": n,
        "is_parent": is_parent,
        "accepted": pieces,
        "rejected": [],
        "conflicted": [],
        "open": [],
    }


def test_what_fits_is_left_as_it_is() -> None:
    given = [turn(n, text="abc") for n in range(3)]
    assert fit(given, limit=10_000) == given


def test_the_oldest_turns_lose_the_text_of_their_hunks_first() -> None:
    kept = fit([turn(n, text="x" * 1_000) for n in range(3)], limit=2_700)
    assert [t["accepted"][0]["text"][:1] for t in kept] == ["", "x", "x"]


def test_then_the_oldest_turns_go_but_never_the_parent() -> None:
    kept = fit([turn(n, is_parent=n == 0, text="x" * 1_000) for n in range(6)], limit=450)
    assert [t["n"] for t in kept] == [0, 4, 5]


def test_its_input_is_not_changed() -> None:
    given = [turn(n, text="x" * 1_000) for n in range(3)]
    fit(given, limit=10)
    assert given[0]["accepted"][0]["text"] == "x" * 1_000


def test_a_long_text_is_cut_with_a_mark() -> None:
    assert history.clip("abcdef", 4) == "abc…"
    assert history.clip("abcd", 4) == "abcd"
