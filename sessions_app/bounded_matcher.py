"""Python's matcher of sequences, at a bounded price.

What it compares grows with the product of how often a line is in both texts, for each stretch that it finds: two texts
of two thousand lines "a" and "b" took it half a minute.
"""

import difflib
from collections.abc import Sequence
from itertools import accumulate

STEPS = 3_000_000
"""About a third of a second."""


class BoundedMatcher(difflib.SequenceMatcher[str]):
    """Finds what is the same until its steps are used up; what is left over then counts as different."""

    def __init__(self, one: Sequence[str], other: Sequence[str], *, steps: int = STEPS, autojunk: bool = False) -> None:
        super().__init__(None, one, other, autojunk=autojunk)
        where: dict[str, list[int]] = self.b2j  # type: ignore[attr-defined]  # documented, and unknown to the stubs
        self._until = list(accumulate((1 + len(where.get(item, ())) for item in one), initial=0))
        self._left = steps

    def find_longest_match(
        self, alo: int = 0, ahi: int | None = None, blo: int = 0, bhi: int | None = None
    ) -> difflib.Match:
        self._left -= self._until[-1 if ahi is None else ahi] - self._until[alo]
        return difflib.Match(alo, blo, 0) if self._left < 0 else super().find_longest_match(alo, ahi, blo, bhi)
