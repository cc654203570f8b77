"""JSON Schemas that people give: resolved from themselves, sound, bounded, and checked at a bounded price."""

import json
import math
import random
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import jsonschema
import pytest

from graphs_app.engine.builtin import add_to
from graphs_app.engine.limits import MAX_CHECK_STEPS
from graphs_app.engine.registry import Registry
from graphs_app.engine.schema import CheckTooCostly, Judge, SchemaUnusable, compile_check, mismatches, schema_faults
from graphs_app.engine.schema_checks import MOST_FAULTS
from graphs_app.engine.validate import problems
from tests.graphs_app.engine.cast import definition, node

REGISTRY = add_to(Registry())


@pytest.fixture
def asked_for() -> Iterator[tuple[str, list[str]]]:
    """A server's address, and the paths that it was asked for."""
    paths: list[str] = []

    class Server(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            paths.append(self.path)
            body = b'{"type": "integer"}'
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Server)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", paths
    server.shutdown()
    thread.join()
    server.server_close()


def faults(schema: Any) -> list[str]:
    return [fault.pointer for fault in schema_faults(schema)]


def saved(schema: Any, **config: Any) -> list[tuple[str, str]]:
    asks = node("ask", "ask_human", config={"question": "?", "write": "n", "schema": schema, **config})
    return [(one.pointer, one.code) for one in problems(definition([asks], []), REGISTRY)]


@pytest.mark.parametrize(
    ("schema", "pointer"),
    [
        ({"$ref": "http://127.0.0.1:9/x"}, "/$ref"),
        ({"$ref": "https://example.org/x#/a"}, "/$ref"),
        ({"$ref": "file:///etc/hostname"}, "/$ref"),
        ({"$ref": "other.json"}, "/$ref"),
        ({"$ref": "urn:x:y"}, "/$ref"),
        ({"$ref": ""}, "/$ref"),
        ({"$ref": "https://json-schema.org/draft/2020-12/schema"}, "/$ref"),
        ({"$dynamicRef": "http://127.0.0.1:9/x"}, "/$dynamicRef"),
        ({"$dynamicRef": "#nothing"}, "/$dynamicRef"),
        ({"$ref": "#/$defs/nothing"}, "/$ref"),
        ({"$ref": "#nothing"}, "/$ref"),
        ({"$ref": "#/default", "default": {"type": "integer"}}, "/$ref"),
        ({"$ref": "#"}, "/$ref"),
        ({"allOf": [{"$ref": "#"}]}, "/allOf/0/$ref"),
        ({"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"not": {"$ref": "#/$defs/a"}}}}, "/$defs/a/$ref"),
        ({"$dynamicAnchor": "me", "anyOf": [True, {"$dynamicRef": "#me"}]}, "/anyOf/1/$dynamicRef"),
        ({"$id": "http://127.0.0.1:9/"}, "/$id"),
        ({"properties": {"a": {"$id": "x.json"}}}, "/properties/a/$id"),
        ({"$schema": "http://json-schema.org/draft-07/schema#"}, "/$schema"),
        ({"$schema": "http://127.0.0.1:9/own"}, "/$schema"),
        ({"items": {"$schema": "https://json-schema.org/draft/2020-12/schema"}}, "/items/$schema"),
        ({"properties": {"a/b": {"items": {"$ref": "x"}}}}, "/properties/a~1b/items/$ref"),
        ({"$ref": 5}, "/$ref"),
        ({"properties": {"a": 5}}, "/properties/a"),
        ({"pattern": "(a)\\1"}, "/pattern"),
        ({"patternProperties": {"(?=a)": True}}, "/patternProperties/(?=a)"),
        ({"propertyNames": {"pattern": "["}}, "/propertyNames/pattern"),
        ({"$anchor": "a", "not": {"$anchor": "a"}}, "/not/$anchor"),
        ({"$anchor": "1"}, "/$anchor"),
    ],
)
def test_what_is_not_resolved_from_itself_is_refused_when_a_graph_is_saved(schema: Any, pointer: str) -> None:
    assert saved(schema) == [(f"/nodes/0/config/schema{pointer}", "schema_invalid")]
    with pytest.raises(SchemaUnusable):
        mismatches(1, schema)


def test_what_is_resolved_from_itself_is_taken() -> None:
    tree = {
        "$schema": "https://json-schema.org/draft/2020-12/schema#",
        "$defs": {"node": {"type": "object", "properties": {"of": {"items": {"$ref": "#/$defs/node"}}}}},
        "$ref": "#/$defs/node",
        "properties": {
            "$ref": {"type": "string"},
            "a~1/b": {"$anchor": "here", "type": "integer"},
            "c": {"$ref": "#here"},
        },
        "examples": [{"$ref": "http://127.0.0.1:9/x"}],
        "default": {"$ref": "no"},
    }
    assert saved(tree) == []
    assert mismatches({"of": [{"of": []}], "$ref": "x", "c": 1}, tree) == []
    assert [one.pointer for one in mismatches({"of": [{"of": [5]}], "c": "x"}, tree)] == ["/of/0/of/0", "/c"]
    assert faults({"items": {"$ref": "#/properties/a~01~1b"}, "properties": {"a~1/b": True}}) == []
    assert faults({"items": {"$ref": "#/properties/a%20b"}, "properties": {"a b": True}}) == []


def test_nothing_is_fetched_even_where_no_rule_was_asked(asked_for: tuple[str, list[str]]) -> None:
    address, paths = asked_for
    judge = Judge({})
    judge._schema = {"$ref": f"{address}/x", "$id": address}
    with pytest.raises(jsonschema.exceptions._WrappedReferencingError):
        judge.mismatches(1)
    assert paths == []


@pytest.mark.parametrize(
    "schema",
    [
        {"anyOf": [True] * 3000},
        {"allOf": [{"$ref": "#/$defs/a"}] * 600, "$defs": {"a": True}},
        {"properties": {f"p{number}": {"pattern": "a"} for number in range(60)}},
        json.loads('{"not":' * 60 + "true" + "}" * 60),
    ],
    ids=["parts", "references", "patterns", "depth"],
)
def test_a_schema_is_bounded(schema: Any) -> None:
    assert len(faults(schema)) == 1


def test_a_default_has_to_fit_its_question() -> None:
    assert saved({"type": "integer"}, default="many") == [("/nodes/0/config/default", "default_invalid")]
    nested = {"properties": {"a": {"type": "integer"}}}
    assert saved(nested, default={"a": "x"}) == [("/nodes/0/config/default/a", "default_invalid")]
    assert saved({"type": "integer"}, default=5) == []
    assert saved({"type": "integer"}, default=None) == []  # as where none is named


DEEP: Any = 0
for _ in range(40):
    DEEP = [DEEP, DEEP] if isinstance(DEEP, int) else [DEEP]
DOUBLING = {f"d{number}": {"allOf": [{"$ref": f"#/$defs/d{number + 1}"}] * 2} for number in range(30)} | {"d30": True}
COSTLY: dict[str, tuple[Any, Any]] = {
    "anyOf down a deep value": (
        {"anyOf": [{"items": {"$ref": "#"}, "maxItems": 0}, {"items": {"$ref": "#"}, "type": "integer"}]},
        DEEP,
    ),
    "references that double": ({"$ref": "#/$defs/d0", "$defs": DOUBLING}, 1),
    "doubling, unevaluated": ({"$ref": "#/$defs/d0", "$defs": DOUBLING, "unevaluatedProperties": False}, {"a": 1}),
    "patterns times names": (
        {"patternProperties": {f"({'a?' * 40}){{{number}}}x": True for number in range(1, 40)}},
        {f"{'a' * 900}{number}": 1 for number in range(300)},
    ),
    "unlike items": ({"uniqueItems": True}, [{"a": number} for number in range(400_000)]),
    "long words of errors": ({"anyOf": [{"type": "integer"}] * 1500, "$defs": {}}, ["word" * 100] * 2000),
    "choices for each item": ({"items": {"enum": [[number] for number in range(1500)]}}, [[-1]] * 2000),
    "plain, wide and large": (
        {"anyOf": [{"items": {"type": "string", "minLength": number}} for number in range(300)]},
        [1] * 100_000,
    ),
    "contained in each other": ({"contains": {"contains": {"contains": {"const": 1}}}}, [[[0] * 60] * 60] * 60),
}


@pytest.mark.parametrize("name", COSTLY)
def test_a_check_costs_no_more_than_its_steps(name: str) -> None:
    schema, value = COSTLY[name]
    assert faults(schema) == []
    begun = time.process_time()
    with pytest.raises(CheckTooCostly, match=r"50,000 steps"):
        mismatches(value, schema)
    assert time.process_time() - begun < 5, MAX_CHECK_STEPS


def test_a_value_nested_deeper_than_the_judge_goes_is_told_so() -> None:
    deep: Any = []
    for _ in range(400):
        deep = [deep]
    with pytest.raises(CheckTooCostly, match="too deeply"):
        mismatches(deep, {"items": {"allOf": [{"$ref": "#"}]}, "uniqueItems": True})


def test_numbers_of_any_size_are_checked() -> None:
    assert mismatches(10**300, {"multipleOf": 1e-300}) == []
    assert mismatches(1e308, {"multipleOf": 1e-308}) == []
    assert mismatches(10**400, {"multipleOf": 0.5, "minimum": 1.5, "maximum": 1e308}) != []
    assert mismatches(0.3, {"multipleOf": 0.1}) == []
    assert [one.keyword for one in mismatches(0.35, {"multipleOf": 0.1})] == ["multipleOf"]


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf, 0, -1, json.loads("1e-400")])
def test_a_step_that_is_no_number_above_0_is_refused_when_a_graph_is_saved(number: float) -> None:
    assert [pointer for pointer, _ in saved({"multipleOf": number})] == ["/nodes/0/config/schema/multipleOf"]
    assert faults({"multipleOf": number}) == ["/multipleOf"]
    with pytest.raises(SchemaUnusable):
        mismatches(1, {"multipleOf": number})


@pytest.mark.parametrize("keyword", ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"])
@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_a_bound_that_is_no_number_is_refused(keyword: str, number: float) -> None:
    assert faults({keyword: number}) == [f"/{keyword}"]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_value_that_is_no_number_is_a_multiple_of_nothing(value: float) -> None:
    assert [one.keyword for one in mismatches(value, {"multipleOf": 2})] == ["multipleOf"]
    assert [one.keyword for one in mismatches(value, {"multipleOf": 0.5, "type": "integer"})] != []


@pytest.mark.parametrize("schema", [{"multipleOf": 3}, {"maximum": 3}, {"maximum": 3, "not": {}}, {"enum": ["a"]}])
def test_a_number_that_python_does_not_write_down_is_told_of(schema: Any) -> None:
    with pytest.raises(CheckTooCostly, match="too large"):
        mismatches(10**5000, schema)
    check = compile_check(schema)
    assert check is not None
    assert "too large" in str(check(10**5000))


def nested(kind: str, levels: int = 3000) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value] if kind == "array" else {"a": value}
    return value


@pytest.mark.parametrize("kind", ["array", "object"])
def test_items_that_are_nested_too_deeply_to_be_compared_are_told_of(kind: str) -> None:
    with pytest.raises(CheckTooCostly, match="too deeply"):
        mismatches([nested(kind), nested(kind)], {"uniqueItems": True})
    shallow = nested(kind, 60)
    assert mismatches([shallow, nested(kind, 61)], {"uniqueItems": True}) == []
    assert [one.keyword for one in mismatches([shallow, nested(kind, 60)], {"uniqueItems": True})] == ["uniqueItems"]


@pytest.mark.parametrize(
    "schema",
    [{"maxItems": 0}, {"enum": ["a"]}, {"type": "string"}, {"const": 1}, {"not": True}, {"maxItems": 0, "not": {}}],
)
def test_a_value_nested_too_deeply_to_be_shown_is_told_of(schema: Any) -> None:
    try:
        assert mismatches(nested("array"), schema) != []
    except CheckTooCostly as error:
        assert "too deeply" in str(error)  # noqa: PT017  # either is a fault of the value
    check = compile_check(schema)
    assert check is not None
    assert check(nested("array")) is not None


def test_items_are_the_same_as_json_has_it() -> None:
    assert mismatches([1, True, "1", None, [1], {"a": 1}, {"a": True}], {"uniqueItems": True}) == []
    for twice in ([1, 1.0], [{"a": 1, "b": 2}, {"b": 2, "a": 1.0}], [[1], [1]], [None, None], [False, False]):
        assert [one.keyword for one in mismatches(twice, {"uniqueItems": True})] == ["uniqueItems"], twice


def test_only_so_many_faults_are_told() -> None:
    assert len(mismatches(["x"] * 1000, {"items": {"type": "integer"}})) == MOST_FAULTS


def test_what_nothing_looked_at_is_found_as_jsonschema_finds_it() -> None:
    schema = {
        "properties": {"a": True},
        "patternProperties": {"^x-": True},
        "allOf": [{"properties": {"b": True}}],
        "anyOf": [{"properties": {"c": {"const": 1}}, "required": ["c"]}, True],
        "if": {"required": ["d"]},
        "then": {"properties": {"d": True}},
        "$ref": "#/$defs/more",
        "$defs": {"more": {"properties": {"e": True}}},
        "unevaluatedProperties": False,
    }
    good = {"a": 1, "b": 1, "c": 1, "d": 1, "e": 1, "x-f": 1}
    assert mismatches(good, schema) == []
    assert [one.message for one in mismatches({**good, "g": 1}, schema)] == [
        "Unevaluated properties are not allowed ('g')"
    ]
    assert mismatches({"c": 2}, schema) != []
    tuples = {"prefixItems": [True], "contains": {"const": "x"}, "unevaluatedItems": {"type": "integer"}}
    assert mismatches([None, "x", 5], tuples) == []
    assert [one.pointer for one in mismatches([None, "x", "y"], tuples)] == ["/2"]
    closed = {"allOf": [{"unevaluatedProperties": True}], "unevaluatedProperties": False}
    assert mismatches({"a": 1}, closed) == []


KEYWORDS: dict[str, list[Any]] = {
    "type": ["string", ["integer", "null"], "number", "object", "array"],
    "minimum": [0, 1.5],
    "maxLength": [1],
    "pattern": ["^a", "b$"],
    "minItems": [1],
    "uniqueItems": [True],
    "multipleOf": [2, 0.5],
    "required": [["a"]],
    "enum": [["a", 1, None, {"a": 1}]],
    "const": [1, "a"],
    "minContains": [0, 2],
    "dependentRequired": [{"a": ["b"]}],
}
PARTS = ("items", "contains", "additionalProperties", "propertyNames", "not", "if", "then", "else")
VALUES = [None, True, 0, 1, 1.5, 4, "", "a", "ab", [], [1], ["a", "a"], [1, "b"], {}, {"a": 1}, {"a": 1, "b": "ab"}]


def drawn(by: random.Random, depth: int) -> Any:
    schema: dict[str, Any] = {key: by.choice(KEYWORDS[key]) for key in by.sample(sorted(KEYWORDS), by.randint(0, 2))}
    if depth:
        schema |= {key: drawn(by, depth - 1) for key in by.sample(PARTS, by.randint(0, 2))}
        for key in by.sample(("allOf", "anyOf", "oneOf", "prefixItems"), by.randint(0, 1)):
            schema[key] = [drawn(by, depth - 1) for _ in range(by.randint(1, 2))]
        for key in by.sample(("properties", "patternProperties", "dependentSchemas"), by.randint(0, 1)):
            schema[key] = {by.choice("ab"): drawn(by, depth - 1)}
    return schema


def test_values_are_judged_as_by_jsonschema_itself() -> None:
    by = random.Random(20261128)  # noqa: S311
    for _ in range(1500):
        schema = drawn(by, 2)
        assert faults(schema) == []
        own = jsonschema.Draft202012Validator(schema)
        for value in VALUES:
            assert (mismatches(value, schema) == []) == own.is_valid(value), (schema, value)


OTHERS = [
    *("allOf", "prefixItems", "properties", "patternProperties", "$defs", "title", "deprecated", "examples", "format"),
    *("$comment", "contentSchema", "exclusiveMaximum", "$anchor", "default", "other"),
]
WRONG = [
    *(None, True, -1, 1.5, 2.0, 0, "x", "string"),
    *([], ["a"], ["a", "a"], [{}], {}, {"a": 1}, {"a": ["b"]}, {"a": {}}),
]


def test_schemas_are_judged_as_by_their_meta_schema() -> None:
    by = random.Random(20261129)  # noqa: S311
    meta = jsonschema.Draft202012Validator(jsonschema.Draft202012Validator.META_SCHEMA)
    known = [*KEYWORDS, *PARTS, *OTHERS]
    for _ in range(4000):
        schema = drawn(by, 1)
        place = by.choice([schema, *(one for key in PARTS if isinstance(one := schema.get(key), dict))])
        place[by.choice(known)] = by.choice(WRONG)
        assert (faults(schema) == []) == meta.is_valid(schema), schema


def test_nobody_else_asks_a_judge_that_would_fetch() -> None:
    root = Path(__file__).resolve().parents[3]
    apps = ("agentsite", "sessions_app", "graphs_app", "refine_app")
    asking = [path for app in apps for path in (root / app).rglob("*.py") if "import jsonschema" in path.read_text()]
    assert [path.name for path in asking] == ["schema_checks.py"]
