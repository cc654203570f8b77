"""Fenced code blocks in Markdown, whole or as they stream in, without the thoughts that some models think aloud."""

import re
from dataclasses import dataclass

_OPEN = re.compile(r"^ {0,3}(`{3,}|~{3,})[ \t]*([^\s`]*)[^`\n]*$")
_THOUGHT = re.compile(r"<(think|thinking|reasoning)>.*?(</\1>|\Z)", re.DOTALL | re.IGNORECASE)
_THOUGHT_OPEN = re.compile(r"^\s*<(think|thinking|reasoning)>", re.IGNORECASE)


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


def without_thoughts(text: str) -> str:
    """The answer alone. Thoughts stand before it; the same words in the answer's code are code."""
    while True:
        found = _THOUGHT.match(text.lstrip())
        if found is None:
            break
        text = text.lstrip()[found.end() :]
    # Some servers give the thoughts without their opening tag.
    head, tag, rest = text.partition("</think>")
    return rest if tag and "```" not in head and "<think>" not in head else text


def read_fences(text: str) -> list[Fence]:
    """The blocks of a text, in order; the last one may lack its end."""
    reader = FenceReader()
    reader.feed(text + "\n")
    return reader.finish(len(text.split("\n")))


def fence_for(code: str) -> str:
    """A fence that no line of the code can close."""
    longest = max((len(run) for run in re.findall(r"`{3,}", code)), default=2)
    return "`" * (longest + 1)


class FenceReader:
    """Reads fenced blocks as text arrives; feed returns the code that was added to the first block."""

    def __init__(self) -> None:
        self._partial = ""
        self._line = -1
        self._thinking = False
        self._begun = False
        self._fence = ""
        self._info = ""
        self._start = 0
        self._depth = 0
        self._code: list[str] = []
        self._done: list[Fence] = []

    @property
    def info(self) -> str:
        """The first block's info, as soon as it has begun."""
        return self._done[0].info if self._done else self._info

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
        if self._is_thought(line):
            return ""
        if not self._fence:
            opening = _OPEN.match(line.rstrip("\r"))
            if opening is not None:
                self._fence, self._info = opening[1], opening[2]
                self._start, self._depth = self._line, 0
            return ""
        if self._ends(line):
            self._close(self._line, closed=True)
            return ""
        self._code.append(line + "\n")
        return "" if self._done else line + "\n"

    def _is_thought(self, line: str) -> bool:
        if not self._begun and not self._thinking:
            self._thinking = _THOUGHT_OPEN.match(line) is not None
            self._begun = bool(line.strip()) and not self._thinking
        if not self._thinking:
            return False
        self._thinking = re.search(r"</(think|thinking|reasoning)>", line, re.IGNORECASE) is None
        return True

    def _ends(self, line: str) -> bool:
        """Whether a line closes the block. A fence with an info inside one of Markdown opens a nested block."""
        found = _OPEN.match(line.rstrip("\r"))
        if found is None or found[1][0] != self._fence[0] or len(found[1]) < len(self._fence):
            return False
        if found[2]:
            self._depth += 1
            return False
        if self._depth:
            self._depth -= 1
            return False
        return True

    def _close(self, last_line: int, *, closed: bool) -> None:
        self._done.append(Fence(self._info, "".join(self._code), self._start, last_line, closed))
        self._fence, self._code = "", []
