"""What people import: our JSON, a snapshot, the Python module, or LangGraph's drawing, told apart by their looks.

Nothing that is imported is ever run: of a module, only the JSON in it is read, as literals.
"""

import ast
from collections.abc import Iterable, Mapping
from typing import Any

from graphs_app.engine.errors import EngineError
from graphs_app.exchange import langgraph
from graphs_app.exchange.module import END, MARK
from sessions_app import strict_json


class NotAGraph(EngineError):
    """Raised when a text is none of the forms that graphs are imported from."""

    code = "invalid_import"
    retryable = False


def read_graph(text: str, *, name: str = "", tools: Iterable[str] = ()) -> dict[str, Any]:
    """A definition, not yet validated. Raises NotAGraph, which says what was found."""
    stripped = text.lstrip("\ufeff \t\r\n")
    if not stripped:
        raise NotAGraph("The file is empty; expected a graph as JSON, a Python module of one, or LangGraph's drawing.")
    value = _json_of_module(text) if MARK in text else _json(stripped)
    if isinstance(value, Mapping) and isinstance(value.get("definition"), dict):
        value = value["definition"]
    if langgraph.is_drawing(value):
        return langgraph.read_drawing(value, name, frozenset(tools))
    if not isinstance(value, dict) or "nodes" not in value:
        raise NotAGraph(
            "The JSON is no graph: expected an object with nodes and edges, or one whose definition has them."
        )
    return {**value, "name": name} if name else value


def _json(text: str) -> Any:
    try:
        return strict_json.loads(text)
    except strict_json.JsonRefused as error:
        raise NotAGraph(f"The text is no JSON that can be taken: {error}.") from error


def _json_of_module(text: str) -> Any:
    """The graph in a module that was exported: its lines are string literals, which are read and never executed."""
    inside = text.split(MARK, 1)[1].split(END, 1)
    if len(inside) < 2:
        raise NotAGraph(f"The module has no line {END!r} after its graph; it may have been cut short.")
    opening, _, rest = inside[0].partition("json.loads(")
    literals = rest.rstrip().removesuffix(")")
    if "DEFINITION" not in opening or not literals.strip():
        raise NotAGraph("The module's graph is not where it was written; export it again.")
    try:
        value = ast.literal_eval(f"({literals}\n)")
    except (ValueError, SyntaxError, MemoryError, RecursionError) as error:
        raise NotAGraph(f"The module's graph cannot be read: {error}.") from error
    if not isinstance(value, str):
        raise NotAGraph("The module's graph is not text; export it again.")
    return _json(value)
