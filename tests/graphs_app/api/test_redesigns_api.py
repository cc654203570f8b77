"""A redesign over REST: proposed, decided change by change, saved as a draft, and its next run is shorter."""

from datetime import timedelta
from typing import Any

import pytest
from rest_framework.test import APIClient

from graphs_app.models import GraphProposal, NodeRun, NodeRunStatus, Run, RunStatus
from graphs_app.services import graphs, past_runs, redesigns, versions
from sessions_app.models import User
from tests.graphs_app import cast

WASTEFUL = {
    **cast.line(
        "Wasteful",
        cast.node("start", "set_state", {"values": {"n": 1}}),
        cast.node("pause", "set_state", {"values": {}}),
        cast.node("guess", "set_state", {"values": {"a": 0}}),
        cast.node("first", "compute", {"set": {"a": "n + 1"}}),
        cast.node("second", "compute", {"set": {"b": "n * 2"}}),
        cast.node("third", "compute", {"set": {"c": "n - 1"}}),
        cast.node("again", "compute", {"set": {"b": "n * 2"}}),
        cast.node("rest", "emit", {"text": ""}),
        cast.node("sum", "compute", {"set": {"total": "a + b + c"}}),
    ),
    "metadata": {"pinned": {"start": [0, 0]}},
}
WASTEFUL["nodes"] = [*WASTEFUL["nodes"], cast.node("forgotten", "compute", {"set": {"x": "n"}})]


@pytest.fixture
def ada(db: None) -> User:
    return cast.make_ada()


@pytest.fixture
def api(ada: User) -> APIClient:
    client = APIClient()
    client.force_authenticate(ada)
    graph = graphs.create_graph(
        user=ada, definition=cast.line("Wasteful", cast.node("start", "set_state", {"values": {}}))
    )
    versions.save_draft(user=ada, graph=graph, definition=WASTEFUL)
    return client


def propose(api: APIClient) -> dict[str, Any]:
    answer = api.post("/v1/graphs/wasteful/redesigns", format="json")
    assert answer.status_code == 201, answer.json()
    proposal: dict[str, Any] = answer.json()
    return proposal


def decide(api: APIClient, proposal: dict[str, Any], n: int, how: str, **body: Any) -> Any:
    return api.post(f"/v1/graph-proposals/{proposal['id']}/changes/{n}/{how}", body, format="json")


def by_kind(proposal: dict[str, Any], kind: str) -> dict[str, Any]:
    change: dict[str, Any] = next(one for one in proposal["changes"] if one["kind"] == kind)
    return change


def test_a_wasteful_graph_is_redesigned_change_by_change_and_saved_as_a_draft(api: APIClient) -> None:
    proposal = propose(api)
    assert [one["kind"] for one in proposal["changes"]] == [
        "remove_unreachable",
        "remove_no_op",
        "remove_no_op",
        "remove_unread",
        "remove_unread",
        "tidy",
    ]
    assert proposal["after"]["steps"] < proposal["before"]["steps"]
    assert proposal["preview"]["nodes_removed"] == ["pause", "guess", "second", "rest", "forgotten"]
    assert proposal["result"]["definition"] == WASTEFUL
    for change in proposal["changes"]:
        decided = decide(api, proposal, change["n"], "accept")
        assert decided.status_code == 200, decided.json()
    assert decided.json()["result"]["estimate"] == proposal["after"]
    saved = api.post(f"/v1/graph-proposals/{proposal['id']}/apply", format="json").json()
    assert saved["problems"] == []
    assert [one["node_id"] for one in saved["definition"]["nodes"]] == ["start", "first", "third", "again", "sum"]
    assert decide(api, proposal, 1, "reject").json()["code"] == "graph_proposal_over"
    assert propose(api)["changes"] == []
    listed = api.get("/v1/graphs/wasteful/redesigns").json()["results"]
    assert [one["status"] for one in listed] == ["open", "applied"]


def test_ten_wasteful_nodes_are_redesigned_change_by_change_and_the_next_run_is_shorter_with_the_same_result(
    transactional_db: None, here: object
) -> None:
    ada = cast.make_ada()
    last = cast.node("last", "set_state", {"values": {}})
    graph = graphs.create_graph(user=ada, definition=cast.line("Wasteful", *WASTEFUL["nodes"][:-1], last))
    before = cast.execute(cast.runs.start_run(user=ada, graph=graph.slug, initial_state={}))
    proposal = redesigns.propose_redesign(user=ada, graph=graph)
    assert proposal.before["measured"] == 10
    for change in redesigns.changes_of(proposal):
        redesigns.decide(user=ada, proposal_id=proposal.pk, n=change.n, decision="accepted", with_needed=True)
    redesigns.save_accepted(user=ada, proposal_id=proposal.pk)
    versions.publish_draft(user=ada, graph=graph)
    after = cast.execute(cast.runs.start_run(user=ada, graph=graph.slug, initial_state={}))
    assert (before.status, after.status) == ("completed", "completed")
    assert after.state == before.state
    assert (before.checkpoints, after.checkpoints) == (10, 5)

    # The quickest of several in turn: what else this machine does makes a run longer, never shorter.
    def took(version: int) -> float:
        run = cast.execute(cast.runs.start_run(user=ada, graph=graph.slug, initial_state={}, version=version))
        assert run.started_at is not None
        assert run.finished_at is not None
        return (run.finished_at - run.started_at).total_seconds()

    pairs = [(took(before.graph_version.number), took(after.graph_version.number)) for _ in range(8)]
    assert min(new for _, new in pairs) < min(old for old, _ in pairs)


def test_a_change_that_needs_another_says_so_and_takes_it_along_when_asked(api: APIClient, ada: User) -> None:
    definition = cast.line(
        "Needs",
        cast.node("start", "set_state", {"values": {"n": 1}}),
        cast.node("one", "set_state", {"values": {"a": 1}}),
        cast.node("way", "compute", {"set": {"m": "n"}}),
        cast.node("two", "set_state", {"values": {"a": 2}}),
    )
    definition["edges"][2:] = [
        {"from_node": "way", "to_node": "two"},
        {"from_node": "way", "to_node": "two", "type": "conditional", "condition": "1 > 2"},
    ]
    graph = graphs.create_graph(user=ada, definition=definition)
    proposal = api.post(f"/v1/graphs/{graph.slug}/redesigns", format="json").json()
    unread = by_kind(proposal, "remove_unread")
    never = by_kind(proposal, "remove_never_taken")
    assert unread["needs"] == [never["n"]]
    alone = decide(api, proposal, unread["n"], "accept")
    assert (alone.status_code, alone.json()["code"], alone.json()["needed"]) == (409, "change_blocked", [never["n"]])
    together = decide(api, proposal, unread["n"], "accept", with_needed=True).json()
    assert {one["n"]: one["status"] for one in together["changes"]} == {never["n"]: "accepted", unread["n"]: "accepted"}
    back = decide(api, proposal, never["n"], "reject")
    assert (back.status_code, back.json()["needed"]) == (409, [unread["n"]])
    neither = decide(api, proposal, never["n"], "reject", with_needed=True).json()
    assert neither["result"]["definition"] == definition
    assert neither["preview"]["same"] is True


def test_only_the_layout_can_be_accepted(api: APIClient) -> None:
    proposal = propose(api)
    path = f"/v1/graph-proposals/{proposal['id']}"
    decided = api.post(f"{path}/decide", {"decision": "layout_only"}, format="json").json()
    assert {one["kind"] for one in decided["changes"] if one["status"] == "accepted"} == {"tidy"}
    saved = api.post(f"{path}/apply", format="json").json()
    assert saved["definition"] == {key: one for key, one in WASTEFUL.items() if key != "metadata"}


def test_what_was_drawn_meanwhile_is_not_overwritten(api: APIClient, ada: User) -> None:
    proposal = propose(api)
    changed = {**WASTEFUL, "description": "mine"}
    api.put("/v1/graphs/wasteful/draft", {"definition": changed}, format="json")
    refused = api.post(f"/v1/graph-proposals/{proposal['id']}/apply", format="json")
    assert (refused.status_code, refused.json()["code"]) == (409, "graph_changed")
    assert api.get("/v1/graphs/wasteful/draft").json()["definition"] == changed


def test_a_broken_graph_is_mended_before_it_is_redesigned(api: APIClient) -> None:
    api.put("/v1/graphs/wasteful/draft", {"definition": {**WASTEFUL, "entry_node": "nowhere"}}, format="json")
    refused = api.post("/v1/graphs/wasteful/redesigns", format="json")
    assert (refused.status_code, refused.json()["code"]) == (422, "invalid_graph")
    assert "/entry_node" in [one["pointer"] for one in refused.json()["errors"]]


def test_others_neither_see_nor_decide(api: APIClient) -> None:
    proposal = propose(api)
    eve = APIClient()
    eve.force_authenticate(User.objects.create(username="eve"))
    for path in ("", "/changes/1/accept", "/apply"):
        answer = (eve.post if path else eve.get)(f"/v1/graph-proposals/{proposal['id']}{path}", format="json")
        assert (answer.status_code, answer.json()["code"]) == (404, "graph_proposal_not_found")
    assert decide(api, proposal, 99, "accept").json()["code"] == "change_not_found"
    assert api.post("/v1/graphs/code_review/redesigns", format="json").status_code in (403, 404)


def test_past_runs_are_measured_by_node_and_kept_with_the_proposal(ada: User) -> None:
    graph = graphs.create_graph(user=ada, definition=cast.SUM)
    version = graph.graph_versions.get()
    for number, took in enumerate((100.0, 300.0)):
        run = Run.objects.create(graph_version=version, user=ada, status=RunStatus.COMPLETED)
        for activation in range(2):
            NodeRun.objects.create(
                run=run,
                activation=activation,
                node_id="add",
                tool="compute",
                status=NodeRunStatus.COMPLETED,
                attempt=1 + activation,
                duration_ms=took,
                writes={"n": 1, f"seen_{number}": 2},
                started_at=cast.AT + timedelta(seconds=number),
                prompt_tokens=5,
                cost_usd="0.5",
            )
    past = past_runs.past_of(graph)
    add = past.nodes["add"]
    assert (past.runs, add.runs, add.visits, add.duration_ms, add.slowest_ms) == (2, 2, 2.0, 200.0, 300.0)
    assert (str(add.cost_usd), add.tokens, add.failures) == ("0.50000000", 5.0, 2)
    assert add.wrote == {"n", "seen_0", "seen_1"}
    assert past_runs.past_from(past_runs.past_json(past)) == past
    proposal = redesigns.propose_redesign(user=ada, graph=graph)
    assert proposal.before["critical_path_ms"] == 401.0
    assert GraphProposal.objects.count() == 1
