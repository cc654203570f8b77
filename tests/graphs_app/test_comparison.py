"""What differs between two definitions, and what number follows from it."""

from typing import Any

import pytest

from graphs_app.comparison import compare, union

BASE: dict[str, Any] = {
    "v": 1,
    "name": "Base",
    "entry_node": "a",
    "nodes": [
        {"node_id": "a", "tool": "compute", "config": {"set": {"n": "1"}}},
        {"node_id": "b", "tool": "emit", "config": {"text": "hi"}},
    ],
    "edges": [{"from_node": "a", "to_node": "b"}, {"from_node": "b", "to_node": "a", "condition": "n < 3"}],
}


def changed(**more: Any) -> dict[str, Any]:
    return {**BASE, **more}


def test_a_definition_is_the_same_as_itself_whatever_is_written_out() -> None:
    spelled = changed(
        nodes=[*BASE["nodes"]],
        edges=[
            {"from_node": "a", "to_node": "b", "type": "normal", "condition": None},
            {"from_node": "b", "to_node": "a", "type": "conditional", "condition": "n < 3"},
        ],
    )
    assert compare(BASE, spelled).same


def test_every_kind_of_change_is_told_with_what_was_and_what_is() -> None:
    new = changed(
        name="New",
        nodes=[
            {"node_id": "a", "tool": "compute", "config": {"set": {"n": "2"}}, "timeout_s": 5},
            {"node_id": "c", "tool": "emit", "config": {"text": "hi"}},
        ],
        edges=[{"from_node": "a", "to_node": "c"}],
        metadata={"pinned": {"a": [1, 2]}},
    )
    found = compare(BASE, new)
    assert (found.nodes_added, found.nodes_removed, found.nodes_moved) == (["c"], ["b"], ["a"])
    [node] = found.nodes_changed
    assert {(one.pointer, one.old, one.new) for one in node.differences} == {
        ("/config/set/n", "1", "2"),
        ("/timeout_s", None, 5),
    }
    assert [(edge.from_node, edge.to_node) for edge in found.edges_removed] == [("a", "b"), ("b", "a")]
    assert [(edge.from_node, edge.to_node) for edge in found.edges_added] == [("a", "c")]
    assert [(one.pointer, one.old, one.new) for one in found.graph] == [("/name", "Base", "New")]
    assert not found.same


def test_an_edges_condition_changes_without_the_edge_being_another() -> None:
    new = changed(edges=[BASE["edges"][0], {"from_node": "b", "to_node": "a", "condition": "n < 9"}])
    found = compare(BASE, new)
    [edge] = found.edges_changed
    assert (edge.differences[0].old, edge.differences[0].new) == ("n < 3", "n < 9")
    assert (found.edges_added, found.edges_removed, found.bump) == ([], [], "patch")


def test_a_node_that_only_moved_is_the_same_graph() -> None:
    found = compare(BASE, changed(metadata={"pinned": {"b": [5, 5]}}))
    assert found.same
    assert found.nodes_moved == ["b"]


@pytest.mark.parametrize(
    ("new", "bump"),
    [
        (changed(nodes=BASE["nodes"][:1], edges=[]), "major"),
        (changed(entry_node="b"), "major"),
        (changed(nodes=[*BASE["nodes"], {"node_id": "c", "tool": "emit"}]), "minor"),
        (changed(edges=BASE["edges"][:1]), "minor"),
        (changed(name="Other"), "patch"),
    ],
)
def test_the_number_rises_by_how_much_a_change_can_break(new: dict[str, Any], bump: str) -> None:
    assert compare(BASE, new).bump == bump


def test_both_in_one_keeps_what_was_removed() -> None:
    new = changed(
        nodes=[BASE["nodes"][0], {"node_id": "c", "tool": "emit"}], edges=[{"from_node": "a", "to_node": "c"}]
    )
    both = union(BASE, new)
    assert [node["node_id"] for node in both["nodes"]] == ["a", "c", "b"]
    assert [(edge["from_node"], edge["to_node"]) for edge in both["edges"]] == [("a", "c"), ("a", "b"), ("b", "a")]
