"""A check of a new text, as runs keep it and people see it, and the faults that it tells."""

from collections.abc import Mapping, Sequence
from typing import Any

Check = dict[str, Any]
"""{name, verdict: passed|failed|skipped, detail}"""
Fault = dict[str, Any]
"""{line, column, message}, both counted from 1"""


def checked(name: str, verdict: str, detail: str) -> Check:
    return {"name": name, "verdict": verdict, "detail": detail}


def fault_at(line: int, column: int, message: str) -> Fault:
    return {"line": max(1, line), "column": max(1, column), "message": " ".join(message.split())[:200]}


def places(errors: Sequence[Mapping[str, Any]]) -> str:
    """The first errors in words, each with its place."""
    return "; ".join(f"line {e['line']}, column {e['column']}: {e['message']}" for e in errors[:3])
