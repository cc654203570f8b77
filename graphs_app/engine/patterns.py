r"""Patterns that people write, on an engine whose time grows with the text and not with its powers (RE2).

They are read as JSON Schema has them, as ECMA-262 under the flag "u": `$` is the end of the text, `\d` and `\w` are of
ASCII, `\s` is every white space. What only an engine that goes back could do, look-around and back-references, is
refused with its place.
"""

from dataclasses import dataclass
from functools import lru_cache

import re2

from graphs_app.engine.limits import MAX_PATTERN, MAX_PATTERN_MEMORY

WORK_PER_STEP = 400
"""Instructions times characters that cost about as much as one step of a check, a few microseconds, at the worst."""
CACHED = 100
"""Programs, each of which may take MAX_PATTERN_MEMORY."""

_SPACES = ((9, 13), (32, 32), (0xA0, 0xA0), (0x1680, 0x1680), (0x2000, 0x200A), (0x2028, 0x2029), (0x202F, 0x202F),
           (0x205F, 0x205F), (0x3000, 0x3000), (0xFEFF, 0xFEFF))  # fmt: skip
_LAST = 0x10FFFF
_LOOKS = {"=": "a look-ahead", "!": "a look-ahead", "<=": "a look-behind", "<!": "a look-behind"}
_PROPERTIES = {
    "Letter": "L", "Lowercase_Letter": "Ll", "Uppercase_Letter": "Lu", "Titlecase_Letter": "Lt", "Mark": "M",
    "Number": "N", "Decimal_Number": "Nd", "Punctuation": "P", "Symbol": "S", "Separator": "Z", "Space_Separator": "Zs",
    "Other": "C", "Control": "Cc", "Any": "Any",
}  # fmt: skip


class PatternInvalid(ValueError):
    """Raised when a pattern is none, is too large, or needs an engine that goes back."""

    def __init__(self, reason: str, column: int | None = None) -> None:
        self.column = column
        """From 1; None where only the whole is at fault."""
        super().__init__(reason if column is None else f"{reason}, at character {column}")


@dataclass(frozen=True, slots=True)
class Pattern:
    """A pattern, ready to be looked for."""

    text: str
    _program: "re2._Regexp[str]"
    _size: int

    def is_in(self, text: str) -> bool:
        return self._program.search(text.encode("utf-8", "replace")) is not None

    def steps(self, text: str) -> int:
        """What looking for it in the text costs at the most."""
        return 1 + self._size * len(text) // WORK_PER_STEP


@lru_cache(maxsize=CACHED)
def compile_pattern(text: str) -> Pattern:
    """Raises PatternInvalid with the place and the reason."""
    if len(text) > MAX_PATTERN:
        raise PatternInvalid(f"a pattern of {len(text):,} characters; at most {MAX_PATTERN:,} are taken")
    options = re2.Options()
    options.max_mem = MAX_PATTERN_MEMORY
    options.log_errors = False
    options.never_capture = True
    try:
        program = re2.compile(_Translation(text).whole(), options)
    except (re2.error, UnicodeEncodeError) as error:
        raise PatternInvalid(_words(error)) from None
    return Pattern(text, program, max(program.programsize, 1))


def _words(error: Exception) -> str:
    said = error.args[0] if error.args else b""
    reason = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
    if "too large" in reason:
        return f"too large a pattern: it would take more than {MAX_PATTERN_MEMORY // 1024} KiB"
    return f"not a pattern: {reason}"


def _ranges(spans: "tuple[tuple[int, int], ...]") -> str:
    return "".join(f"\\x{{{first:x}}}-\\x{{{last:x}}}" for first, last in spans)


def _others(spans: "tuple[tuple[int, int], ...]") -> "tuple[tuple[int, int], ...]":
    begins = (0, *(last + 1 for _, last in spans))
    ends = (*(first - 1 for first, _ in spans), _LAST)
    return tuple((first, last) for first, last in zip(begins, ends, strict=True) if first <= last)


_SETS = {"s": _ranges(_SPACES), "S": _ranges(_others(_SPACES))}
_SAME = {letter: f"\\{letter}" for letter in "dDwWfnrtv"}
_MEANINGS = {**_SAME, "b": r"\b", "B": r"\B", **{letter: f"[{ranges}]" for letter, ranges in _SETS.items()}}
_MEANINGS_IN_CLASS = {**_SAME, "b": r"\x08", **_SETS}
"""By letter: what its escape is to RE2."""


class _Translation:
    """One pattern of ECMA-262 on its way into RE2's words."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.out: list[str] = []

    def whole(self) -> str:
        while self.at < len(self.text):
            letter = self.text[self.at]
            if letter == "\\":
                self.out.append(self._escape(in_class=False))
            elif letter == "[":
                self._class()
            elif letter == "(":
                self._group()
            elif letter == ".":
                self._put(r"[^\n\r\x{2028}\x{2029}]", 1)
            else:
                self._put(letter, 1)
        return "".join(self.out)

    def _put(self, translated: str, taken: int) -> None:
        self.out.append(translated)
        self.at += taken

    def _group(self) -> None:
        if self.text.startswith("(?", self.at):
            for mark, name in _LOOKS.items():
                if self.text.startswith(mark, self.at + 2):
                    raise PatternInvalid(f"{name} ({'(?' + mark}…) needs more than linear time", self.at + 1)
        self._put("(", 1)

    def _class(self) -> None:
        opening = self.at
        for empty, meaning in (("[^]", f"[{_ranges(((0, _LAST),))}]"), ("[]", f"[^{_ranges(((0, _LAST),))}]")):
            if self.text.startswith(empty, self.at):
                return self._put(meaning, len(empty))
        self._put("[", 1)
        while self.at < len(self.text):
            letter = self.text[self.at]
            if letter == "]":
                return self._put("]", 1)
            if letter == "\\":
                self.out.append(self._escape(in_class=True))
            else:
                self._put("\\[" if letter == "[" else letter, 1)  # to RE2 "[:" would begin a class of POSIX
        raise PatternInvalid("a [ that is not closed", opening + 1)

    def _escape(self, *, in_class: bool) -> str:
        start = self.at
        letter = self.text[start + 1 : start + 2]
        self.at += 2
        if not letter:
            raise PatternInvalid("a \\ with nothing after it", start + 1)
        if letter in "xu":
            return f"\\x{{{self._code(start, letter):x}}}"
        if letter in "pP":
            return self._property(start, letter)
        if letter in "123456789k":
            raise PatternInvalid(f"a back-reference (\\{letter}) needs more than linear time", start + 1)
        if letter in "0c":
            return self._control(start, letter)
        meaning = _MEANINGS_IN_CLASS.get(letter) if in_class else _MEANINGS.get(letter)
        if meaning is not None:
            return meaning
        if letter.isalnum():
            raise PatternInvalid(f"\\{letter} is no escape", start + 1)
        return f"\\{letter}" if letter.isascii() and letter != "_" else letter

    def _control(self, start: int, letter: str) -> str:
        following = self.text[self.at : self.at + 1]
        if letter == "0" and not following.isdigit():
            return r"\x{0}"
        if letter == "c" and following.isascii() and following.isalpha():
            self.at += 1
            return f"\\x{{{ord(following) % 32:x}}}"
        raise PatternInvalid(f"\\{letter}{following} is no escape", start + 1)

    def _code(self, start: int, letter: str) -> int:
        if letter == "u" and self.text.startswith("{", self.at):
            end = self.text.find("}", self.at)
            digits, self.at = (self.text[self.at + 1 : end], end + 1) if end > 0 else ("", self.at)
        else:
            width = 2 if letter == "x" else 4
            digits = self.text[self.at : self.at + width]
            self.at += width
            if len(digits) < width:
                digits = ""
        code = _hexadecimal(digits)
        if 0xD800 <= code < 0xDC00 and self.text.startswith("\\u", self.at):
            low = _hexadecimal(self.text[self.at + 2 : self.at + 6])
            if 0xDC00 <= low < 0xE000:
                self.at += 6
                return 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00)
        if not 0 <= code <= _LAST or 0xD800 <= code < 0xE000:
            raise PatternInvalid(f"\\{letter} without the digits of a character", start + 1)
        return code

    def _property(self, start: int, letter: str) -> str:
        end = self.text.find("}", self.at)
        if not self.text.startswith("{", self.at) or end < 0:
            raise PatternInvalid(f"\\{letter} without the name of a property in braces", start + 1)
        name = self.text[self.at + 1 : end]
        for kind in ("Script=", "sc=", "Script_Extensions=", "scx=", "General_Category=", "gc="):
            name = name.removeprefix(kind)
        self.at = end + 1
        return f"\\{letter}{{{_PROPERTIES.get(name, name)}}}"


def _hexadecimal(digits: str) -> int:
    """-1 where they are none."""
    try:
        return int(digits, 16) if digits.isalnum() and len(digits) <= 8 else -1
    except ValueError:
        return -1
