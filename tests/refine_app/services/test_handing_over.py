"""A request that was left open goes to the graph that was chosen for it, once."""

import pytest

from graphs_app.models import Run, RunStatus, node_run_id
from refine_app.errors import EffectRefused, EmptyDocument
from refine_app.models import Endpoint, Request
from refine_app.selectors import find_request, requests_of_session, with_newest_runs
from refine_app.services.handing_over import hand_over
from refine_app.services.requests import make_request
from tests.refine_app.cast import Cast, make_cast

pytestmark = pytest.mark.django_db
OPEN = "the reports feel off lately"


@pytest.fixture
def cast(db: None) -> Cast:
    Endpoint.objects.create(slug="mine", url="https://models.example/v1", model="m")
    return make_cast()


def ask(cast: Cast, instruction: str = OPEN) -> Request:
    return make_request(
        user=cast.ana, session_id=cast.session.pk, intent="auto", instruction=instruction, now=cast.later()
    )


def chosen(request: Request, intent: str = "code_review") -> Run:
    hand_over(request.run, node_run_id(request.run_id, 2), {"intent": intent, "reason": "It wonders."})
    return find_request(user=request.user, request_id=request.pk).run  # type: ignore[arg-type]


def test_only_what_is_open_goes_through_the_graph_intent(cast: Cast) -> None:
    assert ask(cast).run.graph_version.graph.slug == "intent"
    clear = ask(cast, "Rename x")
    assert (clear.intent, clear.run.graph_version.graph.slug) == ("refine_code", "refine_code")
    Endpoint.objects.all().delete()
    assert ask(cast).run.graph_version.graph.slug == "refine_code"


def test_the_run_of_the_chosen_graph_goes_on_with_the_request(cast: Cast) -> None:
    request = ask(cast)
    run = chosen(request)
    request.refresh_from_db()
    assert (request.intent, request.routing_reason) == ("code_review", "It wonders.")
    assert (run.graph_version.graph.slug, run.status, run.forked_from_id) == ("code_review", "queued", request.run_id)
    assert run.initial_state == request.run.initial_state
    assert run.metadata == request.run.metadata | {"intent": "code_review", "routing_reason": "It wonders."}
    queued = cast.told("run.queued")
    assert [(one["graph"], one["metadata"]["request"]) for one in queued] == [
        ("intent", str(request.pk)),
        ("code_review", str(request.pk)),
    ]
    listed = with_newest_runs(requests_of_session(user=cast.vera, session_id=cast.session.pk))
    assert [one.run for one in listed] == [run]


def test_it_is_handed_over_once(cast: Cast) -> None:
    request = ask(cast)
    run = chosen(request)
    assert chosen(request, "ask") == run
    assert Run.objects.count() == 2


def test_what_serves_no_request_is_left_alone_and_nonsense_is_refused(cast: Cast) -> None:
    request = ask(cast)
    alone = Run.objects.create(graph_version=request.run.graph_version, status=RunStatus.RUNNING)
    assert hand_over(alone, node_run_id(alone.pk, 1), {"intent": "ask"}) == []
    with pytest.raises(EffectRefused, match="make_coffee"):
        hand_over(request.run, node_run_id(request.run_id, 2), {"intent": "make_coffee"})


def test_an_empty_document_is_refused_where_the_words_are_clear(cast: Cast) -> None:
    cast.write("")
    assert ask(cast).intent == "auto"
    with pytest.raises(EmptyDocument):
        ask(cast, "Rename x")
