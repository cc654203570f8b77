"""Everything that is wrong with a definition, all at once, each with a JSON pointer and a stable code."""

from dataclasses import dataclass
from typing import Any

from graphs_app.engine.registry import Registry


@dataclass(frozen=True, slots=True)
class Problem:
    """One fault of a definition."""

    pointer: str
    """RFC 6901, such as /nodes/0/tool; the empty string is the whole."""
    code: str
    message: str


def problems(definition: Any, registry: Registry) -> list[Problem]:
    """Every fault, in the definition's order; an empty list means that it can be compiled and run."""
    raise NotImplementedError
