"""How a write to a key combines with what is there: five named rules.

Each rule first says whether the two fit (`refuses`), then gives the combined value: a new one, or, where the state
alone holds the old one, the old one grown in place, so that n appends cost O(n).
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import isfinite
from typing import Any

from graphs_app.engine.operations import is_number, kind_of
from graphs_app.engine.values import MAX_WHOLE_BITS, FrozenDict, FrozenList


@dataclass(frozen=True, slots=True)
class Reducer:
    """One rule."""

    name: str
    refuses: Callable[[Any, Any], str | None]
    """(what is there, what is written): why they do not combine."""
    combine: Callable[[Any, Any], Any]
    grow: Callable[[Any, Any], Any]
    """Like combine, but changes what is there."""


def _never(old: Any, new: Any) -> str | None:
    return None


def _replace(old: Any, new: Any) -> Any:
    return new


def _append_refuses(old: Any, new: Any) -> str | None:
    return None if old is None or isinstance(old, list) else f"append needs a list, there is {kind_of(old)}"


def _append(old: Any, new: Any) -> FrozenList:
    return FrozenList((*(old or ()), new))


def _append_grow(old: Any, new: Any) -> Any:
    list.append(old, new)
    return old


def _extend_refuses(old: Any, new: Any) -> str | None:
    if not isinstance(new, list):
        return f"extend needs a list, {kind_of(new)} is written"
    return None if old is None or isinstance(old, list) else f"extend needs a list, there is {kind_of(old)}"


def _extend(old: Any, new: Any) -> FrozenList:
    return FrozenList((*(old or ()), *new))


def _extend_grow(old: Any, new: Any) -> Any:
    list.extend(old, new)
    return old


def _merge_refuses(old: Any, new: Any) -> str | None:
    if not isinstance(new, dict):
        return f"merge needs an object, {kind_of(new)} is written"
    return None if old is None or isinstance(old, dict) else f"merge needs an object, there is {kind_of(old)}"


def _merge(old: Any, new: Any) -> FrozenDict:
    return FrozenDict({**(old or {}), **new})


def _merge_grow(old: Any, new: Any) -> Any:
    dict.update(old, new)
    return old


def _add_refuses(old: Any, new: Any) -> str | None:
    if not is_number(new):
        return f"add needs a number, {kind_of(new)} is written"
    if old is None:
        return None
    if not is_number(old):
        return f"add needs a number, there is {kind_of(old)}"
    total = old + new
    too_large = total.bit_length() > MAX_WHOLE_BITS if isinstance(total, int) else not isfinite(total)
    return "the sum is too large" if too_large else None


def _add(old: Any, new: Any) -> Any:
    return new if old is None else old + new


REPLACE = Reducer("replace", _never, _replace, _replace)
BY_NAME = {
    reducer.name: reducer
    for reducer in (
        REPLACE,
        Reducer("append", _append_refuses, _append, _append_grow),
        Reducer("extend", _extend_refuses, _extend, _extend_grow),
        Reducer("merge", _merge_refuses, _merge, _merge_grow),
        Reducer("add", _add_refuses, _add, _add),
    )
}
GROWING = frozenset({"append", "extend", "merge"})
