"""What each rule finds, what it leaves alone, and what a wasteful graph comes to, change by change."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest

from graphs_app.engine import validate
from graphs_app.engine.registry import ToolContext, make_tool
from graphs_app.redesign import ChangeDoesNotApply, Measured, Past, plan
from graphs_app.redesign.changes import apply_all, from_json
from graphs_app.redesign.estimates import estimate
from graphs_app.redesign.planning import BY_KIND
from tests.graphs_app.engine.cast import chain, definition, edge, make_registry, node
from tests.graphs_app.redesign.random_graphs import run

SECONDS = {"fetch": 4.0, "measure": 3.0, "summarise": 2.0, "ask": 5.0, "act": 1.0}


def _tool(name: str, reads: list[str], write: str, **more: Any) -> Any:
    async def work(context: ToolContext, state: Mapping[str, Any]) -> dict[str, Any]:
        await context.clock.sleep(SECONDS[name])
        return {write: [name, *(state.get(key) for key in reads)]}

    return make_tool(
        name,
        work,
        inputs={"type": "object", "properties": {key: {} for key in reads}},
        outputs={"type": "object", "properties": {write: {}}, "required": [write]},
        **more,
    )


REGISTRY = make_registry(
    _tool("fetch", ["url"], "page"),
    _tool("measure", ["url"], "size"),
    _tool("summarise", ["page", "size"], "summary"),
    _tool("ask", ["url"], "answer", config={"type": "object", "properties": {"endpoint": {"type": "string"}}}),
    _tool("act", ["summary"], "done", effects=True),
)


def nothing(node_id: str) -> dict[str, Any]:
    return node(node_id, "set_state", config={"values": {}})


def put(node_id: str, **values: Any) -> dict[str, Any]:
    return node(node_id, "set_state", config={"values": values})


WASTEFUL = definition(
    [
        put("start", url="u", answer=None),
        nothing("pause"),
        put("guess", page="unknown"),
        node("fetch", "fetch"),
        node("measure", "measure"),
        node("fetch_again", "fetch"),
        node("ask", "ask"),
        node("summarise", "summarise"),
        node("check", "compute", config={"set": {"ok": "len(url) > 0"}}),
        node("forgotten", "fetch"),
    ],
    [
        *chain("start", "pause", "guess", "fetch", "measure", "fetch_again", "ask", "summarise", "check"),
        edge("forgotten -> check", None),
    ],
)


def kinds(graph: dict[str, Any], past: Past = Past()) -> list[str]:  # noqa: B008 (it is frozen)
    return [change.kind for change in plan(graph, REGISTRY, past).changes]


def redesigned(graph: dict[str, Any], past: Past = Past()) -> dict[str, Any]:  # noqa: B008
    return apply_all(graph, plan(graph, REGISTRY, past).changes, rules=BY_KIND, registry=REGISTRY, past=past)


def test_a_wasteful_graph_of_ten_nodes_gets_shorter_change_by_change_and_computes_the_same() -> None:
    changes = plan(WASTEFUL, REGISTRY).changes
    assert [change.kind for change in changes] == [
        "remove_unreachable",
        "remove_no_op",
        "remove_unread",
        "remove_unread",
        "run_in_parallel",
        "add_retry",
    ]
    times, states, steps = [], [], []
    for accepted in range(1, len(changes) + 1):
        now = apply_all(WASTEFUL, changes[:accepted], rules=BY_KIND, registry=REGISTRY)
        assert validate.problems(now, REGISTRY) == []
        ended, took = run(now, {}, REGISTRY)
        assert ended.status == "completed"
        times.append(took)
        states.append(ended.state)
        steps.append(estimate(now, REGISTRY).steps)
    assert all(state == states[0] for state in states)
    assert times == [18.0, 18.0, 18.0, 14.0, 6.0, 6.0]
    assert steps == [9, 8, 7, 6, 2, 2]
    assert changes[4].evidence["after"]["critical_path_ms"] < changes[4].evidence["before"]["critical_path_ms"]
    assert "defaults" in changes[4].evidence["source"]


def test_what_is_redesigned_has_nothing_left_to_change() -> None:
    assert kinds(redesigned(WASTEFUL)) == []


def test_changes_are_the_same_after_they_were_kept_as_json() -> None:
    changes = plan(WASTEFUL, REGISTRY).changes
    assert [from_json(one.as_json()) for one in changes] == changes


def test_measured_durations_decide_and_the_evidence_says_so() -> None:
    line = definition(["start", node("fetch", "fetch"), node("measure", "measure")], chain("start", "fetch", "measure"))
    line["nodes"][0] = put("start", url="u")
    fast = {name: Measured(name, 3, 0.2, 0.3) for name in ("fetch", "measure")}
    assert kinds(line, Past(3, fast)) == []
    slow = {name: Measured(name, 3, 900.0, 1000.0) for name in ("fetch", "measure")}
    [change] = plan(line, REGISTRY, Past(3, slow)).changes
    assert change.kind == "run_in_parallel"
    assert change.evidence["before"]["critical_path_ms"] == 1801
    assert change.evidence["after"]["critical_path_ms"] == 901
    assert change.evidence["source"] == ("Durations of 2 of 3 nodes are means of 3 past runs, the others defaults.")


def test_a_tool_that_acts_outside_the_run_keeps_its_place() -> None:
    line = definition(
        [put("start", url="u"), node("fetch", "fetch"), node("act", "act"), node("measure", "measure")],
        chain("start", "fetch", "act", "measure"),
    )
    assert kinds(line) == []


def test_what_a_tool_was_seen_to_write_counts_beside_what_it_declares() -> None:
    line = definition([put("s", url="u"), node("a", "fetch"), node("b", "measure")], chain("s", "a", "b"))
    assert kinds(line) == ["run_in_parallel"]
    seen = Past(1, {"a": Measured("fetch", 1, 4000, 4000, wrote=frozenset({"page", "size"}))})
    assert kinds(line, seen) == []


def test_two_nodes_that_do_the_same_after_the_same_are_merged() -> None:
    fork = definition(
        [
            put("s", url="u"),
            node("a", "fetch"),
            node("b", "fetch"),
            put("left", x=1),
            put("right", y=1),
            nothing("end"),
        ],
        ["s -> a", "s -> b", "a -> left", "b -> right", "left -> end", "right -> end"],
    )
    assert "merge_parallel" in kinds(fork)
    before, _ = run(fork, {}, REGISTRY)
    after, _ = run(redesigned(fork), {}, REGISTRY)
    assert after.state == before.state
    assert [one["node_id"] for one in redesigned(fork)["nodes"] if one["tool"] == "fetch"] == ["a"]


def test_a_model_asked_twice_is_not_asked_once() -> None:
    twice = definition(
        [
            put("s", url="u"),
            node("a", "ask"),
            node("read", "compute", config={"set": {"x": "answer"}}),
            node("b", "ask"),
        ],
        chain("s", "a", "read", "b"),
    )
    assert set(kinds(twice)) <= {"add_retry", "run_in_parallel"}


def test_a_value_that_is_read_or_adds_up_before_it_is_replaced_is_kept() -> None:
    reads = definition(
        [put("a", x=1), node("b", "compute", config={"set": {"y": "x"}}), put("c", x=2)], chain("a", "b", "c")
    )
    assert kinds(reads) == []
    adds = definition([put("a", x=1), put("b", x=2)], chain("a", "b"), state={"x": {"reducer": "append"}})
    assert kinds(adds) == []


def test_a_cheap_check_comes_before_a_costly_call_that_one_way_needs() -> None:
    checked = definition(
        [
            put("start", url="u"),
            node("ask", "ask", retry={}),
            node("check", "compute", config={"set": {"ok": "len(url) > 5"}}),
            node("use", "compute", config={"set": {"used": "answer"}}),
            put("refuse", refused=True),
        ],
        [*chain("start", "ask", "check"), edge("check -> use", "ok"), edge("check -> refuse")],
    )
    [change] = plan(checked, REGISTRY).changes
    assert (change.kind, change.drops) == ("check_first", ["answer"])
    after = redesigned(checked)
    for url, took in (("long enough", 5.0), ("no", 0.0)):
        checked["nodes"][0]["config"]["values"]["url"] = url
        before, slow = run(checked, {}, REGISTRY)
        ended, fast = run(redesigned(checked), {}, REGISTRY)
        assert (slow, fast) == (5.0, took)
        assert {k: v for k, v in ended.state.items() if k != "answer"} == {
            k: v for k, v in before.state.items() if k != "answer"
        }
    assert validate.problems(after, REGISTRY) == []


def test_a_way_that_is_never_taken_goes_with_what_only_it_leads_to() -> None:
    never = definition([put("a", x=1), put("b", y=1), put("c", z=1)], [edge("a -> b", "1 > 2"), edge("a -> c")])
    assert kinds(never) == ["remove_never_taken"]
    assert [one["node_id"] for one in redesigned(never)["nodes"]] == ["a", "c"]
    always = definition([put("a", x=1), put("b", y=1), put("c", z=1)], [edge("a -> b", "1 < 2"), edge("a -> c")])
    assert redesigned(always)["edges"] == [{"from_node": "a", "to_node": "b", "type": "normal"}]


def test_nodes_that_failed_get_more_attempts_and_the_run_goes_on_where_nothing_needs_them() -> None:
    line = definition([put("s", url="u"), node("f", "fetch"), put("end", x=1)], chain("s", "f", "end"))
    past = Past(5, {"f": Measured("fetch", 5, 10, 20, failures=2, cost_usd=Decimal("0.01"))})
    changes = plan(line, REGISTRY, past).changes
    assert [change.kind for change in changes] == ["add_retry", "go_on_without"]
    assert "failed 2 times in 5 past runs" in changes[-1].reason
    after = redesigned(line, past)
    assert next(one for one in after["nodes"] if one["node_id"] == "f")["on_error"] == "continue"


def test_an_unknown_price_is_not_none_at_all() -> None:
    line = definition([put("s", url="u"), node("a", "ask")], chain("s", "a"))
    assert estimate(line, REGISTRY).cost_usd is None
    known = Past(2, {"a": Measured("ask", 2, 10, 20, visits=2.0, cost_usd=Decimal("0.02"))})
    assert estimate(line, REGISTRY, known).cost_usd == Decimal("0.04")


def test_a_change_that_no_longer_fits_says_why() -> None:
    changes = plan(WASTEFUL, REGISTRY).changes
    other = definition([put("start", url="u"), put("pause", x=1)], chain("start", "pause"))
    with pytest.raises(ChangeDoesNotApply, match="'pause' does something"):
        apply_all(other, [changes[1]], rules=BY_KIND, registry=REGISTRY)


def test_pins_are_taken_away_as_a_change_of_its_own() -> None:
    line = definition([put("a", x=1), put("b", y=2)], chain("a", "b"), metadata={"pinned": {"a": [0, 0]}})
    assert kinds(line) == ["tidy"]
    assert "metadata" not in redesigned(line)


def test_a_long_line_is_planned_in_time_that_people_wait_for() -> None:
    nodes = [put(f"n{at}", **{f"k{at}": at}) for at in range(500)]
    graph = definition(nodes, chain(*(one["node_id"] for one in nodes)))
    assert kinds(graph) == []
