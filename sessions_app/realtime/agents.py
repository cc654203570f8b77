"""Which agents work on documents now: upper apps register who knows of them, and nothing here does."""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Place:
    """Where an agent works: at one of some lines, as they were when it read them."""

    lines: tuple[str, ...]
    line: int
    """The number that the first of them had, from 0."""
    at: int
    """Which of them it is, from 0; their number for the one after."""


@dataclass(frozen=True, slots=True)
class Agent:
    """A run that somebody is working on."""

    run: UUID
    session: UUID
    document: UUID | None
    """None when it works in the session, on no document of its own."""
    name: str
    via: str
    """Who asked for it."""
    since: datetime
    place: Place | None = None


AtWork = Callable[[Collection[UUID]], Iterable[Agent]]
"""The agents in these sessions. Blocks."""

_sources: list[AtWork] = []


def register(source: AtWork) -> None:
    """Registers who knows of agents."""
    if source not in _sources:
        _sources.append(source)


def unregister(source: AtWork) -> None:
    """Takes that back."""
    _sources.remove(source)


def at_work(session_ids: Collection[UUID]) -> list[Agent]:
    """The agents that work in these sessions now. Blocks."""
    if not session_ids:
        return []
    return [agent for source in _sources for agent in source(session_ids)]
