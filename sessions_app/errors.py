"""What can go wrong with sessions: one class per cause, each with a stable code; HTTP statuses are not decided here."""

import math
from datetime import datetime
from typing import Any, ClassVar, TypedDict
from uuid import UUID


class FieldProblem(TypedDict):
    """One fault of a request: where it is, and what is wrong there."""

    pointer: str
    code: str
    message: str


class DomainError(Exception):
    """The base of every error that a caller can be told of; each app derives its own."""

    code: ClassVar[str] = "error"

    def __init__(
        self, message: str, *, errors: list[FieldProblem] | None = None, extra: dict[str, Any] | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.errors = errors or []
        self.extra = extra or {}
        """Members that a problem document shows beside the standard ones."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (_rebuild, (type(self), self.message, self.errors, self.extra))


def _rebuild(kind: type[DomainError], message: str, errors: list[FieldProblem], extra: dict[str, Any]) -> DomainError:
    """Makes an error again in another process; subclasses have constructors of their own."""
    error = kind.__new__(kind)
    DomainError.__init__(error, message, errors=errors, extra=extra)
    return error


# Who may do what ----------------------------------------------------------------------------------


class NotFound(DomainError):
    """Raised when a thing does not exist, or is not for this person to know of."""

    code = "not_found"

    def __init__(self, what: str, key: object) -> None:
        super().__init__(f"There is no {what} {str(key)!r}, or you are not a member of its session.")


class NotAllowed(DomainError):
    """Raised when a member's role does not reach for what they ask."""

    code = "not_allowed"

    def __init__(self, *, role: str, needed: str) -> None:
        super().__init__(
            f"Your role in this session is '{role}'; this needs '{needed}'. Ask the owner to change your role.",
            extra={"role": role, "needed": needed},
        )


class SessionExpired(DomainError):
    """Raised when something would change in a session whose time is over."""

    code = "session_expired"

    def __init__(self, session_id: UUID) -> None:
        super().__init__(
            f"Session {str(session_id)!r} has expired and is read-only; its owner can reopen it.",
            extra={"session": str(session_id)},
        )


class GuestsNotAllowed(DomainError):
    """Raised when somebody asks to be a guest where guests are switched off."""

    code = "guests_not_allowed"

    def __init__(self) -> None:
        super().__init__("Guests are not allowed on this site; sign in with an account.")


class BadCredentials(DomainError):
    """Raised when a name and password do not belong together."""

    code = "bad_credentials"

    def __init__(self) -> None:
        super().__init__("There is no active account with this username and password.")


class TokenNotValid(DomainError):
    """Raised when a refresh token is not ours, is too old, or its user is gone."""

    code = "token_not_valid"

    def __init__(self) -> None:
        super().__init__("This refresh token is not valid (any more); sign in again.")


# The state of sessions and members ----------------------------------------------------------------


class SessionNotExpired(DomainError):
    """Raised when a session that is still active should be reopened."""

    code = "session_active"

    def __init__(self, session_id: UUID) -> None:
        super().__init__(f"Session {str(session_id)!r} is active; only an expired session can be reopened.")


class LastOwner(DomainError):
    """Raised when a session would be left without an owner."""

    code = "last_owner"

    def __init__(self) -> None:
        super().__init__("A session needs an owner; make another member the owner first, or delete the session.")


class AlreadyMember(DomainError):
    """Raised when somebody who is a member should be added again."""

    code = "already_member"

    def __init__(self, *, name: str, role: str) -> None:
        super().__init__(f"{name!r} is a member already, as {role!r}.", extra={"role": role})


class InviteOver(DomainError):
    """Raised when an invitation was revoked, has expired, or was used as often as it may be."""

    code = "invite_over"

    def __init__(self, reason: str) -> None:
        super().__init__(f"This invitation {reason}. Ask for a new one.", extra={"reason": reason})


# What was sent ------------------------------------------------------------------------------------


class StaleRevision(DomainError):
    """Raised when a text is based on a revision that is no longer the current one."""

    code = "stale_revision"

    def __init__(self, *, expected: int, current: int) -> None:
        super().__init__(
            f"The document is at revision {current}, not {expected}; read it again and apply the change to that.",
            extra={"revision": current},
        )


class NoText(DomainError):
    """Raised when a document that is a graph is to be read or changed as a text."""

    code = "no_text"

    def __init__(self) -> None:
        super().__init__(
            "This session's document is a graph and has no text. Change the graph on its canvas, or by "
            "/v1/graphs/{id}/draft; for a text, open a session of its own."
        )


class TooLarge(DomainError):
    """Raised when a text or a body is over its limit."""

    code = "too_large"

    def __init__(self, *, what: str, size: int | None, limit: int) -> None:
        found = f"has {size:,} bytes" if size is not None else "is larger"
        super().__init__(f"The {what} {found}; the limit is {limit:,} bytes.", extra={"limit": limit})


class InvalidText(DomainError):
    """Raised when a text holds what no text can: NUL, or half of a surrogate pair."""

    code = "invalid_text"

    def __init__(self, *, pointer: str, character: str, position: int) -> None:
        name = "NUL" if character == "\0" else f"the lone surrogate U+{ord(character):04X}"
        message = f"The text has {name} at position {position} (counted from 0); remove it and send again."
        super().__init__(
            message,
            errors=[{"pointer": pointer, "code": self.code, "message": message}],
            extra={"position": position},
        )


class HiddenCharacter(DomainError):
    """Raised when a name holds a character that nobody sees, or that rearranges what stands beside it."""

    code = "hidden_character"

    def __init__(self, *, pointer: str, named: str, position: int) -> None:
        message = (
            f"It has the hidden character {named} at position {position} (counted from 0); remove it and send again."
        )
        super().__init__(
            message,
            errors=[{"pointer": pointer, "code": self.code, "message": message}],
            extra={"position": position},
        )


class InvalidField(DomainError):
    """Raised when a field's value is not one that it can have."""

    code = "invalid"

    def __init__(self, *, pointer: str, message: str) -> None:
        super().__init__(message, errors=[{"pointer": pointer, "code": self.code, "message": message}])


class Malformed(DomainError):
    """Raised when what was sent cannot be read at all."""

    code = "malformed"


# How often, and how much ----------------------------------------------------------------------------


class RateLimited(DomainError):
    """Raised when somebody asks more often than they may; nothing was done."""

    code = "too_many_requests"

    def __init__(self, *, policy: str, what: str, limit: int, window_s: int, retry_after_s: float) -> None:
        wait = max(math.ceil(retry_after_s), 1)
        super().__init__(
            f"Too many {what}: at most {limit:,} in {spell_duration(window_s)}. Nothing was changed;"
            f" try again in {spell_duration(wait)}.",
            extra={"policy": policy, "limit": limit, "window_s": window_s, "retry_after_s": wait},
        )


class QuotaExceeded(DomainError):
    """Raised when somebody would hold more than they may; nothing was made."""

    code = "quota_exceeded"

    def __init__(
        self, *, quota: str, what: str, limit: int, used: int, advice: str, resets_at: datetime | None = None
    ) -> None:
        free = f" There is room again at {resets_at.isoformat(timespec='seconds')}." if resets_at else ""
        super().__init__(
            f"There are {used:,} {what}; the limit is {limit:,}. Nothing was made. {advice}{free}",
            extra={
                "quota": quota,
                "limit": limit,
                "used": used,
                "resets_at": resets_at.isoformat().replace("+00:00", "Z") if resets_at else None,
            },
        )


def spell_duration(seconds: int) -> str:
    """Such as "40 s", "5 min", "2 h": short, and rounded up."""
    if seconds < 120:
        return f"{seconds} s"
    if seconds < 7200:
        return f"{math.ceil(seconds / 60)} min"
    return f"{math.ceil(seconds / 3600)} h"


# The same POST again ------------------------------------------------------------------------------


class KeyReused(DomainError):
    """Raised when an Idempotency-Key comes back with another body."""

    code = "idempotency_key_reused"

    def __init__(self, key: str) -> None:
        super().__init__(f"Idempotency-Key {key!r} was used with another body; use a new key for a new request.")


class KeyInProgress(DomainError):
    """Raised when the first request with this Idempotency-Key has not been answered yet."""

    code = "idempotency_in_progress"

    def __init__(self, key: str, *, since: datetime) -> None:
        super().__init__(
            f"The request with Idempotency-Key {key!r} has been in progress since {since.isoformat()}; "
            "ask again in a moment."
        )
