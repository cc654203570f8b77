"""How many bytes of documents a process has open, and for whom: a bound over all, and a share for each.

Each document is bounded, but anybody may open hundreds of them, and their sockets hold them in memory. A person has a
quarter of what all may hold, the guests of one address together a half; whoever has none open may open one as long as
all have room. A document that is open already costs nothing more, so joining it is never refused.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from typing import Protocol, TypeVar

from django.conf import settings

from sessions_app.limits.quotas import Holder

SHARES = {"guest": 4, "person": 4, "ip": 2}
"""By the kind of holder: one over which part of all they may have open. Who works for the site has no such limit."""
IDLE_AFTER_S = 60.0
"""A document in which nothing has happened for so long gives its memory back first: it is loaded again when needed."""
MEASURED_AT_ONCE = 4_000_000
"""Bytes; measuring writes all of a document, some milliseconds for so much."""
AGAIN_S = 15
"""How soon to try again; browsers wait about so long by themselves."""


class OpenDocument(Protocol):
    """What is asked of a room."""

    @property
    def taken(self) -> int:
        """Bytes."""

    @property
    def holders(self) -> Collection[Holder]:
        """Everybody who has it open."""

    def tighten(self) -> int:
        """Measures what it takes, where that is known only as a bound; says how many bytes it went through."""

    def unload(self, now: float) -> None:
        """Gives its memory back if nothing has happened in it for a while."""


Opened = TypeVar("Opened", bound=OpenDocument)


def refusal(opened: Collection[OpenDocument], holders: Sequence[Holder], more: int, now: float) -> str | None:
    """Why somebody cannot open a document of so many bytes more now; None when they can."""
    if _over(opened, holders, more) is None:
        return None
    _tighten(opened)
    if _over(opened, holders, more) is None:
        return None
    for document in opened:
        document.unload(now)
    return _over(opened, holders, more)


def too_much(opened: Collection[Opened], now: float) -> list[Opened]:
    """Which are to be closed because what is open has grown over the bound: the largest ones of who has most."""
    most = settings.OPEN_DOCUMENTS_MAX_BYTES
    if _total(opened) <= most:
        return []
    _tighten(opened)
    if _total(opened) > most:
        for document in opened:
            document.unload(now)
    return _largest_of_who_has_most(opened, _total(opened) - most)


def grew_too_much() -> str:
    """Why such a document is closed."""
    most = settings.OPEN_DOCUMENTS_MAX_BYTES
    return f"more than {most:,} bytes of documents are open here; what is stored is kept. Try again in {AGAIN_S} s"


def _largest_of_who_has_most(opened: Collection[Opened], too_many: int) -> list[Opened]:
    taken_by: Counter[Holder] = Counter()
    for document in opened:
        for holder in document.holders:
            taken_by[holder] += document.taken
    left, closed = sorted(opened, key=lambda document: document.taken), list[Opened]()
    while too_many > 0 and left:
        heaviest = max(taken_by, key=lambda holder: (taken_by[holder], holder), default=None)
        at = next((at for at in reversed(range(len(left))) if heaviest in left[at].holders), len(left) - 1)
        largest = left.pop(at)
        closed.append(largest)
        too_many -= largest.taken
        for holder in largest.holders:
            taken_by[holder] -= largest.taken
    return closed


def _tighten(opened: Iterable[OpenDocument]) -> None:
    """As many at once as an event loop can bear; who comes back finds the rest measured in turn."""
    measured = 0
    for document in sorted(opened, key=lambda document: -document.taken):
        measured += document.tighten()
        if measured > MEASURED_AT_ONCE:
            return


def _total(opened: Iterable[OpenDocument]) -> int:
    return sum(document.taken for document in opened)


def _over(opened: Collection[OpenDocument], holders: Sequence[Holder], more: int) -> str | None:
    most = settings.OPEN_DOCUMENTS_MAX_BYTES
    for holder in holders:
        share = most // SHARES[holder.kind] if holder.kind in SHARES else most
        taken = _total(document for document in opened if holder in document.holders)
        if taken and taken + more > share:
            whose = "Guests of your network have" if holder.kind == "ip" else "You have"
            return f"{whose} {taken:,} bytes of documents open, of {share:,}. Close some, or try again in {AGAIN_S} s"
    total = _total(opened)
    if total and total + more > most:
        return f"{total:,} bytes of documents are open here, of {most:,}. Try again in {AGAIN_S} s"
    return None
