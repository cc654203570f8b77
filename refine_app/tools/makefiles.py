"""Whether a text is a Makefile, in the words of GNU make, which runs nothing here and need not be there.

It names two faults: "missing separator" and "recipe commences before first target".
"""

import re

from refine_app.tools.checks import Fault, fault_at

_ASSIGNED = re.compile(r"\s*+(?:(?:export|override|private)\s++)*+[\w.()${}-]++(?:\s*+(?:[:+?!]|:::?)=|\s++=)")
_WORD = re.compile(r"^\s*+(-?[a-z]++)(?![\w-])")
_DIRECTIVES = frozenset(
    ("include", "-include", "sinclude", "load", "-load", "ifdef", "ifndef", "ifeq", "ifneq", "else", "endif", "define",
     "endef", "export", "unexport", "override", "private", "undefine", "vpath")
)  # fmt: skip
_PREFIX = re.compile(r"\s*+\.RECIPEPREFIX\s*+[:?]?+=\s*+(\S?)")


def makefile_faults(text: str) -> list[Fault]:
    """Recipe lines that do not begin with a tab, and lines that are neither rule, assignment nor directive."""
    faults: list[Fault] = []
    prefix, in_recipe, goes_on, defines = "\t", False, False, 0
    for number, raw in enumerate(text.split("\n"), 1):
        line = raw.rstrip("\r")
        continued, goes_on = goes_on, line.endswith("\\")
        word = _word_of(line)
        if continued or not line.strip():
            continue
        if defines or word == "define":
            defines += (word == "define") - (word == "endef")
            continue
        if line.startswith(prefix):
            continue
        if (chosen := _PREFIX.match(line)) is not None:
            prefix = chosen[1] or "\t"
        elif line.lstrip().startswith("#") or word in _DIRECTIVES:
            # After a directive a recipe may go on, or variables may follow.
            in_recipe = in_recipe and word not in _DIRECTIVES
        elif line[0].isspace() and in_recipe and not _ASSIGNED.match(line):
            faults.append(fault_at(number, 1, _spaced(line, prefix)))
        elif _separates(bare := _outside(line)):
            in_recipe = _is_rule(bare)
        elif bare.strip("$ \t"):
            what = (
                _spaced(line, prefix)
                if line[0].isspace()
                else "missing separator: a rule, an assignment or a directive"
            )
            faults.append(fault_at(number, 1, f"{what}; found {line.strip()[:60]!r}"))
    return faults


def _word_of(line: str) -> str:
    found = _WORD.match(line)
    return found[1] if found else ""


def _spaced(line: str, prefix: str) -> str:
    spaces = len(line) - len(line.lstrip())
    wanted = "a tab" if prefix == "\t" else repr(prefix)
    return f"the line begins with {spaces} spaces where a recipe line begins with {wanted}"


def _outside(line: str) -> str:
    """The line without comments and without what stands in $(…) and ${…}."""
    depth, kept = 0, []
    for at, character in enumerate(line[:10_000]):
        if character in "({" and (depth or line[at - 1 : at] == "$"):
            depth += 1
        elif character in ")}" and depth:
            depth -= 1
        elif not depth:
            if character == "#":
                break
            kept.append(character)
    return "".join(kept)


def _separates(bare: str) -> bool:
    return ":" in bare or "=" in bare


def _is_rule(bare: str) -> bool:
    colon, equals = bare.find(":"), bare.find("=")
    return (
        colon >= 0
        and (equals < 0 or colon < equals)
        and bare[colon : colon + 2] != ":="
        and ":=" not in bare[: colon + 4]
    )
