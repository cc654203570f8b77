"""Definitions as values."""

import pytest

from graphs_app.engine.checkpoint import NodeDone
from graphs_app.engine.graph import Edge, alone, parse
from graphs_app.engine.replan import state_at
from tests.graphs_app.engine.cast import Stage, definition, edge, entries, final, node


def test_fallbacks_are_edges_after_the_drawn_ones() -> None:
    graph = definition(
        [node("a", on_error="fallback", fallback="c"), node("b", fallback="c"), "c"], ["a -> b", edge("b -> c", "x")]
    )
    assert list(parse(graph).edges) == [
        Edge("a", "b"),
        Edge("b", "c", "conditional", "x"),
        Edge("a", "c", "fallback"),
        Edge("b", "c", "fallback"),
    ]


def test_an_edge_with_a_condition_is_conditional_and_an_empty_retry_means_three_attempts() -> None:
    graph = {
        "entry_node": "a",
        "nodes": [{"node_id": "a", "tool": "x", "retry": {}}],
        "edges": [{"from_node": "a", "to_node": "a", "condition": "x"}],
    }
    parsed = parse(graph)
    assert parsed.edges[0].type == "conditional"
    assert parsed.nodes[0].retry.max_attempts == 3


async def test_a_node_can_be_run_by_itself_on_what_it_saw() -> None:
    stage = Stage()
    graph = definition(
        [node("a", "count_up"), node("b", "count_up", on_error="fallback", fallback="a"), node("c", "count_up")],
        ["a -> b", "b -> c"],
        state={"n": {"reducer": "replace"}},
    )
    stored = await stage.run(graph, {"n": 5})
    second = entries(stored, NodeDone)[1]
    seen = state_at(
        compiled=stage.store.compiled("main"),
        initial_state=stored.initial_state,
        history=stored.journal.history(),
        number=second.seen,
    )
    again = await stage.run(alone(graph, "b"), seen)
    assert entries(again, NodeDone)[0].writes == second.writes
    assert final(again) == {"n": 7}
    with pytest.raises(KeyError):
        alone(graph, "z")
