"""What of an answer, as it comes, is the new text: not thoughts, not edits that are still to be applied.

It is a guess that the whole answer may prove wrong; until then it should show nobody what will not be proposed.
"""

import re
from collections import Counter
from dataclasses import dataclass

from refine_app.diffs.edit_forms import DIFF_INFO, is_of_form
from refine_app.diffs.fences import LiveFence

_WORD = re.compile(r"\w")


@dataclass(frozen=True, slots=True)
class Draft:
    """What there is more of it."""

    text: str = ""
    """Whole lines."""
    kept_lines: int = 0
    """So many of the base's lines, the first ones, stand before the text: it begins in the middle of the base."""
    starts_over: bool = False
    """What came before is none of it."""

    def __bool__(self) -> bool:
        return bool(self.text or self.starts_over)


class DraftReader:
    """Reads the answer's first block of code as it streams in."""

    def __init__(self, base: str) -> None:
        lines = [line.rstrip("\r") for line in base.removeprefix("\ufeff").split("\n")]
        count = Counter(lines)
        self._lines = count.keys()
        self._places = {line: at for at, line in enumerate(lines) if count[line] == 1 and _WORD.search(line)}
        """Where the lines are that only one place has."""
        self._partial = ""
        self._fence = LiveFence(base)
        self._begin()

    def _begin(self) -> None:
        self._blank = ""
        self._is_begun = self._is_edit = False

    def feed(self, text: str) -> Draft:
        """Takes more of the answer."""
        *lines, self._partial = (self._partial + text).split("\n")
        more = Draft()
        for line in lines:
            taken = self._take(line)
            more = (
                taken
                if taken.starts_over
                else Draft(more.text + taken.text, more.kept_lines or taken.kept_lines, more.starts_over)
            )
        return more

    def _take(self, line: str) -> Draft:
        code = self._fence.feed(line + "\n")
        if self._fence.is_taken_back:
            self._begin()
            return Draft(starts_over=True)
        if not code or self._is_edit:
            return Draft()
        bare = code.rstrip("\r\n")
        code = f"{bare}\n"
        if self._fence.info.lower() in DIFF_INFO or (is_of_form(bare) and bare not in self._lines):
            self._is_edit = True
            return Draft(starts_over=True)
        if self._is_begun:
            return Draft(code)
        if not bare.strip():
            self._blank += code
            return Draft()
        self._is_begun = True
        return Draft(self._blank + code, self._places.get(bare, 0))
