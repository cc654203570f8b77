"""The built-in way to a redesign: a run plans it, its effect keeps it once, and its session hears of it."""

from graphs_app.models import GraphProposal
from graphs_app.services import runs
from sessions_app.models import SessionEvent, User
from tests.graphs_app import cast

WASTE = cast.line(
    "Waste",
    cast.node("start", "set_state", {"values": {"n": 1}}),
    cast.node("pause", "set_state", {"values": {}}),
    cast.node("end", "compute", {"set": {"m": "n"}}),
)
REDESIGN = cast.line("Redesign", cast.node("redesign", "redesign_graph"))


def test_a_run_redesigns_a_graph_and_its_session_is_told_of_the_proposal(ada: User, here: object) -> None:
    waste, redesign = cast.keep(ada, WASTE), cast.keep(ada, REDESIGN)
    session = cast.make_session(ada)
    run = cast.execute(
        runs.start_run(user=ada, graph=redesign.slug, initial_state={"graph": waste.slug}, session_id=session.pk)
    )
    assert run.status == "completed", run.error
    assert run.state is not None
    assert [one["node_id"] for one in run.state["updated_graph"]["nodes"]] == ["start", "end"]
    assert run.state["summary"].startswith("1 change to Waste: its longest way")
    proposal = GraphProposal.objects.get()
    assert run.state["graph_proposal"] == str(proposal.pk)
    assert (proposal.graph_id, proposal.run_id, proposal.created_by_id) == (waste.pk, run.pk, ada.pk)
    told = SessionEvent.objects.get(session=session, type="graph.proposed")
    assert told.data["graph_proposal"] == str(proposal.pk)
    assert told.data["changes"] == 1


def test_a_dry_run_proposes_nothing_and_a_graph_of_others_is_not_there(ada: User, here: object) -> None:
    waste, redesign = cast.keep(ada, WASTE), cast.keep(ada, REDESIGN)
    dry = cast.execute(runs.start_run(user=ada, graph=redesign.slug, initial_state={"graph": waste.slug}, dry_run=True))
    assert dry.status == "completed"
    theirs = cast.keep(User.objects.create(username="eve"), {**WASTE, "name": "Theirs"})
    refused = cast.execute(runs.start_run(user=ada, graph=redesign.slug, initial_state={"graph": theirs.slug}))
    assert refused.status == "failed"
    assert refused.error is not None
    assert "'theirs'" in refused.error["message"]
    assert not GraphProposal.objects.exists()
