"""JSON Schemas of tools: compiled once into checks, and inferred from type annotations.

The schemas that tools usually declare (an object of typed properties) become plain Python closures, which cost well
under a microsecond a property; anything richer is left to jsonschema.
"""

import operator
import types
import typing
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Literal, NotRequired, Required, Union, get_args, get_origin, is_typeddict

from graphs_app.engine.limits import MAX_CHECK_STEPS
from graphs_app.engine.schema_checks import CheckTooCostly, Judge, Mismatch, SchemaUnusable, shown, size_of
from graphs_app.engine.schema_rules import Fault, escape, faults_of

__all__ = ["CheckTooCostly", "Fault", "Judge", "Mismatch", "SchemaUnusable", "escape"]

Json = dict[str, Any]
Check = Callable[[Any], str | None]
"""Says what is wrong with a value, or None."""

NOTES = {"title", "description", "default", "examples", "$schema", "$id", "$comment"}
SIZES = ("minLength", "maxLength", "minItems", "maxItems")
BOUNDS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")
RULES = {"type", "properties", "required", "additionalProperties", "items", "enum", "anyOf", *SIZES, *BOUNDS}
PLAIN = NOTES | RULES
OUTSIDE: dict[str, tuple[Callable[[Any, Any], bool], str]] = {
    "minimum": (operator.lt, "less than the minimum of"),
    "maximum": (operator.gt, "greater than the maximum of"),
    "exclusiveMinimum": (operator.le, "less than or equal to the minimum of"),
    "exclusiveMaximum": (operator.ge, "greater than or equal to the maximum of"),
}
TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "boolean": (bool,),
    "null": (type(None),),
    "array": (list,),
    "object": (dict, types.MappingProxyType),
    "integer": (int,),
    "number": (int, float),
}


def compile_check(schema: Json) -> Check | None:
    """None when the schema allows everything."""
    if not set(schema) - NOTES:
        return None
    return _plain_check(schema) if _is_plain(schema) and not _refers(schema) else _full_check(schema)


def schema_faults(schema: Any) -> list[Fault]:
    """What is wrong with the schema itself, each fault with its place."""
    return list(faults_of(schema))


def schema_problem(schema: Any) -> str | None:
    """The first of them, in words."""
    fault = next(faults_of(schema), None)
    return None if fault is None else f"{fault.pointer}: {fault.reason}" if fault.pointer else fault.reason


def mismatches(value: Any, schema: Any) -> list[Mismatch]:
    """What is wrong with what somebody gave, against a schema that somebody gave: neither is to be trusted.

    Raises SchemaUnusable and CheckTooCostly.
    """
    judge = Judge(schema)
    is_plain = isinstance(schema, dict) and _is_plain_throughout(schema)
    # Each part of a plain one is asked once for each part of the value at the most.
    if is_plain and size_of(schema) * size_of(value) <= MAX_CHECK_STEPS:
        check = compile_check(schema)
        if check is None or check(value) is None:
            return []
    return judge.mismatches(value)


def problems_with(value: Any, schema: Json) -> Iterator[tuple[str, str]]:
    """(JSON pointer, message) for each fault of the value."""
    check = compile_check(schema)
    if check is None or check(value) is None:
        return  # as most are; only who has to tell every fault asks jsonschema, which takes long to load
    for mismatch in Judge(schema).mismatches(value):
        yield mismatch.pointer, mismatch.message


def _full_check(schema: Json) -> Check:
    judge = Judge(schema)

    def check(value: Any) -> str | None:
        # A tool's view of the state is a read-only proxy, which jsonschema does not take for an object.
        plain = dict(value) if isinstance(value, types.MappingProxyType) else value
        try:
            found = judge.mismatches(plain, most=1)
        except CheckTooCostly as error:
            return str(error)
        for mismatch in found:
            where = mismatch.pointer.removeprefix("/")
            return f"{where}: {mismatch.message}" if where else mismatch.message
        return None

    return check


def _is_plain(schema: Json) -> bool:
    """Whether this level of a schema is plain; those inside are asked for themselves."""
    if set(schema) - PLAIN:
        return False
    kind = schema.get("type")
    kinds = kind if isinstance(kind, list) else [kind]
    return (
        all(one is None or one in TYPES for one in kinds)
        and isinstance(schema.get("additionalProperties", True), bool)
        and all(isinstance(one, str) for one in schema.get("enum", ()))
        and all(type(schema.get(key, 0)) is int for key in SIZES)
        and all(type(schema.get(key, 0)) in (int, float) for key in BOUNDS)
        and isinstance(schema.get("items", {}), dict)
        and all(isinstance(one, dict) for one in schema.get("properties", {}).values())
        and all(isinstance(one, dict) for one in schema.get("anyOf", ()))
    )


def _is_plain_throughout(schema: Json) -> bool:
    if not _is_plain(schema):
        return False
    inner = [*schema.get("properties", {}).values(), *schema.get("anyOf", ())]
    return all(map(_is_plain_throughout, [*inner, schema["items"]] if "items" in schema else inner))


def _refers(schema: Any) -> bool:
    """Whether a part of the schema refers to another, which only the whole can resolve."""
    if isinstance(schema, dict):
        return "$ref" in schema or "$dynamicRef" in schema or any(_refers(one) for one in schema.values())
    return isinstance(schema, list) and any(_refers(one) for one in schema)


def _plain_check(schema: Json) -> Check | None:
    checks = [
        check
        for check in (
            _type_check(schema),
            _enum_check(schema),
            _bounds_check(schema),
            _sizes_check(schema),
            _object_check(schema),
            _items_check(schema),
            _any_of_check(schema),
        )
        if check is not None
    ]
    if len(checks) < 2:
        return checks[0] if checks else None

    def check(value: Any) -> str | None:
        for one in checks:
            problem = one(value)
            if problem is not None:
                return problem
        return None

    return check


def _type_check(schema: Json) -> Check | None:
    kind = schema.get("type")
    if kind is None:
        return None
    kinds = kind if isinstance(kind, list) else [kind]
    allowed = tuple(one for name in kinds for one in TYPES[name])
    bool_allowed = "boolean" in kinds
    whole_only = "integer" in kinds and "number" not in kinds

    def check(value: Any) -> str | None:
        if isinstance(value, allowed) and (bool_allowed or (value is not True and value is not False)):
            return None
        if whole_only and isinstance(value, float) and value.is_integer():
            return None
        return f"expected {' or '.join(kinds)}, found {_kind(value)}"

    return check


def _enum_check(schema: Json) -> Check | None:
    if "enum" not in schema:
        return None
    allowed = tuple(schema["enum"])

    def check(value: Any) -> str | None:
        return (
            None if value in allowed else f"expected one of {', '.join(map(repr, allowed))}, found {shown(value)[:80]}"
        )

    return check


def _bounds_check(schema: Json) -> Check | None:
    tests = [(OUTSIDE[key], schema[key]) for key in BOUNDS if key in schema]
    if not tests:
        return None

    def check(value: Any) -> str | None:
        if isinstance(value, int | float) and value is not True and value is not False:
            for (is_outside, words), bound in tests:
                if is_outside(value, bound):
                    return f"{shown(value)} is {words} {bound!r}"
        return None

    return check


def _sizes_check(schema: Json) -> Check | None:
    tests = [(str if key.endswith("Length") else list, key[:3], schema[key]) for key in SIZES if key in schema]
    if not tests:
        return None

    def check(value: Any) -> str | None:
        for kind, end, size in tests:
            if isinstance(value, kind) and (len(value) < size if end == "min" else len(value) > size):
                return f"{shown(value)} is {'too short' if end == 'min' else 'too long'}"
        return None

    return check


def _object_check(schema: Json) -> Check | None:
    if not schema.keys() & {"properties", "required", "additionalProperties"}:
        return None
    properties = schema.get("properties", {})
    compiled = [(key, compile_check(one)) for key, one in properties.items()]
    checks = [(key, one) for key, one in compiled if one is not None]
    required = tuple(schema.get("required", ()))
    closed = schema.get("additionalProperties", True) is False

    def check(value: Any) -> str | None:
        if not isinstance(value, Mapping):
            return None
        for key in required:
            if key not in value:
                return f"{key!r} is missing"
        for key, one in checks:
            if key in value and (problem := one(value[key])) is not None:
                return f"{key}: {problem}"
        if closed and not value.keys() <= properties.keys():
            return f"{next(key for key in value if key not in properties)!r} is not declared"
        return None

    return check


def _items_check(schema: Json) -> Check | None:
    one = compile_check(schema["items"]) if "items" in schema else None
    if one is None:
        return None

    def check(value: Any) -> str | None:
        if isinstance(value, list):
            for index, item in enumerate(value):
                problem = one(item)
                if problem is not None:
                    return f"{index}: {problem}"
        return None

    return check


def _any_of_check(schema: Json) -> Check | None:
    checks = [compile_check(one) for one in schema.get("anyOf", ())]
    certain = [one for one in checks if one is not None]
    if not checks or len(certain) < len(checks):
        return None

    def check(value: Any) -> str | None:
        problems = [one(value) for one in certain]
        return None if None in problems else "; or ".join(str(problem) for problem in problems)

    return check


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    for name in ("string", "null", "array", "object", "integer", "number"):
        if isinstance(value, TYPES[name]):
            return name
    return type(value).__name__


# From type annotations

SIMPLE: dict[Any, Json] = {
    Any: {},
    str: {"type": "string"},
    int: {"type": "integer"},
    float: {"type": "number"},
    bool: {"type": "boolean"},
    None: {"type": "null"},
    type(None): {"type": "null"},
    list: {"type": "array"},
    dict: {"type": "object"},
}


def schema_of(annotation: Any) -> Json:
    """The JSON Schema of a type; {} where JSON has no words for it."""
    if isinstance(annotation, typing.Hashable) and annotation in SIMPLE:
        return dict(SIMPLE[annotation])
    if is_typeddict(annotation):
        return _typed_dict_schema(annotation)
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin in (Union, types.UnionType):
        return _union_schema([schema_of(one) for one in arguments])
    if origin is Literal:
        return {"enum": list(arguments)}
    if origin in (Required, NotRequired, typing.Annotated):
        return schema_of(arguments[0])
    if isinstance(origin, type) and issubclass(origin, Mapping):
        inner = schema_of(arguments[1])
        return {"type": "object", "additionalProperties": inner} if inner else {"type": "object"}
    if isinstance(origin, type) and issubclass(origin, Sequence):
        inner = schema_of(arguments[0])
        return {"type": "array", "items": inner} if inner else {"type": "array"}
    return {}


def _union_schema(inner: list[Json]) -> Json:
    if all(set(one) == {"type"} and isinstance(one["type"], str) for one in inner):
        return {"type": [one["type"] for one in inner]}
    return {"anyOf": inner}


def _typed_dict_schema(annotation: Any) -> Json:
    hints = typing.get_type_hints(annotation, include_extras=True)
    return {
        "type": "object",
        "properties": {key: schema_of(hint) for key, hint in hints.items()},
        "required": sorted(annotation.__required_keys__),
        "additionalProperties": False,
    }
