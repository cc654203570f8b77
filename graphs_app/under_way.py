"""What a worker knows of a run that it works on, or is about to."""

import asyncio
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from graphs_app.definitions import LoadedGraph
from graphs_app.engine.checkpoint import History
from graphs_app.engine.consumption import Consumption
from graphs_app.engine.host import Control
from graphs_app.models import Run
from graphs_app.run_journal import JournalOf
from graphs_app.slots import Parked


@dataclass(slots=True, eq=False)
class Active:
    """A run that is under way here."""

    run: Run
    journal: JournalOf
    control: Control
    task: "asyncio.Task[Any] | None"
    began: float
    """By the monotonic clock."""
    root: UUID
    """The run at the top, whose lease and slot all below it share."""
    consumption: Consumption
    """What it and all that hangs on it have taken."""
    counted_bytes: int = 0
    """How much that was when its person's quota was last asked for."""
    is_lost: bool = False
    parked: Parked | None = None
    """Once it is let go to wait."""
    yields: bool = False
    """Once it makes room for others: it goes back to the queue at the end of what its nodes do now."""


@dataclass(frozen=True, slots=True)
class Work:
    """A claimed run and what it is executed with."""

    run: Run
    graph: LoadedGraph
    history: History
    consumption: Consumption
    """What the run and its sub-runs have taken until now."""
