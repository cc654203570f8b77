"""Tools: how they register, what is inferred of them, and what is refused."""

from collections.abc import Mapping
from copy import deepcopy
from importlib.metadata import EntryPoint
from types import SimpleNamespace
from typing import Any, Literal, NotRequired, TypedDict

import pytest
from jsonschema import Draft202012Validator

from graphs_app.engine.builtin import TOOLS, add_to
from graphs_app.engine.errors import ToolMisdeclared, ToolTwice, ToolUnknown
from graphs_app.engine.registry import Registry, Tool, ToolContext, load_plugins, make_tool, register
from graphs_app.engine.schema import compile_check, schema_of, schema_problem
from tests.graphs_app.engine.cast import Stage, definition, error, final, node


class Counted(TypedDict):
    words: int
    longest: NotRequired[str | None]


async def word_count(context: ToolContext, *, text: str, skip: list[str] | None = None) -> Counted:
    """Counts words.

    More is said here."""
    words = [word for word in text.split() if word not in (skip or [])]
    return {"words": len(words), "longest": max(words, key=len, default=None)}


async def plain(context: ToolContext, state: Mapping[str, Any]) -> dict[str, Any]:
    return {}


def test_a_typed_function_is_a_tool_with_inferred_schemas() -> None:
    tool = make_tool("word_count", word_count)
    assert tool.description == "Counts words."
    assert tool.inputs == {
        "type": "object",
        "properties": {
            "text": {"type": "string"},
            "skip": {"anyOf": [{"type": "array", "items": {"type": "string"}}, {"type": "null"}]},
        },
        "required": ["text"],
    }
    assert tool.outputs == {
        "type": "object",
        "properties": {"words": {"type": "integer"}, "longest": {"type": ["string", "null"]}},
        "required": ["words"],
        "additionalProperties": False,
    }


async def test_a_typed_tool_reads_its_keys_of_the_state() -> None:
    stage = Stage(make_tool("word_count", word_count))
    graph = definition([node("a", "word_count")], [])
    assert final(await stage.run(graph, {"text": "one two three", "skip": ["two"]}))["words"] == 2
    stored = await stage.run(graph, {"text": 5})
    assert error(stored)["type"] == "InputsMismatch"
    assert "text: expected string, found integer" in error(stored)["message"]


def test_the_decorator_registers_and_leaves_something_to_call() -> None:
    registry = Registry()
    tool = register("plain", description="Nothing.", registry=registry)(plain)
    assert registry.get("plain") is tool
    assert "plain" in registry
    assert [one.name for one in registry] == ["plain"]
    assert tool.description == "Nothing."


async def test_a_tool_can_be_called_like_its_function() -> None:
    context: Any = SimpleNamespace()
    assert await make_tool("plain", plain)(context, {}) == {}


def test_a_name_is_taken_once_but_the_same_tool_may_come_again() -> None:
    registry = Registry([make_tool("plain", plain)])
    registry.add(make_tool("plain", plain))
    with pytest.raises(ToolTwice, match="'plain'"):
        registry.add(make_tool("plain", word_count))
    assert len(registry) == 1


def test_an_unknown_tool_is_named_with_what_there_is() -> None:
    with pytest.raises(ToolUnknown, match=r"'nope'.*plain"):
        Registry([make_tool("plain", plain)]).get("nope")


def not_async(context: ToolContext, state: Mapping[str, Any]) -> dict[str, Any]:
    return {}


async def takes_nothing() -> dict[str, Any]:
    return {}


async def takes_anything(context: ToolContext, **keys: Any) -> dict[str, Any]:
    return {}


@pytest.mark.parametrize("function", [not_async, takes_nothing, takes_anything])
def test_what_cannot_be_a_tool_is_refused(function: Any) -> None:
    with pytest.raises(ToolMisdeclared, match="'x'"):
        make_tool("x", function)


def test_schemas_that_are_none_are_refused() -> None:
    with pytest.raises(ToolMisdeclared, match="config"):
        Registry([make_tool("x", plain, config={"type": "nonsense"})])


def test_plug_ins_name_a_tool_or_a_function_that_adds_some() -> None:
    here = __name__
    registry = Registry()
    loaded = load_plugins(
        registry,
        [
            EntryPoint("tool", f"{here}:PLUGGED", "agentsite.tools"),
            EntryPoint("many", f"{here}:plug_in", "agentsite.tools"),
            EntryPoint("module", "json", "agentsite.tools"),
        ],
    )
    assert loaded == ["tool", "many", "module"]
    assert [one.name for one in registry] == ["also_plugged", "plugged"]


PLUGGED = make_tool("plugged", plain)
NOT_A_TOOL = 5


def plug_in(registry: Registry) -> None:
    registry.add(make_tool("also_plugged", plain))


@pytest.mark.parametrize("value", ["no.such.module:x", f"{__name__}:nothing", f"{__name__}:NOT_A_TOOL"])
def test_a_plug_in_that_cannot_be_loaded_is_named(value: str) -> None:
    with pytest.raises(ToolMisdeclared, match="'broken'"):
        load_plugins(Registry(), [EntryPoint("broken", value, "agentsite.tools")])


def test_the_built_in_tools_have_descriptions_and_schemas_and_add_only_once() -> None:
    registry = add_to(add_to(Registry()))
    assert {one.name for one in registry} == {
        "set_state",
        "compute",
        "sleep",
        "fail",
        "emit",
        "graph",
        "map",
        "ask_human",
    }
    assert all(isinstance(one, Tool) and one.description and one.config for one in TOOLS)


@pytest.mark.parametrize(
    ("annotation", "schema"),
    [
        (int | None, {"type": ["integer", "null"]}),
        (
            dict[str, list[float]],
            {"type": "object", "additionalProperties": {"type": "array", "items": {"type": "number"}}},
        ),
        (Literal["a", "b"], {"enum": ["a", "b"]}),
        (Any, {}),
        (list, {"type": "array"}),
        (object, {}),
    ],
)
def test_annotations_become_schemas(annotation: Any, schema: dict[str, Any]) -> None:
    assert schema_of(annotation) == schema


META = Draft202012Validator(Draft202012Validator.META_SCHEMA)
SCHEMAS: list[tuple[dict[str, Any], list[Any], list[Any]]] = [
    ({"type": "integer"}, [1, 2.0, -5], ["1", True, 1.5, None, [1]]),
    ({"type": ["string", "null"]}, ["a", None], [1, {}]),
    ({"type": "boolean"}, [True], [1, 0, "true"]),
    ({"enum": ["a", "b"]}, ["a"], ["c", 1]),
    ({"type": "array", "items": {"type": "number"}}, [[], [1, 2.5]], [["a"], [True], {}]),
    (
        {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": False},
        [{"a": "x"}],
        [{}, {"a": 1}, {"a": "x", "b": 1}, []],
    ),
    ({"type": "string", "minLength": 2}, ["ab"], ["a", 5]),
    ({"anyOf": [{"type": "string"}, {"type": "null"}]}, ["a", None], [5]),
    ({"anyOf": [{"type": "array", "items": {"type": "string"}}, {"minimum": 3}]}, [["a"], 4, "x"], [2]),
    ({"type": "object", "properties": {"a": {"pattern": "^x"}}}, [{"a": "xy"}, {}], [{"a": "y"}]),
    ({"$defs": {"s": {"type": "string"}}, "properties": {"a": {"$ref": "#/$defs/s"}}}, [{"a": "x"}], [{"a": 1}]),
]


@pytest.mark.parametrize(("schema", "good", "bad"), SCHEMAS, ids=range(len(SCHEMAS)))
def test_checks_agree_with_json_schema(schema: dict[str, Any], good: list[Any], bad: list[Any]) -> None:
    check = compile_check(schema)
    assert check is not None
    validator = Draft202012Validator(schema)
    for value in good + bad:
        assert (check(value) is None) == validator.is_valid(value), value
    assert all(check(value) is None for value in good)
    assert all(check(value) for value in bad)


WHOLE: dict[str, Any] = {
    "title": "t",
    "description": "d",
    "default": 1,
    "type": ["object", "string"],
    "properties": {"a": {"type": "string"}},
    "required": ["a", "b"],
    "additionalProperties": {"type": "null"},
    "items": {"type": "number", "minimum": 1.5},
    "enum": ["a"],
    "anyOf": [{"minLength": 1}, {}],
    "minLength": 0,
    "maxItems": 3,
    "maximum": 2,
}
VALUES = [[], {}, None, True, -1, 1.5, "string", ["a", "a"], [1], {"a": {"type": "x"}}]
PLACES = [(keyword, "") for keyword in (*WHOLE, "pattern", "other")] + [
    (keyword, part) for keyword in ("type", "required", "maximum") for part in ("properties/a", "items", "anyOf/0")
]


@pytest.mark.parametrize(("keyword", "part"), PLACES)
def test_whether_a_schema_is_one_is_judged_as_by_its_meta_schema(keyword: str, part: str) -> None:
    for value in VALUES:
        schema: Any = deepcopy(WHOLE)
        within = schema
        for step in filter(None, part.split("/")):
            within = within[int(step)] if isinstance(within, list) else within[step]
        within[keyword] = value
        is_one = next(META.iter_errors(schema), None) is None
        assert (schema_problem(schema) is None) == is_one, schema


def test_a_schema_that_allows_everything_needs_no_check() -> None:
    assert compile_check({}) is None
    assert compile_check({"title": "Anything", "description": "at all"}) is None
