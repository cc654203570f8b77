"""A version is drawn from the one before it, once: what is added moves nothing, and what is drawn stays so."""

from typing import Any

import pytest
from rest_framework.test import APIClient

from graphs_app import layout
from graphs_app.models import Graph, VersionLayout
from sessions_app.models import User
from tests.graphs_app.cast import node

MANY = 100


def web(count: int) -> dict[str, Any]:
    """Nodes in three rows, with arrows between the rows."""
    nodes = [node(f"n{at}", "set_state", {"values": {"n": at}}) for at in range(count)]
    edges = [{"from_node": f"n{max(0, at - 3)}", "to_node": f"n{at}"} for at in range(1, count)]
    return {"v": 1, "name": "Web", "entry_node": "n0", "nodes": nodes, "edges": edges}


@pytest.fixture
def api(ada: User) -> APIClient:
    client = APIClient()
    client.force_authenticate(ada)
    assert client.post("/v1/graphs", web(MANY), format="json").status_code == 201
    return client


def places(api: APIClient, version: int | str = "") -> dict[str, tuple[float, float]]:
    drawn = api.get(f"/v1/graphs/web/layout?version={version}" if version else "/v1/graphs/web/layout").json()
    return {one["node_id"]: (one["x"], one["y"]) for one in drawn["nodes"]}


def with_one_more() -> dict[str, Any]:
    more = web(MANY)
    more["nodes"].insert(50, node("extra", "set_state", {"values": {"m": 1}}))
    more["edges"].insert(50, {"from_node": "n20", "to_node": "extra"})
    return more


def test_one_added_node_moves_none_of_a_hundred(api: APIClient) -> None:
    before = places(api)
    assert api.post("/v1/graphs/web/versions", with_one_more(), format="json").status_code == 201
    after = places(api)
    assert len(after) == MANY + 1
    assert {name: after[name] for name in before} == before
    assert places(api, 1) == before
    anew = {one["node_id"]: (one["x"], one["y"]) for one in layout.arrange(with_one_more())["nodes"]}
    assert any(anew[name] != before[name] for name in before), "drawn from nothing, much of it would stand elsewhere"


def test_versions_that_nobody_looked_at_are_drawn_one_from_the_other(api: APIClient) -> None:
    assert api.post("/v1/graphs/web/versions", with_one_more(), format="json").status_code == 201
    last = places(api, 2)
    first = places(api, 1)
    assert {name: last[name] for name in first} == first
    assert VersionLayout.objects.count() == 2


def test_a_layout_stays_as_it_was_drawn(api: APIClient, monkeypatch: pytest.MonkeyPatch) -> None:
    before = places(api)

    def refuse(*_: Any) -> Any:
        raise AssertionError("a version that is drawn is not drawn again")

    monkeypatch.setattr(layout, "arrange", refuse)
    assert places(api) == before


def test_a_draft_is_drawn_from_the_version_that_it_began_from(api: APIClient, ada: User) -> None:
    before = places(api)
    assert api.put("/v1/graphs/web/draft", {"definition": with_one_more()}, format="json").status_code == 200
    api.force_login(ada)
    page = api.get("/graph/web/")
    assert page.status_code == 200
    drawn = {one["node_id"]: (one["x"], one["y"]) for one in page.context["data"]["layout"]["nodes"]}
    assert {name: drawn[name] for name in before} == before
    compared = api.get("/v1/graphs/web/compare?old=1").json()["layout"]["nodes"]
    both = {one["node_id"]: (one["x"], one["y"]) for one in compared}
    assert {name: both[name] for name in before} == before


def test_layouts_go_with_their_graph(api: APIClient) -> None:
    places(api)
    Graph.objects.get(slug="web").delete()
    assert not VersionLayout.objects.exists()
