"""The thoughts that a model writes into its answer, and the answer without them.

One table of the marks that families of models put around thoughts; tests/refine_app/diffs/test_thoughts.py holds it
against what each family's template writes.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Marks:
    """How one family marks its thoughts."""

    families: str
    opens: str
    """A pattern; thoughts begin with it."""
    closes: str
    """A pattern; what follows the last one is the answer."""
    plain: bool = False
    """The marks are words that prose and code may hold too: they count only when the answer begins with one."""


TAGS = "think|thinking|thought|thoughts|reasoning|reflection|scratchpad|inner_monologue|antthinking|seed:think"
TABLE = (
    Marks(
        "DeepSeek-R1, Qwen 3, GLM, Seed-OSS, Anthropic-like", rf"<(?:{TAGS})(?: [^<>\n]{{0,80}})?>", rf"</(?:{TAGS})>"
    ),
    Marks("Magistral", r"\[THINK\]", r"\[/THINK\]"),
    Marks("Kimi", r"◁think▷", r"◁/think▷"),
    Marks(
        "gpt-oss (harmony)",
        r"(?:<\|start\|>assistant)?<\|channel\|>(?:analysis|commentary)[^<\n]{0,80}<\|message\|>",
        r"<\|channel\|>final[^<\n]{0,80}(?:<\|constrain\|>[^<\n]{0,40})?<\|message\|>",
    ),
    Marks("gpt-oss without its special tokens", r"analysis(?=[A-Z])", r"assistantfinal", plain=True),
    Marks("OpenThinker, Sky-T1", r"<\|begin_of_thought\|>", r"<\|end_of_thought\|>"),
    Marks("Cohere Command A", r"<\|START_THINKING\|>", r"<\|END_THINKING\|>"),
    Marks("MedGemma", r"<unused94>thought", r"<unused95>"),
    Marks("Granite 3.2", r"Here is my thought process:", r"Here is my response:", plain=True),
    Marks("Phi-4 reasoning, EXAONE Deep", r"<\|?thought\|?>", r"<\|?/thought\|?>"),
    Marks("Hunyuan", r"<\|hy_thinking\|>", r"<\|/hy_thinking\|>"),
)
_LEFT = re.compile(
    r"<\|(?:start|end|return|message|im_end|eot_id|begin_of_solution|end_of_solution|START_RESPONSE|END_RESPONSE)\|>"
    r"|^</?answer>[ \t]*$|</?s>",
    re.MULTILINE,
)
"""What templates leave around an answer."""
_FENCE_LINE = re.compile(r"^ {0,3}(?:```|~~~)", re.MULTILINE)
_QUOTES = "\"'`\\"

_OPENS = [re.compile(marks.opens, re.IGNORECASE) for marks in TABLE]
_CLOSES = [re.compile(marks.closes, re.IGNORECASE) for marks in TABLE]


def without_thoughts(text: str, base: str = "") -> str:
    """The answer alone: what follows the last closing mark; nothing when thoughts begin and never end.

    base: the document that the answer is about. What it holds of the marks, an answer may hold as code.
    """
    bare = text.lstrip()
    opened = next((at for at, opens in enumerate(_OPENS) if opens.match(bare)), None)
    ends = [(at, end) for at, end in _closing(text, base) if not TABLE[at].plain or at == opened]
    if ends:
        text = text[max(end for _, end in ends) :]
    elif opened is not None:
        return ""
    else:
        return text
    return _without_remains(text)


class ThoughtReader:
    """Tells thoughts and answer apart line by line, while they stream in."""

    def __init__(self, base: str = "") -> None:
        self._opens_code = [opens.search(base) is not None for opens in _OPENS]
        self._closes_code = [closes.search(base) is not None for closes in _CLOSES]
        self._opened: int | None = None
        """The row of the table whose mark opened the thoughts that are going on."""
        self._is_begun = False
        self.is_taken_back = False
        """Whether the last line said that all before it were thoughts."""

    def read(self, line: str, *, in_fence: bool) -> str | None:
        """What of a line belongs to the answer; None for a thought."""
        end = self._end(line, in_fence)
        self.is_taken_back = end is not None
        if end is not None:
            line, self._opened, self._is_begun = line[end:], None, False
        if self._opened is None and not in_fence:
            self._opened = self._opening(line)
        self._is_begun = self._is_begun or bool(line.strip())
        return line if self._opened is None else None

    def _end(self, line: str, in_fence: bool) -> int | None:
        ends = [
            found.end()
            for at, closes in enumerate(_CLOSES)
            for found in closes.finditer(line)
            if not (TABLE[at].plain and at != self._opened)
            and not (self._closes_code[at] and in_fence)
            and not _is_quoted(line, found.start(), found.end())
        ]
        return max(ends, default=None)

    def _opening(self, line: str) -> int | None:
        bare = line.lstrip()
        for at, opens in enumerate(_OPENS):
            may_open = not self._is_begun or not (TABLE[at].plain or self._opens_code[at])
            if may_open and opens.match(bare):
                return at
        return None


def _closing(text: str, base: str) -> Iterator[tuple[int, int]]:
    """Each closing mark that can be one: its place in the table, and where it ends."""
    for at, closes in enumerate(_CLOSES):
        is_code = closes.search(base) is not None
        for found in closes.finditer(text):
            if _is_quoted(text, found.start(), found.end()):
                continue
            if is_code and _is_within_fence(text, found.start()):
                continue
            if text[found.end() :].strip():
                yield at, found.end()


def _is_within_fence(text: str, at: int) -> bool:
    return sum(1 for _ in _FENCE_LINE.finditer(text, 0, at)) % 2 == 1


def _is_quoted(text: str, start: int, end: int) -> bool:
    """Whether a mark stands in a string of code, or is spoken of in prose."""
    if start > 0 and text[start - 1] in _QUOTES:
        return True
    return text[end : end + 1] in tuple(_QUOTES) and not text.startswith("```", end)


def _without_remains(text: str) -> str:
    """Special tokens before the answer's first words and after its last ones."""
    text = text.strip()
    while (found := _LEFT.match(text)) is not None:
        text = text[found.end() :].lstrip()
    while found := next((one for one in _LEFT.finditer(text, max(0, len(text) - 40)) if one.end() == len(text)), None):
        text = text[: found.start()].rstrip()
    return text
