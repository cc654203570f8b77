"""Which modules a page's script needs, so that the browser can fetch all of them at once instead of level by level."""

import re
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from pathlib import PurePosixPath

from django.contrib.staticfiles import finders

MARKS = re.compile(r"""["';()]""")
"""What ends the words of an import, and what ends its name."""
IMPORT = re.compile(r"(?:^|[};\s])(?:import|export)\b")


@cache
def modules_of(entry: str) -> tuple[str, ...]:
    """A module and everything it imports when it loads, as paths below the static root; what it may import later is
    left out."""
    found: dict[str, None] = {}
    waiting = [entry]
    while waiting:
        path = waiting.pop()
        if path in found:
            continue
        found[path] = None
        waiting.extend(_imports_of(path))
    return tuple(found)


def _imports_of(path: str) -> list[str]:
    file = finders.find(path)
    if not isinstance(file, str):
        raise FileNotFoundError(f"the static file {path!r} is imported by a page's script, but does not exist")
    with open(file, encoding="utf-8") as source:
        named = list(_names_in(source.read()))
    return [_resolved(PurePosixPath(path).parent / name) for name in named]


def _names_in(source: str) -> Iterator[str]:
    """The relative names that are imported or exported from when the module loads."""
    for words, name in pairwise(MARKS.split(source)):
        said = words.rstrip()
        if name.startswith(".") and said.endswith(("from", "import")) and IMPORT.search(said):
            yield name


def _resolved(path: PurePosixPath) -> str:
    parts: list[str] = []
    for part in path.parts:
        if part == "..":
            parts.pop()
        elif part != ".":
            parts.append(part)
    return "/".join(parts)
