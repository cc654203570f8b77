"""Graphs over HTTP: kept when they are right, refused with everything that is wrong, and never another person's."""

from typing import Any

import pytest
from rest_framework.test import APIClient

from graphs_app.services import runs
from sessions_app.models import User
from tests.graphs_app import cast


@pytest.fixture
def ada(db: None) -> User:
    return cast.make_ada()


@pytest.fixture
def api(ada: User) -> APIClient:
    client = APIClient()
    client.force_authenticate(ada)
    return client


@pytest.fixture
def eve(db: None) -> APIClient:
    client = APIClient()
    client.force_authenticate(User.objects.create(username="eve"))
    return client


def post(api: APIClient, path: str, body: Any, **headers: str) -> Any:
    return api.post(path, body, format="json", headers=headers)


def test_a_graph_is_created_read_by_id_and_slug_and_listed(api: APIClient) -> None:
    created = post(api, "/v1/graphs", cast.SUM)
    assert created.status_code == 201
    graph = created.json()
    assert {"slug": "sum", "name": "Sum", "version": 1, "versions": [1], "built_in": False}.items() <= graph.items()
    assert graph["definition"] == cast.SUM
    assert created.headers["Location"] == f"/v1/graphs/{graph['id']}"
    assert api.get(f"/v1/graphs/{graph['id']}").json() == api.get("/v1/graphs/sum").json()
    listed = api.get("/v1/graphs").json()
    assert "sum" in [one["slug"] for one in listed["results"]]
    assert set(listed) >= {"results", "next", "previous"}


def test_a_graph_with_every_fault_is_refused_with_a_pointer_each(api: APIClient) -> None:
    broken = {
        "v": 1,
        "name": "Broken",
        "entry_node": "nowhere",
        "nodes": [
            {"node_id": "a", "tool": "no_such_tool"},
            {"node_id": "a", "tool": "set_state", "config": {"values": {}}},
            {"node_id": "b", "tool": "graph", "config": {"graph": "no-such-graph"}},
        ],
        "edges": [
            {"from_node": "a", "to_node": "lost"},
            {"from_node": "a", "to_node": "b", "type": "conditional", "condition": "n >"},
        ],
    }
    refused = post(api, "/v1/graphs", broken)
    assert refused.status_code == 422
    assert refused.json()["code"] == "invalid_graph"
    pointers = {error["pointer"] for error in refused.json()["errors"]}
    assert pointers >= {"/entry_node", "/nodes/0/tool", "/nodes/1/node_id", "/edges/0/to_node", "/edges/1/condition"}
    assert "/nodes/2/config/graph" in pointers
    validation = post(api, "/v1/graphs/validate", broken)
    assert validation.status_code == 200
    assert validation.json()["valid"] is False
    assert validation.json()["problems"] == refused.json()["errors"]
    assert post(api, "/v1/graphs/validate", cast.SUM).json()["valid"] is True


@pytest.mark.parametrize("body", [[], "text", 7, None, {}, {"nodes": {}}, {"nodes": [None], "edges": [7]}])
def test_what_is_no_definition_is_refused_in_words(api: APIClient, body: Any) -> None:
    assert post(api, "/v1/graphs", body).status_code in (400, 422)
    assert post(api, "/v1/graphs/validate", body).status_code in (200, 400)


def test_a_version_is_added_and_the_old_one_stays(api: APIClient) -> None:
    post(api, "/v1/graphs", cast.SUM)
    changed = {**cast.SUM, "name": "Sums"}
    added = post(api, "/v1/graphs/sum/versions", changed)
    assert (added.status_code, added.json()["version"]) == (201, 2)
    assert post(api, "/v1/graphs/sum/versions", changed).json()["version"] == 2
    assert api.get("/v1/graphs/sum").json()["versions"] == [1, 2]
    assert api.get("/v1/graphs/sum/versions/1").json()["definition"] == cast.SUM
    assert [one["version"] for one in api.get("/v1/graphs/sum/versions").json()["results"]] == [2, 1]
    assert api.get("/v1/graphs/sum/versions/3").status_code == 404


def test_a_graph_that_has_run_can_be_deleted_and_its_run_still_be_read(api: APIClient, ada: User) -> None:
    post(api, "/v1/graphs", cast.SUM)
    run = runs.start_run(user=ada, graph="sum", initial_state={})
    assert api.delete("/v1/graphs/sum").status_code == 204
    assert api.get("/v1/graphs/sum").status_code == 404
    assert api.get(f"/v1/runs/{run.pk}").status_code == 200
    assert post(api, "/v1/graphs", cast.SUM).json()["slug"] == "sum"


def test_two_graphs_of_one_name_get_slugs_of_their_own(api: APIClient, eve: APIClient) -> None:
    assert [post(one, "/v1/graphs", cast.SUM).json()["slug"] for one in (api, eve, api)] == ["sum", "sum-2", "sum-3"]


def test_a_graph_may_call_itself_from_its_first_version_on(api: APIClient, eve: APIClient) -> None:
    def calls(slug: str, name: str) -> dict[str, Any]:
        return cast.line(name, cast.node("down", "graph", {"graph": slug}))

    assert post(api, "/v1/graphs/validate", calls("count-down", "Count down")).json()["valid"]
    assert post(api, "/v1/graphs", calls("count-down", "Count down")).json()["slug"] == "count-down"
    other = post(api, "/v1/graphs", calls("nowhere", "Other"))
    assert (other.status_code, other.json()["errors"][0]["code"]) == (422, "graph_unknown")
    assert post(eve, "/v1/graphs", calls("count-down", "Count down")).status_code == 422  # it would be count-down-2


def test_a_version_of_a_sub_graph_that_is_not_there_is_refused_when_the_graph_is_saved(api: APIClient) -> None:
    post(api, "/v1/graphs", cast.SUM)
    calls = cast.line("Calls", cast.node("down", "graph", {"graph": "sum", "version": 2}))
    assert post(api, "/v1/graphs/validate", calls).json()["problems"] == [
        {
            "pointer": "/nodes/0/config/version",
            "code": "graph_version_unknown",
            "message": "graph 'sum' has no version 2; its current version is 1",
        }
    ]
    calls["nodes"][0]["config"]["version"] = 1
    assert post(api, "/v1/graphs", calls).status_code == 201


def test_another_persons_graph_is_not_there(api: APIClient, eve: APIClient) -> None:
    graph_id = post(api, "/v1/graphs", cast.SUM).json()["id"]
    for path in (f"/v1/graphs/{graph_id}", "/v1/graphs/sum", "/v1/graphs/sum/versions", "/v1/graphs/sum/layout"):
        assert eve.get(path).status_code == 404
    assert post(eve, "/v1/graphs/sum/versions", cast.SUM).status_code == 404
    assert eve.delete("/v1/graphs/sum").status_code == 404
    assert post(eve, "/v1/runs", {"graph": "sum", "initial_state": {}}).status_code == 404
    assert "sum" not in [one["slug"] for one in eve.get("/v1/graphs").json()["results"]]


def test_a_graph_of_the_site_is_seen_by_all_and_changed_by_none(api: APIClient) -> None:
    cast.make_version("house", cast.SUM)
    assert api.get("/v1/graphs/house").json()["built_in"] is True
    assert post(api, "/v1/graphs/house/versions", cast.SUM).status_code == 403
    assert api.delete("/v1/graphs/house").status_code == 403


def test_a_layout_places_every_node_and_leads_every_edge(api: APIClient) -> None:
    post(api, "/v1/graphs", cast.SUM)
    layout = api.get("/v1/graphs/sum/layout").json()
    assert [one["node_id"] for one in layout["nodes"]] == ["start", "add"]
    assert [(one["from_node"], one["to_node"]) for one in layout["edges"]] == [("start", "add"), ("add", "add")]
    assert layout["version"] == 1
    assert layout["nodes"][0]["x"] < layout["nodes"][1]["x"]


def test_nobody_gets_in_without_signing_in() -> None:
    assert APIClient().get("/v1/graphs").status_code == 401
    assert APIClient().get("/v1/runs").status_code == 401
