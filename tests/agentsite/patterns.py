"""Finds every regular expression of the product, and makes texts that are slow for those that can be slow.

Used by test_patterns.py. A pattern must stand where it can be found: as a literal, or as a constant that is made when
its module is loaded.
"""

import ast
import importlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tree_sitter_javascript
from tree_sitter import Language, Node, Parser

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("agentsite", "sessions_app", "graphs_app", "refine_app")
FUNCTIONS = ("compile", "match", "search", "fullmatch", "sub", "subn", "split", "findall", "finditer")
METHODS = FUNCTIONS[1:]
DJANGO = ("re_path", "RegexValidator", "RegexField")
SEARCHES = "search"
FUNCTION_NODES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)


@dataclass(frozen=True, order=True)
class Pattern:
    """One regular expression, and how it is used: from a text's start ("match", "fullmatch"), or anywhere in it."""

    where: str
    text: str
    flags: int = 0
    uses: tuple[str, ...] = (SEARCHES,)


class NotFound(Exception):
    """Raised when a pattern is made where nobody can look at it."""


# In Python ------------------------------------------------------------------------------------------


def in_python(paths: Iterable[Path]) -> list[Pattern]:
    """The patterns of these modules. Raises NotFound for one that is made while the program runs."""
    trees = {path: ast.parse(path.read_text()) for path in paths}
    uses = _uses_by_name(trees.values())
    found = []
    for path, tree in trees.items():
        where = path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else path.name
        found += list(_in_module(where, tree, uses))
    return found


def modules() -> list[Path]:
    return [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]


def _in_module(where: str, tree: ast.Module, uses: dict[str, set[str]]) -> Iterator[Pattern]:
    constants = _constants(tree)
    names = _names(tree)
    functions = (node for node in ast.walk(tree) if isinstance(node, FUNCTION_NODES))
    late = {id(inner) for function in functions for inner in ast.walk(function)}
    is_made_at_import = False
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == "re":
            raise NotFound(f"{where}:{node.lineno} imports from re; write re.compile and so on, which is found")
        if not isinstance(node, ast.Call) or not (function := _function(node)):
            continue
        place = f"{where}:{node.lineno}"
        argument = node.args[0] if node.args else next((k.value for k in node.keywords if k.arg in ("regex",)), None)
        if argument is None and function in DJANGO:
            continue
        text = _text(argument, constants)
        if text is None and id(node) not in late:
            is_made_at_import = True
            continue
        if text is None:
            raise NotFound(f"{place} makes a pattern that is neither a literal nor a constant of its module")
        called = (function,) if function in METHODS else tuple(sorted(uses.get(names.get(id(node), ""), ())))
        yield Pattern(place, text, _flags(node), _kinds(called))
    if is_made_at_import:
        module = importlib.import_module(where.removesuffix(".py").replace("/", "."))
        yield from _held(where, vars(module))


def _held(where: str, held: object, depth: int = 0) -> Iterator[Pattern]:
    """The patterns that a loaded module holds, also in its tables."""
    if isinstance(held, re.Pattern) and isinstance(held.pattern, str):
        yield Pattern(where, held.pattern, held.flags & ~re.UNICODE)
    elif isinstance(held, dict | list | tuple | set | frozenset) and depth < 3:
        for inner in held.values() if isinstance(held, dict) else held:
            yield from _held(where, inner, depth + 1)


def _function(node: ast.Call) -> str:
    """The name of what is called, if it takes a pattern."""
    called = node.func
    if isinstance(called, ast.Attribute) and isinstance(called.value, ast.Name) and called.value.id == "re":
        return called.attr if called.attr in FUNCTIONS else ""
    name = called.id if isinstance(called, ast.Name) else called.attr if isinstance(called, ast.Attribute) else ""
    return name if name in DJANGO else ""


def _text(node: ast.expr | None, constants: dict[str, ast.expr]) -> str | None:
    if isinstance(node, ast.Name) and node.id in constants:
        node = constants[node.id]
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        left, right = _text(node.left, constants), _text(node.right, constants)
        return None if left is None or right is None else left + right
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def _constants(tree: ast.Module) -> dict[str, ast.expr]:
    return {target: node.value for node in tree.body if isinstance(node, ast.Assign | ast.AnnAssign)
            and node.value is not None and (target := _target(node))}  # fmt: skip


def _names(tree: ast.Module) -> dict[int, str]:
    """What a value is called from then on: by a variable, or by a field that it is given for."""
    names = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            names[id(node.value)] = _target(node)
        elif isinstance(node, ast.keyword) and node.arg:
            names[id(node.value)] = node.arg
    return names


def _target(node: ast.Assign | ast.AnnAssign) -> str:
    target = node.targets[0] if isinstance(node, ast.Assign) else node.target
    return target.id if isinstance(target, ast.Name) else ""


def _flags(node: ast.Call) -> int:
    """The flags of the call: the product of re.IGNORECASE and the like among its arguments."""
    flags = 0
    for argument in (*node.args[1:], *(keyword.value for keyword in node.keywords)):
        for part in ast.walk(argument):
            if isinstance(part, ast.Attribute) and isinstance(part.value, ast.Name) and part.value.id == "re":
                flags |= int(getattr(re, part.attr, 0))
    return flags


def _uses_by_name(trees: Iterable[ast.Module]) -> dict[str, set[str]]:
    """Which methods are called on, or taken of, what has a name."""
    uses: dict[str, set[str]] = {}
    for tree in trees:
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and node.attr in METHODS:
                name = node.value.id if isinstance(node.value, ast.Name) else getattr(node.value, "attr", "")
                uses.setdefault(name, set()).add(node.attr)
    return uses


def _kinds(called: tuple[str, ...]) -> tuple[str, ...]:
    """What is used nowhere by its name is taken to be searched for, which is the slowest."""
    return tuple(sorted({one if one in ("match", "fullmatch") else SEARCHES for one in called})) or (SEARCHES,)


# In JavaScript --------------------------------------------------------------------------------------

UNICODE_CLASSES = {
    "L": "a-zA-Zé", "N": "0-9", "Cc": r"\x00-\x1f", "Cf": r"\u200b-\u200f", "Nl": "\u2160", "No": "\u00b2", "Nd": "0-9",
    "Pc": "_", "Script=Latin": "a-zA-Zé", "ASCII": r"\x00-\x7f",
}  # fmt: skip
"""What stands for them in Python's language of patterns; it backtracks as a browser's does."""


def in_javascript(paths: Iterable[Path]) -> list[Pattern]:
    parser = Parser(Language(tree_sitter_javascript.language()))
    found = []
    for path in paths:
        waiting = [parser.parse(path.read_bytes()).root_node]
        while waiting:
            node = waiting.pop()
            waiting += node.children
            if (text := _pattern_of(node)) is not None:
                place = f"{path.relative_to(ROOT).as_posix()}:{node.start_point[0] + 1}"
                found.append(Pattern(place, _as_python(text), _javascript_flags(node)))
    return found


def scripts() -> list[Path]:
    return sorted((ROOT / "static" / "js").rglob("*.js"))


def _pattern_of(node: Node) -> str | None:
    if node.type == "regex":
        pattern = node.child_by_field_name("pattern")
        return None if pattern is None else (pattern.text or b"").decode()
    if node.type == "new_expression" and (node.child_by_field_name("constructor") or node).text == b"RegExp":
        raise NotFound(f"line {node.start_point[0] + 1} makes a pattern while the page runs: {node.text!r}")
    return None


def _javascript_flags(node: Node) -> int:
    flags = node.child_by_field_name("flags")
    return re.IGNORECASE if flags is not None and b"i" in (flags.text or b"") else 0


def _as_python(text: str) -> str:
    for name, characters in UNICODE_CLASSES.items():
        text = text.replace(f"[\\p{{{name}}}]", f"[{characters}]").replace(f"\\p{{{name}}}", characters)
    text = re.sub(r"\\u\{([0-9A-Fa-f]+)\}", lambda code: f"\\U{int(code[1], 16):08X}", text)
    return text.replace("(?<", "(?P<") if re.search(r"\(\?<[a-z]", text) else text


# Texts that are slow ----------------------------------------------------------------------------------

ALPHABET = " aAzZ019_-.,:;<>\"'`~=+*/\\|&%@#$!?(){}[]\n\té\u3042\x00"
PUMPS = 12
"""So many different pieces are tried for a repetition; more have not found more."""
ENDS = ("", "\x00", "!\n", "a")


def attacks(pattern: Pattern) -> Iterator[tuple[str, str, str]]:
    """(begin, piece, end): begin, then the piece again and again, then an end that mostly does not match."""
    compiled = re.compile(pattern.text, pattern.flags)
    tree = re._parser.parse(pattern.text, compiled.flags & ~re.UNICODE)  # type: ignore[attr-defined]
    seen: set[tuple[str, str]] = set()
    for begin, body in _repetitions(list(tree), ""):
        pumps = _pieces(body)
        for piece in pumps[:PUMPS]:
            for way in ((begin, piece), ("", begin + piece), ("", begin)):
                if way[1] and way not in seen:
                    seen.add(way)
                    for end in ENDS:
                        yield *way, end


def _repetitions(items: list[Any], begin: str) -> Iterator[tuple[str, list[Any]]]:
    """Each repetition, with a text that leads to it."""
    for operation, argument in items:
        name = str(operation)
        if name in ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"):
            _, most, body = argument
            if most > 1:
                yield begin, list(body)
            yield from _repetitions(list(body), begin)
        for inner in _inside(name, argument):
            yield from _repetitions(inner, begin)
        begin += _sample([(operation, argument)])


def _inside(name: str, argument: Any) -> list[list[Any]]:
    if name == "SUBPATTERN":
        return [list(argument[3])]
    if name == "BRANCH":
        return [list(branch) for branch in argument[1]]
    if name in ("ASSERT", "ASSERT_NOT"):
        return [list(argument[1])]
    return [list(argument)] if name == "ATOMIC_GROUP" else []


def _pieces(body: list[Any]) -> list[str]:
    """Texts that the body of a repetition matches."""
    whole = {_sample(body, choice) for choice in range(4)}
    single = {character for operation, argument in body for character in _characters(str(operation), argument)}
    for operation, argument in body:
        for inner in _inside(str(operation), argument):
            whole.update(_pieces(inner)[:4])
    spread = sorted(single)
    return [*sorted(one for one in whole if one), *spread[:: max(1, len(spread) // PUMPS)]]


def _sample(items: list[Any], choice: int = 0) -> str:
    """A text that matches, as short as may be, but with each repetition once."""
    parts = []
    for operation, argument in items:
        name = str(operation)
        if name.endswith("REPEAT"):
            parts.append(_sample(list(argument[2]), choice) * max(1, argument[0]))
        elif name == "BRANCH":
            parts.append(_sample(list(argument[1][choice % len(argument[1])]), choice))
        elif name in ("SUBPATTERN", "ATOMIC_GROUP"):
            parts.append(_sample(_inside(name, argument)[0], choice))
        elif characters := _characters(name, argument):
            parts.append(characters[choice % len(characters)])
    return "".join(parts)


def _characters(name: str, argument: Any) -> list[str]:
    """Characters that one place of a pattern takes."""
    if name == "LITERAL":
        return [chr(argument)]
    if name == "NOT_LITERAL":
        return [one for one in ALPHABET if ord(one) != argument]
    if name == "ANY":
        return [one for one in ALPHABET if one != "\n"]
    if name == "IN":
        return [one for one in _candidates(argument) if _is_in(one, argument)]
    return []


def _candidates(members: Any) -> str:
    named = "".join(chr(argument) for operation, argument in members if str(operation) == "LITERAL")
    ranged = "".join(chr(argument[0]) for operation, argument in members if str(operation) == "RANGE")
    return "".join(dict.fromkeys(named + ranged + ALPHABET))


CATEGORIES = {"CATEGORY_SPACE": r"\s", "CATEGORY_NOT_SPACE": r"\S", "CATEGORY_WORD": r"\w", "CATEGORY_NOT_WORD": r"\W",
              "CATEGORY_DIGIT": r"\d", "CATEGORY_NOT_DIGIT": r"\D"}  # fmt: skip


def _is_in(character: str, members: Any) -> bool:
    negated, inside = False, False
    for operation, argument in members:
        name = str(operation)
        negated = negated or name == "NEGATE"
        inside = inside or (
            (name == "LITERAL" and ord(character) == argument)
            or (name == "RANGE" and argument[0] <= ord(character) <= argument[1])
            or (name == "CATEGORY" and re.match(CATEGORIES[str(argument)], character) is not None)
        )
    return inside != negated
