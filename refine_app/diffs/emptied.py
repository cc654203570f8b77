"""Functions that are still there by name, and whose bodies do little of what they did: a stub in place of the code.

A body that was written shorter uses what the old one used, or calls what does; a stub does neither.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from refine_app.diffs.outline import PLACEHOLDER, Definition, Loss, Outline, asks_for_a_stub, defined

FEW = 4
"""Statements of which most can be lost; of fewer, only all of them."""
KEPT = 0.5
"""A body that uses so much of what the old one used does the same in other words."""
MOST_SUSPECTS = 200
MOST_HELPERS = 20
LONGEST = 60_000
"""Characters of a definition that are looked at."""
LEAVES = frozenset(
    ("function", "method", "constructor", "definition", "class", "struct", "enum", "interface", "record")
)

_WORD = re.compile(r"\w+")
_BOUND = re.compile(r"(?<![\w.])(\w+)[ ]?(?::=|=(?![=>]))|\bas[ ](\w+)|\bfor[ ]\(?(?:const |let |var |auto )?(\w+)")
_REMARK_BEHIND = re.compile(r"\s(?:#|//)[^\n]*")
_DEF = re.compile(r"^[ \t]*(?:async )?(?:def[ ]|class[ ](?=[^\n{]*[:\n]))", re.MULTILINE)
_DOCSTRING = re.compile(r"\s*[rRuUbB]{0,2}(\"\"\"|'''|\"|')")
_STUB = frozenset(
    ("return", "pass", "break", "continue", "none", "null", "nil", "undefined", "true", "false", "default", "todo",
     "unimplemented", "panic", "throw", "raise", "new", "error", "exception", "notimplementederror", "runtimeerror",
     "notimplementedexception", "unsupportedoperationexception", "not", "implemented", "ok", "some", "err", "void", "0",
     "1", "fixme", "noop", "console", "log", "print", "println", "string", "vec", "self", "this")
)  # fmt: skip
"""What is said by a body that does nothing."""
_SAID = re.compile(r"\"[^\"\n]*\"|'[^'\n]*'|`[^`\n]*`")
_CALL = re.compile(r"(?<!\w)(\w+)[!]?(?:<[^<>()\n]{0,80}>)?\(")
_KEYWORDS = frozenset(
    _WORD.findall(
        "abstract and async auto await bool break case catch class const continue def default del do elif else end "
        "enum except export extends false final finally float fn for func function global if impl implements import in "
        "int interface is lambda let long mut namespace new nil none not null or pass private protected pub public "
        "raise return self static str string struct super switch then this throw throws true try undefined unless var "
        "void while with yield"
    )
)


@dataclass(frozen=True, slots=True)
class _Body:
    """What a definition does, without its head, remarks and docstring."""

    lines: Sequence[str]
    statements: Sequence[str]
    words: frozenset[str]
    """What it uses that it does not itself give a name to."""
    spoken: str = field(repr=False, default="")

    @property
    def is_stub(self) -> bool:
        return all(word.lower() in _STUB for word in _WORD.findall(_SAID.sub("", self.spoken)))


class _Helpers:
    """What a new text defines, and what each of it uses; looked at once."""

    def __init__(self, definitions: dict[str, Definition], lines: Sequence[str]) -> None:
        self._definitions = definitions
        self._lines = lines
        self._words: dict[str, frozenset[str]] = {}

    def words_of(self, names: frozenset[str], *, but: Definition) -> frozenset[str]:
        """What those of these names use that are defined in the text."""
        used: frozenset[str] = frozenset()
        named = sorted(name for name in names if self._definitions.get(name, but) is not but)
        for name in named[:MOST_HELPERS]:
            if name not in self._words:
                self._words[name] = _body_of(self._definitions[name], self._lines).words
            used |= self._words[name]
        return used


def emptied(
    old: str, new: str, before: Outline, after: Outline, *, instruction: str = "", limit: int = MOST_SUSPECTS
) -> list[Loss]:
    """Functions whose bodies lost most of their statements, though nobody asked for that."""
    old_lines, new_lines = old.split("\n"), new.split("\n")
    was_there = Counter(line.strip() for line in old_lines)
    is_there = Counter(line.strip() for line in new_lines)
    kept = frozenset(line for line, count in is_there.items() if count >= was_there[line])
    helpers = _Helpers({one.simple_name: one for one in defined(after)}, new_lines)
    found: list[Loss] = []
    for definition, twin in _twins(before, after):
        if len(found) >= limit:
            break
        if old_lines[definition.start : definition.end] == new_lines[twin.start : twin.end]:
            continue
        was, now = _body_of(definition, old_lines), _body_of(twin, new_lines)
        if not _is_suspect(was, now) or asks_for_a_stub(definition, instruction):
            continue
        if _is_elsewhere(was, kept) or _does_the_same(was, now, twin, helpers):
            continue
        found.append(Loss(definition.name, f"body of the {definition.kind}", definition.start + 1))
    return found


def _twins(before: Outline, after: Outline) -> Iterator[tuple[Definition, Definition]]:
    """Each definition that holds no other and its new self: by qualified name, several of one name in their order."""
    places: dict[str, list[Definition]] = {}
    for one in defined(after):
        places.setdefault(one.name, []).append(one)
    simple = Counter(one.simple_name for one in defined(after))
    by_simple = {one.simple_name: one for one in defined(after)}
    known = Counter(one.name for one in defined(before))
    owners = {one.name.rpartition(".")[0] for one in defined(before)}
    seen: Counter[str] = Counter()
    for one in defined(before):
        if one.kind not in LEAVES or (one.name in owners and one.kind != "function"):
            continue
        there = places.get(one.name, ())
        if len(there) == known[one.name]:
            yield one, there[seen[one.name]]
            seen[one.name] += 1
        elif not there and simple[one.simple_name] == 1:
            yield one, by_simple[one.simple_name]


def _is_suspect(was: _Body, now: _Body) -> bool:
    if not was.statements or was.is_stub:
        return False
    if now.is_stub:
        return True
    return len(was.statements) >= FEW and len(now.statements) * 5 <= len(was.statements) * 2


def _is_elsewhere(was: _Body, kept: frozenset[str]) -> bool:
    """Whether half of its lines still stand somewhere: it was moved."""
    return sum(line in kept for line in was.lines) * 2 > len(was.lines)


def _does_the_same(was: _Body, now: _Body, twin: Definition, helpers: _Helpers) -> bool:
    if now.is_stub:
        # A constant that the old body came to by itself is one; a stub uses nothing.
        return bool(now.words) and was.words <= now.words
    if not was.words:
        return True
    calls = [name for name in dict.fromkeys(_CALL.findall("\n".join(now.statements))) if name not in _KEYWORDS]
    if any(name not in was.words for name in calls) and was.words & now.words:
        return True  # something else does it now
    words = now.words | helpers.words_of(now.words, but=twin)
    return len(was.words & words) >= KEPT * len(was.words)


def _body_of(definition: Definition, lines: Sequence[str]) -> _Body:
    text = "\n".join(lines[definition.start : definition.end])[:LONGEST]
    text = _without_blocks(_behind_its_head(text))
    rows = [row for row in text.split("\n") if not PLACEHOLDER.match(row)]
    code = [_REMARK_BEHIND.sub("", f" {row}").strip() for row in rows]
    spoken = "\n".join(code)
    statements = [one.strip() for row in code for one in row.split(";") if _WORD.search(one)]
    bound = {name for groups in _BOUND.findall(spoken) for name in groups}
    words = frozenset(_WORD.findall(spoken)) - bound
    lines_of_code = [row.strip() for row in rows if _WORD.search(row)]
    return _Body(lines_of_code, statements, frozenset(word for word in words if word.lower() not in _KEYWORDS), spoken)


def head_of(text: str) -> str:
    """A definition up to where its body begins: behind a brace, an arrow, or a colon or line end of a def."""
    if (found := _DEF.search(text)) is not None:
        return text[: _find_outside(text, found.end(), (":", "\n"))]
    return text[: _find_outside(text, 0, ("{", "=>"))]


def _behind_its_head(text: str) -> str:
    body = text[len(head_of(text)) :]
    return _behind_docstring(body) if _DEF.search(text) is not None else body.removeprefix(" {")


def _find_outside(text: str, start: int, marks: tuple[str, ...]) -> int:
    """Behind the first of these marks that is within no brackets."""
    depth = 0
    for at in range(start, len(text)):
        if text[at] in "([":
            depth += 1
        elif text[at] in ")]":
            depth -= 1
        elif depth <= 0:
            for mark in marks:
                if text.startswith(mark, at):
                    return at + len(mark)
    return len(text)


def _behind_docstring(text: str) -> str:
    found = _DOCSTRING.match(text)
    if found is None:
        return text
    end = text.find(found[1], found.end())
    return text[end + len(found[1]) :] if end >= 0 else text


def _without_blocks(text: str) -> str:
    """Without remarks between /* and */."""
    parts, at = [], 0
    while (start := text.find("/*", at)) >= 0 and (end := text.find("*/", start + 2)) >= 0:
        parts.append(text[at:start])
        at = end + 2
    return "".join([*parts, text[at:]])
