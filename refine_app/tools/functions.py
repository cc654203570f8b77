"""How a function or type of a syntax tree is told: its name, kind, lines and parameters."""

from collections.abc import Sequence
from typing import Any

from tree_sitter import Node

MAX_FUNCTIONS = 2000
NAME_LENGTH = 200
DEEPEST = 20
"""Declarators within each other."""
HAS_BODY = frozenset(("struct_specifier", "enum_specifier", "class_specifier"))
"""What only names a type where it has none."""

KINDS = {
    "function": "function", "variable": "function", "method": "method", "constructor": "method", "class": "class",
    "record": "class", "type": "type", "struct": "type", "enum": "type", "trait": "type", "interface": "type",
}  # fmt: skip
"""What the kinds of an outline are called here."""
FUNCTION_VALUES = ("arrow_function", "function_expression", "generator_function")


def describe_function(node: Node, kind: str | None) -> dict[str, Any] | None:
    """{name, kind, start_line, end_line, parameters} of a function or type, by its kind in an outline; else None."""
    if kind not in KINDS or (node.type in HAS_BODY and node.child_by_field_name("body") is None):
        return None
    subject = node
    if kind == "variable":
        value = node.child_by_field_name("value")
        if value is None or value.type not in FUNCTION_VALUES:
            return None
        subject = value
    declarator = node.child_by_field_name("declarator")
    name = node.child_by_field_name("name") or (innermost(declarator, ("declarator",)) if declarator else None)
    if name is None and node.type in HAS_BODY:
        return None  # of a typedef, which has the name
    parameters = subject.child_by_field_name("parameters") or _declared_parameters(declarator)
    return {
        "name": text_of(name) if name is not None else "(no name)",
        "kind": "method" if kind == "function" and _is_in_class(node) else KINDS[kind],
        "start_line": node.start_point[0] + 1,
        "end_line": node.end_point[0] + 1,
        "parameters": [text_of(p) for p in parameters.named_children if p.type != "comment"] if parameters else [],
    }


def _is_in_class(node: Node) -> bool:
    body = node.parent
    if body is not None and body.type == "decorated_definition":
        body = body.parent
    return body is not None and body.parent is not None and body.parent.type in ("class_definition", "impl_item")


def innermost(node: Node, fields: Sequence[str] = ("declarator", "name")) -> Node:
    """The name inside a declarator of C, C++ or Java."""
    for _ in range(DEEPEST):
        inner = next((one for field in fields if (one := node.child_by_field_name(field)) is not None), None)
        if inner is None:
            return node
        node = inner
    return node


def _declared_parameters(declarator: Node | None) -> Node | None:
    for _ in range(DEEPEST):
        if declarator is None:
            return None
        parameters = declarator.child_by_field_name("parameters")
        if parameters is not None:
            return parameters
        declarator = declarator.child_by_field_name("declarator")
    return None


def text_of(node: Node) -> str:
    """A node's text in one line, short enough for a name."""
    text = " ".join((node.text or b"")[: 4 * NAME_LENGTH].decode("utf-8", "replace").split())
    return text[:NAME_LENGTH].replace("\0", "")
