"""What a model suggests for a graph: checked and measured like the rules' own changes; what does not fit is told."""

from typing import Any

import pytest

from graphs_app.engine import validate
from graphs_app.redesign import ChangeDoesNotApply, Measured, Past, apply_all, plan, suggest
from graphs_app.redesign.changes import from_json
from graphs_app.redesign.planning import BY_KIND, MOST_SUGGESTED
from graphs_app.redesign.suggested import LeftOut
from tests.graphs_app.engine.cast import definition, node
from tests.graphs_app.redesign.test_rules import REGISTRY, nothing

GRAPH = definition(
    [node("get", "fetch"), nothing("pause"), node("size", "measure"), node("say", "summarise"), node("more", "ask")],
    ["get -> pause", "pause -> size", "size -> say", "say -> more"],
)


def given(*edits: dict[str, Any], title: str = "Another way", reason: str = "It is better.") -> dict[str, Any]:
    return {"title": title, "reason": reason, "edits": list(edits)}


def suggested(*suggestions: Any, by: str = "mine (a model)") -> tuple[list[Any], list[LeftOut]]:
    found, left = suggest(GRAPH, plan(GRAPH, REGISTRY), suggestions, by=by, registry=REGISTRY)
    return [change for change in found.changes if change.by], left


def test_a_suggestion_comes_after_the_rules_changes_with_evidence_and_what_it_needs() -> None:
    rules = plan(GRAPH, REGISTRY)
    assert "remove_no_op" in [change.kind for change in rules.changes]
    changes, left = suggested(
        given({"do": "remove_node", "node_id": "more"}, title="Do not ask", reason="Nobody reads the answer.")
    )
    assert left == []
    [change] = changes
    assert (change.n, change.kind, change.by) == (len(rules.changes) + 1, "suggested", "mine (a model)")
    assert change.nodes == ["more"]
    before, after = change.evidence["before"], change.evidence["after"]
    assert change.evidence["valid"]
    assert before == rules.after.as_json()
    assert after["nodes"] == before["nodes"] - 1
    result = apply_all(GRAPH, [*rules.changes, from_json(change.as_json())], rules=BY_KIND, registry=REGISTRY)
    assert validate.problems(result, REGISTRY) == []
    assert "more" not in [one["node_id"] for one in result["nodes"]]


def test_what_was_measured_with_another_config_is_no_evidence_for_the_new_one() -> None:
    base = definition([node("nap", "sleep", config={"seconds": 4})], [])
    past = Past(3, {"nap": Measured("sleep", 3, 4000.0, 4100.0)})
    shorter = given({"do": "change_node", "node_id": "nap", "set": {"config": {"seconds": 1}}})
    found, left = suggest(base, plan(base, REGISTRY, past), [shorter], by="mine", registry=REGISTRY, past=past)
    assert left == []
    evidence = found.changes[-1].evidence
    assert (evidence["before"]["critical_path_ms"], evidence["after"]["critical_path_ms"]) == (4000.0, 1000.0)
    assert evidence["source"].startswith("No past run has measured")


def test_a_later_suggestion_needs_the_earlier_one_that_it_builds_on() -> None:
    first = given(
        {"do": "add_node", "node": {"node_id": "note", "tool": "set_state", "config": {"values": {"seen": True}}}},
        {"do": "add_edge", "from_node": "more", "to_node": "note"},
    )
    second = given({"do": "change_node", "node_id": "note", "set": {"label": "Noted"}})
    changes, left = suggested(first, second)
    assert left == []
    assert changes[1].needs == [changes[0].n]
    with pytest.raises(ChangeDoesNotApply):
        apply_all(GRAPH, [changes[1]], rules=BY_KIND, registry=REGISTRY)


@pytest.mark.parametrize(
    ("suggestion", "why"),
    [
        ("drop it all", "is not of type 'object'"),
        ({"title": "No edits", "reason": "x"}, "'edits' is a required property"),
        (given({"do": "run_shell", "command": "rm -rf /"}), "is none of the edits there are"),
        (given({"do": "remove_node", "node_id": "nowhere"}), "there is no node 'nowhere'"),
        (given({"do": "add_node", "node": {"node_id": "x", "tool": "no_such_tool"}}), "would not be valid"),
        (given({"do": "add_edge", "from_node": "say", "to_node": "get"}), "would not be valid"),
        (given({"do": "add_edge", "from_node": "get", "to_node": "more", "condition": "().__class__"}), "valid"),
        (given({"do": "change_node", "node_id": "get", "set": {"config": "no object"}}), "would not be valid"),
        (given({"do": "change_node", "node_id": "more", "set": {"tool": "act"}}), "bring in 'act'"),
        (given({"do": "change_node", "node_id": "more", "set": {"node_id": "get"}}), "none of the edits"),
        (given({"do": "change_node", "node_id": "get", "set": {"label": None}}), "it changes nothing"),
        (given({"do": "change_node", "node_id": "get", "set": {"label": "x" * 30_000}}), "longer than"),
    ],
)
def test_what_cannot_be_made_is_left_out_and_told_and_spoils_no_other(suggestion: Any, why: str) -> None:
    good = given({"do": "remove_node", "node_id": "more"})
    changes, left = suggested(suggestion, good)
    assert [change.nodes for change in changes] == [["more"]]
    assert len(left) == 1
    assert why in left[0].why


def test_words_of_a_model_are_one_plain_line_of_bounded_length_and_only_so_many_suggestions_are_looked_at() -> None:
    named = given(
        {"do": "change_node", "node_id": "get", "set": {"label": "a"}},
        title="\u202eTurn\x00 it\n round" + "!" * 500,
        reason="<img src=x onerror=alert(1)> " * 200,
    )
    more = [
        given({"do": "change_node", "node_id": "get", "set": {"label": f"b{n}"}}) for n in range(MOST_SUGGESTED + 3)
    ]
    changes, left = suggested(named, *more)
    assert changes[0].title.startswith("[U+202E]Turn[U+0000] it round!")
    assert len(changes[0].title) <= 160
    assert len(changes[0].reason) <= 800
    assert len(changes) == MOST_SUGGESTED
    assert [one.why for one in left] == [f"more than {MOST_SUGGESTED} are not looked at"] * 4
