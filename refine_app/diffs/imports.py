"""What a text imports, and imports that a new text lost while it goes on using what they gave it."""

import re
from collections.abc import Sequence

from refine_app.diffs.outline import IMPORT, PLACEHOLDER, Definition, Loss, Outline

MAX_NAME = 80
_WORD = re.compile(r"\w+")
_BETWEEN = re.compile(r"[,{}();]")
_RENAMED = re.compile(r"\s*(?:import\s+)?(\w+)\s+[\"`]")
_KEYWORDS = frozenset(
    ("import", "from", "as", "type", "typeof", "use", "pub", "using", "namespace", "static", "extern", "crate", "self",
     "require")
)  # fmt: skip
UNNAMED = re.compile(
    r"\s*(?:#|@import|pub\b|using namespace\b|import\s*[\"']|[._]\s*[\"`]|from __future__)"
    r"|.*[.:]\s*\*\s*;?$|.*\bimport\s+\*$"
)
"""What cannot be told by names: includes, wildcards, and what is passed on to others."""


PYTHON_2 = frozenset(
    ("from", "__future__", "import", "absolute_import", "division", "generators", "generator_stop", "nested_scopes",
     "print_function", "unicode_literals", "with_statement")
)  # fmt: skip


def names_in(statement: str) -> list[str]:
    """The names that an import gives to its text; none where only the imported file can tell."""
    if UNNAMED.match(statement):
        return []
    if (renamed := _RENAMED.match(statement)) is not None and renamed[1] not in _KEYWORDS:
        return [renamed[1]]
    if re.match(r"import\b[^\"'`]*\bfrom\b", statement):
        statement = statement.rsplit("from", 1)[0]
    names = []
    for piece in _BETWEEN.split(statement):
        words = _WORD.findall(piece)
        if words and words[-1] not in _KEYWORDS and not piece.rstrip().endswith(("::", "from")):
            names.append(words[-1])
    return names


def lost_imports(new: str, before: Outline, after: Outline) -> list[Loss]:
    """Imports that are gone though a name of theirs is still used; of those without names, those that none replaces."""
    kept = {one.name for one in after if one.kind == IMPORT}
    gone = [one for one in before if one.kind == IMPORT and one.name not in kept]
    if not gone:
        return []
    old = {one.name for one in before if one.kind == IMPORT}
    fresh = [one for one in after if one.kind == IMPORT and one.name not in old]
    given = {
        name
        for one in after
        for name in ((one.simple or one.name).split() if one.kind == IMPORT else (one.simple_name,))
    }
    used = _words_of_code(new, after)
    lost = [one for one in gone if any(name in used and name not in given for name in one.simple.split())]
    unnamed = [one for one in gone if not one.simple and not _is_python_2(one.name)]
    if len(unnamed) > sum(1 for one in fresh if not one.simple):
        lost += unnamed
    return [Loss(one.name[:MAX_NAME], IMPORT, one.start + 1) for one in sorted(lost, key=lambda one: one.start)]


def _is_python_2(statement: str) -> bool:
    """Whether it asks for what every Python 3 does anyway, and so says nothing."""
    return PYTHON_2.issuperset(_WORD.findall(statement)) and "__future__" in statement


def _words_of_code(text: str, outline: Sequence[Definition]) -> set[str]:
    """The words of a text outside of its remarks and imports."""
    skipped = {line for one in outline if one.kind == IMPORT for line in range(one.start, one.end)}
    lines = [line for at, line in enumerate(text.split("\n")) if at not in skipped and not PLACEHOLDER.match(line)]
    return set(_WORD.findall("\n".join(lines)))
