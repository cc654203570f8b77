"""Grouping over REST: a graph of one's own is made of some nodes, and taken apart."""

import pytest
from rest_framework.test import APIClient

from graphs_app.models import Graph
from tests.graphs_app import cast


@pytest.fixture
def api(db: None) -> APIClient:
    client = APIClient()
    client.force_authenticate(cast.make_ada())
    return client


def test_nodes_become_a_graph_of_their_own_and_come_back(api: APIClient) -> None:
    body = {"definition": cast.SUM, "nodes": ["start", "add"], "name": "Part of it"}
    made = api.post("/v1/graphs/group", body, format="json")
    assert made.status_code == 201, made.json()
    assert Graph.objects.get(built_in=False).slug == made.json()["graph"] == "part-of-it"
    whole = made.json()["definition"]
    assert whole["nodes"] == [{"node_id": "part-of-it", "tool": "graph", "config": {"graph": "part-of-it"}}]
    apart = api.post("/v1/graphs/ungroup", {"definition": whole, "node": "part-of-it"}, format="json").json()
    assert apart["definition"]["nodes"] == cast.SUM["nodes"]
    assert [(edge["from_node"], edge["to_node"]) for edge in apart["definition"]["edges"]] == [
        ("start", "add"),
        ("add", "add"),
    ]


def test_what_cannot_be_grouped_says_why_and_keeps_nothing(api: APIClient) -> None:
    refused = api.post("/v1/graphs/group", {"definition": cast.SUM, "nodes": ["add"], "name": "Part"}, format="json")
    assert (refused.status_code, refused.json()["code"]) == (422, "cannot_group")
    broken = {"definition": {**cast.SUM, "entry_node": "no"}, "nodes": ["start", "add"], "name": "Part"}
    assert api.post("/v1/graphs/group", broken, format="json").json()["code"] == "invalid_graph"
    for node in ("start", "nowhere"):
        apart = api.post("/v1/graphs/ungroup", {"definition": cast.SUM, "node": node}, format="json")
        assert apart.json()["code"] == "cannot_group"
    assert not Graph.objects.filter(built_in=False).exists()
