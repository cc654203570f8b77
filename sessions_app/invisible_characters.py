"""Characters that nobody sees, or that rearrange what is seen: which ones they are, and how they are shown instead.

The one list of them. The pages have it as static/js/ui/invisible_ranges.js, which this module writes when it is run:

    python -m sessions_app.invisible_characters > static/js/ui/invisible_ranges.js

What people write on purpose stays as it is: letters that run from right to left, emoji and the joiners inside them,
joiners between letters of scripts that join, a byte order mark at the very start.
"""

import json
import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

Range = tuple[int, int]

INVISIBLE: tuple[Range, ...] = (
    (0x00, 0x08), (0x0B, 0x0C), (0x0E, 0x1F), (0x7F, 0x9F), (0xAD, 0xAD), (0x34F, 0x34F), (0x61C, 0x61C),
    (0x115F, 0x1160), (0x17B4, 0x17B5), (0x180B, 0x180F), (0x200B, 0x200F), (0x2028, 0x202E), (0x2060, 0x206F),
    (0x3164, 0x3164), (0xFE00, 0xFE0F), (0xFEFF, 0xFEFF), (0xFFA0, 0xFFA0), (0xFFF0, 0xFFFB), (0x1BCA0, 0x1BCA3),
    (0x1D173, 0x1D17A), (0xE0000, 0xE0FFF),
)  # fmt: skip
"""Controls, those that turn the direction of text, and what Unicode calls default ignorable."""
SPACES: tuple[Range, ...] = (
    (0xA0, 0xA0), (0x1680, 0x1680), (0x2000, 0x200A), (0x202F, 0x202F), (0x205F, 0x205F), (0x2800, 0x2800),
    (0x3000, 0x3000),
)  # fmt: skip
"""What looks like a space and is none to a compiler. Prose may have them, code is shown with them marked."""
EMOJI: tuple[Range, ...] = (
    (0xA9, 0xA9), (0xAE, 0xAE), (0x203C, 0x203C), (0x2049, 0x2049), (0x2122, 0x2122), (0x2139, 0x2139),
    (0x2194, 0x21AA), (0x231A, 0x23FF), (0x24C2, 0x24C2), (0x25AA, 0x25FE), (0x2600, 0x27BF), (0x2934, 0x2935),
    (0x2B05, 0x2B55), (0x3030, 0x3030), (0x303D, 0x303D), (0x3297, 0x3297), (0x3299, 0x3299), (0x1F000, 0x1FAFF),
)  # fmt: skip
JOINING: tuple[Range, ...] = ((0x600, 0x61B), (0x61D, 0xDFF), (0x1000, 0x109F), (0x1780, 0x17B3), (0x17B6, 0x180A),
                              (0x1810, 0x18AF), (0xFB50, 0xFDFF), (0xFE70, 0xFEFC))  # fmt: skip
"""Scripts in which joiners and non-joiners are spelling: Arabic, those of India, Khmer, Mongolian."""
IDEOGRAPHS: tuple[Range, ...] = ((0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAFF), (0x20000, 0x3FFFF))
FLAGS = ("gbeng", "gbsct", "gbwls")
"""England, Scotland and Wales: a black flag and their letters as tag characters."""

CONTROL_NAMES = {
    0x00: "NULL", 0x07: "BELL", 0x08: "BACKSPACE", 0x0B: "LINE TABULATION", 0x0C: "FORM FEED",
    0x0D: "CARRIAGE RETURN", 0x1B: "ESCAPE", 0x7F: "DELETE", 0x85: "NEXT LINE", 0xFEFF: "BYTE ORDER MARK",
}  # fmt: skip
RANGE_NAMES: tuple[tuple[int, int, str], ...] = (
    (0x00, 0x9F, "CONTROL CHARACTER"),
    (0xE0000, 0xE007F, "TAG CHARACTER"),
    (0xE0100, 0xE01EF, "VARIATION SELECTOR"),
    (0, 0x10FFFF, "INVISIBLE CHARACTER"),
)

LATIN_LOOKALIKES = {
    "CYRILLIC": "асԁеһіјӏорԛѕуԝхАВСЕНІЈКМОРԚЅТУԜХ",
    "GREEK": "ονΑΒΕΖΗΙΚΜΝΟΡΤΥΧϲϳ",
    "ARMENIAN": "սօոցհՕՍ",
    "CHEROKEE": "ᎠᎡᎢᎪᎫᎬᎷᎻᏀᏃᏆᏎᏒᏔᏚᏞᏟᏢᏦ",
    "LATIN": "ɑɡ",
}  # fmt: skip
LOOKALIKE = frozenset("".join(LATIN_LOOKALIKES.values()))
"""Letters, most of them of other scripts, that are drawn as another Latin letter is."""
ORDINALS = "ªº"
ABBREVIATED = frozenset(("", "d", "dr", "m", "n", "prof", "s", "sr", "v"))
"""What ends in an ordinal sign where people write: "nº 5", "Drª"."""
WORD = re.compile(r"[^\W\d][\w$]*")


def _spelled(code: int) -> str:
    return f"\\u{code:04X}" if code < 0x10000 else f"\\U{code:08X}"


def _class(ranges: Sequence[Range], spelled: Callable[[int], str] = _spelled) -> str:
    return "".join(spelled(a) if a == b else f"{spelled(a)}-{spelled(b)}" for a, b in ranges)


def _flag(letters: str, spelled: Callable[[int], str]) -> str:
    return "".join(spelled(0xE0000 + ord(letter)) for letter in letters) + spelled(0xE007F)


def pattern_of(*, code: bool, spelled: Callable[[int], str] = _spelled) -> str:
    """What is meant comes first, and is passed over; the group holds what is to be marked."""
    emoji, joining = _class(EMOJI, spelled), _class(JOINING, spelled)
    select = "[" + _class(((0xFE0E, 0xFE0F), (0x1F3FB, 0x1F3FF)), spelled) + "]"
    joiner, start = spelled(0x200D), spelled(0xFEFF)
    flags = "|".join(_flag(flag, spelled) for flag in FLAGS)
    meant = (
        f"{spelled(0x1F3F4)}(?:{flags})",
        f"[{emoji}]{select}?(?:{joiner}[{emoji}]{select}?)*",
        f"[#*0-9]{spelled(0xFE0F)}{spelled(0x20E3)}",
        f"(?<=[{joining}])[{spelled(0x200C)}{joiner}](?=[{joining}])",
        f"(?<=[{_class(IDEOGRAPHS, spelled)}])[{_class(((0xE0100, 0xE01EF),), spelled)}]",
        f"^{start}",
    )
    marked = _class(INVISIBLE + (SPACES if code else ()), spelled)
    return f"{'|'.join(meant)}|([{marked}]|\\r(?!\\n))"


_PATTERNS = {code: re.compile(pattern_of(code=code)) for code in (False, True)}
_ANY = {code: re.compile(f"[\r{_class(INVISIBLE + (SPACES if code else ()))}]") for code in (False, True)}


@dataclass(frozen=True, slots=True)
class Found:
    """One character that is not seen."""

    at: int
    character: str


def find(text: str, *, code: bool = False) -> Iterator[Found]:
    """Every character of a text that is to be marked; in code also what only looks like a space."""
    if text.isascii() and text.isprintable():
        return
    if _ANY[code].search(text) is None:
        return
    for match in _PATTERNS[code].finditer(text):
        if match.group(1) is not None:
            yield Found(match.start(), match.group(1))


@lru_cache(maxsize=512)
def label_of(character: str) -> str:
    """The code point, as "U+202E"."""
    return f"U+{ord(character):04X}"


@lru_cache(maxsize=512)
def name_of(character: str) -> str:
    """The name of a code point, as "RIGHT-TO-LEFT OVERRIDE"."""
    code = ord(character)
    if code in CONTROL_NAMES:
        return CONTROL_NAMES[code]
    if code < 0x10000 and (name := unicodedata.name(character, "")):
        return name
    return next(name for first, last, name in RANGE_NAMES if first <= code <= last)


def shown(text: str, *, code: bool = False) -> str:
    """The text for a terminal or a picture: each such character as its code point, in brackets.

    In code that is also done to letters that pass for others.
    """
    marked = list(find(text, code=code))
    if code:
        marked = sorted([*marked, *_letters_that_pass(text)], key=lambda found: found.at)
    parts, end = [], 0
    for found in marked:
        parts += [text[end : found.at], f"[{label_of(found.character)}]"]
        end = found.at + 1
    return "".join([*parts, text[end:]]) if end else text


def _letters_that_pass(text: str) -> Iterator[Found]:
    for start, word in lookalikes(text):
        yield from (Found(start + at, letter) for at, letter in enumerate(word) if _passes_for_another(letter))


def escaped(json_text: str) -> str:
    """JSON that says the same, with such characters written as its own escapes."""
    parts, end = [], 0
    for found in find(json_text):
        parts += [json_text[end : found.at], json.dumps(found.character)[1:-1]]
        end = found.at + 1
    return "".join([*parts, json_text[end:]]) if end else json_text


def lookalikes(text: str) -> Iterator[tuple[int, str]]:
    """Words that are not the word they look like, and where: Latin letters among which others pass for Latin ones.

    A word that is wholly of another script is one of that language; so only mixtures are told, and only where each
    letter that is not Latin looks as if it were. A letter that Python takes for plain ones is told in any word.
    """
    if text.isascii():
        return
    for match in WORD.finditer(text):
        word = match.group()
        if not word.isascii() and _is_lookalike(word):
            yield match.start(), word


@lru_cache(maxsize=1024)
def _is_lookalike(word: str) -> bool:
    others = [letter for letter in word if not letter.isascii()]
    if any(map(plain_of, others)) and _is_latin(reads_as(word)) and not _is_written_so(word):
        return True
    letters = [letter for letter in others if letter.isalpha() and not plain_of(letter)]
    foreign = [one for one in letters if one in LOOKALIKE or not unicodedata.name(one, "").startswith("LATIN ")]
    has_latin = len(foreign) < sum(letter.isalpha() for letter in word)
    return has_latin and bool(foreign) and all(letter in LOOKALIKE for letter in foreign)


def _is_latin(word: str) -> bool:
    """Other scripts write full-width digits and letters among their own."""
    return all(one.isascii() or unicodedata.name(one, "").startswith("LATIN ") for one in word)


def _is_written_so(word: str) -> bool:
    """An abbreviation with its ordinal sign, and one symbol of mathematics alone, such as that of the real numbers."""
    stem = word.rstrip(ORDINALS)
    if stem != word:
        return stem.casefold() in ABBREVIATED
    return len(word) == 1 and 0x2100 <= ord(word) < 0x2150


@lru_cache(maxsize=512)
def plain_of(letter: str) -> str:
    """The plain letters that Python takes one for in a name (NFKC): full-width, long s, ligatures …; else none."""
    if letter.isascii() or not f"a{letter}".isidentifier():
        return ""
    plain = unicodedata.normalize("NFKC", letter)
    return plain if plain.isascii() and plain.replace("_", "a").isalnum() else ""


def _passes_for_another(letter: str) -> bool:
    return letter in LOOKALIKE or plain_of(letter) != ""


def code_points(word: str) -> str:
    """The letters of a word that pass for others, by code point: "U+0430"."""
    return ", ".join(dict.fromkeys(label_of(letter) for letter in word if _passes_for_another(letter)))


def reads_as(word: str) -> str:
    """The name that Python takes a word for; empty when that is the word itself."""
    return "" if (plain := unicodedata.normalize("NFKC", word)) == word else plain


def _for_pages() -> str:
    """The list as a module of the pages."""

    def spelled(code: int) -> str:
        return f"\\u{{{code:X}}}"

    named = {
        code: name_of(chr(code))
        for first, last in (*INVISIBLE, (0x0D, 0x0D), *SPACES)
        for code in range(first, min(last, 0xFFFF) + 1)
        if not any(a <= code <= b and name_of(chr(code)) == name for a, b, name in RANGE_NAMES)
    }
    names = ",\n".join(f"  [0x{code:04x}, {json.dumps(name)}]" for code, name in sorted(named.items()))
    ranges = ",\n".join(f"  [0x{a:x}, 0x{b:x}, {json.dumps(name)}]" for a, b, name in RANGE_NAMES)
    return (
        "// @ts-check\n"
        "/** Written by `python -m sessions_app.invisible_characters`, which is where it is changed. */\n\n"
        f"export const IN_PROSE = /{pattern_of(code=False, spelled=spelled)}/gu;\n\n"
        f"export const IN_CODE = /{pattern_of(code=True, spelled=spelled)}/gu;\n\n"
        f"/** @type {{Map<number, string>}} */\nexport const NAMES = new Map([\n{names},\n]);\n\n"
        f'export const LOOKALIKES = "{"".join(spelled(ord(one)) for one in sorted(LOOKALIKE))}";\n\n'
        f'export const ORDINALS = "{"".join(spelled(ord(one)) for one in ORDINALS)}";\n\n'
        f"export const ABBREVIATED = {json.dumps(sorted(ABBREVIATED))};\n\n"
        f"/** @type {{[number, number, string][]}} */\nexport const NAMES_OF_RANGES = [\n{ranges},\n];\n"
    )


if __name__ == "__main__":
    print(_for_pages(), end="")  # this is what it is run for
