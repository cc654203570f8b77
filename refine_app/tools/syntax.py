"""Whether a text parses, and where it does not."""

import importlib
import warnings
from typing import Any

from tree_sitter import Language as Grammar
from tree_sitter import Node, Parser, Tree, TreeCursor

from refine_app.tools.languages import LANGUAGES

MAX_ERRORS = 20


def parse(code: str, language: str) -> Tree:
    """The tree of a text in a language that LANGUAGES has."""
    known = LANGUAGES[language]
    module = importlib.import_module(known.module)
    return Parser(Grammar(getattr(module, known.entry)())).parse(code.encode("utf-8", "replace"))


def check_syntax(code: str, language: str, tree: Tree) -> dict[str, Any]:
    """{"errors": [{line, column, message}], "count": n, "compiles": bool or None where there is no compiler}."""
    if language != "python":
        errors = find_errors(tree)
        return {"errors": errors[:MAX_ERRORS], "count": len(errors), "compiles": None}
    refused = compile_error(code)
    if refused is None:
        # The compiler decides: the parser may be older than the language.
        return {"errors": [], "count": 0, "compiles": True}
    errors = find_errors(tree)
    return {"errors": [refused, *errors][:MAX_ERRORS], "count": max(1, len(errors)), "compiles": False}


def compile_error(code: str) -> dict[str, Any] | None:
    """What Python's compiler has against the text. It is compiled, never run."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compile(code, "<document>", "exec", dont_inherit=True)
    except SyntaxError as error:
        return {"line": error.lineno or 1, "column": error.offset or 1, "message": str(error.msg)}
    except (ValueError, RecursionError, MemoryError, OverflowError) as error:
        return {"line": 1, "column": 1, "message": str(error) or "nested too deeply, or too large, to be compiled"}
    return None


def find_errors(tree: Tree) -> list[dict[str, Any]]:
    """Each place that the parser had to skip or to make up, in order."""
    if not tree.root_node.has_error:
        return []
    errors: list[dict[str, Any]] = []
    cursor = tree.walk()
    while len(errors) < 1000:
        node = cursor.node
        if node is None:
            break
        if node.is_error or node.is_missing:
            errors.append(_describe(node))
        elif node.has_error and cursor.goto_first_child():
            continue
        if not _goto_next(cursor):
            break
    return errors


def _describe(node: Node) -> dict[str, Any]:
    row, column = node.start_point
    if node.is_missing:
        message = f"{node.type!r} is missing"
    else:
        text = (node.text or b"")[:200].decode("utf-8", "replace").split("\n")[0].strip()
        message = f"unexpected {text[:60]!r}"
    return {"line": row + 1, "column": column + 1, "message": message}


def _goto_next(cursor: TreeCursor) -> bool:
    """To the next node that is not inside this one. Iterative: trees of hostile texts are deep."""
    while not cursor.goto_next_sibling():
        if not cursor.goto_parent():
            return False
    return True
