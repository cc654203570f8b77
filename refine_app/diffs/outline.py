"""What a text defines, by name: what an answer must not lose without being asked to.

Languages with a grammar get their outline from the parser (tools.outline); for others the lines that define something
are recognised by patterns here, each of which is linear.
"""

import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sessions_app.bounded_matcher import BoundedMatcher

MAX_DEFINITIONS = 20_000
MAX_NAME = 200
ALIKE = 0.6
"""Two bodies that share so much are one definition under two names."""
MAX_RENAMED = 200
"""Definitions that are gone, and new ones, that are looked through for one under another name."""
MAX_COMPARED = 4_000
"""Characters of a body that are compared."""


@dataclass(frozen=True, slots=True)
class Definition:
    """Something that a text defines under a name."""

    name: str
    """Qualified by what it stands in: "Shop.total"."""
    kind: str
    start: int
    """Its first line, from 0, with decorators and the like."""
    end: int
    """The line after its last one."""
    depth: int = 0
    """0 at the top of the text."""
    simple: str = ""

    @property
    def simple_name(self) -> str:
        """Its name without that of what it stands in."""
        return self.simple or self.name

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


Outline = Sequence[Definition]
IMPORT = "import"
"""The kind of what takes names from elsewhere. It belongs to an outline, and no part is known by it."""
BY_CONTENT = ("instruction", "cell")
"""Kinds of definitions that have no name but what they say: one that was changed is one that is new."""
HOLLOW = 5
"""A body of so many lines of code is one that can be lost."""
PLACEHOLDER = re.compile(
    r"^\s*(#(?!(?:include|define|pragma|ifdef|ifndef|undef|elif|endif|error)\b)|//|/\*|\*|<!--|--(?!-)|;|%|\{/\*|\(\*|REM\b|\.\.\.|…|\[\.\.\.\]|<snip|\(\.\.\."
    r"|(pass|todo!\(\)|unimplemented!\(\)|raise NotImplementedError\b.*);?\s*((#|//).*)?$)",
    re.IGNORECASE,
)
"""A line that says something about code and is none: a comment, an ellipsis, a stand-in. C's # begins code."""

_WORD = r"[\w.$-]{1,200}"
_KEY = r"([^\s#:'\"\[{&*!|>%@-][^:#\n]{0,120}):(?:\s|$)"
_MODIFIERS = r"(?:(?:public|private|protected|internal|static|final|abstract|sealed|partial|async|override|virtual)[ ])"
_CREATED = r"(?:TABLE|VIEW|INDEX|FUNCTION|PROCEDURE|TRIGGER|TYPE|SEQUENCE|SCHEMA)"
_STEP = r"(?:COPY|ADD|RUN|CMD|ENTRYPOINT|ENV|EXPOSE|WORKDIR|USER|VOLUME|ARG|LABEL|HEALTHCHECK)"
PATTERNS: dict[str, dict[str, str]] = {
    "makefile": {"target": rf"({_WORD}(?:[ ]{_WORD}){{0,20}})[ ]?::?(?!=)", "variable": rf"({_WORD})[ ]?[:?+]?="},
    "dockerfile": {"stage": rf"FROM[ ]\S{{1,300}}[ ]AS[ ]({_WORD})", "instruction": rf"({_STEP}[ ][^\n]{{1,80}})"},
    "sql": {
        "object": rf"\s{{0,8}}CREATE[ ](?:OR[ ]REPLACE[ ])?(?:UNIQUE[ ])?{_CREATED}[ ](?:IF[ ]NOT[ ]EXISTS[ ])?"
        r"([\w.\"`$-]{1,200})"
    },
    "yaml": {"key": _KEY, "inner key": rf"  {_KEY}"},
    "toml": {"table": r"\[{1,2}([^\]\n]{1,200})\]", "key": r"([\w.\"-]{1,200})[ ]?="},
    "ini": {"section": r"\[([^\]\n]{1,200})\]", "key": r"([\w.-]{1,200})[ ]?[=:]"},
    "markdown": {"heading": r"(#{1,6}[ ][^\n]{1,200})$"},
    "ruby": {"definition": r"\s{0,40}(?:def|class|module)[ ]([\w.?!=:]{1,200})"},
    "php": {"definition": rf"\s{{0,40}}{_MODIFIERS}{{0,4}}(?:function|class|interface|trait)[ ]&?(\w{{1,200}})"},
    "kotlin": {
        "definition": r"\s{0,40}(?:\w{1,20}[ ]){0,5}(?:fun|class|object|interface)[ ]"
        r"(?:<[^>\n]{1,80}>[ ])?([\w.]{1,200})"
    },
    "swift": {
        "definition": r"\s{0,40}(?:\w{1,20}[ ]){0,5}(?:func|class|struct|enum|protocol|extension)[ ]([\w.]{1,200})"
    },
    "csharp": {
        "definition": rf"\s{{0,40}}{_MODIFIERS}{{1,6}}(?:class|interface|struct|enum|record|[\w<>\[\],.?]{{1,100}})[ ]"
        r"(\w{1,200})[ ]?[({:]?"
    },
}
"""Of languages without a grammar here: the beginnings of lines that define something, by what they define."""
ALIASES = {"make": "makefile", "docker": "dockerfile", "yml": "yaml", "md": "markdown", "cs": "csharp", "c#": "csharp"}
ANY_CASE = ("sql", "dockerfile")
_COMPILED = {
    language: [
        (kind, re.compile(pattern, re.IGNORECASE if language in ANY_CASE else 0)) for kind, pattern in kinds.items()
    ]
    for language, kinds in PATTERNS.items()
}


def outline_by_lines(text: str, language: str) -> list[Definition] | None:
    """What the lines of a text define; None for a language that is not known."""
    language = ALIASES.get(language, language)
    if language == "notebook":
        return _of_notebook(text)
    patterns = _COMPILED.get(language)
    if patterns is None:
        return None
    lines = text.split("\n")
    starts: list[tuple[int, str, str]] = []
    fenced = False
    for number, line in enumerate(lines):
        if language == "markdown" and line.lstrip()[:3] in ("```", "~~~"):
            fenced = not fenced
        if fenced:
            continue
        for kind, pattern in patterns:
            if (found := pattern.match(line[:400])) is not None:
                starts.append((number, kind, " ".join(found[1].split())[:MAX_NAME]))
                break
        if len(starts) >= MAX_DEFINITIONS:
            break
    ends = [*(start for start, _, _ in starts), len(lines)][1:]
    return [Definition(name, kind, start, end) for (start, kind, name), end in zip(starts, ends, strict=True)]


def _of_notebook(text: str) -> list[Definition] | None:
    """The cells of a Jupyter notebook, by their first line."""
    try:
        cells = json.loads(text)["cells"]
        sources = ["".join(cell["source"]) for cell in cells]
    except (ValueError, RecursionError, KeyError, TypeError):
        return []
    return [
        Definition(source.strip().split("\n")[0][:MAX_NAME], "cell", at, at + 1) for at, source in enumerate(sources)
    ]


END, LINES, LINE_END = "end", "lines", "end of a line"
_SHAPES = {
    END: "everything from line {0.line} to the end, which begins with {0.name!r}",
    LINES: "the lines from line {0.line} on, which begin with {0.name!r}",
    LINE_END: "the end of line {0.line}, {0.name!r}",
}
"""Losses that are no definitions, by their kinds."""


def defined(outline: Outline) -> list[Definition]:
    """An outline without what it only imports."""
    return [one for one in outline if one.kind != IMPORT]


@dataclass(frozen=True, slots=True)
class Loss:
    """A definition that a new text lacks, or lines that are none."""

    name: str
    kind: str
    line: int
    """Where the old text has it, from 1."""

    @property
    def words(self) -> str:
        return _SHAPES.get(self.kind, "the {0.kind} {0.name!r} (line {0.line})").format(self)


def losses(
    old: str, new: str, before: Outline, after: Outline, *, instruction: str = "", limit: int = 200
) -> list[Loss]:
    """What the old text defines and the new one no longer does, in the order of the old one.

    What was moved, renamed (another name, much the same body) or asked for by name is none of it.
    """
    before, after = defined(before), defined(after)
    kept = Counter(definition.simple_name for definition in after)
    gone: list[Definition] = []
    for definition in before:
        if kept[definition.simple_name] > 0:
            kept[definition.simple_name] -= 1
        else:
            gone.append(definition)
    if not gone:
        return []
    known = Counter(definition.simple_name for definition in before)
    fresh = [definition for definition in after if not known[definition.simple_name]]
    found = _without_renamed(gone, fresh, old.split("\n"), new.split("\n"))
    names = [one for one in found if not is_asked_to_go(one, instruction)]
    names = names[: 5 * limit]  # each is looked at beside each
    inner = [one for one in names if not any(_holds(other, one) for other in names if other is not one)]
    return [Loss(one.name, one.kind, one.start + 1) for one in inner[:limit]]


def hollowed(
    old: str, new: str, before: Outline, after: Outline, *, instruction: str = "", limit: int = 200
) -> list[Loss]:
    """Definitions that are still there by name, but of whose body little is left beside a remark or a placeholder."""
    old_lines, new_lines = old.split("\n"), new.split("\n")
    known = frozenset(old_lines)
    places: dict[str, list[Definition]] = {}
    for definition in after:
        places.setdefault(definition.simple_name, []).append(definition)
    found = []
    for definition in defined(before):
        twins = places.get(definition.simple_name, ())
        if len(twins) != 1:
            continue
        was = _code_in(old_lines[definition.start : definition.end])
        body = new_lines[twins[0].start : twins[0].end]
        remarks = [at for at, line in enumerate(body) if PLACEHOLDER.match(line) and line not in known]
        if not remarks:
            continue
        little = len(was) >= HOLLOW and len(_code_in(body)) * 3 <= len(was)
        is_hollow = little or (len(_code_in(body)) < len(was) and _says_only(body, remarks))
        if is_hollow and not asks_for_a_stub(definition, instruction):
            found.append(Loss(definition.name, f"body of the {definition.kind}", definition.start + 1))
    return found[:limit]


def _says_only(body: Sequence[str], remarks: Sequence[int]) -> bool:
    """Whether there is nothing in a body but these remarks: what opens it is before them, what ends it behind."""
    above, below = _code_in(body[: remarks[0]]), _code_in(body[remarks[-1] + 1 :])
    opened = bool(above) and above[-1].rstrip().endswith(("{", ":", "=>", "("))
    return opened and not any(_LETTER.search(line) for line in below)


def _code_in(lines: Sequence[str]) -> list[str]:
    return [line for line in lines if line.strip() and not PLACEHOLDER.match(line)]


def _without_renamed(
    gone: Sequence[Definition], fresh: Sequence[Definition], old: Sequence[str], new: Sequence[str]
) -> list[Definition]:
    if len(gone) > MAX_RENAMED:
        return list(gone)
    left = list(fresh)[:MAX_RENAMED]
    bodies = {id(one): _body(one, new) for one in left}
    missing = []
    for definition in gone:
        body = _body(definition, old)
        twin = next((one for one in left if are_alike(body, bodies[id(one)])), None)
        if twin is None:
            missing.append(definition)
        else:
            left.remove(twin)
    return missing


def _body(definition: Definition, lines: Sequence[str]) -> str:
    """Its lines without its name, blanks squeezed; with it where there is nothing else."""
    begun = "\n".join(lines[definition.start : min(definition.end, definition.start + MAX_COMPARED)])
    text = " ".join(begun[: 4 * MAX_COMPARED].split())[:MAX_COMPARED]
    return text.replace(definition.simple_name, "").strip() or text


def are_alike(one: str, other: str) -> bool:
    """Whether two texts, or two lines, are much the same; the cheap looks come first."""
    matcher = BoundedMatcher(one, other)
    return matcher.real_quick_ratio() > ALIKE and matcher.quick_ratio() > ALIKE and matcher.ratio() > ALIKE


def _holds(outer: Definition, inner: Definition) -> bool:
    return outer.start <= inner.start and inner.end <= outer.end and inner.depth > outer.depth


_LESS = re.compile(
    r"\b(remov\w*|delet\w*|drop\w*|strip\w*|eliminat\w*|get rid of|without|inlin\w*|merg\w*|combin\w*|renam\w*"
    r"|replac\w*|split\w*|extract\w*|mov\w*|simplif\w*|clean\w*|prun\w*|consolidat\w*|dedup\w*|shorten\w*|stub\w*"
    r"|summar\w*|trim\w*|tighten\w*|condens\w*|concise\w*|shorter|cut down|keep only|only keep)\b",
    re.IGNORECASE,
)
_LETTER = re.compile(r"\w")
_UNUSED = re.compile(r"\b(unused|dead code|duplicat\w*|redundan\w*|unreachable|obsolete)\b", re.IGNORECASE)
_ANEW = re.compile(
    r"\b(from scratch|rewrite (?:it|this|everything) (?:all|completely)|translate|port|convert)\b", re.IGNORECASE
)

_STAYS = re.compile(r"\b(?:renam|replac|split|extract|mov|clean)\w*", re.IGNORECASE)
"""What is done so to lines leaves them, or others, in their place or elsewhere."""
_STUBS = re.compile(
    r"\b(stub\w*|empty|always|never|placeholder\w*|skeleton\w*|abstract|interface|mock\w*|fake\w*|dummy|no-?op"
    r"|disabl\w*|not implemented|NotImplementedError|signatures?|declarations?|do nothing"
    r"|(?:return|yield)s? (?:only|just|none|null|nil|nothing|true|false|undefined|an empty|0))\b",
    re.IGNORECASE,
)
_ALL = re.compile(
    r"\b(skeleton|only|all|every|each)\b[^.\n]{0,60}\b(bod(?:y|ies)|functions?|methods?|signatures?|declarations?|stubs?)\b"
    r"|\bstub out everything\b|\bskeleton\b",
    re.IGNORECASE,
)


def asks_for_less(instruction: str) -> bool:
    """Whether an instruction may well take lines away."""
    return _LESS.search(instruction) is not None or _ANEW.search(instruction) is not None


def takes_away(instruction: str) -> bool:
    """Whether an instruction may well take away the end of a text; what is moved or renamed stays somewhere."""
    left = _STAYS.sub("", instruction)
    return asks_for_less(left)


def asks_for_a_stub(definition: Definition, instruction: str) -> bool:
    """Whether the instruction asks for something that takes the body of this definition away."""
    return is_asked_to_go(definition, instruction) or (
        _STUBS.search(instruction) is not None
        and (_ALL.search(instruction) is not None or _is_named(definition, instruction))
    )


def _is_named(definition: Definition, instruction: str) -> bool:
    parts = [part for part in definition.name.split(".") if len(part) > 1]
    return any(_is_word_of(instruction, part) for part in parts[-1:] + parts[:1])


def is_asked_to_go(definition: Definition, instruction: str) -> bool:
    """Whether the instruction asks for something that takes this definition away."""
    if _ANEW.search(instruction) or (_UNUSED.search(instruction) and _LESS.search(instruction)):
        return True
    return _is_named(definition, instruction) and _LESS.search(instruction) is not None


def _is_word_of(text: str, name: str) -> bool:
    """Whether a name stands there as a word of its own."""
    at = text.find(name)
    while at >= 0:
        if not _LETTER.match(text[max(0, at - 1) : at]) and not _LETTER.match(text, at + len(name)):
            return True
        at = text.find(name, at + 1)
    return False


def in_words(found: Iterable[Loss], most: int = 10) -> str:
    """Losses for a model or a person."""
    listed = list(found)
    said = [loss.words for loss in listed[:most]]
    if len(listed) > most:
        said.append(f"{len(listed) - most} more")
    return " and ".join([", ".join(said[:-1]), said[-1]] if len(said) > 1 else said)
