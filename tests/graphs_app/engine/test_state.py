"""The state: views, reducers, sizes, and what is not JSON."""

import json
from collections.abc import Callable
from copy import deepcopy
from enum import IntEnum, StrEnum
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphs_app.engine.errors import ReducerMismatch, StateReadOnly, StateTooLarge, WritesInvalid
from graphs_app.engine.state import State, check_writes
from graphs_app.engine.values import CONTAINER_SIZE


def apply(state: State, number: int, seen: int | None = None, **writes: Any) -> tuple[str, ...]:
    return state.apply(check_writes(writes), number, number - 1 if seen is None else seen)


def test_a_view_stays_what_it_was_while_others_write() -> None:
    state = State({"a": 1, "list": [1]}, {"list": "append"})
    one, other = state.look(), state.look()
    state.look_away(one)
    apply(state, 1, 0, a=2, list=2)
    assert (other["a"], other["list"]) == (1, [1])
    assert (state.view["a"], state.view["list"]) == (2, [1, 2])
    state.look_away(other)
    apply(state, 2, 0, list=3)
    assert other["list"] == [1]
    assert state.view["list"] == [1, 2, 3]


CHANGES: list[Callable[[Any], Any]] = [
    lambda view: view["list"].append(1),
    lambda view: view["list"].extend([1]),
    lambda view: view["list"].__setitem__(0, 5),
    lambda view: view["list"].sort(),
    lambda view: view["list"].clear(),
    lambda view: view["list"].__iadd__([1]),
    lambda view: view["object"].update(a=1),
    lambda view: view["object"].__setitem__("a", 1),
    lambda view: view["object"].pop("inner"),
    lambda view: view["object"]["inner"].setdefault("b", 1),
    lambda view: view["object"].__ior__({"a": 1}),
]


@pytest.mark.parametrize("change", CHANGES, ids=range(len(CHANGES)))
def test_a_view_cannot_be_changed_at_any_depth(change: Callable[[Any], Any]) -> None:
    view = State({"list": [3, 1], "object": {"inner": {"a": 1}}}, {}).look()
    with pytest.raises(StateReadOnly, match="read-only"):
        change(view)
    with pytest.raises(TypeError):
        view["new"] = 1  # type: ignore[index]
    assert json.dumps(dict(view)) == '{"list": [3, 1], "object": {"inner": {"a": 1}}}'


def test_a_copy_of_a_value_is_the_copiers_own() -> None:
    view = State({"list": [[1]], "object": {"a": {}}}, {}).look()
    copied = deepcopy(view["list"])
    copied[0].append(2)
    changed = deepcopy(view["object"])
    changed["a"]["b"] = 1
    assert view["list"] == [[1]]
    assert view["object"] == {"a": {}}


def test_what_a_tool_keeps_of_its_writes_cannot_change_the_state() -> None:
    state = State({}, {})
    mine: dict[str, Any] = {"a": [1]}
    writes = check_writes(mine)
    mine["a"].append(2)
    state.apply(writes, 1, 0)
    assert state.view["a"] == [1]


@pytest.mark.parametrize(
    ("reducer", "writes", "result"),
    [
        ("replace", [1, [2], 3], 3),
        ("append", [1, [2], None], [1, [2], None]),
        ("extend", [[1], [], [2, 3]], [1, 2, 3]),
        ("merge", [{"a": 1, "b": 1}, {"b": 2}], {"a": 1, "b": 2}),
        ("add", [1, 2.5, -1], 2.5),
    ],
)
def test_a_reducer_combines_writes(reducer: str, writes: list[Any], result: Any) -> None:
    state = State({}, {"key": reducer})
    for number, write in enumerate(writes, 1):
        apply(state, number, key=write)
    assert state.view["key"] == result


@pytest.mark.parametrize("reducer", ["append", "extend", "merge"])
def test_growing_a_value_changes_neither_the_journaled_writes_nor_the_initial_state(reducer: str) -> None:
    first: Any = {"a": 1} if reducer == "merge" else [1]
    initial = {"key": first}
    state = State(initial, {"key": reducer})
    kept = []
    for number in range(1, 4):
        writes = check_writes({"key": {str(number): 1} if reducer == "merge" else [number]})
        kept.append((writes, deepcopy(writes.values)))
        state.apply(writes, number, number - 1)
    assert initial == {"key": {"a": 1} if reducer == "merge" else [1]}
    assert all(writes.values == before for writes, before in kept)
    assert len(state.view["key"]) == 4


@pytest.mark.parametrize(
    ("reducer", "old", "new"),
    [
        ("append", 5, 1),
        ("extend", [], 1),
        ("extend", "ab", [1]),
        ("merge", {}, [1]),
        ("merge", [1], {}),
        ("add", "a", 1),
        ("add", 1, "a"),
        ("add", 1, True),
        ("add", 1e308, 1e308),
    ],
)
def test_what_does_not_combine_is_refused_and_changes_nothing(reducer: str, old: Any, new: Any) -> None:
    state = State({"key": old, "other": 1}, {"key": reducer})
    with pytest.raises(ReducerMismatch, match="'key'"):
        apply(state, 1, other=2, key=new)
    assert dict(state.view) == {"key": old, "other": 1}


def test_replacing_what_a_node_run_active_at_the_same_time_wrote_is_told() -> None:
    state = State({"a": 0, "b": 0}, {"total": "add"})
    assert apply(state, 1, seen=0, a=1, total=1) == ()
    assert apply(state, 2, seen=0, a=2, b=1, total=1) == ("a",)
    assert apply(state, 3, seen=2, a=3, b=2) == ()
    assert state.view["a"] == 3


def test_a_state_over_its_limit_is_refused_and_changes_nothing() -> None:
    state = State({"a": "x" * 500}, {"list": "append", "map": "merge"}, limit=1000)
    for writes in ({"b": "y" * 600}, {"list": "y" * 600}, {"map": {"k": "y" * 600}}, {"a": "é" * 600}):
        with pytest.raises(StateTooLarge, match="1000"):
            apply(state, 1, **writes)
    apply(state, 1, a="z", b="y" * 900)
    with pytest.raises(StateTooLarge):
        apply(state, 2, a="zz" * 50)
    with pytest.raises(StateTooLarge):
        State({"a": "x" * 1000}, {}, limit=1000)


class Colour(StrEnum):
    RED = "red"


class Size(IntEnum):
    SMALL = 1


def test_values_that_derive_from_json_values_are_those_values() -> None:
    values = check_writes({"a": Colour.RED, "b": Size.SMALL, "c": (1, 2)}).values
    assert values == {"a": "red", "b": 1, "c": [1, 2]}
    assert [type(value) for value in (values["a"], values["b"])] == [str, int]


def deep(levels: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(levels):
        value = [value]
    return value


def circular() -> list[Any]:
    value: list[Any] = []
    value.append(value)
    return value


NOT_JSON: list[Any] = [
    None,
    5,
    "text",
    [1],
    {1: 2},
    {"a": {1: 2}},
    {"a": object()},
    {"a": {1, 2}},
    {"a": b"bytes"},
    {"a": float("nan")},
    {"a": float("inf")},
    {"a": 10**400},
    {"a": "nul\0"},
    {"a": {"nul\0": 1}},
    {"nul\0": 1},
    {"a": "\ud800"},
    {"a": deep(100_000)},
    {"a": circular()},
    {"a": lambda: 1},
    {"a": 1j},
]


@pytest.mark.parametrize("returned", NOT_JSON, ids=range(len(NOT_JSON)))
def test_what_is_not_a_json_object_is_refused(returned: Any) -> None:
    with pytest.raises(WritesInvalid) as refused:
        check_writes(returned)
    assert len(str(refused.value)) < 400


@given(
    st.lists(
        st.tuples(st.sampled_from(["replace", "append", "extend", "merge", "add"]), st.integers(0, 9), st.booleans()),
        max_size=30,
    )
)
def test_any_writes_in_any_order_agree_with_plain_values_and_keep_every_view(
    steps: list[tuple[str, int, bool]],
) -> None:
    state = State({}, {name: name for name in ("append", "extend", "merge", "add")})
    plain: dict[str, Any] = {}
    views: list[tuple[Any, dict[str, Any]]] = []
    for number, (key, value, look) in enumerate(steps, 1):
        if look:
            views.append((state.look(), deepcopy(plain)))
        write: Any = {"extend": [value, value], "merge": {str(value): number}}.get(key, value)
        apply(state, number, **{key: write})
        old = plain.get(key)
        plain[key] = {
            "replace": lambda old=old, write=write: write,
            "append": lambda old=old, write=write: [*(old or []), write],
            "extend": lambda old=old, write=write: [*(old or []), *write],
            "merge": lambda old=old, write=write: {**(old or {}), **write},
            "add": lambda old=old, write=write: (old or 0) + write,
        }[key]()
        assert state.values() == plain
    for view, before in views:
        assert dict(view) == before


def test_the_size_that_is_kept_is_the_size_that_is_there() -> None:
    state = State({"a": [1, 2]}, {"list": "append", "map": "merge"})
    for number in range(1, 20):
        apply(state, number, list="x" * number, map={str(number % 3): "y" * number}, a=[number] * (number % 4))
    size = len(json.dumps(state.values(), separators=(",", ":")))
    containers = 2  # the state's own is not counted
    assert size <= state.size <= size * 2 + containers * CONTAINER_SIZE
