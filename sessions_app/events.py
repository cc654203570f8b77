"""The catalogue of events that sessions themselves write; upper apps have catalogues of their own.

An event is a frozen dataclass with a `type` of the form noun.past_tense; its fields are the event's data.
"""

from dataclasses import dataclass, fields
from typing import Any, ClassVar
from uuid import UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One thing that happened in a session."""

    type: ClassVar[str]
    run: UUID | None = None

    def data(self) -> dict[str, Any]:
        """The event's own fields, as JSON values."""
        return {
            field.name: str(value) if isinstance(value := getattr(self, field.name), UUID) else value
            for field in fields(self)
            if field.name != "run"
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberJoined(Event):
    type: ClassVar[str] = "member.joined"
    user: UUID
    name: str
    role: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberLeft(Event):
    type: ClassVar[str] = "member.left"
    user: UUID
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberChanged(Event):
    type: ClassVar[str] = "member.changed"
    user: UUID
    name: str
    role: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentSaved(Event):
    type: ClassVar[str] = "document.saved"
    document: UUID
    revision: int
    length: int
    by: str
    by_id: UUID | None = None
    origin: str = "edit"


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionChanged(Event):
    type: ClassVar[str] = "session.changed"
    title: str
    language: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionExtended(Event):
    type: ClassVar[str] = "session.extended"
    expires_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionReopened(Event):
    type: ClassVar[str] = "session.reopened"
    expires_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionExpiring(Event):
    type: ClassVar[str] = "session.expiring"
    expires_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionExpired(Event):
    type: ClassVar[str] = "session.expired"
    reason: str
    """Why: "idle" (nobody was there), "lifetime" (its longest time is over) or "operator"."""
