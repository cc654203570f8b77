"""Unified diffs that `git apply` takes, and their hunks."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, NamedTuple

from refine_app.diffs.alignment import Match, align
from refine_app.diffs.lines import number_lines, split_lines

CONTEXT = 3
NO_NEWLINE = "\\ No newline at end of file\n"
HEADING_LENGTH = 80


class Change(NamedTuple):
    """Lines old_start:old_end of the old text become lines new_start:new_end of the new one."""

    old_start: int
    old_end: int
    new_start: int
    new_end: int


@dataclass(frozen=True, slots=True)
class Hunk:
    """One contiguous piece of a diff, with the lines around it."""

    n: int
    """Its number in the diff, from 1."""
    header: str
    old_start: int
    old_lines: int
    new_start: int
    new_lines: int
    text: str
    """Its lines, each with its leading ' ', '-' or '+', without the header."""

    def as_json(self) -> dict[str, Any]:
        return {
            "n": self.n,
            "header": self.header,
            "old_start": self.old_start,
            "old_lines": self.old_lines,
            "new_start": self.new_start,
            "new_lines": self.new_lines,
            "text": self.text,
        }


@dataclass(frozen=True, slots=True)
class Diff:
    """What it takes to make one text from another."""

    filename: str
    hunks: tuple[Hunk, ...]

    @property
    def patch(self) -> str:
        """The patch file; empty when nothing changed."""
        return format_patch(self.hunks, filename=self.filename)


def make_diff(old: str, new: str, *, filename: str = "document.txt") -> Diff:
    """The hunks that turn old into new."""
    old_lines, new_lines = split_lines(old), split_lines(new)
    changes = find_changes(old_lines, new_lines)
    return Diff(filename=filename, hunks=tuple(make_hunks(old_lines, new_lines, changes)))


def format_patch(hunks: Sequence[Hunk], *, filename: str) -> str:
    """Some hunks of one diff as a patch of one existing file."""
    if not hunks:
        return ""
    source, target = _quote("a/", filename), _quote("b/", filename)
    # Git ends a name that has a space with a tab, and needs the first line to tell an emptied file from a deleted one.
    tab = "\t" if " " in filename and not source.startswith('"') else ""
    head = f"diff --git {source} {target}\n--- {source}{tab}\n+++ {target}{tab}\n"
    return head + "".join(f"{hunk.header}\n{hunk.text}" for hunk in hunks)


def find_changes(old: Sequence[str], new: Sequence[str]) -> list[Change]:
    """What lies between the matches, each change moved to where a reader expects it."""
    old_numbers, new_numbers = number_lines(old, new)
    return changes_between(align(old_numbers, new_numbers), old, new)


def changes_between(matches: Sequence[Match], old: Sequence[str], new: Sequence[str]) -> list[Change]:
    """The changes around the matches of two whole texts."""
    changes: list[Change] = []
    x = y = 0
    for match in [*matches, Match(len(old), len(new), 0)]:
        if match.old > x or match.new > y:
            changes.append(Change(x, match.old, y, match.new))
        x, y = match.old + match.length, match.new + match.length
    slid: list[Change] = []
    for index, change in enumerate(changes):
        above = slid[-1].old_end if slid else -1
        below = changes[index + 1].old_start if index + 1 < len(changes) else len(old) + 1
        slid.append(_slid(change, above, below, old, new))
    return slid


def make_hunks(
    old: Sequence[str], new: Sequence[str], changes: Sequence[Change], *, first: int = 1, old_end: int | None = None
) -> list[Hunk]:
    """Changes with their context, those that are close together in one hunk.

    first: the first hunk's number; old_end: where context ends, if not at the old text's end.
    """
    end = len(old) if old_end is None else old_end
    groups: list[list[Change]] = []
    for change in changes:
        if groups and change.old_start - groups[-1][-1].old_end <= 2 * CONTEXT:
            groups[-1].append(change)
        else:
            groups.append([change])
    return [_make_hunk(n, group, old, new, end) for n, group in enumerate(groups, first)]


def _make_hunk(n: int, group: Sequence[Change], old: Sequence[str], new: Sequence[str], end: int) -> Hunk:
    first, last = group[0], group[-1]
    start = max(0, first.old_start - CONTEXT)
    stop = max(last.old_end, min(end, last.old_end + CONTEXT))
    parts: list[str] = []
    at = start
    for change in group:
        parts += [_marked(" ", line) for line in old[at : change.old_start]]
        parts += [_marked("-", line) for line in old[change.old_start : change.old_end]]
        parts += [_marked("+", line) for line in new[change.new_start : change.new_end]]
        at = change.old_end
    parts += [_marked(" ", line) for line in old[at:stop]]
    old_count = stop - start
    new_start = first.new_start - (first.old_start - start)
    new_count = last.new_end - new_start + (stop - last.old_end)
    # The format counts from 1, but names the line before when a side is empty.
    old_from, new_from = start + bool(old_count), new_start + bool(new_count)
    header = f"@@ -{old_from},{old_count} +{new_from},{new_count} @@{_heading(old, start)}"
    return Hunk(n, header, old_from, old_count, new_from, new_count, "".join(parts))


def _marked(mark: str, line: str) -> str:
    return mark + line if line.endswith("\n") else f"{mark}{line}\n{NO_NEWLINE}"


def _heading(old: Sequence[str], start: int) -> str:
    """The nearest line above that opens something: one that begins in the first column with a name."""
    for at in range(start - 1, max(-1, start - 2000), -1):
        first = old[at][:1]
        if first.isalpha() or first in ("_", "$"):
            return " " + "".join(c for c in old[at][:HEADING_LENGTH].rstrip() if c.isprintable())
    return ""


def _slid(change: Change, above: int, below: int, old: Sequence[str], new: Sequence[str]) -> Change:
    """A pure insertion or deletion may often move without changing the result: put it where blocks begin.

    It stays clear of its neighbours (above, below) by a line, so that two changes never come to touch.
    """
    x, x_end, y, y_end = change
    if (x == x_end) == (y == y_end):
        return change
    lines, start, end = (new, y, y_end) if x == x_end else (old, x, x_end)
    up = 0
    while x - up - 1 > above and up < 100 and lines[start - up - 1] == lines[end - up - 1]:
        up += 1
    down = 0
    while x_end + down + 1 < below and down < 100 and lines[start + down] == lines[end + down]:
        down += 1
    if not up and not down:
        return change
    best = max(range(-up, down + 1), key=lambda by: (_begins_block(lines, start + by), by))
    return Change(x + best, x_end + best, y + best, y_end + best)


def _begins_block(lines: Sequence[str], at: int) -> tuple[bool, int]:
    """How well a change may begin at this line: after a blank line, and little indented."""
    line = lines[at]
    text = line.lstrip()
    indent = len(line) - len(text) if text else 1000
    return (at == 0 or not lines[at - 1].strip()) and bool(text), -indent


def _quote(prefix: str, filename: str) -> str:
    """A path as git writes it: relative, and in quotes when it has characters that would break the line."""
    parts = [part for part in PurePosixPath(filename.replace("\0", "")).parts if part not in ("/", "..", ".")]
    path = prefix + ("/".join(parts) or "document.txt")
    if not any(c in '"\\' or ord(c) < 32 or ord(c) == 127 for c in path):
        return path
    quoted = "".join(f"\\{c}" if c in '"\\' else f"\\{ord(c):03o}" if ord(c) < 32 or ord(c) == 127 else c for c in path)
    return f'"{quoted}"'
