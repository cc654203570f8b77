"""The catalogue of events that runs write into their session's log.

An event's fields are its data. What a tool emits (diff.updated and the like) belongs to the catalogue of its own app,
and passes through here as told().
"""

import re
from dataclasses import dataclass, field
from functools import cache
from typing import Any, ClassVar
from uuid import UUID

from graphs_app.engine.checkpoint import Json
from sessions_app.events import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class RunQueued(Event):
    type: ClassVar[str] = "run.queued"
    graph: str
    graph_version: int
    metadata: Json = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStarted(Event):
    type: ClassVar[str] = "run.started"
    attempt: int
    resumed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RunCancelRequested(Event):
    type: ClassVar[str] = "run.cancel_requested"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunCompleted(Event):
    type: ClassVar[str] = "run.completed"
    duration_ms: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFailed(Event):
    type: ClassVar[str] = "run.failed"
    error: Json


@dataclass(frozen=True, slots=True, kw_only=True)
class RunCancelled(Event):
    type: ClassVar[str] = "run.cancelled"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunInterrupted(Event):
    type: ClassVar[str] = "run.interrupted"
    interrupts: list[Json]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResumed(Event):
    type: ClassVar[str] = "run.resumed"


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeEvent(Event):
    """What is common to events of one node run."""

    type: ClassVar[str]
    node_run: UUID
    node_id: str
    tool: str
    activation: int
    attempt: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeStarted(NodeEvent):
    type: ClassVar[str] = "node.started"


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeCompleted(NodeEvent):
    type: ClassVar[str] = "node.completed"
    duration_ms: float
    edges: list[list[str]]
    """The edges taken, each as [from, to]."""
    tokens: Json
    overwritten: list[str]
    """Keys that another node run, active at the same time, replaced before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeFailed(NodeEvent):
    type: ClassVar[str] = "node.failed"
    error: Json
    duration_ms: float
    edges: list[list[str]] = field(default_factory=list)
    """Not empty when the run goes on in spite of it (on_error)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeRetried(NodeEvent):
    type: ClassVar[str] = "node.retried"
    error: Json
    delay_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeSkipped(Event):
    type: ClassVar[str] = "node.skipped"
    node_run: UUID
    node_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CostUpdated(Event):
    type: ClassVar[str] = "cost.updated"
    prompt_tokens: int
    completion_tokens: int
    cost_usd: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphUpdated(Event):
    """A version of a graph that is drawn in this session has become current."""

    type: ClassVar[str] = "graph.updated"
    graph: str
    version: int
    semver: str
    note: str
    by: str
    by_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class LayoutUpdated(Event):
    """What that changes in its drawing: nodes that moved or are new, ids of those that are gone, and the edges."""

    type: ClassVar[str] = "layout.updated"
    graph: str
    version: int
    moved: list[Json]
    added: list[Json]
    removed: list[str]
    edges: Json


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphProposed(Event):
    """A run has found how a graph could be redesigned; its changes wait for decisions on the graph's page."""

    type: ClassVar[str] = "graph.proposed"
    graph_proposal: UUID
    graph: str
    name: str
    changes: int


CATALOGUE: tuple[type[Event], ...] = (
    RunQueued,
    RunStarted,
    RunCancelRequested,
    RunCompleted,
    RunFailed,
    RunCancelled,
    RunInterrupted,
    RunResumed,
    NodeStarted,
    NodeCompleted,
    NodeFailed,
    NodeRetried,
    NodeSkipped,
    CostUpdated,
    GraphUpdated,
    LayoutUpdated,
    GraphProposed,
)

TYPE = re.compile(r"[a-z]+(_[a-z]+)*\.[a-z]+(_[a-z]+)*")
OWN_TYPES = frozenset(event.type for event in CATALOGUE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Told(Event):
    """An event that a tool wrote; its type comes from told()."""

    type: ClassVar[str]
    body: Json

    def data(self) -> dict[str, Any]:
        return self.body


@cache
def told(type: str) -> type[Told]:
    """The class of a tool's events of this type; what the engine alone may say cannot be forged."""
    if not TYPE.fullmatch(type) or len(type) > 40:
        raise ValueError(f"{type!r} is not an event's type; expected noun.past_tense of at most 40 letters")
    if type in OWN_TYPES:
        raise ValueError(f"{type!r} is written by the journal itself; a tool cannot emit it")
    return _subclass(type)


def _subclass(event_type: str) -> type[Told]:
    return type("Told", (Told,), {"type": event_type, "__slots__": ()})
