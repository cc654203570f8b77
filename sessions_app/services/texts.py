"""What a text may be: anything that UTF-8 and both databases can keep, byte for byte, within its limit."""

import re

from sessions_app.errors import HiddenCharacter, InvalidText, TooLarge
from sessions_app.invisible_characters import find, label_of, name_of

UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")


def check(text: str, *, pointer: str) -> None:
    """Refuses NUL and lone surrogates, and says where. Nothing else is touched: not CRLF, not a byte order mark."""
    found = UNSTORABLE.search(text)
    if found is not None:
        raise InvalidText(pointer=pointer, character=found.group(), position=found.start())


def check_size(text: str, *, what: str, limit: int) -> None:
    """Refuses a text that is longer than its limit in UTF-8."""
    if len(text) * 4 <= limit:
        return
    size = len(text.encode())
    if size > limit:
        raise TooLarge(what=what, size=size, limit=limit)


def one_line(text: str, *, pointer: str) -> str:
    """A name or title: checked, with control characters and line ends turned into single spaces.

    A name is read among others, so it may hold nothing that hides, or turns the direction of what stands beside it.
    """
    check(text, pointer=pointer)
    cleaned = CONTROL.sub(" ", text).strip()
    check_visible(cleaned, pointer=pointer)
    return cleaned


def check_visible(text: str, *, pointer: str) -> None:
    """Refuses a name with characters that nobody sees, and says which."""
    found = next(find(text.replace("\ufeff", "\u2060")), None)
    if found is not None:
        named = f"{label_of(text[found.at])} {name_of(text[found.at])}"
        raise HiddenCharacter(pointer=pointer, named=named, position=found.at)
