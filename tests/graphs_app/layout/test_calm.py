"""A drawing from the one before: what was there stays where it was, and only what changed is told."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from graphs_app.layout import arrange, changes
from graphs_app.layout.changes import applied
from tests.graphs_app.layout import drawings
from tests.graphs_app.layout.drawings import graph


def with_node(definition: dict[str, Any], name: str, after: str, before: str | None = None) -> dict[str, Any]:
    edges = [*definition["edges"], {"from_node": after, "to_node": name}]
    if before is not None:
        edges.append({"from_node": name, "to_node": before})
    return {**definition, "nodes": [*definition["nodes"], {"node_id": name, "tool": "compute"}], "edges": edges}


def test_a_node_more_in_a_thousand_moves_no_more_than_a_twentieth() -> None:
    count = 1000
    definition = graph(count, drawings.local_dag(count))
    before = arrange(definition)
    after = arrange(with_node(definition, "new", "n400", "n420"), before)
    change = changes(before, after)
    assert [node["node_id"] for node in change["added"]] == ["new"]
    assert change["removed"] == []
    assert len(change["moved"]) <= count / 20
    assert len(change["edges"]["changed"]) < 300
    moved = {node["node_id"] for node in (*change["moved"], *change["added"])}
    assert not [pair for pair in drawings.overlapping(after) if set(pair) & moved]


@given(drawings.graphs, st.integers(0, 11), st.integers(0, 11))
@settings(max_examples=60, deadline=None)
def test_after_any_small_change_nothing_overlaps_and_the_change_alone_leads_from_the_old_to_the_new(
    definition: dict[str, Any], start: int, end: int
) -> None:
    before = arrange(definition)
    names = [node["node_id"] for node in definition["nodes"]]
    changed = with_node(definition, "new", names[start % len(names)], names[end % len(names)])
    after = arrange(changed, before)
    assert drawings.overlapping(after) == []
    drawings.assert_edges_meet_their_nodes(after)
    told = applied(before, changes(before, after))
    assert {node["node_id"]: node for node in told["nodes"]} == {node["node_id"]: node for node in after["nodes"]}
    assert sorted(map(repr, told["edges"])) == sorted(map(repr, after["edges"]))
    again = arrange(changed, after)
    assert changes(after, again) == {"moved": [], "added": [], "removed": [], "edges": {"changed": [], "removed": []}}


def test_what_is_taken_away_moves_nothing() -> None:
    definition = graph(8, [(0, 1), (1, 2), (1, 3), (2, 4), (3, 4), (4, 5), (5, 6), (6, 7)])
    before = arrange(definition)
    less = {
        **definition,
        "nodes": [node for node in definition["nodes"] if node["node_id"] != "n3"],
        "edges": [edge for edge in definition["edges"] if "n3" not in edge.values()],
    }
    change = changes(before, arrange(less, before))
    assert (change["moved"], change["added"], change["removed"]) == ([], [], ["n3"])
    assert [(edge["from_node"], edge["to_node"]) for edge in change["edges"]["removed"]] == [("n1", "n3"), ("n3", "n4")]


def test_a_node_between_two_pushes_what_comes_after_to_the_right() -> None:
    definition = graph(4, [(0, 1), (1, 2), (2, 3)])
    before = arrange(definition)
    after = arrange(with_node(definition, "new", "n1", "n2"), before)
    lefts = {node["node_id"]: node["x"] for node in after["nodes"]}
    assert lefts["n1"] < lefts["new"] < lefts["n2"] < lefts["n3"]
    assert [node["node_id"] for node in changes(before, after)["moved"]] == ["n2", "n3"]


def test_a_pinned_node_is_not_pushed() -> None:
    definition = graph(4, [(0, 1), (1, 2), (2, 3)])
    before = arrange(definition)
    place = [before["nodes"][2]["x"], before["nodes"][2]["y"]]
    after = arrange({**with_node(definition, "new", "n1", "n2"), "metadata": {"pinned": {"n2": place}}}, before)
    assert changes(before, after)["moved"] == []
    assert drawings.overlapping(after) == []


def test_a_node_whose_name_grows_stays_round_its_middle_and_neighbours_give_way() -> None:
    definition = graph(3, [(0, 1), (0, 2)])
    before = arrange(definition)
    definition["nodes"][1]["label"] = "a name that is much longer than before"
    after = arrange(definition, before)
    old, new = before["nodes"][1], after["nodes"][1]
    assert new["width"] > old["width"]
    assert new["x"] + new["width"] / 2 == old["x"] + old["width"] / 2
    assert drawings.overlapping(after) == []


def test_a_graph_of_which_little_is_left_is_drawn_anew() -> None:
    before = arrange(graph(2, [(0, 1)]))
    definition = graph(9, [(i, i + 1) for i in range(8)])
    assert arrange(definition, before) == arrange(definition)
