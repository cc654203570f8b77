"""What a text defines by its grammar, found in one walk: its outline, and all its functions and types.

Runs in the child process.
"""

from collections.abc import Collection
from typing import Any

from tree_sitter import Node, Tree

from refine_app.diffs.imports import names_in
from refine_app.diffs.outline import IMPORT, MAX_DEFINITIONS, MAX_NAME, Definition
from refine_app.tools.functions import FUNCTION_VALUES, HAS_BODY, MAX_FUNCTIONS, describe_function, innermost, text_of

MAX_DEPTH = 12

NAMED: dict[str, dict[str, str]] = {
    "python": {"function_definition": "function", "class_definition": "class"},
    "javascript": {
        "function_declaration": "function",
        "generator_function_declaration": "function",
        "method_definition": "method",
        "class_declaration": "class",
        "variable_declarator": "variable",
        "field_definition": "field",
    },
    "go": {
        "function_declaration": "function",
        "method_declaration": "method",
        "type_spec": "type",
        "const_spec": "constant",
        "var_spec": "variable",
    },
    "rust": {
        "function_item": "function",
        "struct_item": "struct",
        "enum_item": "enum",
        "trait_item": "trait",
        "impl_item": "impl",
        "mod_item": "module",
        "const_item": "constant",
        "static_item": "static",
        "type_item": "type",
        "macro_definition": "macro",
    },
    "java": {
        "method_declaration": "method",
        "constructor_declaration": "constructor",
        "class_declaration": "class",
        "interface_declaration": "interface",
        "enum_declaration": "enum",
        "record_declaration": "record",
        "field_declaration": "field",
    },
    "c": {
        "function_definition": "function",
        "struct_specifier": "struct",
        "enum_specifier": "enum",
        "type_definition": "type",
        "preproc_def": "macro",
        "preproc_function_def": "macro",
    },
    "bash": {"function_definition": "function", "variable_assignment": "variable"},
    "css": {"rule_set": "rule", "media_statement": "media", "keyframes_statement": "keyframes"},
    "json": {"pair": "key"},
}
NAMED["cpp"] = NAMED["c"] | {"class_specifier": "class", "namespace_definition": "namespace"}
NAMED["typescript"] = NAMED["tsx"] = NAMED["javascript"] | {
    "interface_declaration": "interface",
    "type_alias_declaration": "type",
    "abstract_class_declaration": "class",
    "enum_declaration": "enum",
    "function_signature": "function",
    "public_field_definition": "field",
}
CONTAINERS = frozenset(
    {"class", "interface", "enum", "record", "impl", "trait", "module", "namespace", "struct", "media", "key"}
)
"""What stands in these belongs to the outline too; what stands in a function does not."""
WRAPPERS = frozenset({"decorated_definition", "export_statement", "template_declaration", "lexical_declaration",
                      "variable_declaration", "type_declaration", "const_declaration", "var_declaration",
                      "expression_statement"})  # fmt: skip
"""A definition's lines are those of what is wrapped around it alone."""
IMPORTS = frozenset({"import_statement", "import_from_statement", "future_import_statement", "import_spec",
                     "import_declaration", "use_declaration", "preproc_include", "using_declaration"})  # fmt: skip
UNNAMED = frozenset({"arrow_function", "function_expression", "generator_function", "lambda_expression", "lambda"})
"""Functions without a name; what they define is theirs alone."""
DEPTHS = {"json": 2, "css": 2, "bash": 1}


def find_definitions(
    tree: Tree, language: str, want: Collection[str] = ("outline",)
) -> dict[str, list[dict[str, Any]]]:
    """{"outline": definitions as JSON, "functions": [{name, kind, start_line, end_line, parameters}]}, of these what is
    wanted, in the order of the text. What stands in a function belongs to its functions, and not to its outline.
    """
    named = NAMED.get(language, {})
    outline: list[Definition] = []
    functions: list[dict[str, Any]] = []
    children = reversed(tree.root_node.named_children)
    stack: list[tuple[Node, str, int, bool]] = [(child, "", 0, "outline" in want) for child in children]
    while stack:
        node, owner, depth, is_open = stack.pop()
        counts_functions = "functions" in want and len(functions) < MAX_FUNCTIONS
        if counts_functions and (described := describe_function(node, named.get(node.type))) is not None:
            functions.append(described)
        if is_open and len(outline) < MAX_DEFINITIONS:
            definition = _definition(node, named, owner, depth, language)
            if definition is not None:
                outline.append(definition)
                is_open = definition.kind in CONTAINERS and depth + 1 < DEPTHS.get(language, MAX_DEPTH)
                owner, depth = definition.name, depth + 1
            elif node.type in UNNAMED:
                is_open = False
        else:
            is_open = False
        if is_open or counts_functions:
            stack += [(child, owner, depth, is_open) for child in reversed(node.named_children)]
    found = {"outline": [definition.as_json() for definition in outline], "functions": functions}
    return {part: found[part] for part in found if part in want}


def _definition(node: Node, named: dict[str, str], owner: str, depth: int, language: str) -> Definition | None:
    kind = named.get(node.type)
    name = ""
    if node.type in IMPORTS and not (language == "go" and node.type == "import_declaration"):
        return _import(node, depth)
    if kind == "variable" and node.type != "var_spec" and not _is_at_top(node):
        return None
    if kind is not None:
        name = _name_of(node, language)
        kind = "function" if kind == "variable" and _is_function(node) else kind
    elif language == "python" and node.type == "assignment" and _is_at_top(node):
        left = node.child_by_field_name("left")
        kind, name = "variable", text_of(left) if left is not None and left.type == "identifier" else ""
    if kind is None or not name:
        return None
    outer = _wrapped(node)
    end = outer.end_point[0] + (outer.end_point[1] > 0)
    return Definition(f"{owner}.{name}" if owner else name, kind, outer.start_point[0], end, depth, name)


def _import(node: Node, depth: int) -> Definition:
    statement = " ".join((node.text or b"")[:4_000].decode("utf-8", "replace").split())
    start, end = node.start_point[0], node.end_point[0] + (node.end_point[1] > 0)
    return Definition(statement[:MAX_NAME], IMPORT, start, end, depth, " ".join(names_in(statement)))


def _wrapped(node: Node) -> Node:
    """The outermost node that holds this definition and no other."""
    while node.parent is not None and node.parent.type in WRAPPERS and _is_alone(node):
        node = node.parent
    return node


def _is_alone(node: Node) -> bool:
    parent = node.parent
    if parent is None or parent.type == "decorated_definition" or parent.type == "export_statement":
        return True
    return sum(child.type == node.type for child in parent.named_children) == 1


def _is_at_top(node: Node) -> bool:
    """Whether a variable is the whole text's; those of blocks and loops are nobody else's matter."""
    above = node.parent
    while above is not None and above.type in WRAPPERS:
        above = above.parent
    return above is not None and above.parent is None


def _is_function(node: Node) -> bool:
    value = node.child_by_field_name("value")
    return value is not None and value.type in FUNCTION_VALUES


def _name_of(node: Node, language: str) -> str:
    is_specifier = node.type in HAS_BODY
    if is_specifier and node.child_by_field_name("body") is None:  # it only names a type
        return ""
    if node.type == "impl_item":
        trait, subject = node.child_by_field_name("trait"), node.child_by_field_name("type")
        return " for ".join(text_of(one) for one in (trait, subject) if one is not None)
    if language == "css":
        return text_of(node.named_children[0]) if node.named_children else ""
    for field in ("name", "key", "property", "declarator", "left"):
        inner = node.child_by_field_name(field)
        if inner is not None:
            return _receiver(node) + text_of(innermost(inner))
    return ""


def _receiver(node: Node) -> str:
    """Of a method in Go, whose name alone is not its own."""
    receiver = node.child_by_field_name("receiver") if node.type == "method_declaration" else None
    words = text_of(receiver).strip("()").split() if receiver is not None else []
    return f"{words[-1].lstrip('*')}." if words else ""
