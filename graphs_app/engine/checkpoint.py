"""What the engine writes down, and the Protocol of whoever keeps it.

A run's history is the list of its NodeDone entries by number: replaying their writes and edges through the planner
rebuilds the state and what was active. Entries of one run are kept in the order in which they were handed over.
Nobody changes an entry. The two that every step makes are not frozen, because making a frozen one takes seven times
as long (5 µs of a step's 20).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar, Literal, Protocol

Json = dict[str, Any]

ENTRY_BYTES = 300
"""What an entry takes besides what is in it: half of a step's row with its indexes and of the events that a session is
told, and no less than half of what it has in memory.

Every entry has a `size`: this, and the bytes of what was written, as whoever made the entry has measured them anyway.
"""


@dataclass(frozen=True, slots=True)
class Usage:
    """What a node run spent on models."""

    endpoint: str = ""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost_usd: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Effect:
    """A write outside the run that must happen exactly once: the journal applies it in the node run's transaction."""

    name: str
    payload: Json
    also_on_failure: bool = False
    """Whether it happens even if the attempt that asked for it fails or is stopped."""


@dataclass(frozen=True, slots=True)
class RunStarted:
    at: datetime
    resumed: bool = False
    size: ClassVar[int] = ENTRY_BYTES


@dataclass(slots=True)
class NodeStarted:
    activation: int
    node_id: str
    tool: str
    attempt: int
    seen: int
    at: datetime
    size: ClassVar[int] = ENTRY_BYTES


@dataclass(frozen=True, slots=True)
class NodeRetried:
    activation: int
    node_id: str
    tool: str
    attempt: int
    """The attempt that failed."""
    seen: int
    error: Json
    delay_s: float
    at: datetime
    usage: Usage | None = None
    effects: Sequence[Effect] = ()
    """Those of the attempt that happen also on failure."""
    size: int = ENTRY_BYTES
    started_at: datetime | None = None
    duration_ms: float | None = None
    text: str = ""


@dataclass(frozen=True, slots=True)
class NodeLost:
    """An attempt of which nobody knows how it ended: its worker stopped or died. The next one begins now."""

    activation: int
    node_id: str
    tool: str
    attempt: int
    seen: int
    error: Json
    started_at: datetime
    size: int = ENTRY_BYTES


@dataclass(frozen=True, slots=True)
class NodeSkipped:
    """A node that no taken edge can reach any more."""

    node: int
    """Its place in the definition."""
    node_id: str
    tool: str
    seen: int
    """After how many checkpoints."""
    at: datetime
    size: ClassVar[int] = ENTRY_BYTES


@dataclass(slots=True)
class NodeDone:
    """A checkpoint: the node run is over and its edges are taken (also after on_error continue or fallback).

    Status failed says that on_error let the run go on; the error is then in `error`.
    """

    number: int
    activation: int
    node_id: str
    tool: str
    attempt: int
    seen: int
    status: Literal["completed", "failed"]
    writes: Json
    edges_taken: Sequence[int]
    started_at: datetime
    finished_at: datetime
    duration_ms: float
    error: Json | None = None
    text: str = ""
    usage: Usage | None = None
    effects: Sequence[Effect] = ()
    overwritten: Sequence[str] = ()
    """Keys that another node run, active at the same time, replaced before."""
    size: int = ENTRY_BYTES


@dataclass(frozen=True, slots=True)
class NodeFailed:
    """A node run that ends the run."""

    activation: int
    node_id: str
    tool: str
    attempt: int
    seen: int
    error: Json
    started_at: datetime
    finished_at: datetime
    duration_ms: float
    text: str = ""
    usage: Usage | None = None
    effects: Sequence[Effect] = ()
    """Those that happen also on failure."""
    size: int = ENTRY_BYTES


@dataclass(frozen=True, slots=True)
class Emitted:
    """A stored event from a tool, such as diff.updated."""

    activation: int
    node_id: str
    type: str
    data: Json
    at: datetime
    size: int = ENTRY_BYTES


@dataclass(frozen=True, slots=True)
class Interrupted:
    """A node run waits for a person."""

    activation: int
    node_id: str
    tool: str
    seen: int
    question: str
    schema: Json | None
    default: Any
    has_default: bool
    timeout_s: float | None
    at: datetime
    usage: Usage | None = None
    effects: Sequence[Effect] = ()
    """Those that happen also on failure: the node run begins anew when it is answered."""
    size: int = ENTRY_BYTES


RunEnd = Literal["completed", "failed", "cancelled", "interrupted"]


@dataclass(frozen=True, slots=True)
class RunEnded:
    """completed, failed and cancelled are final; interrupted waits for resume."""

    status: RunEnd
    state: Json
    at: datetime
    error: Json | None = None
    size: int = ENTRY_BYTES


@dataclass(frozen=True, slots=True)
class RunRested:
    """Nothing of the run works for a while: whoever commits this has all before it durable, and may let the run go."""

    size: ClassVar[int] = 0


Entry = (
    RunStarted
    | NodeStarted
    | NodeRetried
    | NodeLost
    | NodeSkipped
    | NodeDone
    | NodeFailed
    | Emitted
    | Interrupted
    | RunRested
    | RunEnded
)


@dataclass(frozen=True, slots=True)
class Rest:
    """Where a node run stood when its run was let go while all of it waited."""

    attempt: int
    """The attempt that was under way, or had failed."""
    next_at: datetime | None = None
    """When the attempt after it is due; None when it goes on as the same attempt."""
    left_s: float = 0.0
    """What is left of its node's timeout_s when the run wakes in time; 0 where it has none."""


@dataclass(frozen=True, slots=True)
class Done:
    """The part of a NodeDone that replay needs."""

    number: int
    activation: int
    node_id: str
    writes: Json
    edges_taken: Sequence[int]


@dataclass(frozen=True, slots=True)
class History:
    """Where a run is resumed from."""

    done: Sequence[Done] = ()
    answers: dict[int, Any] = field(default_factory=dict)
    """By activation: what people answered to interrupts."""
    attempts: dict[int, int] = field(default_factory=dict)
    """By activation: attempts already begun by node runs that are not done."""
    interrupted: frozenset[int] = frozenset()
    """Activations that wait for an answer which is not there yet: they are not run until it comes."""
    begun: dict[int, datetime] = field(default_factory=dict)
    """By activation: when the last attempt began of node runs that are not done."""
    saw: dict[int, int] = field(default_factory=dict)
    """By activation: how many checkpoints that attempt saw."""
    skipped: frozenset[str] = frozenset()
    """The nodes of which it is written down already that they were skipped."""
    rests: dict[int, Rest] = field(default_factory=dict)
    """By activation; one whose attempt is no longer the last says nothing."""
    edits: dict[int, Json] = field(default_factory=dict)
    """What people set in the state of a fork, by the number of the checkpoint after which it is in force (0: before
    the first). These values replace what is there, whatever the key's reducer."""


class Journal(Protocol):
    """Keeps one run's entries; an implementation for many runs shares commits among them."""

    def note(self, entry: Entry) -> None:
        """Keeps the entry with the next commit; does not wait. Raises LeaseLost if the run is another's now."""

    async def commit(self, entry: Entry) -> None:
        """Returns once the entry and all before it are durable. Raises LeaseLost if the run is another's now."""
