"""Drafts that may be broken, versions that never change, and the way back from a bad one."""

import json
from threading import Barrier, Thread
from typing import Any

import pytest
from django.db import connection
from rest_framework.test import APIClient

from graphs_app import snapshots
from graphs_app.errors import VersionTaken
from graphs_app.models import Graph, GraphVersion
from graphs_app.services import runs, versions
from sessions_app.models import Document, Member, Role, Session, User
from tests.graphs_app import cast

MORE = {
    **cast.SUM,
    "nodes": [*cast.SUM["nodes"], cast.node("say", "emit", {"text": "done"})],
    "edges": [*cast.SUM["edges"], {"from_node": "add", "to_node": "say"}],
}
BROKEN = {**cast.SUM, "entry_node": "nowhere"}


@pytest.fixture
def ada(db: None) -> User:
    return cast.make_ada()


@pytest.fixture
def api(ada: User) -> APIClient:
    client = APIClient()
    client.force_authenticate(ada)
    assert client.post("/v1/graphs", cast.SUM, format="json").status_code == 201
    return client


@pytest.fixture
def eve(db: None) -> APIClient:
    client = APIClient()
    client.force_authenticate(User.objects.create(username="eve"))
    return client


def send(api: APIClient, method: str, path: str, body: Any = None) -> Any:
    return getattr(api, method)(f"/v1/graphs/sum{path}", body, format="json")


def test_a_draft_is_kept_broken_as_it_is_and_says_what_is_wrong(api: APIClient) -> None:
    before = send(api, "get", "/draft").json()
    assert (before["is_draft"], before["revision"], before["definition"]) == (False, 0, cast.SUM)
    saved = send(api, "put", "/draft", {"definition": BROKEN, "revision": 0})
    assert saved.status_code == 200
    draft = send(api, "get", "/draft").json()
    assert (draft["is_draft"], draft["revision"], draft["base_version"]) == (True, 1, 1)
    assert draft["definition"] == BROKEN
    assert "/entry_node" in [problem["pointer"] for problem in draft["problems"]]
    assert draft["suggested_semver"] is None
    assert send(api, "get", "").json()["definition"] == cast.SUM
    refused = send(api, "post", "/publish", {})
    assert (refused.status_code, refused.json()["code"]) == (422, "invalid_graph")
    assert refused.json()["errors"] == draft["problems"]
    assert send(api, "get", "/draft").json()["definition"] == BROKEN


def test_nobody_overwrites_a_draft_that_they_have_not_seen(api: APIClient) -> None:
    send(api, "put", "/draft", {"definition": MORE, "revision": 0})
    late = send(api, "put", "/draft", {"definition": cast.SUM, "revision": 0})
    assert (late.status_code, late.json()["code"], late.json()["revision"]) == (409, "stale_draft", 1)
    assert send(api, "post", "/publish", {"revision": 0}).status_code == 409
    assert send(api, "post", "/publish", {"revision": 1}).status_code == 201
    gone = send(api, "put", "/draft", {"definition": BROKEN, "revision": 1})
    assert gone.json()["code"] == "stale_draft"
    assert send(api, "delete", "/draft").status_code == 204


@pytest.mark.parametrize("what", [7, [], {"nodes": [{}] * 10_001}, {"name": "a\0b"}])
def test_what_cannot_even_be_a_draft_is_refused(api: APIClient, what: Any) -> None:
    refused = send(api, "put", "/draft", {"definition": what})
    assert refused.status_code == 422
    assert send(api, "get", "/draft").json()["is_draft"] is False


def test_a_published_version_has_a_number_a_note_and_a_snapshot(api: APIClient) -> None:
    saved = send(api, "put", "/draft", {"definition": MORE}).json()
    assert saved["suggested_semver"] == "1.1.0"
    published = send(api, "post", "/publish", {"note": "Says when it is done", "title": "Talkative"})
    assert published.status_code == 201
    assert {"version": 2, "semver": "1.1.0", "title": "Talkative"}.items() <= published.json().items()
    assert send(api, "get", "/draft").json()["is_draft"] is False
    download = send(api, "get", "/versions/2/snapshot")
    assert 'filename="sum-1.1.0.snapshot.json"' in download.headers["Content-Disposition"]
    snapshot = download.json()
    assert snapshot["definition"] == MORE
    assert set(snapshot["tools"]) == {"set_state", "compute", "emit"}
    assert len(snapshot["tools"]["emit"]["fingerprint"]) == 64
    facts = {key: snapshot[key] for key in ("v", "definition", "tools", "sub_graphs")}
    facts |= {key: one for key, one in snapshot.items() if key in snapshots._parts}
    assert snapshot["sha256"] == snapshots.digest(facts)


def test_numbers_are_semantic_rise_and_are_taken_once(api: APIClient) -> None:
    send(api, "put", "/draft", {"definition": MORE})
    for number, code in (
        ("2", "invalid_version_number"),
        ("v2.0.0", "invalid_version_number"),
        ("0.9.0", "invalid_version_number"),
        ("1.0.0", "version_taken"),
    ):
        assert send(api, "post", "/publish", {"number": number}).json()["code"] == code
    assert send(api, "post", "/publish", {"number": "2.0.0-rc.1"}).json()["semver"] == "2.0.0-rc.1"
    assert send(api, "post", "/publish", {}).json()["code"] == "nothing_to_publish"
    send(api, "put", "/draft", {"definition": MORE})
    assert send(api, "post", "/publish", {}).json()["code"] == "nothing_to_publish"


def test_a_bad_version_is_rolled_back_in_one_call_and_runs_stay_with_theirs(api: APIClient, ada: User) -> None:
    send(api, "put", "/draft", {"definition": MORE})
    send(api, "post", "/publish", {})
    run = runs.start_run(user=ada, graph="sum", initial_state={})
    back = send(api, "post", "/rollback", {})
    assert back.status_code == 201
    assert {"version": 3, "semver": "1.1.1", "restored_from": 1}.items() <= back.json().items()
    assert send(api, "get", "").json()["definition"] == cast.SUM
    run.refresh_from_db()
    assert run.graph_version.number == 2
    assert api.get(f"/v1/runs/{run.pk}").json()["graph_version"] == 2
    assert send(api, "post", "/rollback", {"version": 1}).json()["code"] == "nothing_to_publish"
    assert send(api, "post", "/rollback", {"version": 99}).status_code == 404
    assert send(api, "post", "/rollback", {"version": 2}).json()["version"] == 4


def test_an_old_version_becomes_the_draft_and_changes_nothing_yet(api: APIClient) -> None:
    send(api, "put", "/draft", {"definition": MORE})
    send(api, "post", "/publish", {})
    restored = send(api, "post", "/restore", {"version": 1}).json()
    assert (restored["is_draft"], restored["definition"]) == (True, cast.SUM)
    assert send(api, "get", "").json()["version"] == 2


def test_two_versions_are_compared_and_drawn_in_one(api: APIClient) -> None:
    send(api, "put", "/draft", {"definition": MORE})
    to_draft = send(api, "get", "/compare?old=1").json()
    send(api, "post", "/publish", {})
    found = send(api, "get", "/compare?old=2&new=1").json()
    assert to_draft["nodes_added"] == found["nodes_removed"] == ["say"]
    assert found["edges_removed"][0]["to_node"] == "say"
    assert [node["node_id"] for node in found["layout"]["nodes"]] == ["start", "add", "say"]
    assert send(api, "get", "/compare?old=7").status_code == 404
    assert send(api, "get", "/compare").status_code == 422


def test_a_version_is_named_later_and_is_otherwise_as_it_was(api: APIClient) -> None:
    named = send(api, "patch", "/versions/1", {"title": "First"}).json()
    assert (named["title"], named["note"], named["definition"]) == ("First", "", cast.SUM)


def test_another_persons_drafts_and_versions_are_not_there(api: APIClient, eve: APIClient) -> None:
    for method, path in (
        ("get", "/draft"),
        ("put", "/draft"),
        ("delete", "/draft"),
        ("post", "/publish"),
        ("post", "/rollback"),
        ("post", "/restore"),
        ("get", "/compare?old=1"),
        ("patch", "/versions/1"),
        ("get", "/versions/1/snapshot"),
        ("get", "/export?as=svg"),
    ):
        body = {"definition": cast.SUM, "version": 1}
        assert send(eve, method, path, body if method not in ("get", "delete") else None).status_code == 404, path


def test_a_graph_of_the_site_has_no_drafts(api: APIClient) -> None:
    cast.make_version("house", cast.SUM)
    assert api.put("/v1/graphs/house/draft", {"definition": MORE}, format="json").status_code == 403
    assert api.post("/v1/graphs/house/rollback", {}, format="json").status_code == 403


@pytest.mark.django_db(transaction=True)
def test_a_number_taken_twice_at_once_is_given_to_one(transactional_db: None) -> None:
    ada = cast.make_ada()
    graph = cast.keep(ada, cast.SUM)
    versions.save_draft(user=ada, graph=graph, definition=MORE)
    both, outcomes = Barrier(2), []

    def publish() -> None:
        both.wait(30)
        try:
            versions.publish_draft(user=ada, graph=Graph.objects.get(pk=graph.pk), number="3.0.0")
            outcomes.append("published")
        except Exception as error:
            outcomes.append(getattr(error, "code", repr(error)))
        finally:
            connection.close()

    threads = [Thread(target=publish) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(outcomes) in (["nothing_to_publish", "published"], ["published", VersionTaken.code])
    assert GraphVersion.objects.filter(graph=graph, semver="3.0.0").count() == 1


def test_a_calm_layout_is_planned_for_what_is_drawn(api: APIClient) -> None:
    before = api.get("/v1/graphs/sum/layout").json()
    planned = api.post("/v1/graphs/layout", {"definition": MORE, "previous": before}, format="json").json()
    assert [node["node_id"] for node in planned["changes"]["added"]] == ["say"]
    assert planned["changes"]["moved"] == []
    bare = api.post("/v1/graphs/layout", {"definition": {"nodes": [3]}}, format="json").json()
    assert (bare["nodes"], bare["edges"], bare["changes"]) == ([], [], None)
    assert api.post("/v1/graphs/layout", {"definition": 3}, format="json").status_code == 422


def test_tools_are_listed_with_their_schemas(api: APIClient) -> None:
    tools = {tool["name"]: tool for tool in api.get("/v1/tools").json()["results"]}
    assert tools["sleep"]["config"]["properties"]["seconds"]
    assert json.dumps(tools)


def test_a_graph_is_drawn_together_by_the_members_of_its_session(api: APIClient, eve: APIClient, ada: User) -> None:
    assert send(eve, "post", "/session").status_code == 404
    made = send(api, "post", "/session").json()["session"]
    assert send(api, "post", "/session").json()["session"] == made
    document = Document.objects.get(session=made)
    assert (document.kind, document.text) == ("graph", "")
    vic = APIClient()
    vic.force_authenticate(User.objects.create(username="vic"))
    Member.objects.create(session_id=made, user=User.objects.get(username="eve"), role=Role.EDITOR)
    Member.objects.create(session_id=made, user=User.objects.get(username="vic"), role=Role.VIEWER)

    assert [one["slug"] for one in eve.get("/v1/graphs").json()["results"] if not one["built_in"]] == ["sum"]
    assert send(eve, "put", "/draft", {"definition": MORE}).status_code == 200
    assert send(eve, "post", "/publish", {}).json()["semver"] == "1.1.0"
    assert send(eve, "post", "/rollback", {}).status_code == 201
    assert send(eve, "delete", "").status_code == 404
    assert send(eve, "post", "/session").status_code == 404

    assert send(vic, "get", "/draft").status_code == 200
    for method, path in (("put", "/draft"), ("delete", "/draft"), ("post", "/publish"), ("post", "/rollback")):
        body = None if method == "delete" else {"definition": MORE}
        assert send(vic, method, path, body).status_code == 403, path
    Session.objects.filter(pk=made).update(status="expired")
    assert send(eve, "put", "/draft", {"definition": MORE}).json()["code"] == "session_expired"
    assert send(api, "put", "/draft", {"definition": MORE}).status_code == 200
    assert send(api, "post", "/session").json()["session"] != made


def test_publishing_tells_those_who_draw_along_what_moved(api: APIClient) -> None:
    session = send(api, "post", "/session").json()["session"]
    send(api, "put", "/draft", {"definition": MORE})
    send(api, "post", "/publish", {})
    told = api.get(f"/v1/sessions/{session}/events?after=0").json()["results"]
    events = {event["type"]: event["data"] for event in told}
    assert {"graph": "sum", "version": 2, "semver": "1.1.0", "by": "Ada"}.items() <= events["graph.updated"].items()
    assert [node["node_id"] for node in events["layout.updated"]["added"]] == ["say"]
    assert (events["layout.updated"]["moved"], events["layout.updated"]["removed"]) == ([], [])
