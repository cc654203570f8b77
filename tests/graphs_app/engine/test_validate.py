"""Every fault of a definition is found at once, each with a pointer and a code."""

import json
import time
from itertools import pairwise
from typing import Any

import pytest

from graphs_app.engine.compiled import compile_definition
from graphs_app.engine.errors import DefinitionInvalid
from graphs_app.engine.validate import problems
from tests.graphs_app.engine.cast import definition, edge, make_registry, node

REGISTRY = make_registry()


def found(graph: Any) -> set[tuple[str, str]]:
    return {(one.pointer, one.code) for one in problems(graph, REGISTRY)}


def test_a_sound_definition_has_no_problems() -> None:
    graph = {
        "v": 1,
        "name": "Code review",
        "entry_node": "extract",
        "max_iterations": 100,
        "state": {"issues": {"reducer": "extend"}},
        "nodes": [
            {
                "node_id": "extract",
                "tool": "note",
                "config": {},
                "timeout_s": 60,
                "join": "all",
                "retry": {"max_attempts": 3, "backoff_s": 1.0, "backoff_max_s": 60.0, "jitter": True},
                "on_error": "fail_fast",
                "fallback": None,
            },
            {"node_id": "fix", "tool": "note"},
        ],
        "edges": [
            {
                "from_node": "extract",
                "to_node": "fix",
                "type": "conditional",
                "condition": "complexity > 10 AND issues < 5",
            },
        ],
    }
    assert problems(graph, REGISTRY) == []


def test_the_simplest_definition_is_sound_and_has_defaults() -> None:
    graph = {"entry_node": "a", "nodes": [{"node_id": "a", "tool": "note"}]}
    assert problems(graph, REGISTRY) == []
    compiled = compile_definition(graph, REGISTRY)
    (one,) = compiled.definition.nodes
    assert (one.join, one.route, one.on_error, one.timeout_s, one.retry.max_attempts) == (
        "all",
        "first",
        "fail_fast",
        None,
        1,
    )
    assert compiled.definition.max_iterations == 100


def test_null_stands_for_what_is_left_out() -> None:
    graph = definition(
        [
            node("a", config=None, timeout_s=None, join=None, route=None, retry=None, on_error=None, fallback=None),
            "b",
        ],
        [{"from_node": "a", "to_node": "b", "type": "normal", "condition": None}],
        state=None,
        max_iterations=None,
    )
    assert problems(graph, REGISTRY) == []
    compile_definition(graph, REGISTRY)


def test_every_fault_is_found_at_once() -> None:
    graph = {
        "v": 2,
        "name": "x" * 300,
        "entry_node": "nowhere",
        "max_iterations": 0,
        "extra": 1,
        "state": {"a": {"reducer": "sum"}, "b": 5, "c": {"reduce": "append"}},
        "nodes": [
            {"node_id": "a", "tool": "no_such_tool"},
            {"node_id": "a", "tool": "note"},
            {"node_id": "b", "tool": "set_state", "config": {"value": 1}},
            {"node_id": "c", "tool": "note", "timeout_s": -1, "join": "some", "route": "none", "on_error": "panic"},
            {"node_id": "d", "tool": "note", "on_error": "fallback"},
            {"node_id": "e", "tool": "note", "on_error": "fallback", "fallback": "zzz"},
            {"node_id": "f", "tool": "note", "retry": {"max_attempts": 0, "backoff_s": "x", "jitter": 1, "often": 1}},
            {"node_id": "", "tool": ""},
            {"tool": "note", "config": []},
            "g",
            {"node_id": "h", "tool": "compute", "config": {"set": {"x": "1 +", "y/z": "(", "ok": "1"}}},
            {"node_id": "i", "tool": "note", "typo": 1},
            {"node_id": "k", "tool": "note", "on_error": "continue", "fallback": "a"},
        ],
        "edges": [
            {"from_node": "a", "to_node": "nope"},
            {"from_node": "a", "to_node": "b", "type": "maybe"},
            {"from_node": "a", "to_node": "c", "type": "conditional"},
            {"from_node": "a", "to_node": "d", "type": "normal", "condition": "x > 1"},
            {"from_node": "a", "to_node": "e", "condition": "x >"},
            {"from_node": "a", "to_node": "f", "condition": 5},
            {"from_node": "b", "to_node": "c"},
            {"from_node": "b", "to_node": "c"},
            {"to_node": "c"},
            "a -> b",
            {"from_node": "c", "to_node": "d", "weight": 1},
        ],
    }
    assert found(graph) == {
        ("/v", "version_unsupported"),
        ("/name", "name_too_long"),
        ("/entry_node", "node_unknown"),
        ("/max_iterations", "number_out_of_range"),
        ("/extra", "key_unknown"),
        ("/state/a/reducer", "reducer_unknown"),
        ("/state/b", "wrong_type"),
        ("/state/c/reduce", "key_unknown"),
        ("/nodes/0/tool", "tool_unknown"),
        ("/nodes/1/node_id", "node_twice"),
        ("/nodes/2/config", "config_invalid"),
        ("/nodes/3/timeout_s", "number_out_of_range"),
        ("/nodes/3/join", "join_unknown"),
        ("/nodes/3/route", "route_unknown"),
        ("/nodes/3/on_error", "on_error_unknown"),
        ("/nodes/4/fallback", "fallback_missing"),
        ("/nodes/5/fallback", "node_unknown"),
        ("/nodes/6/retry/max_attempts", "number_out_of_range"),
        ("/nodes/6/retry/backoff_s", "number_out_of_range"),
        ("/nodes/6/retry/jitter", "wrong_type"),
        ("/nodes/6/retry/often", "key_unknown"),
        ("/nodes/7/node_id", "name_missing"),
        ("/nodes/7/tool", "tool_missing"),
        ("/nodes/8/node_id", "name_missing"),
        ("/nodes/8/config", "wrong_type"),
        ("/nodes/9", "wrong_type"),
        ("/nodes/10/config/set/x", "condition_invalid"),
        ("/nodes/10/config/set/y~1z", "condition_invalid"),
        ("/nodes/11/typo", "key_unknown"),
        ("/nodes/12/fallback", "fallback_unused"),
        ("/edges/0/to_node", "node_unknown"),
        ("/edges/1/type", "edge_type_unknown"),
        ("/edges/2/condition", "condition_missing"),
        ("/edges/3/condition", "condition_unused"),
        ("/edges/4/condition", "condition_invalid"),
        ("/edges/5/condition", "wrong_type"),
        ("/edges/7", "edge_twice"),
        ("/edges/8/from_node", "edge_end_missing"),
        ("/edges/9", "wrong_type"),
        ("/edges/10/weight", "key_unknown"),
    }


def test_faults_of_the_shape_are_found_beside_others() -> None:
    graph = definition(
        ["a", "b", "c", node("d", "no_such_tool"), "island"],
        ["a -> b", "b -> c", "c -> b", edge("a -> d", "x >"), "island -> d"],
    )
    assert found(graph) == {
        ("/nodes/3/tool", "tool_unknown"),
        ("/edges/3/condition", "condition_invalid"),
        ("/nodes/4", "node_unreachable"),
        ("/edges/2", "cycle_endless"),
    }


def test_a_condition_that_does_not_parse_tells_its_column() -> None:
    (one,) = problems(definition(["a", "b"], [edge("a -> b", "x > AND y")]), REGISTRY)
    assert (one.pointer, one.code) == ("/edges/0/condition", "condition_invalid")
    assert "column 5" in one.message


def test_problems_say_what_may_have_been_meant() -> None:
    graph = definition([node("a", "set_stat"), node("b", timeout=5)], ["a -> b"])
    messages = [one.message for one in problems(graph, REGISTRY)]
    assert any("did you mean 'set_state'?" in message for message in messages)
    assert any("did you mean 'timeout_s'?" in message for message in messages)


@pytest.mark.parametrize(
    "edges",
    [
        ["a -> a"],
        ["a -> b", "b -> a"],
        ["a -> b", "b -> c", "c -> b"],
        [edge("a -> a", "true")],
        [edge("a -> b", "1 < 2"), "b -> a"],
        ["a -> b", "b -> a", edge("b -> c", "false")],
        ["a -> b", "b -> c", "c -> a", "b -> a"],
    ],
)
def test_a_cycle_that_cannot_end_is_refused(edges: list[Any]) -> None:
    names = {"a", *(end for one in edges for end in ends(one))}
    assert "cycle_endless" in {code for _, code in found(definition(sorted(names), edges))}


@pytest.mark.parametrize(
    "edges",
    [
        [edge("a -> a", "x < 5")],
        [edge("a -> b", "x > 5"), "a -> a"],
        ["a -> b", edge("b -> a", "x < 5"), "b -> c"],
        ["a -> b", "b -> a", edge("b -> c", "done")],
        ["a -> b", "b -> c", edge("c -> a", "x")],
        [edge("a -> a", "1 / 0 == 1")],
    ],
)
def test_a_cycle_with_a_condition_on_the_way_out_or_round_may_run(edges: list[Any]) -> None:
    names = {"a", *(end for one in edges for end in ends(one))}
    assert found(definition(sorted(names), edges)) == set()


def ends(one: Any) -> list[str]:
    return [end.strip() for end in one.split("->")] if isinstance(one, str) else [one["from_node"], one["to_node"]]


def test_a_fallback_makes_a_node_reachable_and_its_cycle_may_end() -> None:
    graph = definition([node("a", on_error="fallback", fallback="b"), "b"], ["b -> a"])
    assert found(graph) == set()


@pytest.mark.parametrize("what", [None, 5, "x", [], True, {}, {"nodes": []}, {"nodes": {}}, {"nodes": None}])
def test_what_is_no_definition_at_all_is_told_so(what: Any) -> None:
    assert problems(what, REGISTRY)


def test_a_hundred_thousand_nodes_are_one_clear_problem_and_quickly() -> None:
    graph = definition([node(f"n{index}") for index in range(100_000)], [])
    started = time.process_time()
    (one,) = problems(graph, REGISTRY)
    assert (one.pointer, one.code) == ("/nodes", "too_many_nodes")
    assert "100000" in one.message
    assert "10000" in one.message
    assert time.process_time() - started < 1


def test_too_many_edges_are_one_problem() -> None:
    assert found(definition(["a"], ["a -> a"] * 50_001)) == {("/edges", "too_many_edges")}


def test_the_largest_graph_that_is_allowed_is_checked_and_compiled_in_time() -> None:
    names = [f"n{index}" for index in range(10_000)]
    edges = [f"{one} -> {two}" for one, two in pairwise(names)]
    graph = definition([node(name) for name in names], edges)
    started = time.process_time()
    compile_definition(graph, REGISTRY)
    assert time.process_time() - started < 15


def nested(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("config", "code"),
    [
        ({"x": nested(100)}, "nested_too_deep"),
        ({"x": nested(100_000)}, "nested_too_deep"),
        ({"x": "y" * 5_000_000}, "definition_too_large"),
        ({"x": "nul\0"}, "not_text"),
        ({"x": "\ud800"}, "not_text"),
        ({"nul\0": 1}, "not_text"),
        ({"x": float("nan")}, "not_a_number"),
        ({"x": float("inf")}, "not_a_number"),
        ({"x": object()}, "not_text"),
    ],
    ids=range(9),
)
def test_what_no_store_keeps_is_one_problem(config: Any, code: str) -> None:
    assert {one.code for one in problems(definition([node("a", config=config)], []), REGISTRY)} == {code}


def test_a_config_is_checked_against_its_tool() -> None:
    graph = definition(
        [
            node("a", "sleep", config={"seconds": "long"}),
            node("b", "sleep"),
            node("c", "fail", config={"times": -1}),
            node("d", "ask_human", config={"question": "?", "write": "x", "schema": {"type": "nonsense"}}),
            node("e", "map", config={"items": "x >", "as": "item", "graph": "g", "write": "w"}),
            node("f", "graph", config={"graph": "g", "input": {"a": ")"}}),
            node("g", "map", config={"items": "x", "as": "item", "graph": "g", "write": "w", "max_parallel": 0}),
        ],
        ["a -> b", "b -> c", "c -> d", "d -> e", "e -> f", "f -> g"],
    )
    assert found(graph) == {
        ("/nodes/0/config/seconds", "config_invalid"),
        ("/nodes/1/config", "config_invalid"),
        ("/nodes/2/config/times", "config_invalid"),
        ("/nodes/3/config/schema/type", "schema_invalid"),
        ("/nodes/4/config/items", "condition_invalid"),
        ("/nodes/5/config/input/a", "condition_invalid"),
        ("/nodes/6/config/max_parallel", "config_invalid"),
    }


def test_compiling_refuses_with_every_problem() -> None:
    with pytest.raises(DefinitionInvalid) as refused:
        compile_definition(definition([node("a", "x"), node("b", "y")], []), REGISTRY)
    assert len(refused.value.problems) == 3
    assert "/nodes/0/tool" in str(refused.value)


def test_a_definition_survives_json() -> None:
    graph = definition([node("a", config={"write": {"ä": [1, None]}})], [])
    assert problems(json.loads(json.dumps(graph)), REGISTRY) == []


def test_progress_counts_the_longest_way_without_going_round_twice() -> None:
    straight = compile_definition(definition(["a", "b", "c"], ["a -> b", "a -> c"]), REGISTRY)
    assert straight.progress_total == 3
    branching = definition(
        ["a", "b", "c", "d", "e"], [edge("a -> b", "x"), "a -> c", "c -> d", edge("d -> c", "y"), "d -> e"]
    )
    assert compile_definition(branching, REGISTRY).progress_total == 4


def test_a_name_with_a_hidden_character_is_refused_with_the_character() -> None:
    graph = {"entry_node": "a\u202eb", "nodes": [{"node_id": "a\u202eb", "tool": "note"}]}
    [told] = [problem for problem in problems(graph, REGISTRY) if problem.code == "hidden_character"]
    assert told.pointer == "/nodes/0/node_id"
    assert "U+202E RIGHT-TO-LEFT OVERRIDE at 1" in told.message
