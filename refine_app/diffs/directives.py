"""Comments that tools obey, such as a Dockerfile's syntax line: taking one away changes what a file does."""

import re
from collections import Counter
from collections.abc import Iterator

from refine_app.diffs.outline import Loss

SHOWN = 80
_DIRECTIVE = re.compile(
    r"\s{0,20}(?:"
    r"#[ ]?(?P<docker>syntax|escape|check)[ ]?="
    r"|(?P<shebang>#!)/"
    r"|#[^\n]{0,10}\b(?P<coding>coding)[:=]"
    r"|#[ ](?P<magic>frozen_string_literal|typed|yaml-language-server|mypy|ruff|flake8|pylint|pyright|isort|cython):"
    r"|//(?P<go>go:[a-z]+|[ ]?\+build)\b"
    r"|//[ ]?(?P<types>@ts-check|@ts-nocheck|@flow)\b|(?P<reference>///[ ]?<reference)\b"
    r"|/\*{1,2}[ ]?(?P<pragma>@jsx\w*|eslint-env|eslint-disable(?=[ ]?\*/)|global)\b"
    r"|--[ ]?(?P<migration>\+goose|\+migrate|liquibase|changeset|name:)"
    r"|(?:#|//|/?\*|--|;|<!--)[ ]?(?P<licence>SPDX-License-Identifier):"
    r")",
    re.IGNORECASE,
)


def lost_directives(old: str, new: str) -> list[Loss]:
    """Directives of the old text that the new one has not. One of the same name in its place is none lost."""
    kept = Counter(name for name, _, _ in _directives(new))
    lost = []
    for name, line, number in _directives(old):
        if kept[name]:
            kept[name] -= 1
        else:
            lost.append(Loss(line.strip()[:SHOWN], "directive", number))
    return lost


def _directives(text: str) -> Iterator[tuple[str, str, int]]:
    """Each directive: its name, its line, and that line's number from 1."""
    for number, line in enumerate(text.split("\n"), 1):
        if (found := _DIRECTIVE.match(line)) is not None:
            yield found[found.lastgroup or 0].strip().lower(), line, number
