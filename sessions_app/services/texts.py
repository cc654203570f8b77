"""What a text may be: anything that UTF-8 and both databases can keep, byte for byte, within its limit."""

import re

from sessions_app.errors import InvalidText, TooLarge

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
    """A name or title: checked, with control characters and line ends turned into single spaces."""
    check(text, pointer=pointer)
    return CONTROL.sub(" ", text).strip()
