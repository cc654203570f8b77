"""Accepting hunks into the document as it is now: three-way against the revision that they were made for.

A hunk is applied only where the document still has, unchanged and together, the lines that it replaces. Whatever people
wrote since then stays; a hunk that meets it is a conflict with a reason, never forced.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from refine_app.diffs.alignment import align
from refine_app.diffs.errors import HunkMismatch
from refine_app.diffs.lines import line_ending, number_lines, split_lines
from refine_app.diffs.unified import NO_NEWLINE, Hunk


@dataclass(frozen=True, slots=True)
class Edit:
    """Replace the length characters of the current text from offset on."""

    offset: int
    length: int
    text: str


@dataclass(frozen=True, slots=True)
class Merged:
    """The document with every hunk that fits, and what became of each hunk."""

    text: str
    edits: tuple[Edit, ...] = ()
    """From the current text to this one, in order and apart: what a shared document applies as one update."""
    applied: tuple[int, ...] = ()
    already: tuple[int, ...] = ()
    """Hunks whose result was in the document before."""
    conflicts: dict[int, str] = field(default_factory=dict)
    """By hunk number: why it does not fit any more."""


@dataclass(frozen=True, slots=True)
class _Segment:
    """Lines of the base that a hunk replaces."""

    start: int
    end: int
    lines: tuple[str, ...]


def merge_hunks(*, base: str, current: str, hunks: Sequence[Hunk], accepted: Sequence[Hunk] = ()) -> Merged:
    """Merges hunks of a diff of base into current.

    accepted: hunks of the same diff that were merged into the document before. With them known, what people changed is
    told from what the agent changed, so the order in which hunks are accepted does not matter.
    """
    base_lines, current_lines = split_lines(base), split_lines(current)
    places = _places(base_lines, current_lines, [s for hunk in accepted for s in segments(hunk, base_lines)])
    splices: list[tuple[int, int, tuple[str, ...]]] = []
    applied: list[int] = []
    already: list[int] = []
    conflicts: dict[int, str] = {}
    for hunk in sorted(hunks, key=lambda hunk: hunk.old_start):
        found, reason = _fit(segments(hunk, base_lines), places, current_lines)
        if reason:
            conflicts[hunk.n] = reason
        elif found:
            splices += found
            applied.append(hunk.n)
        else:
            already.append(hunk.n)
    edits = _edits(current_lines, sorted(splices))
    return Merged(apply_edits(current, edits), edits, tuple(sorted(applied)), tuple(sorted(already)), conflicts)


def apply_edits(text: str, edits: Sequence[Edit]) -> str:
    """The text after edits that are in order and apart."""
    parts: list[str] = []
    at = 0
    for edit in edits:
        parts += [text[at : edit.offset], edit.text]
        at = edit.offset + edit.length
    return "".join([*parts, text[at:]])


def apply_hunks(base: str, hunks: Sequence[Hunk]) -> str:
    """Base with some hunks of its own diff."""
    return merge_hunks(base=base, current=base, hunks=hunks).text


def segments(hunk: Hunk, base: Sequence[str]) -> list[_Segment]:
    """The pieces that a hunk replaces, checked against the base. Raises HunkMismatch if it is of another text."""
    found: list[_Segment] = []
    at = start = hunk.old_start - bool(hunk.old_lines)
    added: list[str] = []
    for mark, line in _marked_lines(hunk):
        if mark == "+":
            added.append(line)
            continue
        if at >= len(base) or base[at] != line:
            raise HunkMismatch(hunk.header, at + 1, line, base[at] if at < len(base) else "")
        if mark == " ":
            if at > start or added:
                found.append(_Segment(start, at, tuple(added)))
                added = []
            start = at + 1
        at += 1
    if at > start or added:
        found.append(_Segment(start, at, tuple(added)))
    return found


def _marked_lines(hunk: Hunk) -> list[tuple[str, str]]:
    marked: list[tuple[str, str]] = []
    for line in split_lines(hunk.text):
        if line == NO_NEWLINE:
            mark, last = marked.pop()
            marked.append((mark, last.removesuffix("\n")))
        else:
            marked.append((line[0], line[1:]))
    return marked


Places = list[int]
"""For each line of the base (between a first and a last imaginary one): its line in the current text, or GONE."""
GONE = -2


def _places(base: Sequence[str], current: Sequence[str], accepted: Sequence[_Segment]) -> Places:
    """Where the base's lines are now: first through the accepted changes, exactly; then through what people changed."""
    reference, to_reference = _replay(base, accepted)
    reference_numbers, current_numbers = number_lines(reference, current)
    to_current = [GONE] * len(reference)
    for match in align(reference_numbers, current_numbers):
        for k in range(match.length):
            to_current[match.old + k] = match.new + k
    inner = [to_current[at] if at != GONE else GONE for at in to_reference]
    return [-1, *inner, len(current)]


def _replay(base: Sequence[str], accepted: Sequence[_Segment]) -> tuple[list[str], list[int]]:
    """The base with the accepted segments, and where each of its lines is in that."""
    reference: list[str] = []
    to_reference = [GONE] * len(base)
    at = 0
    for segment in [*sorted(accepted, key=lambda s: s.start), _Segment(len(base), len(base), ())]:
        for line in range(at, segment.start):
            to_reference[line] = len(reference)
            reference.append(base[line])
        reference += segment.lines
        at = segment.end
    return reference, to_reference


def _fit(
    pieces: Sequence[_Segment], places: Places, current: Sequence[str]
) -> tuple[list[tuple[int, int, tuple[str, ...]]], str]:
    """The splices that apply a whole hunk, none if all is there already, or the reason why it does not fit."""
    splices: list[tuple[int, int, tuple[str, ...]]] = []
    for piece in pieces:
        before, after = places[piece.start], places[piece.end + 1]
        now = places[piece.start + 1 : piece.end + 1]
        if before != GONE and after != GONE and tuple(current[before + 1 : after]) == piece.lines:
            continue
        if not now:
            if before == GONE or after != before + 1:
                return (
                    [],
                    f"the place after line {piece.start} of the revision, where it adds lines, was changed since",
                )
            splices.append((after, after, piece.lines))
        elif GONE in now or now[-1] - now[0] != len(now) - 1:
            where = f"line {piece.start + 1}" if len(now) == 1 else f"lines {piece.start + 1} to {piece.end}"
            return [], f"{where} of the revision, which it replaces, {'was' if len(now) == 1 else 'were'} changed since"
        else:
            splices.append((now[0], now[-1] + 1, piece.lines))
    return splices, ""


def _edits(current: Sequence[str], splices: Sequence[tuple[int, int, tuple[str, ...]]]) -> tuple[Edit, ...]:
    offsets = [0]
    for line in current:
        offsets.append(offsets[-1] + len(line))
    edits = []
    for start, end, lines in splices:
        text = "".join(lines)
        # A line added after a last line that has no line feed would run into it.
        if text and start and start == end and not current[start - 1].endswith("\n"):
            text = _line_ending_near(current, start - 1) + text
        if text and end < len(current) and not text.endswith("\n"):
            text += _line_ending_near(current, end)
        edits.append(Edit(offsets[start], offsets[end] - offsets[start], text))
    return tuple(edits)


def _line_ending_near(lines: Sequence[str], at: int) -> str:
    """As the line at a place ends; where that is the last one and has no end, as the one before."""
    ended = [line for line in lines[max(0, at - 1) : at + 1] if line.endswith("\n")]
    return line_ending(ended[-1:])
