"""Nodes grouped into a sub-graph, and taken apart again: what the graph computes stays the same."""

from typing import Any

import pytest

from graphs_app.engine.memory import MemoryStore
from graphs_app.grouping import NotGroupable, grouped, replaced, ungrouped
from tests.graphs_app.engine.cast import chain, chance, definition, edge, make_registry, node

REGISTRY = make_registry()
COUNT = node("count", "compute", config={"set": {"n": "n + 1"}})
GRAPH = definition(
    [
        node("start", "set_state", config={"values": {"n": 0}}),
        COUNT,
        node("double", "compute", config={"set": {"m": "n * 2"}}),
        node("big", "set_state", config={"values": {"size": "big"}}),
        node("small", "set_state", config={"values": {"size": "small"}}),
    ],
    [*chain("start", "count", "double"), edge("double -> big", "m > 2"), edge("double -> small")],
)
ROUND = definition(
    [
        node("start", "set_state", config={"values": {"n": 0}}),
        COUNT,
        node("end", "compute", config={"set": {"m": "n"}}),
    ],
    [*chain("start", "count", "end"), edge("count -> count", "n < 5")],
)


async def final(graph: dict[str, Any], **subs: dict[str, Any]) -> dict[str, Any]:
    store = MemoryStore(REGISTRY, random=chance(1))
    for name, sub in subs.items():
        store.save(name, sub)
    store.save("main", graph)
    ended = (await store.start("main")).ended
    assert ended is not None
    assert ended.status == "completed", ended.error
    return ended.state


@pytest.mark.parametrize(
    ("graph", "nodes"),
    [
        (GRAPH, ["count", "double"]),
        (GRAPH, ["start", "count"]),
        (ROUND, ["count", "end"]),
        (GRAPH, ["start", "count", "double"]),
    ],
)
async def test_what_was_grouped_computes_the_same_and_comes_apart_as_it_was(
    graph: dict[str, Any], nodes: list[str]
) -> None:
    sub, first, last = grouped(graph, nodes, "Part")
    whole = replaced(graph, sub, first, last, "part")
    assert [one["node_id"] for one in whole["nodes"] if one["tool"] == "graph"] == ["part"]
    assert await final(whole, part=sub) == await final(graph)
    apart = ungrouped(whole, "part", sub)
    assert {one["node_id"] for one in apart["nodes"]} == {one["node_id"] for one in graph["nodes"]}
    assert [one["node_id"] for one in apart["nodes"]] == [one["node_id"] for one in graph["nodes"]]
    assert await final(apart) == await final(graph)


@pytest.mark.parametrize(
    ("nodes", "why"),
    [
        (["count"], "two nodes or more"),
        (["big", "small"], "one node must lead into the group|end in one node|leads out|lead into"),
        (["start", "double"], "there are 2: double, start"),
        (["double", "big"], "double leads out of the group and within it"),
    ],
)
def test_what_has_no_one_way_in_and_out_stays_as_it_is(nodes: list[str], why: str) -> None:
    with pytest.raises(NotGroupable, match=why):
        grouped(GRAPH, nodes, "Part")


def test_keys_that_add_up_and_error_paths_are_not_cut() -> None:
    with pytest.raises(NotGroupable, match="add up"):
        grouped({**GRAPH, "state": {"n": {"reducer": "add"}}}, ["count", "double"], "Part")
    guarded = {**GRAPH, "nodes": [*GRAPH["nodes"][:-2], {**GRAPH["nodes"][3]}, GRAPH["nodes"][4]]}
    guarded["nodes"][1] = {**COUNT, "fallback": "small"}
    with pytest.raises(NotGroupable, match="error path of 'count'"):
        grouped(guarded, ["count", "double"], "Part")


def test_a_node_with_an_input_of_its_own_is_not_taken_apart() -> None:
    whole = definition([node("part", "graph", config={"graph": "part", "input": {"n": "1"}})], [])
    with pytest.raises(NotGroupable, match="input of its own"):
        ungrouped(whole, "part", ROUND)
    with pytest.raises(NotGroupable, match="not a node that runs a graph"):
        ungrouped(GRAPH, "count", ROUND)


async def test_names_that_are_taken_get_a_number() -> None:
    whole = definition(
        [node("count", "set_state", config={"values": {"n": 3}}), node("part", "graph", config={"graph": "part"})],
        chain("count", "part"),
    )
    sub = definition([COUNT], [])
    apart = ungrouped(whole, "part", sub)
    assert [one["node_id"] for one in apart["nodes"]] == ["count", "count_2"]
    assert await final(apart) == {"n": 4}
