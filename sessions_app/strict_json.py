"""JSON that somebody sent, read so that there is only one way to read it.

A key that is there twice, a number that a float cannot hold, NaN: parsers differ over them, so that one part of a site
would check what another never sees. They are refused, with their place where there is one.
"""

import json
from collections.abc import Mapping
from typing import Any

DIGITS_AT_MOST = 308
"""Of a whole number: as many as a float can stand for, and what all that reads it can work with."""


class JsonRefused(ValueError):
    """Raised when a text is not JSON, or is JSON that is not taken; says what it found and where."""

    def __init__(self, reason: str, *, code: str = "not_json", pointer: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.code = code
        self.pointer = pointer
        """RFC 6901, where it is about one value."""


class _Twice(dict[str, Any]):
    """An object in which a key is there twice."""

    key = ""


def loads(text: str | bytes) -> Any:
    """Reads a JSON text. Raises JsonRefused."""
    found: list[_Twice] = []

    def read_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(pairs)
        if len(made) == len(pairs):
            return made
        twice = _Twice(made)
        twice.key = _first_twice(pairs)
        found.append(twice)
        return twice

    try:
        decoded = text if isinstance(text, str) else text.decode()
        value = json.loads(
            decoded, object_pairs_hook=read_object, parse_constant=_no_constant, parse_float=_finite, parse_int=_whole
        )
    except UnicodeDecodeError as error:
        raise JsonRefused(f"it is not UTF-8: byte {error.start} cannot be read") from error
    except RecursionError as error:
        raise JsonRefused("it is nested too deeply") from error
    except json.JSONDecodeError as error:
        raise JsonRefused(f"it is not JSON: {error.msg} at line {error.lineno}, column {error.colno}") from error
    if found:
        pointer = _place(value)
        raise JsonRefused(f"the key at {pointer!r:.200} is there twice", code="duplicate_key", pointer=pointer)
    return value


def escape(step: str) -> str:
    """A step of a JSON pointer."""
    return step.replace("~", "~0").replace("/", "~1")


def _first_twice(pairs: list[tuple[str, Any]]) -> str:
    seen: set[str] = set()
    for key, _ in pairs:
        if key in seen:
            return key
        seen.add(key)
    raise AssertionError("unreachable: it was asked for an object with a key twice")


def _place(value: Any) -> str:
    """Where the first object is that has a key twice; an outer one is found before those in it."""
    waiting: list[tuple[str, Any]] = [("", value)]
    while waiting:
        pointer, one = waiting.pop()
        if isinstance(one, _Twice):
            return f"{pointer}/{escape(one.key)}"
        if isinstance(one, Mapping):
            waiting.extend((f"{pointer}/{escape(key)}", inner) for key, inner in one.items())
        elif isinstance(one, list):
            waiting.extend((f"{pointer}/{at}", inner) for at, inner in enumerate(one))
    raise AssertionError("unreachable: what is inside of another such object is not asked for")


def _no_constant(constant: str) -> None:
    raise JsonRefused(f"{constant} is no JSON number", code="not_a_number")


def _finite(digits: str) -> float:
    number = float(digits)
    if number in (float("inf"), float("-inf")):
        raise JsonRefused(f"the number {digits[:40]} is too large", code="number_too_large")
    return number


def _whole(digits: str) -> int:
    if len(digits) > DIGITS_AT_MOST:
        raise JsonRefused(f"the number {digits[:40]}… has {len(digits):,} digits", code="number_too_large")
    return int(digits)
