"""The state of a run: writes applied in the order of their numbers, through reducers.

Node runs get read-only views. A view stays what it was when its node run started: the first write while other node
runs look on goes to a copy of the keys. A run that does one thing at a time never copies: a step costs its writes.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from graphs_app.engine.errors import ReducerMismatch, StateTooLarge, WritesInvalid
from graphs_app.engine.limits import MAX_STATE_BYTES
from graphs_app.engine.operations import kind_of
from graphs_app.engine.reducers import BY_NAME, GROWING, REPLACE, Reducer
from graphs_app.engine.values import FrozenDict, frozen, frozen_object, is_text

View = Mapping[str, Any]


class Writes:
    """A node's writes: known to be JSON, frozen and measured."""

    __slots__ = ("size", "sizes", "values")

    def __init__(self, values: FrozenDict, sizes: dict[str, int], size: int) -> None:
        self.values = values
        self.sizes = sizes
        self.size = size


NO_WRITES = Writes(FrozenDict(), {}, 0)


def check_writes(returned: Any) -> Writes:
    """Raises WritesInvalid for what is not a JSON object."""
    if not isinstance(returned, dict):
        raise WritesInvalid(f"a tool must return an object of writes, {_found(returned)} was returned")
    if not returned:
        return NO_WRITES
    values: dict[str, Any] = {}
    sizes: dict[str, int] = {}
    total = 0
    for key, value in returned.items():
        if type(key) is not str or not is_text(key):
            raise WritesInvalid(f"the key {key!r:.80} of the writes is not a string that a store keeps")
        try:
            values[key], size = frozen(value, 1)
        except WritesInvalid as error:
            raise WritesInvalid(f"the write to {key!r:.80} is not JSON: {error}") from None
        size += len(key) + 3
        sizes[key] = size
        total += size
    return Writes(FrozenDict(values), sizes, total)


def _found(value: Any) -> str:
    return kind_of(value) if value is None or isinstance(value, bool | int | float | str | list) else repr(type(value))


class State:
    """One run's values."""

    __slots__ = ("_limit", "_looking", "_own", "_reducers", "_replaced", "_sizes", "_total", "_values", "_view")

    def __init__(self, initial: Mapping[str, Any], reducers: Mapping[str, str], limit: int = MAX_STATE_BYTES) -> None:
        self._reducers: dict[str, Reducer] = {
            key: BY_NAME[name] for key, name in reducers.items() if name != REPLACE.name
        }
        self._limit = limit
        self._values: dict[str, Any] = {}
        self._sizes: dict[str, int] = {}
        self._total = 2
        self._own: set[str] = set()
        self._replaced: dict[str, int] = {}
        self._view: View = MappingProxyType(self._values)
        self._looking = 0
        self.edit(initial)

    @property
    def view(self) -> View:
        """The values now; changes with the next write."""
        return self._view

    def look(self) -> View:
        """The values now, which stay as they are until they are given to `look_away`."""
        self._looking += 1
        return self._view

    def look_away(self, view: View) -> None:
        if view is self._view:
            self._looking -= 1

    def values(self) -> dict[str, Any]:
        return dict(self._values)

    @property
    def size(self) -> int:
        """In bytes."""
        return self._total

    def edit(self, values: Mapping[str, Any]) -> None:
        """Sets values whatever their keys' reducers."""
        checked = check_writes(dict(values))
        self._check_size(checked.size - sum(self._sizes.get(key, 0) for key in checked.sizes))
        self._make_own()
        for key, value in checked.values.items():
            self._put(key, value, checked.sizes[key])
            self._own.discard(key)

    def apply(self, writes: Writes, number: int, seen: int) -> tuple[str, ...]:
        """Applies a node run's writes as checkpoint `number`; answers the keys whose value, written by a node run that
        was active at the same time, it replaced. Changes nothing when it raises ReducerMismatch or StateTooLarge."""
        if not writes.values:
            return ()
        if self._looking:
            self._make_own()
        return self._reduce_all(writes, number, seen) if self._reducers else self._replace_all(writes, number, seen)

    def _replace_all(self, writes: Writes, number: int, seen: int) -> tuple[str, ...]:
        """The common case: no key has a reducer of its own."""
        known, replaced = self._sizes, self._replaced
        growth = 0
        for key, size in writes.sizes.items():
            growth += size - known.get(key, 0)
        if growth > 0:
            self._check_size(growth)
        overwritten: tuple[str, ...] = ()
        for key in writes.sizes:
            if replaced.get(key, 0) > seen:
                overwritten += (key,)
            replaced[key] = number
        self._total += growth
        known.update(writes.sizes)
        self._values.update(writes.values)
        return overwritten

    def _reduce_all(self, writes: Writes, number: int, seen: int) -> tuple[str, ...]:
        sizes, growth = self._new_sizes(writes)
        if growth > 0:
            self._check_size(growth)
        overwritten: tuple[str, ...] = ()
        for key, value in writes.values.items():
            reducer = self._reducers.get(key)
            if reducer is None:
                if self._replaced.get(key, 0) > seen:
                    overwritten += (key,)
                self._replaced[key] = number
                self._put(key, value, sizes[key])
            else:
                self._reduce(reducer, key, value, sizes[key])
        return overwritten

    def _reduce(self, reducer: Reducer, key: str, value: Any, size: int) -> None:
        old = self._values.get(key)
        if key in self._own:
            self._put(key, reducer.grow(old, value), size)
            return
        self._put(key, reducer.combine(old, value), size)
        if reducer.name in GROWING:
            self._own.add(key)

    def _put(self, key: str, value: Any, size: int) -> None:
        self._total += size - self._sizes.get(key, 0)
        self._sizes[key] = size
        self._values[key] = value

    def _make_own(self) -> None:
        """Leaves the present values to those who look at them, and goes on with a copy."""
        if self._looking:
            self._values = dict(self._values)
            self._view = MappingProxyType(self._values)
            self._own.clear()
            self._looking = 0

    def _new_sizes(self, writes: Writes) -> tuple[dict[str, int], int]:
        """The sizes that the written keys will have, and by how much the state grows."""
        sizes: dict[str, int] = {}
        growth = 0
        for key, value in writes.values.items():
            old_size, size = self._sizes.get(key, 0), writes.sizes[key]
            reducer = self._reducers.get(key)
            if reducer is not None:
                size = self._reduced_size(reducer, key, value, old_size, size)
            sizes[key] = size
            growth += size - old_size
        return sizes, growth

    def _reduced_size(self, reducer: Reducer, key: str, value: Any, old_size: int, size: int) -> int:
        old = self._values.get(key)
        problem = reducer.refuses(old, value)
        if problem is not None:
            raise ReducerMismatch(f"the write to {key!r} does not fit its reducer: {problem}")
        if reducer.name not in GROWING:
            return size
        if reducer.name == "merge" and old:
            shared = {part: old[part] for part in value if part in old}
            return old_size + size - frozen_object(shared)[1]
        return old_size + size

    def _check_size(self, growth: int) -> None:
        total = self._total + growth
        if total > self._limit:
            raise StateTooLarge(f"the state would be {total} bytes, more than its limit of {self._limit}")
