"""The files that a run wrote: what its state has under `files`, with names that are safe to unpack."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from graphs_app.exchange.folder import DEVICES

MOST_FILES = 50
"""Of one run."""
_PART = re.compile(r"[\w.-][\w.+@ -]{0,199}")
_PATH_MAX = 1024


@dataclass(frozen=True, slots=True)
class RunFile:
    """One file, by its place among the run's files."""

    n: int
    path: str
    language: str
    text: str
    delivered: bool
    """Whether it went into the session's document or a proposal for it."""

    @property
    def content(self) -> bytes:
        return self.text.encode("utf-8", "replace")

    @property
    def size(self) -> int:
        return len(self.content)

    @property
    def name(self) -> str:
        """Without its folders."""
        return self.path.rpartition("/")[2]


def files_of(state: Mapping[str, Any]) -> Sequence[RunFile]:
    """The files in a state, which anybody who starts a run with values of their own may have written."""
    written = state.get("files")
    if not isinstance(written, list):
        return []
    found: list[RunFile] = []
    taken: set[str] = set()
    for n, one in enumerate(written[:MOST_FILES], 1):
        if not isinstance(one, dict) or not isinstance(one.get("text"), str):
            continue
        given, language = one.get("path"), one.get("language")
        path = (
            given if isinstance(given, str) and _is_safe(given) and given.casefold() not in taken else _other(n, taken)
        )
        taken.add(path.casefold())
        delivered = isinstance(given, str) and given == state.get("delivered")
        found.append(RunFile(n, path, language if isinstance(language, str) else "text", one["text"], delivered))
    return found


def _is_safe(path: str) -> bool:
    """Whether it stays below the folder it is unpacked in, on every system."""
    parts = path.split("/")
    return len(path.encode("utf-8", "replace")) <= _PATH_MAX and all(
        _PART.fullmatch(part) and part.strip(".") and not part.endswith((".", " ")) and not DEVICES.match(part)
        for part in parts
    )


def _other(n: int, taken: set[str]) -> str:
    name = f"file-{n}.txt"
    while name in taken:
        name = f"other-{name}"
    return name
