"""The diff of a text that is still being streamed: after each update only the hunks that changed.

Work is proportional to what came since the last update: lines long settled are committed and never compared again. The
base's lines after the last streamed line are left open, so what has not come yet does not show as deleted.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from refine_app.diffs.alignment import GRAM, Match, align_beginning, increasing
from refine_app.diffs.lines import split_lines
from refine_app.diffs.unified import CONTEXT, Change, Hunk, find_changes, make_hunks

SETTLED_RUN = 8
"""So many matching lines in a row, and what is before them is settled."""
WINDOW = 400
"""The most new lines that stay unsettled; beyond it half of them are taken as they are."""


@dataclass(frozen=True, slots=True)
class DiffUpdate:
    """What changed in the diff since the last update."""

    hunks: tuple[Hunk, ...]
    removed: tuple[int, ...]
    total: int

    def __bool__(self) -> bool:
        return bool(self.hunks or self.removed)

    def as_json(self) -> dict[str, Any]:
        return {"hunks": [h.as_json() for h in self.hunks], "removed": list(self.removed), "total": self.total}


class IncrementalDiff:
    """Feed it the new text as it comes; ask for updates as often as they are wanted."""

    def __init__(self, base: str) -> None:
        self._old = split_lines(base)
        self._numbers: dict[str, int] = {}
        self._old_numbers = [self._numbers.setdefault(line, len(self._numbers)) for line in self._old]
        self._grams = self._unique_grams()
        self._new: list[str] = []
        self._new_numbers: list[int] = []
        self._partial = ""
        self._changes: list[Change] = []
        """Settled changes, all before (_x, _y), whose hunks may still grow."""
        self._x = self._y = 0
        self._frozen = 0
        """So many hunks, the first ones, are sent and can no longer change before the end."""
        self._sent: dict[int, Hunk] = {}
        self._seen = -1

    def feed(self, text: str) -> None:
        """Adds streamed text; a line counts once its line feed has come."""
        *lines, self._partial = (self._partial + text).split("\n")
        for line in lines:
            self._new.append(line + "\n")
            # Lines that the base lacks need no number of their own: they match nothing.
            self._new_numbers.append(self._numbers.get(line + "\n", -1))

    def restart(self) -> None:
        """Forgets the new text, as none of it counts; the next update takes back what was told of it."""
        self._new, self._new_numbers, self._partial = [], [], ""
        self._changes = []
        self._x = self._y = self._frozen = 0
        self._seen = -1

    def update(self) -> DiffUpdate:
        """The hunks that changed since the last update."""
        if len(self._new) == self._seen:
            return DiffUpdate((), (), len(self._sent))
        self._seen = len(self._new)
        matches = self._match_window()
        changes, end = self._open_changes(matches)
        hunks = make_hunks(
            self._old, self._new, _joined([*self._changes, *changes]), first=self._frozen + 1, old_end=end
        )
        update = self._changed({hunk.n: hunk for hunk in hunks}, self._frozen)
        self._settle(matches)
        self._freeze()
        return update

    def finish(self, new: str) -> DiffUpdate:
        """The last update, to the diff of the whole final text, however it was reached."""
        lines = split_lines(new)
        hunks = make_hunks(self._old, lines, find_changes(self._old, lines))
        return self._changed({hunk.n: hunk for hunk in hunks}, 0)

    def _unique_grams(self) -> dict[tuple[int, ...], int]:
        grams: dict[tuple[int, ...], int] = {}
        numbers = self._old_numbers
        for at, gram in enumerate(zip(*(numbers[k:] for k in range(GRAM)), strict=False)):
            grams[gram] = -1 if gram in grams else at
        return grams

    def _match_window(self) -> list[Match]:
        """Matches of the unsettled new lines, in whole-text positions."""
        x, y = self._x, self._y
        new = self._new_numbers[y:]
        # Only as far into the base as anchors or so many lines reach: the rest of the base is not looked at.
        anchors = increasing(
            [
                (at - x, index)
                for index, gram in enumerate(zip(*(new[k:] for k in range(GRAM)), strict=False))
                if (at := self._grams.get(gram, -1)) >= x
            ]
        )
        reach = (anchors[-1][0] if anchors else 0) + 2 * len(new) + SETTLED_RUN
        window = align_beginning(self._old_numbers[x : x + reach], new, anchors)
        return [Match(m.old + x, m.new + y, m.length) for m in window]

    def _open_changes(self, matches: Sequence[Match]) -> tuple[list[Change], int]:
        """Changes after the settled ones, and where the base's known part ends."""
        changes: list[Change] = []
        x, y = self._x, self._y
        for match in matches:
            if match.old > x or match.new > y:
                changes.append(Change(x, match.old, y, match.new))
            x, y = match.old + match.length, match.new + match.length
        if y < len(self._new):
            changes.append(Change(x, x, y, len(self._new)))
        return changes, x

    def _settle(self, matches: Sequence[Match]) -> None:
        """Commits everything up to the last long run of matches, or half of a window that has grown too long."""
        x, y = self._x, self._y
        settled: list[Change] = []
        goal: tuple[list[Change], int, int] | None = None
        for match in matches:
            if match.old > x or match.new > y:
                settled.append(Change(x, match.old, y, match.new))
            far = match.old - x > WINDOW and match.old - x > 4 * (match.new - y)
            x, y = match.old + match.length, match.new + match.length
            if match.length >= SETTLED_RUN and not far:
                # The run's last lines stay open: they are the context that the next change starts from.
                goal = (list(settled), x - CONTEXT, y - CONTEXT)
        if goal is not None:
            changes, self._x, self._y = goal
            self._commit(changes)
        elif len(self._new) - self._y > WINDOW:
            half = self._y + WINDOW // 2
            reached = [m for m in matches if m.new < half]
            x = max([self._x, *(min(m.old + m.length, m.old + half - m.new) for m in reached)])
            self._commit(self._changes_until(reached, x, half))
            self._x, self._y = x, half

    def _changes_until(self, matches: Sequence[Match], x_end: int, y_end: int) -> list[Change]:
        changes: list[Change] = []
        x, y = self._x, self._y
        for match in matches:
            if match.old > x or match.new > y:
                changes.append(Change(x, match.old, y, match.new))
            length = min(match.length, y_end - match.new)
            x, y = match.old + length, match.new + length
        if y < y_end or x < x_end:
            changes.append(Change(x, x_end, y, y_end))
        return changes

    def _commit(self, changes: Sequence[Change]) -> None:
        for change in changes:
            last = self._changes[-1] if self._changes else None
            if last is not None and last.old_end == change.old_start and last.new_end == change.new_start:
                self._changes[-1] = Change(last.old_start, change.old_end, last.new_start, change.new_end)
            else:
                self._changes.append(change)

    def _freeze(self) -> None:
        """Lets go of settled changes that nothing to come can join: their hunks are sent and whole."""
        groups = 0
        keep = 0
        for index, change in enumerate(self._changes):
            next_start = self._changes[index + 1].old_start if index + 1 < len(self._changes) else self._x
            if next_start - change.old_end > 2 * CONTEXT:
                groups += 1
                keep = index + 1
        self._frozen += groups
        del self._changes[:keep]

    def _changed(self, hunks: dict[int, Hunk], frozen: int) -> DiffUpdate:
        """Remembers the hunks after the frozen ones as sent, and tells those that were not."""
        changed = tuple(hunk for n, hunk in hunks.items() if self._sent.get(n) != hunk)
        gone = list(range(frozen + len(hunks) + 1, len(self._sent) + 1))
        for n in gone:
            del self._sent[n]
        self._sent.update(hunks)
        return DiffUpdate(changed, tuple(gone), len(self._sent))


def _joined(changes: Sequence[Change]) -> list[Change]:
    """Changes that touch, made one."""
    joined: list[Change] = []
    for change in changes:
        last = joined[-1] if joined else None
        if last is not None and last.old_end == change.old_start and last.new_end == change.new_start:
            joined[-1] = Change(last.old_start, change.old_end, last.new_start, change.new_end)
        else:
            joined.append(change)
    return joined
