"""What the operators and functions of conditions mean for JSON values.

Values of different kinds are never equal and never ordered, but for one thing: a list or an object is ordered against
a number by its length, so that `issues < 5` asks what it says. Work is metered by size, so that no expression
takes long or builds anything large.
"""

import operator
from collections.abc import Callable, Mapping
from math import isfinite
from typing import Any

from graphs_app.engine.errors import ConditionFailed

BUDGET = 50_000
"""Units of work for one evaluation: an item compared, or some characters looked at."""
CHARACTERS_A_UNIT = 16
MAX_STRING = 200_000
MAX_WHOLE = 2**63 - 1

KINDS = ((bool, "a boolean"), (int, "a number"), (float, "a number"), (str, "a string"), (list, "a list"))
ORDERINGS: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


class Meter:
    """What is left of one evaluation's budget."""

    __slots__ = ("left",)

    def __init__(self) -> None:
        self.left = BUDGET

    def charge(self, units: int) -> None:
        self.left -= units
        if self.left < 0:
            raise ConditionFailed("The values are too large to be looked through in a condition")


def is_number(value: Any) -> bool:
    kind = type(value)
    return kind is int or kind is float


def kind_of(value: Any) -> str:
    if value is None:
        return "null"
    for kind, name in KINDS:
        if isinstance(value, kind):
            return name
    return "an object"


def equal(one: Any, other: Any, meter: Meter) -> bool:
    if one is None or other is None:
        return one is other
    if isinstance(one, str):
        if len(one) > 1000:
            meter.charge(len(one) // CHARACTERS_A_UNIT)
        return isinstance(other, str) and one == other
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if is_number(one):
        return is_number(other) and one == other
    if isinstance(one, list):
        return isinstance(other, list) and _equal_lists(one, other, meter)
    return isinstance(one, Mapping) and isinstance(other, Mapping) and _equal_objects(one, other, meter)


def _equal_lists(one: list[Any], other: list[Any], meter: Meter) -> bool:
    if len(one) != len(other):
        return False
    meter.charge(len(one) + 1)
    return all(equal(left, right, meter) for left, right in zip(one, other, strict=True))


def _equal_objects(one: Mapping[str, Any], other: Mapping[str, Any], meter: Meter) -> bool:
    if one.keys() != other.keys():
        return False
    meter.charge(len(one) + 1)
    return all(equal(value, other[key], meter) for key, value in one.items())


def unequal(one: Any, other: Any, meter: Meter) -> bool:
    """Null is unequal to nothing: it compares false with everything but null."""
    if one is None or other is None:
        return False
    return not equal(one, other, meter)


def ordered(order: Callable[[Any, Any], bool], one: Any, other: Any, meter: Meter) -> bool:
    if is_number(one):
        if is_number(other):
            return order(one, other)
        return isinstance(other, list | Mapping) and order(one, len(other))
    if isinstance(one, str):
        if len(one) > 1000:
            meter.charge(len(one) // CHARACTERS_A_UNIT)
        return isinstance(other, str) and order(one, other)
    return isinstance(one, list | Mapping) and is_number(other) and order(len(one), other)


def contains(container: Any, item: Any, meter: Meter) -> bool:
    if isinstance(container, str):
        meter.charge(len(container) // CHARACTERS_A_UNIT)
        return isinstance(item, str) and item in container
    if isinstance(container, Mapping):
        return isinstance(item, str) and item in container
    if not isinstance(container, list):
        return False
    if isinstance(item, str):
        meter.charge(len(container) // CHARACTERS_A_UNIT)
        return item in container
    meter.charge(len(container))
    return any(equal(item, one, meter) for one in container)


def add(one: Any, other: Any, meter: Meter, column: int) -> Any:
    if is_number(one) and is_number(other):
        return bounded(one + other, column)
    if one is None or other is None:
        return None
    if isinstance(one, str) and isinstance(other, str):
        length = len(one) + len(other)
        if length > MAX_STRING:
            raise ConditionFailed(f"A string of {length} characters is too long; {MAX_STRING} are allowed", column)
        meter.charge(length // CHARACTERS_A_UNIT)
        return one + other
    if isinstance(one, list) and isinstance(other, list):
        meter.charge(len(one) + len(other))
        return [*one, *other]
    raise _undefined("+", one, other, column)


def subtract(one: Any, other: Any, meter: Meter, column: int) -> Any:
    return bounded(one - other, column) if _numbers("-", one, other, column) else None


def multiply(one: Any, other: Any, meter: Meter, column: int) -> Any:
    return bounded(one * other, column) if _numbers("*", one, other, column) else None


def divide(one: Any, other: Any, meter: Meter, column: int) -> Any:
    if not _numbers("/", one, other, column):
        return None
    if other == 0:
        raise ConditionFailed("Division by zero", column)
    if isinstance(one, int) and isinstance(other, int) and one % other == 0:
        return bounded(one // other, column)
    try:
        return bounded(one / other, column)
    except OverflowError:
        raise _too_large(column) from None


def remainder(one: Any, other: Any, meter: Meter, column: int) -> Any:
    if not _numbers("%", one, other, column):
        return None
    if other == 0:
        raise ConditionFailed("Division by zero", column)
    return bounded(one % other, column)


ARITHMETIC: dict[str, Callable[[Any, Any, Meter, int], Any]] = {
    "+": add,
    "-": subtract,
    "*": multiply,
    "/": divide,
    "%": remainder,
}


def negative(value: Any, column: int) -> Any:
    if value is None:
        return None
    if not is_number(value):
        raise ConditionFailed(f"- is not defined for {kind_of(value)}", column)
    return bounded(-value, column)


def bounded(value: Any, column: int) -> Any:
    if isinstance(value, int):
        if not -MAX_WHOLE <= value <= MAX_WHOLE:
            raise _too_large(column)
    elif not isfinite(value):
        raise _too_large(column)
    return value


def _numbers(sign: str, one: Any, other: Any, column: int) -> bool:
    """False when one is null, which makes the result null."""
    if is_number(one) and is_number(other):
        return True
    if one is None or other is None:
        return False
    raise _undefined(sign, one, other, column)


def _undefined(sign: str, one: Any, other: Any, column: int) -> ConditionFailed:
    return ConditionFailed(f"{sign} is not defined for {kind_of(one)} and {kind_of(other)}", column)


def _too_large(column: int) -> ConditionFailed:
    return ConditionFailed("The number is too large", column)


# Functions: (arguments, meter, column) -> value


def _len(arguments: list[Any], meter: Meter, column: int) -> Any:
    (value,) = arguments
    if value is None:
        return 0
    if not isinstance(value, str | list | Mapping):
        raise ConditionFailed(f"len() is not defined for {kind_of(value)}", column)
    return len(value)


def _cased(change: Callable[[str], str], name: str) -> Callable[[list[Any], Meter, int], Any]:
    def cased(arguments: list[Any], meter: Meter, column: int) -> Any:
        (value,) = arguments
        if value is None:
            return None
        if not isinstance(value, str):
            raise ConditionFailed(f"{name}() is not defined for {kind_of(value)}", column)
        if len(value) > MAX_STRING:
            raise ConditionFailed(f"{name}() takes at most {MAX_STRING} characters, not {len(value)}", column)
        meter.charge(len(value) // CHARACTERS_A_UNIT)
        return change(value)

    return cased


def _contains(arguments: list[Any], meter: Meter, column: int) -> Any:
    return contains(arguments[0], arguments[1], meter)


def _startswith(arguments: list[Any], meter: Meter, column: int) -> Any:
    text, start = arguments
    return isinstance(text, str) and isinstance(start, str) and text.startswith(start)


def _endswith(arguments: list[Any], meter: Meter, column: int) -> Any:
    text, end = arguments
    return isinstance(text, str) and isinstance(end, str) and text.endswith(end)


FUNCTIONS: dict[str, tuple[int, Callable[[list[Any], Meter, int], Any]]] = {
    "len": (1, _len),
    "lower": (1, _cased(str.lower, "lower")),
    "upper": (1, _cased(str.upper, "upper")),
    "contains": (2, _contains),
    "startswith": (2, _startswith),
    "endswith": (2, _endswith),
}
"""By name: how many arguments, and what it does."""
