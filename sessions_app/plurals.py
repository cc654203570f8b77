"""Numbers with their nouns: "1 step", "2 steps"."""


def counted(number: int, one: str, many: str = "") -> str:
    """The number, and the noun in the form that goes with it; many is for nouns that do not just take an s."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"
