"""What differs between two texts, as hunks of a unified diff: what a restore would do, and what somebody has done."""

import io
from dataclasses import dataclass

from sessions_app.bounded_matcher import BoundedMatcher

CONTEXT = 3
COMPARED = 4_000_000
"""Beyond this product of line counts frequent lines are not matched, which costs quality and saves minutes."""
STEPS = 10_000_000
NO_NEWLINE = "\\ No newline at end of file\n"


@dataclass(frozen=True, slots=True)
class Hunk:
    """One contiguous piece of a difference; its lines begin with " ", "-" or "+"."""

    n: int
    old_start: int
    old_lines: int
    new_start: int
    new_lines: int
    text: str

    @property
    def header(self) -> str:
        return f"@@ -{self.old_start},{self.old_lines} +{self.new_start},{self.new_lines} @@"


def hunks_between(old: str, new: str) -> list[Hunk]:
    """The hunks that lead from one text to another, with three lines around each."""
    before, after = _lines(old), _lines(new)
    matcher = BoundedMatcher(before, after, steps=STEPS, autojunk=len(before) * len(after) > COMPARED)
    found = []
    for n, group in enumerate(matcher.get_grouped_opcodes(CONTEXT), start=1):
        text = io.StringIO()  # a list of half a million lines would take thirty times their length
        for tag, i, j, k, m in group:
            _write(text, " " if tag == "equal" else "-", before, i, j)
            if tag != "equal":
                _write(text, "+", after, k, m)
        (_, i, _, k, _), (_, _, j, _, m) = group[0], group[-1]
        found.append(Hunk(n, _start(i, j), j - i, _start(k, m), m - k, text.getvalue()))
    return found


def _write(text: io.StringIO, sign: str, lines: list[str], first: int, last: int) -> None:
    for at in range(first, last):
        text.write(sign)
        text.write(lines[at])
        if not lines[at].endswith("\n"):
            text.write(f"\n{NO_NEWLINE}")


def _start(first: int, last: int) -> int:
    """As unified diffs count: from one, and for nothing the line before it."""
    return first + 1 if last > first else first


def _lines(text: str) -> list[str]:
    """Lines as editors count them: only a newline ends one."""
    lines = [f"{line}\n" for line in text.split("\n")]
    last = lines.pop()[:-1]
    return [*lines, last] if last else lines
