"""Kinds of files that are no programming languages: how they are called, named and told by their text."""

import re
from dataclasses import dataclass
from pathlib import PurePosixPath

HEAD = 100_000
"""Characters that are looked at; a line is looked at only where it begins."""
_LINES = 400
_WIDTH = 200


@dataclass(frozen=True, slots=True)
class FileKind:
    """A kind of file."""

    name: str
    extensions: tuple[str, ...] = ()
    filenames: tuple[str, ...] = ()
    """Whole names, in lower case; the first is the one that a document of the kind gets."""
    aliases: tuple[str, ...] = ()
    is_checked: bool = True
    """Whether kind_readings can say that a text is of this kind."""


KINDS = {
    kind.name: kind
    for kind in (
        FileKind("makefile", ("mk", "mak"), ("makefile", "gnumakefile", "bsdmakefile"), ("make", "gnumake", "mk")),
        FileKind("dockerfile", ("dockerfile", "containerfile"), ("dockerfile", "containerfile"),
                 ("docker", "containerfile")),
        FileKind("notebook", ("ipynb",), (), ("jupyter", "ipynb")),
        FileKind("yaml", ("yaml", "yml"), (".clang-format", ".clang-tidy"), ("yml",)),
        FileKind("toml", ("toml",), ("cargo.lock", "poetry.lock", "pipfile", "uv.lock")),
        FileKind("sql", ("sql", "ddl", "dml"), (), ("postgresql", "mysql", "sqlite", "plsql", "tsql")),
        FileKind("ini", ("ini", "cfg", "service", "desktop"), (".editorconfig", ".coveragerc", ".flake8", ".pylintrc"),
                 ("cfg", "editorconfig")),
        FileKind("xml", ("xml", "xsd", "xsl", "xslt", "svg", "rss", "csproj", "plist"), (), ("svg",)),
        FileKind("cmake", ("cmake",), ("cmakelists.txt",), (), is_checked=False),
        FileKind("dotenv", ("env",), (".env",), ("env",), is_checked=False),
        FileKind("markdown", ("md", "markdown", "mdx"), (), ("md",), is_checked=False),
        FileKind("ruby", ("rb", "rake", "gemspec"), ("gemfile", "rakefile", "vagrantfile"), ("rb",), is_checked=False),
        FileKind("php", ("php",), (), (), is_checked=False),
        FileKind("kotlin", ("kt", "kts"), (), ("kt",), is_checked=False),
        FileKind("swift", ("swift",), (), (), is_checked=False),
        FileKind("csharp", ("cs",), (), ("cs", "c#"), is_checked=False),
    )
}  # fmt: skip
CHECKED = frozenset({"json", *(kind.name for kind in KINDS.values() if kind.is_checked)})
MOST_READ = {"sql": 300_000}
"""Characters of a text of the kind that are parsed; a real dump of 1 MB takes ten seconds, and is read twice."""
KIND_BY_ALIAS = {alias: kind.name for kind in KINDS.values() for alias in (kind.name, *kind.aliases)}
_BY_EXTENSION = {extension: kind.name for kind in KINDS.values() for extension in kind.extensions}
_BY_FILENAME = {filename: kind.name for kind in KINDS.values() for filename in kind.filenames}
TITLES = {"makefile": "Makefile", "dockerfile": "Dockerfile", "cmake": "CMakeLists.txt", "dotenv": ".env"}
"""What a document of the kind is called, where the ending of its name is not what tells it."""


def kind_by_filename(filename: str) -> str:
    """The kind that a file's name tells; empty when it tells none. Dockerfile.dev and .env.local are of their kinds."""
    name = PurePosixPath(filename).name.lower()
    if name in _BY_FILENAME:
        return _BY_FILENAME[name]
    extension = PurePosixPath(name).suffix.removeprefix(".")
    if extension in _BY_EXTENSION:
        return _BY_EXTENSION[extension]
    stem = next(
        (first for first in ("dockerfile", "containerfile", "makefile", ".env") if name.startswith(f"{first}.")), ""
    )
    return _BY_FILENAME.get(stem, "")


def is_notebook_like(text: str) -> bool:
    """Whether a text has what every Jupyter notebook has."""
    return text[:HEAD].lstrip("\ufeff \t\r\n").startswith("{") and '"cells"' in text and '"nbformat"' in text


# Each takes linear time on any line: what repeats is possessive, or cannot give up characters to what follows.
_STEP = re.compile(
    r"(?:FROM|RUN|CMD|LABEL|EXPOSE|ENV|ADD|COPY|ENTRYPOINT|VOLUME|USER|WORKDIR|ARG|ONBUILD|STOPSIGNAL|HEALTHCHECK|SHELL)\s"
)
_RULE = re.compile(r"[\w.%/$(){}-][^:=#\t]*+::?(?!=)")
_VARIABLE = re.compile(r"^(?:export |override )?[\w.-]++\s*+(?:[:?+!]|::)?+=")
_MAKE_SETTING = re.compile(r"(?:export |override )?[A-Za-z_][\w.-]*+(?:\s*+(?:[:?+]|::)=|\s*+=[ \t])")
_DIRECTIVE = re.compile(
    r"-?include\s|sinclude\s|ifn?def\s|ifn?eq\s|else\b|endif\b|define\s|endef\b|export\b|unexport\b|vpath\s"
)
_HEADER = re.compile(r"\[{1,2}+[^\]\[\n=]++\]{1,2}+\s*+(?:[#;].*)?+$")
_SETTING = re.compile(r"[\w.\"' /*-]++=")
_TOML_SETTING = re.compile(r"[\w.\"'-]++\s*+=\s*+(?:[\"'\[{]|[+-]?+\d|true\b|false\b|inf\b|nan\b)")
_KEY = re.compile(r"(?:- )*+(?:[\w./$@-]++|\"[^\"]*+\"|'[^']*+'):(?:\s|$)")
_ITEM = re.compile(r"-(?:\s|$)|---|\.\.\.$|%YAML|\}|\]")
_STATEMENT = re.compile(
    r"(?:create|alter|drop)\s++(?:or\s++replace\s++)?+(?:temp\w*+\s++|unique\s++|global\s++)?+"
    r"(?:table|view|index|function|procedure|trigger|type|sequence|schema|database|materialized|role|user|extension)\b"
    r"|insert\s++into\s|delete\s++from\s|update\s++[\w.\"]++\s++set\s|begin\s*+;|pragma\s|with\s++\w++\s++as\s*+\(",
    re.IGNORECASE,
)
_SELECT = re.compile(r"select\s", re.IGNORECASE)
_FROM = re.compile(r"\bfrom\s", re.IGNORECASE)


def kind_by_text(code: str) -> str:
    """The kind that nearly every line of a text tells; empty when they tell none."""
    if is_notebook_like(code):
        return "notebook"
    head = code[:HEAD].removeprefix("\ufeff")
    if head.startswith("<?xml"):
        return "xml"
    if head.startswith("<?php"):
        return "php"
    raw = [line.rstrip("\r")[:_WIDTH] for line in head.split("\n", _LINES)[:_LINES]]
    lines = [line for line in raw if line.strip() and not line.lstrip().startswith(("#", ";", "-- ", "/*", "*", "\\"))]
    if not lines:
        return ""
    at_left = [line for line in lines if not line[0].isspace()]
    for name, tells in _TELLS:
        if tells(lines, at_left):
            return name
    return ""


def _is_dockerfile(lines: list[str], at_left: list[str]) -> bool:
    steps = sum(_STEP.match(line) is not None for line in at_left)
    return lines[0].startswith(("FROM ", "ARG ")) and steps > 1 and any(line.startswith("FROM ") for line in lines)


def _is_makefile(lines: list[str], at_left: list[str]) -> bool:
    # Without a rule, what only make writes: settings that stand apart and use others.
    settings = [line for line in at_left if _MAKE_SETTING.match(line)]
    rules = [at for at, line in enumerate(lines[:-1]) if _RULE.match(line) and lines[at + 1].startswith("\t")]
    known = sum(any(one.match(line) for one in (_RULE, _VARIABLE, _DIRECTIVE)) for line in at_left)
    # In Python too a line that ends with a colon may be followed by a tab; its other lines are no rules.
    starters = ("def ", "class ", "if ", "for ", "while ", "with ", "try:", "else:", "switch", "case ", "func ")
    is_made = len(settings) > 2 and any("$(" in line for line in settings)
    if known * 10 < len(at_left) * 8 or not (rules or is_made):
        return False
    return not any(lines[at].startswith(starters) for at in rules)


def _is_sql(lines: list[str], at_left: list[str]) -> bool:
    whole = " ".join(lines[:60])
    if ";" not in whole and ";" not in lines[-1]:
        return False
    return _STATEMENT.match(lines[0]) is not None or (
        _SELECT.match(lines[0] + " ") is not None and _FROM.search(whole) is not None
    )


def _is_toml(lines: list[str], at_left: list[str]) -> bool:
    return _has_sections(at_left) and all(
        _HEADER.match(line) or _TOML_SETTING.match(line) or line[0] in "]}\"'" for line in at_left
    )


def _is_ini(lines: list[str], at_left: list[str]) -> bool:
    known = sum(bool(_HEADER.match(line) or _SETTING.match(line)) for line in at_left)
    return _has_sections(at_left) and known * 10 >= len(at_left) * 9


def _has_sections(at_left: list[str]) -> bool:
    return any(_HEADER.match(line) for line in at_left) and any(_SETTING.match(line) for line in at_left)


def _is_yaml(lines: list[str], at_left: list[str]) -> bool:
    keys = sum(_KEY.match(line.lstrip()) is not None for line in lines)
    if keys < 3 and not (keys and lines[0].startswith(("---", "%YAML"))):
        return False
    # Half of the lines, as literal blocks hold anything. Blocks of other languages are told by what closes them.
    return keys * 3 >= len(lines) and all(_KEY.match(line) or _ITEM.match(line) for line in at_left)


_TELLS = (
    ("dockerfile", _is_dockerfile),
    ("makefile", _is_makefile),
    ("toml", _is_toml),
    ("ini", _is_ini),
    ("sql", _is_sql),
    ("yaml", _is_yaml),
)
