"""Values against JSON Schemas of any kind, at a bounded price: jsonschema, metered and cut off from the network.

Why not a faster judge in compiled code: schemas that people write can make any of them work for hours (`anyOf` in
`anyOf` down a deep value), and only one that counts its steps can be stopped. What is fetched is nothing: the registry
of references is empty, and schema_rules has refused what it would be asked for.
"""

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from fractions import Fraction
from functools import cache, cached_property
from itertools import islice
from typing import Any, NamedTuple

import jsonschema
import referencing

from graphs_app.engine.limits import MAX_CHECK_STEPS
from graphs_app.engine.patterns import PatternInvalid, compile_pattern
from graphs_app.engine.schema_rules import escape, faults_of, isfinite

Keyword = Callable[[Any, Any, Any, Any], Iterator[Any]]
MOST_FAULTS = 100
"""That are told of one value."""
CHARACTERS_PER_STEP = 200
"""Of an error's words, which hold the value."""


class SchemaUnusable(Exception):
    """Raised when a schema is none that may be used; it may have been stored before there was a rule."""


class CheckTooCostly(Exception):
    """Raised when checking a value takes more steps than one check may."""


class Mismatch(NamedTuple):
    """What is wrong with a value."""

    pointer: str
    keyword: str
    message: str


class _Meter:
    """How many steps a check may still take."""

    __slots__ = ("left",)

    def __init__(self, steps: int) -> None:
        self.left = steps

    def take(self, steps: int) -> None:
        self.left -= steps
        if self.left < 0:
            raise CheckTooCostly(
                f"Checking it takes more than {MAX_CHECK_STEPS:,} steps; make the value smaller, or its schema simpler"
            )


_METER: ContextVar[_Meter] = ContextVar("_METER")


class Judge:
    """Checks values against one schema. Raises SchemaUnusable when it is made for one that may not be used."""

    def __init__(self, schema: Any) -> None:
        fault = next(faults_of(schema), None)
        if fault is not None:
            raise SchemaUnusable(f"{fault.pointer or 'the whole'}: {fault.reason}")
        # With a $schema in it jsonschema would take its own class for the parts, which counts nothing.
        is_object = isinstance(schema, dict)
        self._schema = {key: one for key, one in schema.items() if key != "$schema"} if is_object else schema

    @cached_property
    def _validator(self) -> Any:
        made, nowhere = _made()
        return made(self._schema, registry=nowhere)

    def mismatches(self, value: Any, *, most: int = MOST_FAULTS) -> list[Mismatch]:
        """What is wrong with a value, up to so many. Raises CheckTooCostly."""
        token = _METER.set(_Meter(MAX_CHECK_STEPS))
        try:
            return [_mismatch(error) for error in islice(self._validator.iter_errors(value), most)]
        except RecursionError:
            raise CheckTooCostly("It is nested too deeply for its schema") from None
        except (ValueError, OverflowError) as error:  # what is wrong with it cannot be written down, or computed
            raise CheckTooCostly(f"It holds a number that is too large: {error}") from None
        finally:
            _METER.reset(token)


def _mismatch(error: Any) -> Mismatch:
    pointer = "".join(f"/{escape(str(step))}" for step in error.absolute_path)
    return Mismatch(pointer, str(error.validator or "false"), shortened(error.message))


def shown(value: Any) -> str:
    """A value in the words of a fault, also one that Python does not write down."""
    try:
        return shortened(repr(value))
    except (RecursionError, ValueError):
        return "a value too deep or too large to be shown"


def shortened(message: str) -> str:
    return message if len(message) <= 300 else f"{message[:200]} … {message[-80:]}"


def size_of(value: Any) -> int:
    """How many values it is made of."""
    size, waiting = 0, [value]
    while waiting:
        one = waiting.pop()
        size += 1
        if isinstance(one, Mapping):
            waiting.extend(one.values())
        elif isinstance(one, list | tuple):
            waiting.extend(one)
    return size


@cache
def _made() -> tuple[Any, Any]:
    """The class, and the registry that knows and fetches nothing."""
    keywords = {**jsonschema.Draft202012Validator.VALIDATORS, **_OWN}
    metered = {name: _metered(name, keyword) for name, keyword in keywords.items()}
    extend: Any = jsonschema.validators.extend  # untyped
    return extend(jsonschema.Draft202012Validator, metered), referencing.Registry()


def _metered(name: str, keyword: Keyword) -> Keyword:
    breadth = _BREADTH.get(name)

    def check(validator: Any, expected: Any, value: Any, schema: Any) -> Iterator[Any]:
        meter = _METER.get()
        meter.take(1 if breadth is None else 1 + breadth(expected, value))
        for error in keyword(validator, expected, value, schema) or ():
            meter.take(1 + len(error.message) // CHARACTERS_PER_STEP)
            yield error

    return check


def _of_value(expected: Any, value: Any) -> int:
    return len(value) if isinstance(value, list | dict) else 0


def _of_both(expected: Any, value: Any) -> int:
    return len(value) * len(expected) if isinstance(value, dict) else 0


def _of_expected(expected: Any, value: Any) -> int:
    return len(expected)


_BREADTH: dict[str, Callable[[Any, Any], int]] = {
    **dict.fromkeys(
        ("items", "contains", "prefixItems", "additionalProperties", "propertyNames", "unevaluatedItems"), _of_value
    ),
    "unevaluatedProperties": _of_value,
    "patternProperties": _of_both,
    "enum": lambda expected, value: size_of(expected),
    "const": lambda expected, value: size_of(expected),
    "uniqueItems": lambda expected, value: size_of(value) if isinstance(value, list) else 0,
    "required": _of_expected,
    "properties": _of_expected,
    "dependentRequired": lambda expected, value: size_of(expected),
    "dependentSchemas": _of_expected,
}
"""By keyword: what it looks at by itself, in steps."""


def _matches(pattern: str, text: str) -> bool:
    try:
        compiled = compile_pattern(pattern)
    except PatternInvalid as error:
        raise SchemaUnusable(f"the pattern {pattern!r:.100} cannot be used: {error}") from None
    _METER.get().take(compiled.steps(text))
    return compiled.is_in(text)


def _error(message: str) -> Any:
    return jsonschema.ValidationError(message)


def _pattern(validator: Any, pattern: str, value: Any, schema: Any) -> Iterator[Any]:
    if isinstance(value, str) and not _matches(pattern, value):
        yield _error(f"{value!r} does not match {pattern!r}")


def _pattern_properties(validator: Any, patterns: Mapping[str, Any], value: Any, schema: Any) -> Iterator[Any]:
    if not isinstance(value, dict):
        return
    for pattern, inner in patterns.items():
        for key, one in value.items():
            if _matches(pattern, key):
                yield from validator.descend(one, inner, path=key, schema_path=pattern)


def _additional_properties(validator: Any, inner: Any, value: Any, schema: Any) -> Iterator[Any]:
    if not isinstance(value, dict):
        return
    known, patterns = schema.get("properties", {}), schema.get("patternProperties", {})
    extra = [key for key in value if key not in known and not any(_matches(pattern, key) for pattern in patterns)]
    if isinstance(inner, dict):
        for key in extra:
            yield from validator.descend(value[key], inner, path=key)
    elif not inner and extra:
        yield _error(f"Additional properties are not allowed ({', '.join(map(repr, extra[:20]))})")


def _unique_items(validator: Any, expected: bool, value: Any, schema: Any) -> Iterator[Any]:
    if not expected or not isinstance(value, list):
        return
    seen: dict[Any, int] = {}
    for index, one in enumerate(value):
        first = seen.setdefault(_identity(one), index)
        if first != index:
            yield _error(f"items {first} and {index} are the same")
            return


def _identity(value: Any) -> Any:
    """What is the same for values that are the same in JSON, where 1 is 1.0 and not true."""
    if isinstance(value, bool):
        return ("boolean", value)
    if isinstance(value, Mapping):
        return ("object", frozenset((key, _identity(one)) for key, one in value.items()))
    if isinstance(value, list | tuple):
        return ("array", tuple(map(_identity, value)))
    return value


def _multiple_of(validator: Any, step: float, value: Any, schema: Any) -> Iterator[Any]:
    if not isinstance(value, int | float) or isinstance(value, bool):
        return
    # As they are written: in floats 0.3 is no multiple of 0.1, and 1e308 / 1e-308 is no number.
    if not isfinite(value) or _exact(value) % _exact(step):
        yield _error(f"{value!r} is not a multiple of {step!r}")


def _exact(number: float) -> Fraction:
    return Fraction(number) if isinstance(number, int) else Fraction(repr(number))


def _unevaluated_properties(validator: Any, inner: Any, value: Any, schema: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        seen = _evaluated(validator, value, schema, "unevaluatedProperties")
        rest = [key for key in value if key not in seen]
        if inner is False and rest:
            yield _error(f"Unevaluated properties are not allowed ({', '.join(map(repr, rest[:20]))})")
            return
        for key in rest:
            yield from validator.descend(value[key], inner, path=key)


def _unevaluated_items(validator: Any, inner: Any, value: Any, schema: Any) -> Iterator[Any]:
    if isinstance(value, list):
        seen = _evaluated(validator, value, schema, "unevaluatedItems")
        for index in [index for index in range(len(value)) if index not in seen]:
            yield from validator.descend(value[index], inner, path=index)


def _evaluated(validator: Any, value: Any, schema: Mapping[str, Any], keyword: str) -> set[Any]:
    """The keys or indexes that a schema's other keywords look at, and the schemas that it applies to the same value."""
    meter, seen = _METER.get(), set[Any]()
    every = set(value) if isinstance(value, dict) else set(range(len(value)))
    here = _keys_here if isinstance(value, dict) else _indexes_here
    waiting = deque([(validator, schema)])
    while waiting:
        by, part = waiting.popleft()
        if isinstance(part, bool):
            continue
        found = every if keyword in part and part is not schema else here(by, value, part)
        meter.take(1 + len(found))
        seen |= found
        for reference in ("$ref", "$dynamicRef"):
            if reference in part:
                resolved = by._resolver.lookup(part[reference])
                evolved = by.evolve(schema=resolved.contents, _resolver=resolved.resolver)
                waiting.append((evolved, resolved.contents))
        waiting.extend((by, one) for one in _holding(by, value, part))
    return seen


def _holding(validator: Any, value: Any, schema: Mapping[str, Any]) -> Iterator[Any]:
    """Schemas that are applied to the same value, and which it fits."""

    def holds(one: Any) -> bool:
        return bool(validator.evolve(schema=one).is_valid(value))

    for keyword in ("allOf", "anyOf", "oneOf"):
        yield from (one for one in schema.get(keyword, ()) if holds(one))
    if "if" in schema:
        if holds(schema["if"]):
            yield schema["if"]
            yield from (schema[key] for key in ("then",) if key in schema)
        elif "else" in schema:
            yield schema["else"]
    if isinstance(value, dict):
        yield from (one for key, one in schema.get("dependentSchemas", {}).items() if key in value)


def _keys_here(validator: Any, value: Mapping[str, Any], schema: Mapping[str, Any]) -> set[Any]:
    if "additionalProperties" in schema:
        return set(value)
    patterns = schema.get("patternProperties", {})
    named = schema.get("properties", {})
    return {key for key in value if key in named or any(_matches(pattern, key) for pattern in patterns)}


def _indexes_here(validator: Any, value: Sequence[Any], schema: Mapping[str, Any]) -> set[Any]:
    if "items" in schema:
        return set(range(len(value)))
    seen = set(range(min(len(value), len(schema.get("prefixItems", ())))))
    if "contains" in schema:
        inner = validator.evolve(schema=schema["contains"])
        seen |= {index for index, one in enumerate(value) if inner.is_valid(one)}
    return seen


_OWN: dict[str, Keyword] = {
    "pattern": _pattern,
    "patternProperties": _pattern_properties,
    "additionalProperties": _additional_properties,
    "uniqueItems": _unique_items,
    "multipleOf": _multiple_of,
    "unevaluatedProperties": _unevaluated_properties,
    "unevaluatedItems": _unevaluated_items,
}
"""Those in which jsonschema runs patterns by `re`, compares each with each, or divides what cannot be divided."""
