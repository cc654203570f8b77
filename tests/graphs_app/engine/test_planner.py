"""The planner against a slow, plain model of the same rules, and joins by name."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphs_app.engine.errors import HistoryMismatch
from graphs_app.engine.graph import parse
from graphs_app.engine.planner import Activation, Planner
from graphs_app.engine.topology import Topology, topology
from tests.graphs_app.engine.cast import chance, definition, node


class Plain:
    """The rules for joins "all" and "any", word by word, without any cleverness."""

    def __init__(self, graph: Topology, ends: list[tuple[int, int]]) -> None:
        self.graph = graph
        self.ends = ends
        self.active: dict[int, int] = {}
        self.waiting: dict[int, set[int]] = {}
        self.next = 1

    def reached(self, start: int, without: int = -1) -> set[int]:
        seen: set[int] = set()
        work = [start]
        while work:
            one = work.pop()
            for source, target in self.ends:
                if source == one and target != without and target not in seen:
                    seen.add(target)
                    work.append(target)
        return seen

    def blocks(self, other: int, target: int) -> bool:
        if target not in self.reached(target) or other not in self.reached(target):
            return target in self.reached(other)
        near = self.reached(other, without=target) | {other}
        return any(
            end == target and source != target and source in near and source in self.reached(target)
            for edge, (source, end) in enumerate(self.ends)
            if edge not in self.waiting[target]
        )

    def activate(self, node: int) -> tuple[int, int]:
        number = self.next
        self.next += 1
        self.active[number] = node
        return number, node

    def start(self) -> list[tuple[int, int]]:
        return [self.activate(self.graph.entry)]

    def complete(self, number: int, edges: tuple[int, ...]) -> list[tuple[int, int]]:
        del self.active[number]
        ready = []
        for one in edges:
            target = self.graph.targets[one]
            if self.graph.joins[target] == "any":
                ready.append(self.activate(target))
            else:
                self.waiting.setdefault(target, set()).add(one)
        for target in sorted(self.waiting):
            others = (set(self.active.values()) | set(self.waiting)) - {target}
            if not any(self.blocks(other, target) for other in others):
                del self.waiting[target]
                ready.append(self.activate(target))
        if not ready and not self.active and self.waiting:
            target = min(self.waiting)
            del self.waiting[target]
            ready.append(self.activate(target))
        return ready


def drawn(nodes: list[Any], edges: list[Any], **rest: Any) -> Topology:
    return topology(parse(definition(nodes, edges, **rest)))


def ends_of(edges: list[str]) -> list[tuple[int, int]]:
    return [(int(source.strip()[1:]), int(target.strip()[1:])) for source, target in (one.split("->") for one in edges)]


@st.composite
def graphs(draw: st.DrawFn) -> tuple[list[Any], list[str], int]:
    size = draw(st.integers(2, 8))
    names = [f"n{index}" for index in range(size)]
    nodes = [node(name, join=draw(st.sampled_from(["all", "all", "any"]))) for name in names]
    pairs = draw(
        st.lists(
            st.tuples(st.integers(0, size - 1), st.integers(0, size - 1)), min_size=1, max_size=size * 2, unique=True
        )
    )
    return nodes, [f"n{one} -> n{two}" for one, two in pairs], draw(st.integers(0, 2**32))


@settings(max_examples=300, deadline=None)
@given(graphs())
def test_any_graph_in_any_order_starts_the_same_nodes_as_the_plain_rules(
    drawing: tuple[list[Any], list[str], int],
) -> None:
    nodes, edges, seed = drawing
    graph = drawn(nodes, edges)
    ends = ends_of(edges)
    planner, plain, dice = Planner(graph), Plain(graph, ends), chance(seed)
    ready = [(one.number, one.node) for one in planner.start()]
    assert ready == plain.start()
    steps = []
    for _ in range(60):
        if not planner.active:
            break
        number = dice.choice(list(planner.active))
        at = planner.active[number].node
        leaving = [index for index, (source, _) in enumerate(ends) if source == at]
        taken = tuple(one for one in leaving if dice.random() < 0.7)
        ready = [(one.number, one.node) for one in planner.complete(number, taken)]
        assert sorted(ready) == sorted(plain.complete(number, taken))
        steps.append((number, taken, ready))
    again = Planner(graph)
    again.start()
    for number, taken, before in steps:
        assert [(one.number, one.node) for one in again.complete(number, taken)] == before
    assert {n: a.node for n, a in again.active.items()} == {n: a.node for n, a in planner.active.items()}
    assert again.traversals == planner.traversals


def test_a_join_that_was_running_while_it_waited_waits_for_what_that_activation_led_to() -> None:
    edges = ["n0 -> n1", "n1 -> n2", "n2 -> n1", "n1 -> n1", "n0 -> n2", "n2 -> n2", "n1 -> n0"]
    planner = Planner(drawn([node("n0"), node("n1"), node("n2", join="any"), node("n3")], edges))
    planner.start()
    steps = [(1, (0, 4)), (2, (2, 5)), (3, (2, 5)), (4, (1, 3)), (6, (1, 6)), (8, ()), (5, (5,))]
    for number, taken in steps:
        planner.complete(number, taken)
    assert [one.node for one in planner.complete(10, (2, 5))] == [2]


@settings(max_examples=200, deadline=None)
@given(graphs())
def test_a_node_is_said_to_be_skipped_once_and_only_when_it_never_starts(
    drawing: tuple[list[Any], list[str], int],
) -> None:
    nodes, edges, seed = drawing
    graph = drawn(nodes, edges)
    ends = ends_of(edges)
    planner, dice = Planner(graph), chance(seed)
    started = {one.node for one in planner.start()}
    skipped: list[int] = []
    for _ in range(40):
        if not planner.active:
            break
        number = dice.choice(list(planner.active))
        at = planner.active[number].node
        taken = [index for index, (source, _) in enumerate(ends) if source == at and dice.random() < 0.6]
        started |= {one.node for one in planner.complete(number, taken)}
        skipped += planner.skipped()
    assert len(skipped) == len(set(skipped))
    assert not started & set(skipped)
    if not planner.active:
        reachable = {one for one in range(len(nodes)) if graph.descendants[graph.entry] >> one & 1}
        assert started | set(skipped) == reachable


def walk(planner: Planner, activation: Activation, *edges: int) -> list[int]:
    return [one.node for one in planner.complete(activation.number, edges)]


def test_a_join_of_all_waits_for_branches_of_unequal_length() -> None:
    planner = Planner(drawn(["s", "a", "b", "c", "j"], ["s -> a", "s -> b", "a -> j", "b -> c", "c -> j"]))
    (s,) = planner.start()
    a, b = planner.complete(s.number, (0, 1))
    assert walk(planner, a, 2) == []
    (c,) = planner.complete(b.number, (3,))
    assert walk(planner, c, 4) == [4]


def test_a_join_of_all_does_not_wait_for_a_branch_that_was_not_taken() -> None:
    planner = Planner(drawn(["s", "a", "b", "j"], ["s -> a", "s -> b", "a -> j", "b -> j"]))
    (s,) = planner.start()
    (a,) = planner.complete(s.number, (0,))
    assert walk(planner, a, 2) == [3]
    assert planner.skipped() == [2]


def test_a_join_of_all_starts_when_a_branch_ends_elsewhere() -> None:
    planner = Planner(drawn(["s", "a", "b", "j", "x"], ["s -> a", "s -> b", "a -> j", "b -> j", "b -> x"]))
    (s,) = planner.start()
    a, b = planner.complete(s.number, (0, 1))
    assert walk(planner, a, 2) == []
    assert walk(planner, b, 4) == [3, 4]


def test_a_join_inside_a_loop_joins_each_time_round() -> None:
    planner = Planner(drawn(["s", "a", "b", "j"], ["s -> a", "s -> b", "a -> j", "b -> j", "j -> s"]))
    (s,) = planner.start()
    for _ in range(3):
        a, b = planner.complete(s.number, (0, 1))
        assert walk(planner, b, 3) == []
        (j,) = planner.complete(a.number, (2,))
        (s,) = planner.complete(j.number, (4,))


def test_branches_inside_a_loop_join_rightly_whatever_the_definitions_order() -> None:
    planner = Planner(drawn(["s", "j", "b2", "b", "a"], ["s -> a", "s -> b", "a -> j", "b -> b2", "b2 -> j", "j -> s"]))
    (s,) = planner.start()
    for _ in range(3):
        a, b = sorted(planner.complete(s.number, (0, 1)), key=lambda one: -one.node)
        assert walk(planner, a, 2) == []
        (b2,) = planner.complete(b.number, (3,))
        (j,) = planner.complete(b2.number, (4,))
        assert len(j.causes) == 2
        (s,) = planner.complete(j.number, (5,))


def test_a_join_inside_a_loop_does_not_wait_for_what_took_another_way() -> None:
    planner = Planner(drawn(["s", "a", "b", "j", "x"], ["s -> a", "s -> b", "a -> j", "b -> j", "b -> x", "j -> s"]))
    (s,) = planner.start()
    a, b = planner.complete(s.number, (0, 1))
    assert walk(planner, a, 2) == []
    (j,) = planner.complete(b.number, (4,))
    assert j.node == 3
    assert walk(planner, j) == [4]


def test_a_node_behind_a_loop_waits_until_the_loop_has_ended() -> None:
    planner = Planner(drawn(["s", "a", "b"], ["s -> a", "s -> b", "b -> s"]))
    (s,) = planner.start()
    (b,) = planner.complete(s.number, (0, 1))
    (s,) = planner.complete(b.number, (2,))
    (b,) = planner.complete(s.number, (0, 1))
    (a,) = planner.complete(b.number, ())
    assert (a.node, len(a.causes)) == (1, 2)


def test_when_only_waiting_nodes_are_left_the_first_in_the_definitions_order_starts() -> None:
    planner = Planner(drawn(["s", "b", "a"], ["s -> a", "s -> b", "a -> b", "b -> a"]))
    (s,) = planner.start()
    assert walk(planner, s, 0, 1) == [1]


def test_a_join_of_any_starts_for_every_arrival() -> None:
    planner = Planner(drawn(["s", "a", "b", node("j", join="any")], ["s -> a", "s -> b", "a -> j", "b -> j"]))
    (s,) = planner.start()
    a, b = planner.complete(s.number, (0, 1))
    assert walk(planner, a, 2) == [3]
    assert walk(planner, b, 3) == [3]


FIRST = (["s", "a", "b", node("j", join="first")], ["s -> a", "s -> b", "a -> j", "b -> j", "j -> s", "j -> j"])


def test_a_join_of_first_drops_later_arrivals_of_the_split() -> None:
    planner = Planner(drawn(*FIRST))
    (s,) = planner.start()
    a, b = planner.complete(s.number, (0, 1))
    assert walk(planner, b, 3) == [3]
    assert walk(planner, a, 2) == []


def test_a_join_of_first_starts_again_for_the_next_split_and_still_drops_the_last_ones_arrivals() -> None:
    planner = Planner(drawn(*FIRST))
    (s,) = planner.start()
    a, b = planner.complete(s.number, (0, 1))
    (j,) = planner.complete(b.number, (3,))
    (s,) = planner.complete(j.number, (4,))
    later_a, later_b = planner.complete(s.number, (0, 1))
    assert walk(planner, a, 2) == []
    (j,) = planner.complete(later_a.number, (2,))
    assert walk(planner, later_b, 3) == []
    assert walk(planner, j, 5) == [3]


def test_a_join_of_first_takes_nested_splits_for_one() -> None:
    planner = Planner(
        drawn(
            ["s", "x", "y", "p", "q", node("j", join="first")],
            ["s -> x", "s -> y", "x -> p", "x -> q", "p -> j", "q -> j", "y -> j"],
        )
    )
    (s,) = planner.start()
    x, y = planner.complete(s.number, (0, 1))
    p, q = planner.complete(x.number, (2, 3))
    assert walk(planner, q, 5) == [5]
    assert walk(planner, y, 6) == []
    assert walk(planner, p, 4) == []


def test_a_join_of_first_starts_for_each_round_of_a_loop_that_does_not_lead_through_it() -> None:
    planner = Planner(
        drawn(
            ["s", node("a", join="any"), "b", node("j", join="first")],
            ["s -> a", "s -> b", "a -> j", "b -> j", "b -> s"],
        )
    )
    (s,) = planner.start()
    a, b = planner.complete(s.number, (0, 1))
    assert walk(planner, a, 2) == [3]
    (s,) = planner.complete(b.number, (4,))
    a, b = planner.complete(s.number, (0, 1))
    assert walk(planner, a, 2) == [3]
    assert walk(planner, b, 3) == []


def test_every_edge_counts_its_traversals() -> None:
    planner = Planner(drawn(["a"], ["a -> a"], max_iterations=3))
    (a,) = planner.start()
    for round_ in range(1, 4):
        (a,) = planner.complete(a.number, (0,))
        assert planner.traversals == [round_]
        assert planner.exceeded is None
    planner.complete(a.number, (0,))
    assert planner.exceeded == 0


def test_an_activation_knows_what_led_to_it() -> None:
    planner = Planner(drawn(["s", "a", "b", "j"], ["s -> a", "s -> b", "a -> j", "b -> j"]))
    (s,) = planner.start()
    a, b = planner.complete(s.number, (0, 1))
    planner.complete(b.number, (3,))
    (j,) = planner.complete(a.number, (2,))
    assert (s.causes, a.causes, j.causes) == ((), (1,), (b.number, a.number))


def test_completing_what_is_not_active_is_refused() -> None:
    planner = Planner(drawn(["a"], []))
    planner.start()
    with pytest.raises(HistoryMismatch):
        planner.complete(2, ())


def test_a_join_of_thousands_costs_each_branch_little() -> None:
    width = 3000
    names = [f"n{index}" for index in range(width)]
    planner = Planner(drawn(["s", *names, "j"], [*(f"s -> {one}" for one in names), *(f"{one} -> j" for one in names)]))
    (s,) = planner.start()
    branches = planner.complete(s.number, tuple(range(width)))
    looked_at = 0
    for index, branch in enumerate(branches):
        ready = planner.complete(branch.number, (width + index,))
        looked_at += sum(len(watchers) for watchers in planner._watchers.values())
        assert bool(ready) is (index == width - 1)
    assert looked_at <= width
