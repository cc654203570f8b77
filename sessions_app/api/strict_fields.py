"""What was sent, held to its shape: a field that the shape lacks, or a value of another JSON type, is refused.

Django REST framework ignores the one and converts the other (5 becomes "5", "no" becomes false), so that people would
build on what nobody reads.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from django.http import QueryDict
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail
from rest_framework.settings import api_settings

PAGING = frozenset({"limit", "cursor"})
"""Read by the pages of a list, and by no shape."""
READ_OF_ALL = frozenset({str(api_settings.URL_FORMAT_OVERRIDE)})
"""Django REST framework chooses the form of an answer by it, or says that there is none."""

Details = dict[str, Any]
"""Errors as Django REST framework nests them: a list for each field, a mapping for what has fields itself."""

STRING, WHOLE, NUMBER, TRUTH = "a string", "a whole number", "a number", "true or false"


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_whole(value: Any) -> bool:
    """JSON has one kind of number: 5.0 is whole."""
    return _is_number(value) and (isinstance(value, int) or value.is_integer())


# The first that fits: a field may derive from another.
TYPES: tuple[tuple[tuple[type[Any], ...], str, Callable[[Any], bool]], ...] = (
    ((serializers.BooleanField,), TRUTH, lambda value: isinstance(value, bool)),
    ((serializers.IntegerField,), WHOLE, _is_whole),
    ((serializers.FloatField,), NUMBER, _is_number),
    (
        (serializers.CharField, serializers.ChoiceField, serializers.UUIDField, serializers.DateTimeField),
        STRING,
        lambda value: isinstance(value, str),
    ),
)
"""Fields, the JSON type of their values in words, and what tells it. Fields that are not here look by themselves."""


def wrong_in_query(shape: serializers.BaseSerializer[Any], sent: QueryDict) -> Details:
    """What the shape has no field for, and what is there twice; a query's values have no type of their own."""
    twice = {name: [_fault("Give it once.", "repeated")] for name, values in sent.lists() if len(values) > 1}
    return _unknown(shape, {name for name in sent if name not in PAGING | READ_OF_ALL}) | twice


def _unknown(shape: serializers.BaseSerializer[Any], sent: Iterable[str]) -> Details:
    fields = _fields_of(shape)
    known = f"It has {', '.join(fields)}." if fields else "It has none."
    return {name: [_fault(f"There is no such field. {known}", "unknown_field")] for name in sent if name not in fields}


def wrong(shape: serializers.BaseSerializer[Any], sent: Any) -> Details:
    """What is unknown or of another type in a JSON object, at any depth that the shape describes."""
    if not isinstance(sent, Mapping):
        return {}  # the serializer itself says so
    found = _unknown(shape, sent)
    for name, field in _fields_of(shape).items():
        if name in sent and (fault := _wrong_value(field, sent[name])):
            found[name] = fault
    return found


def _wrong_value(field: Any, value: Any) -> Any:
    if value is None:
        return None  # whether it may be null is the field's own matter
    match field:
        case serializers.ListSerializer() | serializers.ListField():
            items = value if isinstance(value, list) else []
            return {str(at): fault for at, item in enumerate(items) if (fault := _wrong_value(field.child, item))}
        case serializers.DictField():
            inner = value if isinstance(value, Mapping) else {}
            return {key: fault for key, item in inner.items() if (fault := _wrong_value(field.child, item))}
        case serializers.BaseSerializer():
            return wrong(field, value)
    for fields, expected, is_right in TYPES:
        if isinstance(field, fields):
            words = f"It has to be {expected}, and is {_kind_of(value)}."
            return None if is_right(value) else [_fault(words, "wrong_type")]
    return None


def _kind_of(value: Any) -> str:
    match value:
        case bool():
            return TRUTH
        case int() | float():
            return NUMBER
        case str():
            return STRING
        case list():
            return "a list"
        case _:
            return "an object"


def _fields_of(shape: Any) -> dict[str, Any]:
    """Those that can be set."""
    return {name: field for name, field in getattr(shape, "fields", {}).items() if not field.read_only}


def _fault(message: str, code: str) -> ErrorDetail:
    return ErrorDetail(message, code)
