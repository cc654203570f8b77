"""How much room words take in a drawing, and what of them is shown where room is short.

The server draws without knowing the reader's fonts: letters count as an ordinary sans-serif draws them, a little on the
generous side, so that what fits here fits on every screen.
"""

import unicodedata

from sessions_app.invisible_characters import shown

NARROW = frozenset("fijlrtI1.,:;|!'`()[]{}/\\ -")
BROAD = frozenset("mwMWQOGD@%&—")
ELLIPSIS = "…"
LONGEST = 2000


def plain(text: str) -> str:
    """The text on one line; characters that cannot be seen, or that rearrange others, stand there as code points."""
    if text.isascii() and text.isprintable():
        return text.strip()
    kept = "".join("\ufffd" if unicodedata.category(one) == "Cs" else one for one in text[:LONGEST])
    return " ".join(shown(" ".join(kept.split())).split())


def letter_width(letter: str) -> float:
    """In units of the font's size."""
    if letter in NARROW:
        return 0.34
    if letter in BROAD:
        return 0.92
    if letter < "\u0250":
        return 0.62 if letter.islower() or letter.isdigit() else 0.72
    if unicodedata.combining(letter):
        return 0.0
    return 1.05 if unicodedata.east_asian_width(letter) in "WF" else 0.75


def width(text: str, size: float) -> float:
    return sum(map(letter_width, text)) * size


def fitting(text: str, room: float, size: float) -> str:
    """As much of the text as there is room for, with an ellipsis where some is left out."""
    shown = plain(text)
    if width(shown, size) <= room:
        return shown
    left = room - size
    for at, letter in enumerate(shown):
        left -= letter_width(letter) * size
        if left < 0:
            return shown[:at].rstrip() + ELLIPSIS
    return shown
