"""JSON as both databases store it: NUL and lone surrogates, which PostgreSQL refuses, are replaced."""

import json
import re
from collections.abc import Callable
from json import encoder as json_encoder
from typing import Any

from graphs_app.engine.errors import clean_text

SUSPECT = re.compile(r"\\u(0000|d[89a-f])")
"""What an unstorable character looks like in ASCII JSON. Proper pairs of surrogates look the same: it is a hint."""

_encoder = json.JSONEncoder(ensure_ascii=True, allow_nan=False, separators=(",", ":"))


def _encode_by() -> Callable[[Any], str]:
    """The same encoder, made once: json makes it anew for each value, which is most of the time of a small one."""
    make = getattr(json_encoder, "c_make_encoder", None)
    if make is None:
        return _encoder.encode
    # No markers: what contains itself is a RecursionError, which is refused as well.
    chunks = make(None, _encoder.default, json_encoder.encode_basestring_ascii, None, ":", ",", False, False, False)
    join = "".join
    return lambda value: join(chunks(value, 0))


_encode = _encode_by()


def storable(value: Any) -> Any:
    """The JSON value with what cannot be stored replaced, in keys and in values."""
    if isinstance(value, str):
        return clean_text(value)
    if isinstance(value, dict):
        return {clean_text(str(key)): storable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [storable(item) for item in value]
    return value


def dump(value: Any) -> str:
    """The value as JSON text for a column; raises ValueError for NaN and TypeError for what is not JSON."""
    if value == {}:
        return "{}"  # what most nodes that only wait or branch have written
    text = _encode(value)
    if "\\u" in text and SUSPECT.search(text):
        return _encode(storable(value))
    return text
