"""Fenced code blocks in Markdown, whole or as they stream in."""

import re
from collections.abc import Collection
from dataclasses import dataclass

from refine_app.diffs.thoughts import ThoughtReader

_FENCE = re.compile(r"^([ \t]*)(`{3,}|~{3,})[ \t]*([^\s`]*)[^`\n]*$")
MARKDOWN = ("markdown", "md", "mdx", "rst")


@dataclass(frozen=True, slots=True)
class Fence:
    """A fenced block."""

    info: str
    """What stands after the opening fence, such as a language."""
    code: str
    first_line: int
    """The line of its opening fence in the text, from 0."""
    last_line: int
    closed: bool


def read_fences(text: str) -> list[Fence]:
    """The blocks of a text, in order; the last one may lack its end."""
    reader = FenceReader()
    reader.feed(text + "\n")
    return reader.finish(len(text.split("\n")))


def read_outer_fence(text: str) -> Fence | None:
    """A document that holds fences itself, in fences no longer than those: the first one with the last one.

    None when the fences between them do not come in pairs, so that nobody can say where the document ends. A fence that
    names a language opens a block and ends none.
    """
    lines = text.split("\n")
    marks = [(at, found) for at, line in enumerate(lines) if (found := _FENCE.match(line.rstrip("\r"))) is not None]
    if not marks:
        return None
    first, opening = marks[0]
    size, indent = len(opening[2]), len(opening[1])
    same = [(at, found) for at, found in marks if found[2][0] == opening[2][0] and len(found[2]) >= size]
    last, closing = same[-1]
    inside = lines[first + 1 : last]
    if inside and inside[0].strip() and _indentation(inside[0]) < indent:
        indent = 0
    code = "".join(f"{_unindented(line, indent)}\n" for line in inside)
    if last == first or closing[3] or len(same) % 2 or any(found[3] for _, found in same[2:-1:2]):
        return None
    return Fence(opening[3], code, first, last, closed=True)


def fence_for(code: str) -> str:
    """A fence that no line of the code can close."""
    longest = max((len(run) for run in re.findall(r"`{3,}", code)), default=2)
    return "`" * (longest + 1)


def holds_fences(text: str, marks: Collection[str] = ("```", "~~~")) -> bool:
    """Whether a line of the text is a fence of these marks."""
    return any(_FENCE.match(line) for line in text.split("\n") if line.lstrip()[:3] in marks)


class FenceReader:
    """Reads fenced blocks as text arrives; feed returns the code that was added to the first block."""

    def __init__(self) -> None:
        self._partial = ""
        self._line = -1
        self._fence = ""
        self._indent = self._indent_of_code = 0
        self._is_first = True
        """Whether no line of the block has had words yet."""
        self._info = ""
        self._start = 0
        self._depth = 0
        self._code: list[str] = []
        self._done: list[Fence] = []

    @property
    def info(self) -> str:
        """The first block's info, as soon as it has begun."""
        return self._done[0].info if self._done else self._info

    @property
    def is_within(self) -> bool:
        """Whether a block has begun and not ended."""
        return bool(self._fence)

    def feed(self, text: str) -> str:
        """Takes more text; returns the whole lines of code it added to the first block."""
        *lines, self._partial = (self._partial + text).split("\n")
        added = [self._take(line) for line in lines]
        return "".join(added)

    def finish(self, lines: int) -> list[Fence]:
        """All blocks, once there is no more text."""
        if self._fence:
            self._close(lines, closed=False)
        return self._done

    def _take(self, line: str) -> str:
        self._line += 1
        if not self._fence:
            opening = _FENCE.match(line.rstrip("\r"))
            if opening is not None:
                self._indent, self._fence, self._info = len(opening[1]), opening[2], opening[3]
                self._start, self._depth, self._indent_of_code = self._line, 0, self._indent
                self._is_first = True
            return ""
        if self._ends(line):
            self._close(self._line, closed=True)
            return ""
        if self._is_first and line.strip():
            self._is_first = False
            if _indentation(line) < self._indent:
                self._indent_of_code = 0  # the fence is indented, its code is not
        line = _unindented(line, self._indent_of_code)
        self._code.append(line + "\n")
        return "" if self._done else line + "\n"

    def _ends(self, line: str) -> bool:
        """Whether a line closes the block. A fence with an info inside one of Markdown opens a nested block.

        One that is indented further than the block's own is a line of the code, such as in a docstring.
        """
        found = _FENCE.match(line.rstrip("\r"))
        if found is None or found[2][0] != self._fence[0] or len(found[2]) < len(self._fence):
            return False
        if len(found[1]) > self._indent + 3:
            return False
        if found[3]:
            self._depth += 1
            return False
        if self._depth:
            self._depth -= 1
            return False
        return True

    def _close(self, last_line: int, *, closed: bool) -> None:
        self._done.append(Fence(self._info, "".join(self._code), self._start, last_line, closed))
        self._fence, self._code = "", []


class LiveFence:
    """The first block of an answer while it streams in, past the thoughts that some models think aloud.

    Thoughts that were not marked at their beginning are known as such when they end: what was read of them is then
    taken back.
    """

    def __init__(self, base: str = "") -> None:
        self._thoughts = ThoughtReader(base)
        self._fences = FenceReader()
        self._partial = ""
        self.is_taken_back = False
        """Whether the code that was returned before the last feed() was a draft and is none of the answer's."""

    @property
    def info(self) -> str:
        """The block's info, as soon as it has begun."""
        return self._fences.info

    def feed(self, text: str) -> str:
        """Takes more text; returns the whole lines of code that it added to the block."""
        self.is_taken_back = False
        *lines, self._partial = (self._partial + text).split("\n")
        added: list[str] = []
        for line in lines:
            words = self._thoughts.read(line, in_fence=self._fences.is_within)
            if self._thoughts.is_taken_back:
                self._fences, added = FenceReader(), []
                self.is_taken_back = True
            if words is not None:
                added.append(self._fences.feed(words + "\n"))
        return "".join(added)


def _indentation(line: str) -> int:
    return len(line) - len(line.lstrip(" \t"))


def _unindented(line: str, indent: int) -> str:
    """A line of a block in a list item, without the item's indentation."""
    return line[min(indent, _indentation(line)) :]
