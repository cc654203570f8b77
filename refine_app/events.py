"""The catalogue of events that requests and proposals write into a session's log."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar
from uuid import UUID

from sessions_app.events import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class DiffUpdated(Event):
    """The diff of a run that still writes, as far as it changed; at most four a second."""

    type: ClassVar[str] = "diff.updated"
    node_run: UUID
    base_revision: int
    hunks: Sequence[dict[str, Any]]
    """Only those that changed."""
    removed: Sequence[int]
    total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposalCreated(Event):
    """An answer is there; the proposals named in `superseded` are closed by it."""

    type: ClassVar[str] = "proposal.created"
    proposal: UUID
    request: UUID
    base_revision: int
    hunks: int
    summary: str
    checks: Sequence[dict[str, Any]]
    status: str = "open"
    """decided at once when there is nothing to change."""
    superseded: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class HunksDecided(Event):
    """What one decision did to some hunks of a proposal."""

    proposal: UUID
    hunks: Sequence[int]
    by: str
    by_id: UUID
    revision: int | None = None
    """The document's revision that holds them; null when the text did not change."""
    status: str
    """The proposal's status after it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HunkAccepted(HunksDecided):
    type: ClassVar[str] = "hunk.accepted"


@dataclass(frozen=True, slots=True, kw_only=True)
class HunkRejected(HunksDecided):
    type: ClassVar[str] = "hunk.rejected"
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class HunkConflicted(HunksDecided):
    type: ClassVar[str] = "hunk.conflicted"
    reasons: Mapping[str, str]
    """By hunk number: why it does not fit any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetExceeded(Event):
    """The next call could pass a budget; the run waits for a person."""

    type: ClassVar[str] = "budget.exceeded"
    node_run: UUID
    budget: str
    """run, session, user or site."""
    limit_usd: str
    left_usd: str
    needed_usd: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRolledBack(Event):
    """The run turned in circles; another goes on from before its loop."""

    type: ClassVar[str] = "run.rolled_back"
    node_run: UUID
    node_id: str
    checkpoint: int
    """The last one before the loop."""
    successor: UUID
    """The run that goes on."""
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageCreated(Event):
    """Something was said in the session: a task by a person, or an agent's answer to one."""

    type: ClassVar[str] = "message.created"
    role: str
    """user or agent."""
    by: str
    by_id: UUID | None = None
    """Of a person."""
    text: str
    cut: bool = False
    """Whether there was more; the task's result has it all."""


CATALOGUE: tuple[type[Event], ...] = (
    BudgetExceeded,
    MessageCreated,
    RunRolledBack,
    DiffUpdated,
    ProposalCreated,
    HunkAccepted,
    HunkRejected,
    HunkConflicted,
)
