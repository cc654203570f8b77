from typing import Any
from uuid import uuid4

import pytest
from django.db import transaction

from graphs_app.errors import GraphNotFound
from graphs_app.models import Graph, GraphDraft, GraphVersion, Run, RunStatus
from graphs_app.services.continuing import retry_run
from graphs_app.services.graphs import install_built_in
from graphs_app.services.runs import cancel_run
from refine_app.errors import (
    EmptyDocument,
    GraphNeeded,
    GraphNotExpected,
    InstructionEmpty,
    InstructionTooLong,
    ParentElsewhere,
    UnknownIntent,
)
from refine_app.models import Proposal, Request
from refine_app.selectors import find_request
from refine_app.services.built_in_graphs import install_built_in_graphs
from refine_app.services.decisions import accept_hunks, reject_hunks
from refine_app.services.requests import INSTRUCTION_MAX, make_request
from sessions_app.errors import InvalidText, NotAllowed, NotFound, SessionExpired
from sessions_app.models import Revision, Session, SessionStatus
from sessions_app.services import sessions
from tests.refine_app.cast import BOTH_ENDS_CHANGED, TWENTY_LINES, Cast, make_cast, replaced

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast(db: None) -> Cast:
    return make_cast()


def ask(cast: Cast, instruction: str = "tidy it", *, intent: str = "refine_code", **more: Any) -> Request:
    arguments = {"user": cast.ana, "session_id": cast.session.pk, "now": cast.later()} | more
    return make_request(intent=intent, instruction=instruction, **arguments)


def test_a_request_starts_a_run_on_the_document_as_it_is(cast: Cast) -> None:
    request = ask(cast, "  use words  ")
    run = Run.objects.get()
    assert (request.run, run.status, run.session, run.user) == (run, RunStatus.QUEUED, cast.session, cast.ana)
    assert run.graph_version.graph.slug == "refine_code"
    assert run.initial_state == {
        "code": TWENTY_LINES,
        "instruction": "use words",
        "language": "python",
        "history": [],
        "base_revision": 1,
        "document": str(cast.document.pk),
    }
    assert run.metadata == {
        "request": str(request.pk),
        "intent": "refine_code",
        "instruction": "use words",
        "parent": None,
        "document": str(cast.document.pk),
        "base_revision": 1,
        "language": "python",
        "routing_reason": "asked for",
        "by": "Ana",
        "by_id": str(cast.ana.pk),
    }


def test_the_session_is_told_that_the_run_is_queued_and_for_what(cast: Cast) -> None:
    request = ask(cast)
    [queued] = cast.told("run.queued")
    assert (queued["run"], queued["graph"]) == (request.run_id, "refine_code")
    assert queued["metadata"] == request.run.metadata


def test_the_revision_is_kept_although_the_next_save_would_have_grown_over_it(cast: Cast) -> None:
    cast.write("first\n")
    request = ask(cast)
    cast.write("second\n")
    assert Revision.objects.get(document=cast.document, number=request.base_revision).text == "first\n"


@pytest.mark.parametrize(
    ("instruction", "intent"), [("review this, change nothing", "code_review"), ("simplify it", "refine_code")]
)
def test_auto_is_routed_by_what_was_said_and_the_reason_is_kept(cast: Cast, instruction: str, intent: str) -> None:
    request = ask(cast, instruction, intent="auto")
    request.refresh_from_db()
    assert request.intent == intent == request.run.graph_version.graph.slug
    assert "asks" in request.routing_reason
    assert request.run.metadata["routing_reason"] == request.routing_reason


def test_a_follow_up_starts_from_the_text_as_it_is_now_and_knows_what_was_decided(cast: Cast) -> None:
    first = ask(cast, "use words")
    proposal = cast.answered(first, BOTH_ENDS_CHANGED, summary="Words now.")
    accept_hunks(user=cast.ana, proposal_id=proposal.pk, numbers=[1], now=cast.later())
    reject_hunks(user=cast.ben, proposal_id=proposal.pk, numbers=[2], reason="keep 19", now=cast.later())
    second = ask(cast, "and now the rest", parent_id=first.pk, user=cast.ben)
    state = second.run.initial_state
    assert state["code"] == replaced(TWENTY_LINES, ("line 2", "line two"))
    [turn] = state["history"]
    assert (turn["request"], turn["is_parent"], turn["summary"]) == (str(first.pk), True, "Words now.")
    assert [piece["n"] for piece in turn["accepted"]] == [1]
    assert [(piece["n"], piece["reason"]) for piece in turn["rejected"]] == [(2, "keep 19")]
    assert (second.parent, second.run.metadata["parent"]) == (first, str(first.pk))


def test_a_parent_of_another_session_is_refused(cast: Cast) -> None:
    elsewhere = ask(cast)
    for person in (cast.ana, cast.ben, cast.vera, cast.sam):
        person.username = f"old-{person.username}"
        person.save()
    other = make_cast()
    for parent in (elsewhere.pk, uuid4()):
        with pytest.raises(ParentElsewhere):
            ask(other, parent_id=parent)


@pytest.mark.parametrize(
    ("instruction", "error"),
    [
        ("", InstructionEmpty),
        (" \n\t", InstructionEmpty),
        ("x" * (INSTRUCTION_MAX + 1), InstructionTooLong),
        ("a\0b", InvalidText),
        ("a\ud800b", InvalidText),
    ],
)
def test_an_instruction_is_bounded_text(cast: Cast, instruction: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        ask(cast, instruction)
    assert (Request.objects.count(), Run.objects.count(), cast.told("run.queued")) == (0, 0, [])


def test_the_longest_instruction_is_taken(cast: Cast) -> None:
    assert len(ask(cast, "é" * INSTRUCTION_MAX).instruction) == INSTRUCTION_MAX


@pytest.mark.parametrize("text", ["", "\n \t\r\n", "\ufeff"])
def test_an_empty_document_gives_nothing_to_work_on(cast: Cast, text: str) -> None:
    cast.write(text)
    with pytest.raises(EmptyDocument, match="write or paste"):
        ask(cast)


def test_an_unknown_intent_is_refused_with_those_that_there_are(cast: Cast) -> None:
    with pytest.raises(UnknownIntent, match="'refine_code'"):
        ask(cast, intent="make_coffee")


def test_a_graph_is_not_expected_by_an_intent_that_works_on_the_document(cast: Cast) -> None:
    with pytest.raises(GraphNotExpected):
        ask(cast, graph="refine_code")


def test_a_redesign_runs_on_the_graph_that_is_named_and_needs_no_document(cast: Cast) -> None:
    cast.write("")
    request = ask(cast, intent="redesign_graph", graph="code_review")
    assert request.run.graph_version.graph.slug == "redesign_graph"
    assert request.run.initial_state["graph"] == "code_review"
    with pytest.raises(GraphNotFound, match="'nowhere'"):
        ask(cast, intent="redesign_graph", graph="nowhere")


def test_a_redesign_without_a_name_is_of_the_graph_that_is_drawn_in_the_session(cast: Cast) -> None:
    with pytest.raises(GraphNeeded, match="Which graph"):
        ask(cast, intent="redesign_graph")
    review = Graph.objects.get(slug="code_review")
    GraphDraft.objects.create(graph=review, session=cast.session)
    assert ask(cast, intent="redesign_graph").run.initial_state["graph"] == "code_review"


def test_who_may_not_edit_may_not_ask(cast: Cast) -> None:
    with pytest.raises(NotAllowed):
        ask(cast, user=cast.vera)
    with pytest.raises(NotFound):
        ask(cast, user=cast.sam)
    Session.objects.update(status=SessionStatus.EXPIRED)
    with pytest.raises(SessionExpired):
        ask(cast)


def test_asking_keeps_the_session_alive(cast: Cast) -> None:
    cast.later(600)
    request = ask(cast)
    cast.session.refresh_from_db()
    assert cast.session.last_active_at == request.created_at


def test_a_request_whose_transaction_fails_leaves_neither_run_nor_event(cast: Cast) -> None:
    def crash() -> None:
        with transaction.atomic():
            ask(cast)
            raise KeyError("the power went")

    with pytest.raises(KeyError):
        crash()
    assert (Request.objects.count(), Run.objects.count(), cast.told("run.queued")) == (0, 0, [])


def test_a_retried_request_shows_its_new_run_and_takes_its_answer(cast: Cast) -> None:
    request = ask(cast)
    cancel_run(run=request.run)
    again = retry_run(user=cast.ana, run=Run.objects.get(pk=request.run_id))
    once_more = retry_run(user=cast.ana, run=cancel_run(run=again))
    assert find_request(user=cast.ana, request_id=request.pk).run == once_more
    request.run = once_more
    assert cast.answered(request, BOTH_ENDS_CHANGED).request == request
    assert Proposal.objects.get().run == once_more


def test_built_in_graphs_are_installed_once_and_again_when_they_change(cast: Cast, tmp_path: Any) -> None:
    before = GraphVersion.objects.count()
    assert {graph.slug for graph in install_built_in_graphs()} >= {"refine_code", "code_review"}
    assert GraphVersion.objects.count() == before
    path = tmp_path / "sample.json"
    for value in (1, 1, 2):
        path.write_text(
            '{"v": 1, "name": "Sample", "entry_node": "a", "edges": [],'
            f' "nodes": [{{"node_id": "a", "tool": "set_state", "config": {{"values": {{"x": {value}}}}}}}]}}'
        )
        install_built_in(path)
    assert Graph.objects.get(slug="sample").version == 2


@pytest.mark.parametrize(
    ("title", "text", "expected"),
    [
        ("Untitled", "all: a\n\tcc a.c\n", "makefile"),
        ("Makefile", "# to be written\n", "makefile"),
        ("notes", "Dear Ana,\nhello\n", "text"),
        ("notes", "import os\n\n\ndef here():\n    return os.getcwd()\n", "python"),
    ],
)
def test_a_session_that_names_no_language_is_read_by_its_name_and_text(
    cast: Cast, title: str, text: str, expected: str
) -> None:
    session = sessions.create(user=cast.ana, title=title, text=text)
    assert session.language == "text"
    assert ask(cast, session_id=session.pk).run.initial_state["language"] == expected


def test_a_session_with_a_language_keeps_it(cast: Cast) -> None:
    session = sessions.create(user=cast.ana, title="Makefile", language="cobol", text="all: a\n\tcc a.c\n")
    assert ask(cast, session_id=session.pk).run.initial_state["language"] == "cobol"


def test_code_without_a_language_that_speaks_of_a_prompt_is_code(cast: Cast) -> None:
    text = "import os\n\n\ndef ask(prompt):\n    return input(prompt)\n"
    code = sessions.create(user=cast.ana, text=text)
    prose = sessions.create(user=cast.ana, text="Role: reviewer\nTask: review\nRules: be kind\n")
    assert ask(cast, "Shorten the prompt", intent="auto", session_id=code.pk).intent == "refine_code"
    assert ask(cast, "Shorten the prompt", intent="auto", session_id=prose.pk).intent == "refine_prompt"
