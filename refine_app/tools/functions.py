"""The functions and types that a text defines."""

from typing import Any

from tree_sitter import Node, Tree

MAX_FUNCTIONS = 2000
NAME_LENGTH = 200

KINDS: dict[str, dict[str, str]] = {
    "python": {"function_definition": "function", "class_definition": "class"},
    "javascript": {
        "function_declaration": "function",
        "generator_function_declaration": "function",
        "method_definition": "method",
        "class_declaration": "class",
        "variable_declarator": "function",
    },
    "go": {"function_declaration": "function", "method_declaration": "method", "type_spec": "type"},
    "rust": {"function_item": "function", "struct_item": "type", "enum_item": "type", "trait_item": "type"},
    "java": {
        "method_declaration": "method",
        "constructor_declaration": "method",
        "class_declaration": "class",
        "interface_declaration": "type",
        "enum_declaration": "type",
        "record_declaration": "class",
    },
    "c": {"function_definition": "function"},
    "cpp": {"function_definition": "function", "class_specifier": "class"},
    "bash": {"function_definition": "function"},
}
KINDS["typescript"] = KINDS["tsx"] = KINDS["javascript"] | {
    "interface_declaration": "type",
    "type_alias_declaration": "type",
    "abstract_class_declaration": "class",
    "enum_declaration": "type",
}
_FUNCTION_VALUES = ("arrow_function", "function_expression", "generator_function")


def find_functions(tree: Tree, language: str) -> list[dict[str, Any]]:
    """[{name, kind, start_line, end_line, parameters}], in the order of the text."""
    kinds = KINDS.get(language, {})
    found: list[dict[str, Any]] = []
    cursor = tree.walk()
    going = bool(kinds)
    while going and len(found) < MAX_FUNCTIONS:
        node = cursor.node
        kind = kinds.get(node.type) if node is not None else None
        if node is not None and kind is not None:
            described = _describe(node, kind)
            if described is not None:
                found.append(described)
        going = cursor.goto_first_child() or cursor.goto_next_sibling()
        while not going and cursor.goto_parent():
            going = cursor.goto_next_sibling()
    return found


def _describe(node: Node, kind: str) -> dict[str, Any] | None:
    subject = node
    if node.type == "variable_declarator":
        value = node.child_by_field_name("value")
        if value is None or value.type not in _FUNCTION_VALUES:
            return None
        subject = value
    name = node.child_by_field_name("name") or _declared_name(node)
    parameters = subject.child_by_field_name("parameters") or _declared_parameters(node)
    return {
        "name": text_of(name) if name is not None else "(no name)",
        "kind": "method" if kind == "function" and _is_in_class(node) else kind,
        "start_line": node.start_point[0] + 1,
        "end_line": node.end_point[0] + 1,
        "parameters": [text_of(p) for p in parameters.named_children if p.type != "comment"] if parameters else [],
    }


def _is_in_class(node: Node) -> bool:
    body = node.parent
    if body is not None and body.type == "decorated_definition":
        body = body.parent
    return body is not None and body.parent is not None and body.parent.type in ("class_definition", "impl_item")


def _declared_name(node: Node) -> Node | None:
    """The name inside a C declarator."""
    declarator = node.child_by_field_name("declarator")
    for _ in range(20):
        inner = declarator.child_by_field_name("declarator") if declarator is not None else None
        if inner is None:
            return declarator
        declarator = inner
    return declarator


def _declared_parameters(node: Node) -> Node | None:
    declarator = node.child_by_field_name("declarator")
    for _ in range(20):
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
