"""Who wrote what: told from the log of updates, each of which keeps its origin, and never guessed from texts.

The log is replayed, and each change of the text is followed with the number of its update, so that every character
knows which update brought it.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from sessions_app import update_log
from sessions_app.crdt.errors import BadUpdate
from sessions_app.crdt.kinds import KINDS
from sessions_app.crdt.replica import Replica
from sessions_app.errors import NoText
from sessions_app.models import Document, DocumentSnapshot, DocumentUpdate, User

TOGETHER = timedelta(seconds=60)
"""One person's updates that follow each other this closely are one entry of the timeline."""


@dataclass(frozen=True, slots=True)
class Author:
    """What brought a piece of text."""

    number: int
    """The update; 0 for what was there before the log began."""
    user: User | None
    origin: dict[str, Any]
    at: datetime | None


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the text with those who wrote in it, the one with the most characters first."""

    line: int
    text: str
    authors: tuple[Author, ...]


@dataclass(frozen=True, slots=True)
class Stretch:
    """Consecutive updates of one origin."""

    first: int
    last: int
    user: User | None
    origin: dict[str, Any]
    started_at: datetime
    ended_at: datetime


def blame(document: Document, *, first: int = 1, limit: int | None = None) -> list[Line]:
    """Lines of the document as it is now with their authors, from that one on, up to the limit if there is one.

    Raises NoText.
    """
    if KINDS[document.kind].text_root is None:
        raise NoText()
    snapshot = DocumentSnapshot.objects.filter(document=document, starts_epoch=True).order_by("-number").first()
    at = snapshot.number if snapshot else 0
    replica = Replica(KINDS[document.kind])
    pieces: list[tuple[int, int]] = []
    replica.observe_text(lambda delta: _follow(pieces, delta, number))
    number = at
    if snapshot is not None:
        replica.apply_state(bytes(snapshot.state))
    for row in update_log.rows(document.pk, after=at):
        number = row.number
        try:
            replica.apply(row.update)
        except BadUpdate:  # left out by the log as well
            continue
    authors = _authors(document, {number for _, number in pieces})
    return list(islice(_lines(replica.text(), pieces, authors, first), limit))


def timeline(document: Document, *, before: int | None = None, limit: int = 100) -> list[Stretch]:
    """The newest stretches of work before a number, newest first."""
    found = DocumentUpdate.objects.filter(document=document).select_related("user").defer("update")
    if before is not None:
        found = found.filter(number__lt=before)
    stretches: list[Stretch] = []
    for row in found.order_by("-number").iterator(chunk_size=500):
        last = stretches[-1] if stretches else None
        if last is not None and _continues(row, last):
            stretches[-1] = Stretch(row.number, last.last, row.user, row.origin, row.created_at, last.ended_at)
        elif len(stretches) == limit:
            break
        else:
            stretches.append(Stretch(row.number, row.number, row.user, row.origin, row.created_at, row.created_at))
    return stretches


def _continues(row: DocumentUpdate, later: Stretch) -> bool:
    same = row.user == later.user and row.origin == later.origin == {"kind": "edit"}
    return same and later.started_at - row.created_at <= TOGETHER


def _follow(pieces: list[tuple[int, int]], delta: Sequence[dict[str, Any]], number: int) -> None:
    """Moves the pieces, (bytes, update number), along with one change of the text."""
    moved: list[tuple[int, int]] = []
    rest: Iterator[tuple[int, int]] = iter(list(pieces))
    held = (0, 0)
    for step in delta:
        if "insert" in step:
            _add(moved, len(str(step["insert"]).encode()), number)
            continue
        length = int(step.get("retain") or step.get("delete") or 0)
        while length:
            if not held[0]:
                held = next(rest)
            taken = min(length, held[0])
            if "retain" in step:
                _add(moved, taken, held[1])
            held, length = (held[0] - taken, held[1]), length - taken
    _add(moved, *held)
    for piece in rest:
        _add(moved, *piece)
    pieces[:] = moved


def _add(pieces: list[tuple[int, int]], length: int, number: int) -> None:
    if not length:
        return
    if pieces and pieces[-1][1] == number:
        pieces[-1] = (pieces[-1][0] + length, number)
    else:
        pieces.append((length, number))


def _lines(text: str, pieces: Iterable[tuple[int, int]], authors: dict[int, Author], first: int) -> Iterator[Line]:
    rest = iter(pieces)
    length, number = next(rest, (0, 0))
    for at, line in enumerate(text.splitlines(keepends=True), start=1):
        shares: dict[int, int] = {}
        size = len(line.encode())
        while size:
            if not length:
                length, number = next(rest)
            taken = min(size, length)
            shares[number] = shares.get(number, 0) + taken
            size, length = size - taken, length - taken
        if at >= first:
            ranked = sorted(shares, key=lambda it: (-shares[it], it))
            yield Line(at, line, tuple(authors[it] for it in ranked))


def _authors(document: Document, numbers: set[int]) -> dict[int, Author]:
    found = DocumentUpdate.objects.filter(document=document).select_related("user").defer("update")
    known = {row.number: Author(row.number, row.user, row.origin, row.created_at) for row in found}
    return {number: known.get(number) or Author(number, None, {"kind": "before"}, None) for number in numbers}
