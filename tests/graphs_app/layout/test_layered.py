"""A drawing in layers: nothing overlaps, what comes later lies further right, every edge meets its nodes."""

from itertools import combinations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphs_app.layout import arrange


def graph(count: int, edges: list[tuple[int, int]]) -> dict[str, Any]:
    return {
        "entry_node": "n0",
        "nodes": [{"node_id": f"n{i}"} for i in range(count)],
        "edges": [{"from_node": f"n{start}", "to_node": f"n{end}"} for start, end in edges],
    }


graphs = st.integers(1, 12).flatmap(
    lambda count: st.builds(
        graph,
        st.just(count),
        st.lists(st.tuples(st.integers(0, count - 1), st.integers(0, count - 1)), max_size=20),
    )
)


@given(graphs)
def test_no_two_nodes_overlap_and_every_edge_meets_its_nodes(definition: dict[str, Any]) -> None:
    drawing = arrange(definition)
    assert [node["node_id"] for node in drawing["nodes"]] == [node["node_id"] for node in definition["nodes"]]
    for one, other in combinations(drawing["nodes"], 2):
        beside = one["x"] + one["width"] <= other["x"] or other["x"] + other["width"] <= one["x"]
        assert beside or one["y"] + one["height"] <= other["y"] or other["y"] + other["height"] <= one["y"]
    places = {node["node_id"]: node for node in drawing["nodes"]}
    for edge in drawing["edges"]:
        for name, point in ((edge["from_node"], edge["points"][0]), (edge["to_node"], edge["points"][-1])):
            node = places[name]
            assert point[0] in (node["x"], node["x"] + node["width"])
            assert point[1] == node["y"] + node["height"] / 2


def test_a_chain_goes_from_left_to_right_and_a_way_back_turns_nothing_round() -> None:
    drawing = arrange(graph(4, [(0, 1), (1, 2), (2, 3), (3, 1)]))
    assert [node["x"] for node in drawing["nodes"]] == sorted({node["x"] for node in drawing["nodes"]})
    assert drawing["edges"][3]["points"][0][0] > drawing["edges"][3]["points"][-1][0]


def test_branches_that_could_cross_do_not() -> None:
    drawing = arrange(graph(7, [(0, 1), (0, 2), (0, 3), (1, 6), (2, 5), (3, 4)]))
    heights = {node["node_id"]: node["y"] for node in drawing["nodes"]}
    first = sorted(("n1", "n2", "n3"), key=heights.__getitem__)
    second = sorted(("n6", "n5", "n4"), key=heights.__getitem__)
    assert [{"n1": "n6", "n2": "n5", "n3": "n4"}[name] for name in first] == second


@pytest.mark.timeout(20)
def test_a_chain_of_ten_thousand_nodes_is_drawn() -> None:
    count = 10_000
    drawing = arrange(graph(count, [(i, i + 1) for i in range(count - 1)]))
    assert len(drawing["nodes"]) == count
