"""JSON values that nobody can change, and how large they are.

What a tool returns is copied once into these, in the same walk that checks that it is JSON and measures it. They are
lists and dicts to everything that only reads, json.dumps included.
"""

from math import isfinite
from typing import Any, NoReturn

from graphs_app.engine.errors import StateReadOnly, WritesInvalid
from graphs_app.engine.limits import MAX_DEPTH

MAX_WHOLE_BITS = 1024
SCALAR_SIZE = 8
FLOAT_SIZE = 25
SMALL_BITS = 64
CONTAINER_SIZE = 64
"""A list or an object takes so much memory, however little there is in it."""


def _refuse(self: Any, *args: Any, **kwargs: Any) -> NoReturn:
    raise StateReadOnly("The state is read-only: copy the value, change the copy, and return it as a write")


class FrozenList(list[Any]):
    """A list of the state. Only reducers extend one, and only where nobody else holds it."""

    __slots__ = ()
    append = extend = insert = remove = pop = clear = sort = reverse = _refuse
    __setitem__ = __delitem__ = __iadd__ = __imul__ = _refuse

    def __reduce__(self) -> Any:
        return (FrozenList, (list(self),))

    def __deepcopy__(self, memo: dict[int, Any]) -> "list[Any]":
        return [thawed(item) for item in self]


class FrozenDict(dict[str, Any]):
    """An object of the state."""

    __slots__ = ()
    __setitem__ = __delitem__ = __ior__ = _refuse
    pop = popitem = clear = update = setdefault = _refuse

    def __reduce__(self) -> Any:
        return (FrozenDict, (dict(self),))

    def __deepcopy__(self, memo: dict[int, Any]) -> "dict[str, Any]":
        return {key: thawed(item) for key, item in self.items()}


def thawed(value: Any) -> Any:
    """A copy that its owner may change."""
    if isinstance(value, list):
        return [thawed(item) for item in value]
    if isinstance(value, dict):
        return {key: thawed(item) for key, item in value.items()}
    return value


def frozen(value: Any, depth: int = 0) -> tuple[Any, int]:
    """The value that nobody can change, and its size in bytes, at least what it is as JSON. Raises WritesInvalid."""
    kind = type(value)
    if kind is str:
        return value, _string_size(value)
    if kind is bool or value is None:
        return value, SCALAR_SIZE
    if kind is int or kind is float:
        return _number(value)
    if isinstance(value, dict):
        return _frozen_dict(value, depth + 1)
    if isinstance(value, list | tuple):
        return _frozen_list(value, depth + 1)
    return _plain(value)


def frozen_object(value: dict[str, Any]) -> tuple[FrozenDict, int]:
    """The same for what must be a JSON object."""
    return _frozen_dict(value, 1)


def _frozen_dict(value: dict[Any, Any], depth: int) -> tuple[FrozenDict, int]:
    if depth > MAX_DEPTH:
        raise WritesInvalid(f"nested deeper than {MAX_DEPTH}")
    items: dict[str, Any] = {}
    total = CONTAINER_SIZE
    for key, item in value.items():
        if type(key) is not str:
            raise WritesInvalid(f"the key {key!r:.80} is not a string")
        items[key], size = frozen(item, depth)
        total += size + _string_size(key)
    return FrozenDict(items), total


def _frozen_list(value: list[Any] | tuple[Any, ...], depth: int) -> tuple[FrozenList, int]:
    if depth > MAX_DEPTH:
        raise WritesInvalid(f"nested deeper than {MAX_DEPTH}")
    items: list[Any] = []
    total = CONTAINER_SIZE
    for item in value:
        one, size = frozen(item, depth)
        items.append(one)
        total += size
    return FrozenList(items), total


def text_size(text: str) -> int:
    """Bytes as UTF-8."""
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))


def is_text(value: str) -> bool:
    """Whether stores keep it: no NUL, no half of a surrogate pair."""
    return "\0" not in value and (value.isascii() or not any("\ud800" <= one <= "\udfff" for one in value))


def _string_size(text: str) -> int:
    if "\0" in text:
        raise WritesInvalid("a string holds a NUL character, which no store keeps")
    if text.isascii():
        return len(text) + 3
    try:
        return len(text.encode()) + 3
    except UnicodeEncodeError:
        raise WritesInvalid("a string holds half of a surrogate pair, which is no text") from None


def _number(value: int | float) -> tuple[int | float, int]:
    if type(value) is float:
        if not isfinite(value):
            raise WritesInvalid(f"{value} is not a JSON number")
        return value, FLOAT_SIZE
    bits = int(value).bit_length()
    if bits > MAX_WHOLE_BITS:
        raise WritesInvalid(f"a whole number of {bits} bits is too large")
    return value, SCALAR_SIZE if bits <= SMALL_BITS else bits // 3


def _plain(value: Any) -> tuple[Any, int]:
    """Subclasses, such as enumerations of strings, are what they derive from."""
    if isinstance(value, str):
        text = str.__str__(value)
        return text, _string_size(text)
    if isinstance(value, float):
        return _number(float(value))
    if isinstance(value, int):
        return _number(int(value))
    raise WritesInvalid(f"{type(value).__name__} is not JSON")
