"""The OpenAPI document, made once in each process: it is the same for everybody, and takes a second to make."""

import threading
from typing import Any

from drf_spectacular.generators import SchemaGenerator

_lock = threading.Lock()
_kept: dict[bool, Any] = {}


class KeptSchema(SchemaGenerator):
    """A generator that remembers what it made."""

    def get_schema(self, request: Any = None, public: bool = False) -> Any:
        with _lock:
            if public not in _kept:
                _kept[public] = super().get_schema(request, public)  # type: ignore[no-untyped-call]
            return _kept[public]
