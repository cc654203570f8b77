"""Languages by their one name: how people call them, which files they are in, what can read them."""

import re
from dataclasses import dataclass
from pathlib import PurePosixPath

from refine_app.tools.file_kinds import KIND_BY_ALIAS, KINDS, TITLES, kind_by_filename, kind_by_text

UNKNOWN = "text"


@dataclass(frozen=True, slots=True)
class Language:
    """A language that can be parsed."""

    name: str
    extensions: tuple[str, ...]
    aliases: tuple[str, ...] = ()
    module: str = ""
    """The module of its parser."""
    entry: str = "language"
    measured: bool = True
    """Whether the complexity of its functions can be measured."""
    signs: "re.Pattern[str] | None" = None
    """What many lines in it begin with, after their blanks, and few of others. It takes linear time, on any line."""


LANGUAGES = {
    language.name: language
    for language in (
        Language(
            "python", ("py", "pyi", "pyw"), ("py", "python3"), "tree_sitter_python",
            signs=re.compile(
                r"def \w+\([^)]*\)[^:]*:|class \w[^:]*:|import \w+(\.\w+)*$|from [\w.]+ import |@[\w.]+(\(|$)"
                r"|if __name__ ==|(if|elif|for|while|with|except|try|else|finally)\b.*:$"
                r"|(async )?def \w+\($|raise \w+\(|self\.\w"
            ),
        ),
        Language(
            "javascript", ("js", "mjs", "cjs", "jsx"), ("js", "node", "jsx", "es6"), "tree_sitter_javascript",
            signs=re.compile(r"const \w+ = |let \w+ = |function\*? ?\w*\(|export (default|const|function)|.*=> \{$"),
        ),
        Language(
            "typescript", ("ts", "mts", "cts"), ("ts",), "tree_sitter_typescript", "language_typescript",
            signs=re.compile(
                r"interface \w+ \{|type \w+ = |export (interface|type|enum) |(const|let) \w+: \w+|.*\): \w+ \{"
            ),
        ),
        Language("tsx", ("tsx",), ("typescriptreact",), "tree_sitter_typescript", "language_tsx"),
        Language(
            "go", ("go",), ("golang",), "tree_sitter_go",
            signs=re.compile(
                r"package \w+$|func (\(\w+ \*?\w+\) )?\w+\(|import \($|[a-z]\w* := |type \w+ (struct|interface) \{"
            ),
        ),
        Language(
            "rust", ("rs",), ("rs",), "tree_sitter_rust",
            signs=re.compile(
                r"fn \w[^{]*\{|pub (fn|struct|enum|mod) |use [\w:]+(::\{.*\})?;$|let mut |impl\b.* \{$|#\[\w+"
            ),
        ),
        Language(
            "java", ("java",), (), "tree_sitter_java",
            signs=re.compile(r"public (static |final )*(class|interface|void) |import java|package [\w.]+;|@Override"),
        ),
        Language(
            "cpp", ("cpp", "cc", "cxx", "hpp", "hh", "hxx"), ("c++", "cplusplus"), "tree_sitter_cpp",
            signs=re.compile(
                r"#include <\w+>$|using namespace |std::|template ?<|.*::\w+\(|class \w.*\{$|namespace \w+"
            ),
        ),
        Language(
            "c", ("c", "h"), (), "tree_sitter_c",
            signs=re.compile(r"#include [<\"]\w+\.h[>\"]|#define \w+|int main\(|typedef struct"),
        ),
        Language(
            "html", ("html", "htm"), ("xhtml",), "tree_sitter_html", measured=False,
            signs=re.compile(r"<!doctype html|<html|</?(head|body|div|p|span|script|main|section)\b"),
        ),
        Language(
            "css", ("css",), (), "tree_sitter_css", measured=False,
            signs=re.compile(r"[.#]?[\w-]++(\s*+[,>+~:]?+\s*+[.#]?+[\w-]++)* \{$|[a-z-]+: [^;{]+;$|@media "),
        ),
        Language("json", ("json",), (), "tree_sitter_json", measured=False, signs=re.compile(r"\"[^\"]+\": |[\[{]$")),
        Language(
            "bash", ("sh", "bash"), ("sh", "shell", "zsh"), "tree_sitter_bash", measured=False,
            signs=re.compile(r"if \[\[? |fi$|done$|esac$|echo |export \w+=|\w+\(\) \{$|set -[eux]"),
        ),
    )
}  # fmt: skip
_BY_ALIAS = {alias: language.name for language in LANGUAGES.values() for alias in (language.name, *language.aliases)}
_BY_EXTENSION = {extension: language.name for language in LANGUAGES.values() for extension in language.extensions}
_SHEBANG = re.compile(r"^#!.*\b(python|node|bash|sh|zsh)[\d.]*\b")
_GUESSED_LINES = 400
_GUESSED_WIDTH = 200
"""Characters of a line: where it begins tells the language."""


def detect_language(code: str, *, declared: str = "", filename: str = "") -> str:
    """The language's one name: as declared, by the file's extension, or guessed; "text" when nothing tells."""
    declared = declared.strip().lower()
    if declared and declared not in ("auto", UNKNOWN, "plain", "plaintext"):
        return _BY_ALIAS.get(declared) or KIND_BY_ALIAS.get(declared, declared)
    extension = PurePosixPath(filename).suffix.removeprefix(".").lower()
    if extension in _BY_EXTENSION:
        return _BY_EXTENSION[extension]
    return kind_by_filename(filename) or _guess(code)


def names_of(language: str) -> tuple[str, ...]:
    """The names by which a fence may call the language."""
    known = LANGUAGES.get(language)
    if known is not None:
        return (language, *known.aliases, *known.extensions)
    kind = KINDS.get(language)
    return (language, *kind.aliases, *kind.extensions) if kind else (language,)


def filename_for(language: str, filename: str = "") -> str:
    """The document's file name, or one that tells its language."""
    if filename:
        return filename
    return TITLES.get(language) or f"document.{endings_of(language)[0]}"


def endings_of(language: str) -> tuple[str, ...]:
    """What the names of its files end with, the usual one first."""
    known = LANGUAGES.get(language) or KINDS.get(language)
    return known.extensions if known else ("txt",)


def _guess(code: str) -> str:
    head = code[:100_000].removeprefix("\ufeff")
    shebang = _SHEBANG.match(head[:_GUESSED_WIDTH])
    if shebang:
        return _BY_ALIAS[shebang[1]]
    if kind := kind_by_text(code):
        return kind
    bare = [line.strip()[:_GUESSED_WIDTH] for line in head.split("\n", _GUESSED_LINES)[:_GUESSED_LINES]]
    lines = [line for line in bare if line]
    scores = {
        language.name: sum(map(bool, map(language.signs.match, lines)))
        for language in LANGUAGES.values()
        if language.signs is not None
    }
    best = max(scores, key=lambda name: scores[name])
    # Typescript has all the signs of Javascript, and a few of its own decide.
    if best == "javascript" and scores["typescript"]:
        best = "typescript"
    return best if scores[best] * 12 >= len(lines) and scores[best] else UNKNOWN
