"""What a JSON Schema (draft 2020-12) must be to be used: sound, bounded, and resolved from itself alone.

Nothing is ever fetched, so a reference may only name a place in the same schema (`#`, `#/$defs/x`, or `#x` for an
`$anchor`); and none may lead back to itself without going into the value, which no check would come out of. Every
pattern must be one of linear time.
"""

import math
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple
from urllib.parse import unquote

from graphs_app.engine.limits import (
    MAX_SCHEMA_DEPTH,
    MAX_SCHEMA_PARTS,
    MAX_SCHEMA_PATTERNS,
    MAX_SCHEMA_REFERENCES,
)
from graphs_app.engine.patterns import PatternInvalid, compile_pattern

DIALECT = "https://json-schema.org/draft/2020-12/schema"
KINDS = frozenset({"string", "number", "integer", "boolean", "null", "array", "object"})
ANCHOR = re.compile(r"[A-Za-z_][-A-Za-z0-9._]*")

IN_PLACE_ONE = frozenset({"not", "if", "then", "else"})
IN_PLACE_MANY = frozenset({"allOf", "anyOf", "oneOf"})
IN_PLACE_NAMED = frozenset({"dependentSchemas"})
"""Keywords whose schemas are of the same value as the one they stand in."""
ONE = IN_PLACE_ONE | {
    "items", "contains", "additionalProperties", "propertyNames", "unevaluatedItems", "unevaluatedProperties",
    "contentSchema",
}  # fmt: skip
MANY = IN_PLACE_MANY | {"prefixItems"}
NAMED = IN_PLACE_NAMED | {"properties", "patternProperties", "$defs", "definitions"}
IN_PLACE = IN_PLACE_ONE | IN_PLACE_MANY | IN_PLACE_NAMED
REFERENCES = ("$ref", "$dynamicRef")


class Fault(NamedTuple):
    """What is wrong with a schema, and where."""

    pointer: str
    reason: str


def faults_of(schema: Any) -> Iterator[Fault]:
    """Every fault of a schema; none means that checking against it ends, and asks nobody else."""
    reading = _Reading()
    yield from reading.whole(schema)


def escape(step: str) -> str:
    """A step of a JSON pointer."""
    return step.replace("~", "~0").replace("/", "~1")


class _Reading:
    """One schema under examination."""

    def __init__(self) -> None:
        self.inside: dict[str, list[str]] = {}
        """Pointers of schemas, each with those of the same value that it applies at once."""
        self.anchors: dict[str, str] = {}
        self.references: list[tuple[str, str, str]] = []
        """Schema, keyword, and what it refers to."""
        self.patterns = 0

    def whole(self, schema: Any) -> Iterator[Fault]:
        waiting: list[tuple[str, Any, int]] = [("", schema, 1)]
        while waiting:
            pointer, part, depth = waiting.pop()
            if depth > MAX_SCHEMA_DEPTH:
                yield Fault(pointer, f"schemas are nested here deeper than {MAX_SCHEMA_DEPTH}")
                return
            if len(self.inside) >= MAX_SCHEMA_PARTS:
                yield Fault("", f"there are more than {MAX_SCHEMA_PARTS:,} schemas within it")
                return
            self.inside[pointer] = []
            if isinstance(part, bool):
                continue
            if not isinstance(part, dict):
                yield Fault(pointer, f"a schema is an object, true or false, not {_kind(part)}")
                continue
            found = list(self._parts(pointer, part))
            self.inside[pointer] += [inner for keyword, inner, _ in found if keyword in IN_PLACE]
            waiting += [(inner, one, depth + 1) for _, inner, one in reversed(found)]
            yield from self._keywords(pointer, part)
        if len(self.references) > MAX_SCHEMA_REFERENCES:
            yield Fault("", f"there are {len(self.references):,} references; at most {MAX_SCHEMA_REFERENCES} are taken")
            return
        yield from self._resolved()

    def _parts(self, pointer: str, part: Mapping[str, Any]) -> Iterator[tuple[str, str, Any]]:
        """(keyword, pointer, schema) of those directly within."""
        for keyword, value in part.items():
            here = f"{pointer}/{escape(str(keyword))}"
            if keyword in ONE:
                yield keyword, here, value
            elif keyword in MANY and isinstance(value, list):
                yield from ((keyword, f"{here}/{index}", one) for index, one in enumerate(value))
            elif keyword in NAMED and isinstance(value, dict):
                yield from ((keyword, f"{here}/{escape(str(name))}", one) for name, one in value.items())

    def _keywords(self, pointer: str, part: Mapping[str, Any]) -> Iterator[Fault]:
        for keyword, value in part.items():
            here = f"{pointer}/{escape(str(keyword))}"
            expected = EXPECTED.get(keyword)
            if expected is not None and not expected[0](value):
                yield Fault(here, f"{keyword} is {expected[1]}")
            else:
                yield from self._bearing(keyword, here, pointer, value)

    def _bearing(self, keyword: str, here: str, pointer: str, value: Any) -> Iterator[Fault]:
        """The keywords whose value bears on more than its own form."""
        if keyword in REFERENCES:
            self.references.append((pointer, keyword, value))
        elif keyword in ("$anchor", "$dynamicAnchor"):
            first = self.anchors.setdefault(value, pointer)
            if first != pointer:
                yield Fault(here, f"the anchor {value!r:.100} is there already, at {first or 'the top'}")
        elif keyword == "$id":
            yield Fault(here, "a schema here has no $id: it is resolved from itself alone. Remove it")
        elif keyword == "$schema":
            yield from _dialect(here, pointer, value)
        elif keyword == "pattern":
            yield from self._pattern(here, value)
        elif keyword == "patternProperties":
            for name in value:
                yield from self._pattern(f"{here}/{escape(name)}", name)

    def _pattern(self, pointer: str, pattern: str) -> Iterator[Fault]:
        self.patterns += 1
        if self.patterns > MAX_SCHEMA_PATTERNS:
            if self.patterns == MAX_SCHEMA_PATTERNS + 1:
                yield Fault(pointer, f"there are more than {MAX_SCHEMA_PATTERNS} patterns")
            return
        try:
            compile_pattern(pattern)
        except PatternInvalid as error:
            yield Fault(pointer, f"the pattern {pattern!r:.100} cannot be used: {error}")

    def _resolved(self) -> Iterator[Fault]:
        leads: dict[str, list[tuple[str, str]]] = {}
        for pointer, keyword, reference in self.references:
            target, reason = self._target(reference)
            if target is None:
                yield Fault(f"{pointer}/{keyword}", f"{keyword} {reference!r:.100} {reason}")
            else:
                leads.setdefault(pointer, []).append((target, keyword))
        around = self._circle(leads)
        if around is not None:
            pointer, keyword = around
            yield Fault(f"{pointer}/{keyword}", f"{keyword} leads back to itself, and would never be resolved")

    def _target(self, reference: str) -> tuple[str | None, str]:
        whole, mark, fragment = reference.partition("#")
        if whole or not mark:
            return None, "is not in this schema, and nothing is fetched; write #/$defs/NAME"
        fragment = unquote(fragment)
        if fragment and not fragment.startswith("/"):
            pointer = self.anchors.get(fragment)
            return pointer, "names an $anchor that is not there"
        # A pointer may be escaped in other ways than ours.
        pointer = "".join(f"/{escape(step.replace('~1', '/').replace('~0', '~'))}" for step in fragment.split("/")[1:])
        return (pointer, "") if pointer in self.inside else (None, "leads to no schema")

    def _circle(self, leads: Mapping[str, list[tuple[str, str]]]) -> tuple[str, str] | None:
        """A reference on a way that comes back to where it began without going into the value."""
        done: set[str] = set()
        for start in leads:
            way: dict[str, Iterator[tuple[str, str]]] = {}
            at: str | None = start
            by: dict[str, tuple[str, str]] = {}
            while at is not None:
                if at not in way:
                    way[at] = iter([*leads.get(at, ()), *((inner, "") for inner in self.inside[at])])
                step = next((one for one in way[at] if one[0] not in done), None)
                if step is None:
                    done.add(at)
                    del way[at]
                    at = next(reversed(way), None)
                    continue
                target, keyword = step
                if keyword:
                    by[at] = (at, keyword)
                elif at in by:
                    del by[at]
                if target in way:
                    ring = list(way)[list(way).index(target) :]
                    return next(by[one] for one in ring if one in by)
                at = target
        return None


def _dialect(here: str, pointer: str, value: str) -> Iterator[Fault]:
    if pointer:
        yield Fault(here, "$schema stands at the top of a schema only")
    elif value.removesuffix("#") != DIALECT:
        yield Fault(here, f"$schema {value!r:.100} is not understood; schemas are of {DIALECT}")


def _kind(value: Any) -> str:
    return {type(None): "null", list: "an array", str: "a string", int: "a number", float: "a number"}.get(
        type(value), type(value).__name__
    )


def isfinite(number: float) -> bool:
    """As in math, but for whole numbers of any size."""
    return isinstance(number, int) or math.isfinite(number)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)


def _is_count(value: Any) -> bool:
    return _is_number(value) and value >= 0 and (isinstance(value, int) or value.is_integer())


def _is_words(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value) and len(set(value)) == len(value)


def _is_kind(value: Any) -> bool:
    if isinstance(value, str):
        return value in KINDS
    return bool(value) and _is_words(value) and KINDS.issuperset(value)


def _is_list(value: Any) -> bool:
    return isinstance(value, list) and bool(value)


def _is_object(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(key, str) for key in value)


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_boolean(value: Any) -> bool:
    return isinstance(value, bool)


def _is_anchor(value: Any) -> bool:
    return isinstance(value, str) and ANCHOR.fullmatch(value) is not None


Expectation = tuple[Callable[[Any], bool], str]
_COUNT: Expectation = (_is_count, "a whole number from 0")
_NUMBER: Expectation = (_is_number, "a number")
_TEXT: Expectation = (_is_text, "a string")
_BOOLEAN: Expectation = (_is_boolean, "true or false")

EXPECTED: Mapping[str, Expectation] = {
    "type": (_is_kind, f"one or several of {', '.join(sorted(KINDS))}"),
    **dict.fromkeys(("minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties"), _COUNT),
    **dict.fromkeys(("minContains", "maxContains"), _COUNT),
    **dict.fromkeys(("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"), _NUMBER),
    "multipleOf": (lambda value: _is_number(value) and value > 0, "a number above 0"),
    "required": (_is_words, "an array of different strings"),
    "dependentRequired": (
        lambda value: _is_object(value) and all(map(_is_words, value.values())),
        "an object of arrays of different strings",
    ),
    "enum": (lambda value: isinstance(value, list), "an array"),
    "examples": (lambda value: isinstance(value, list), "an array"),
    **dict.fromkeys(("uniqueItems", "deprecated", "readOnly", "writeOnly"), _BOOLEAN),
    **dict.fromkeys(("title", "description", "$comment", "format", "contentMediaType", "contentEncoding"), _TEXT),
    **dict.fromkeys(("pattern", "$ref", "$dynamicRef", "$schema", "$id"), _TEXT),
    **dict.fromkeys(("$anchor", "$dynamicAnchor"), (_is_anchor, "a name of letters, digits, - . and _")),
    **dict.fromkeys(MANY, (_is_list, "an array of one schema or more")),
    **dict.fromkeys(NAMED, (_is_object, "an object of schemas")),
}
"""By keyword: whether a value is one that it may have, and what it has to be. What is not here says nothing."""
