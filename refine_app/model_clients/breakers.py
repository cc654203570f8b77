"""The rules of a circuit breaker: closed, open after failures in a row, half open for one probe. Times are seconds.

It is open too for as long as the endpoint itself has asked not to be called (Retry-After), however few calls failed.
"""

from dataclasses import dataclass

FAILURES_TO_OPEN = 5
COOLDOWN_S = 30.0
PROBE_S = 30.0
"""How long a probe may be silent before another may take its place: its worker may have died. Its first words end it.
"""


@dataclass(slots=True)
class Breaker:
    """One endpoint's breaker."""

    failures: int = 0
    opened_at: float | None = None
    probe_until: float | None = None
    forced: str = ""
    rests_until: float | None = None
    """Until when the endpoint has asked to be left alone."""

    def state_at(self, now: float) -> str:
        """closed, open, or half_open: then one call may try."""
        if self.forced:
            return self.forced
        if self.has_asked_for_rest(now):
            return "open"
        if self.opened_at is None:
            return "closed"
        if now < self.opened_at + COOLDOWN_S or (self.probe_until is not None and now < self.probe_until):
            return "open"
        return "half_open"

    def wait_s(self, now: float) -> float:
        """How long it stays open from now, at most."""
        if self.forced == "open":
            return COOLDOWN_S
        opened_until = now if self.opened_at is None else self.opened_at + COOLDOWN_S
        return max(opened_until, self.probe_until or now, self.rests_until or now) - now

    def has_asked_for_rest(self, now: float) -> bool:
        return self.rests_until is not None and now < self.rests_until

    def asked_for_rest(self, until: float) -> None:
        """One call was told to wait, and so are all: the longest time that was asked for holds."""
        self.rests_until = max(self.rests_until or until, until)

    def let_through(self, now: float) -> bool:
        """Whether a call may go out; the one that half opens it is its probe."""
        state = self.state_at(now)
        if state == "half_open":
            self.probe_until = now + PROBE_S
        return state != "open"

    def completed(self) -> None:
        self.failures = 0
        self.opened_at = self.probe_until = None

    def failed(self, now: float) -> None:
        self.failures += 1
        if self.failures >= FAILURES_TO_OPEN:
            self.opened_at = now
        self.probe_until = None
