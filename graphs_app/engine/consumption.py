"""What a run takes, with all its sub-runs, of what it may: bytes that are kept, node runs, sub-runs."""

from graphs_app.engine.errors import RunLimitReached, RunTooLarge, TooManySteps, TooManySubRuns
from graphs_app.engine.limits import Limits

ADVICE = "What was done until then is kept."


class Consumption:
    """One for a run and all that hangs on it. It only adds up what others have measured anyway."""

    __slots__ = ("kept_bytes", "limits", "max_kept_bytes", "max_steps", "refused", "steps", "sub_runs")

    def __init__(self, limits: Limits, *, kept_bytes: int = 0, steps: int = 0, sub_runs: int = 0) -> None:
        self.limits = limits
        self.max_kept_bytes = limits.max_kept_bytes
        self.max_steps = limits.max_steps
        self.kept_bytes = kept_bytes
        self.steps = steps
        self.sub_runs = sub_runs
        self.refused: RunLimitReached | None = None
        """Why it may take nothing more, whatever it has taken: a host says so."""

    def take(self, size: int) -> None:
        """Counts what is about to be written; raises RunTooLarge instead where there is no room for it."""
        if self.refused is not None:
            raise self.refused
        if self.kept_bytes + size > self.max_kept_bytes:
            raise self._too_large(size)
        self.kept_bytes += size

    def take_sub_run(self, size: int) -> None:
        """Counts a sub-run that is about to be made with what it begins with; raises RunLimitReached instead."""
        most = self.limits.max_sub_runs
        if self.sub_runs >= most:
            raise TooManySubRuns(
                f"A run has at most {most:,} sub-runs, at all depths together, and this one has them. {ADVICE}",
                limit=most,
                used=self.sub_runs,
            )
        self.take(size)
        self.sub_runs += 1

    @property
    def excess(self) -> RunLimitReached | None:
        """Why the run must not go on."""
        if self.refused is not None:
            return self.refused
        if self.kept_bytes > self.max_kept_bytes:
            return self._too_large(0)
        if self.steps > self.max_steps:
            return TooManySteps(
                f"The run, with its sub-runs, has had {self.steps:,} node runs; the limit is {self.max_steps:,}. "
                f"{ADVICE} If a loop has no end, mend the condition that leads out of it.",
                limit=self.max_steps,
                used=self.steps,
            )
        return None

    def refuse(self, reason: RunLimitReached) -> None:
        """From now on nothing more: the run ends at the next write of it."""
        self.refused = reason
        self.max_kept_bytes = min(self.max_kept_bytes, self.kept_bytes)

    def _too_large(self, size: int) -> RunTooLarge:
        used, most = self.kept_bytes + size, self.max_kept_bytes
        return RunTooLarge(
            f"The run, with its sub-runs, would have written {used:,} bytes; the limit is {most:,}. {ADVICE} "
            "Write less in each step, or divide the work among several runs.",
            limit=most,
            used=used,
        )
