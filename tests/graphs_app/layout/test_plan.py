"""A drawing from nothing: nothing overlaps, what comes later lies further right, edges meet their nodes, few cross."""

from typing import Any

import pytest
from hypothesis import given, settings

from graphs_app.layout import arrange, layers, ordering, texts
from graphs_app.layout.sizes import label_size
from tests.graphs_app.layout import drawings
from tests.graphs_app.layout.drawings import graph


@given(drawings.graphs)
@settings(max_examples=60, deadline=None)
def test_no_two_nodes_overlap_every_edge_meets_its_nodes_and_passes_through_none(definition: dict[str, Any]) -> None:
    layout = arrange(definition)
    assert [node["node_id"] for node in layout["nodes"]] == [node["node_id"] for node in definition["nodes"]]
    assert drawings.overlapping(layout) == []
    drawings.assert_edges_meet_their_nodes(layout)
    assert drawings.hit_nodes(layout) == []
    assert arrange(definition) == layout


@given(drawings.graphs)
@settings(max_examples=40, deadline=None)
def test_labels_lie_neither_on_nodes_nor_on_other_labels_except_those_of_loops_of_one_node(
    definition: dict[str, Any],
) -> None:
    layout = arrange(definition)
    boxes = [
        {"node_id": f"label {at}", "x": edge["label_at"][0] - label_size(edge["label"])[0] / 2,
         "y": edge["label_at"][1] - 10, "width": label_size(edge["label"])[0], "height": 20}
        for at, edge in enumerate(layout["edges"])
        if edge["label"] and edge["from_node"] != edge["to_node"]
    ]  # fmt: skip
    assert drawings.overlapping({"nodes": [*layout["nodes"], *boxes]}) == []


def test_a_chain_goes_from_left_to_right_and_a_loop_goes_back_round_it() -> None:
    layout = arrange(graph(4, [(0, 1), (1, 2), (2, 3), (3, 1)]))
    lefts = [node["x"] for node in layout["nodes"]]
    assert lefts == sorted(set(lefts))
    back = layout["edges"][3]["points"]
    assert back[0][0] > back[-1][0]
    bottoms = [node["y"] + node["height"] for node in layout["nodes"][1:]]
    tops = [node["y"] for node in layout["nodes"][1:]]
    assert any(y > max(bottoms) or y < min(tops) for _, y in back)


def test_an_edge_to_the_node_itself_goes_over_it() -> None:
    layout = arrange(graph(2, [(0, 0), (0, 1)], ["n < 5"]))
    top = min(y for _, y in layout["edges"][0]["points"])
    assert top < layout["nodes"][0]["y"]
    assert layout["edges"][0]["label"] == "n < 5"


def test_branches_that_could_cross_do_not() -> None:
    layout = arrange(graph(7, [(0, 1), (0, 2), (0, 3), (1, 6), (2, 5), (3, 4)]))
    heights = {node["node_id"]: node["y"] for node in layout["nodes"]}
    first = sorted(("n1", "n2", "n3"), key=heights.__getitem__)
    second = sorted(("n6", "n5", "n4"), key=heights.__getitem__)
    assert [{"n1": "n6", "n2": "n5", "n3": "n4"}[name] for name in first] == second


@pytest.mark.parametrize(("count", "most"), [(100, 235), (500, 2000)])
def test_few_edges_cross_in_large_graphs(count: int, most: int) -> None:
    columns = layers.in_columns(0, [(140.0, 56.0)] * count, drawings.local_dag(count), [""] * (count * 3 // 2))
    assert ordering.put_in_order(columns) <= most


def test_nodes_that_hold_one_another_back_move_together_for_short_edges() -> None:
    # Alone, 6 cannot leave 7 behind, and nothing gets shorter when 7 moves; together they go to the end of the chain.
    arrows = [(0, 1), (1, 2), (2, 3), (3, 4), (4, 5), (0, 6), (6, 7), (6, 5), (7, 5)]
    columns = layers.in_columns(0, [(140.0, 56.0)] * 8, arrows, [""] * len(arrows))
    assert columns.column[:8] == [0, 1, 2, 3, 4, 5, 3, 4]


def test_nothing_overlaps_in_a_graph_of_five_hundred_nodes() -> None:
    layout = arrange(graph(500, drawings.local_dag(500)))
    assert drawings.overlapping(layout) == []


def test_a_chain_of_five_thousand_nodes_and_a_graph_where_all_is_joined_to_all_are_drawn() -> None:
    count = 5000
    assert len(arrange(graph(count, [(i, i + 1) for i in range(count - 1)]))["nodes"]) == count
    joined = [(start, end) for start in range(30) for end in range(30)]
    assert len(arrange(graph(30, joined))["edges"]) == 900


def test_names_make_nodes_wider_within_bounds_and_say_nothing_that_cannot_be_seen() -> None:
    wide = "<b>bold</b>" * 1000
    definition = {
        "entry_node": "a",
        "nodes": [
            {"node_id": "a", "tool": "compute"},
            {"node_id": "a longer name here", "tool": "compute"},
            {"node_id": "b", "label": wide, "tool": "compute"},
        ],
    }
    widths = [node["width"] for node in arrange(definition)["nodes"]]
    assert widths[0] < widths[1] < widths[2] <= 264
    assert texts.plain("abc\u202edef\u0000\n x") == "abc[U+202E]def[U+0000] x"
    assert texts.width(texts.fitting(wide, 100, 13), 13) <= 100


def test_pinned_nodes_stand_where_they_were_put_and_others_make_room() -> None:
    definition = graph(4, [(0, 1), (1, 2), (2, 3)])
    free = arrange(definition)
    place = [free["nodes"][2]["x"] + 5, free["nodes"][2]["y"] + 5]
    layout = arrange({**definition, "metadata": {"pinned": {"n0": place, "gone": [1, 2], "n3": ["x", None]}}})
    assert [layout["nodes"][0]["x"], layout["nodes"][0]["y"]] == place
    assert drawings.overlapping(layout) == []
    drawings.assert_edges_meet_their_nodes(layout)


@pytest.mark.parametrize(
    "broken",
    [
        {},
        {"nodes": None, "edges": 3},
        {"nodes": [None, {"node_id": 4}, {"node_id": ""}, {"node_id": "a"}], "edges": [None, {"from_node": "a"}]},
        {"nodes": [{"node_id": "a"}, {"node_id": "a"}], "edges": [{"from_node": "a", "to_node": ["x"]}], "metadata": 3},
    ],
)
def test_of_a_broken_draft_what_can_be_drawn_is_drawn(broken: dict[str, Any]) -> None:
    layout = arrange(broken)
    assert len(layout["nodes"]) <= 1
    assert layout["edges"] == []
