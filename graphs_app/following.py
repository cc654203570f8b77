"""Follows a run by its journal's rows, from any process: each node's start and end once, then the result."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from graphs_app import run_log, selectors
from graphs_app.models import TERMINAL, NodeRun, NodeRunStatus, Run, RunStatus

OVER = (*TERMINAL, RunStatus.INTERRUPTED)


@dataclass(slots=True)
class Follower:
    """One who watches; `look()` says what is new since the last look."""

    run_id: UUID
    is_over: bool = False
    has_more: bool = False
    """Whether there is more to be said at once: it is said in parts, since a run may have written a great deal."""
    _number: int = 0
    _started: set[int] = field(default_factory=set)
    _failed: set[int] = field(default_factory=set)

    def look(self) -> list[dict[str, Any]]:
        """The frames that are due. The run is read first: what it says to be over has all its rows."""
        run = selectors.runs_with_graph().get(pk=self.run_id)
        frames: list[dict[str, Any]] = []
        done = selectors.checkpoints_of(run).filter(number__gt=self._number).defer("text")[: selectors.READ_AT_ONCE]
        for node_run in done:
            self._number = node_run.number or self._number
            frames += self._of(node_run)
        self.has_more = len(done) == selectors.READ_AT_ONCE
        if self.has_more:
            return frames
        open_or_failed = selectors.node_runs_of(run).filter(number__isnull=True).exclude(status=NodeRunStatus.SKIPPED)
        for node_run in open_or_failed.order_by("activation"):
            frames += self._of(node_run)
        if run.status in OVER:
            self.is_over = True
            frames.append(_end(run))
        return frames

    def all(self) -> Iterator[dict[str, Any]]:
        """All frames that are due, read in parts."""
        yield from self.look()
        while self.has_more:
            yield from self.look()

    def _of(self, node_run: NodeRun) -> list[dict[str, Any]]:
        frames: list[dict[str, Any]] = []
        if node_run.activation not in self._started:
            self._started.add(node_run.activation)
            frames.append({"event": "node_start", "node": node_run.node_id, "tool": node_run.tool})
        if node_run.status == NodeRunStatus.STARTED or node_run.activation in self._failed:
            return frames
        if node_run.number is None:
            self._failed.add(node_run.activation)
        else:
            # What is complete is behind the cursor; only what is open needs remembering.
            self._started.discard(node_run.activation)
        frames.append(
            {
                "event": "node_complete",
                "node": node_run.node_id,
                "status": node_run.status,
                "output": node_run.writes,
                "error": node_run.error,
                "duration_ms": node_run.duration_ms,
            }
        )
        return frames


def _end(run: Run) -> dict[str, Any]:
    return {
        "event": "execution_complete",
        "run_id": str(run.pk),
        "status": run.status,
        "error": run.error,
        "interrupts": selectors.waiting_interrupts(run.pk) if run.status == RunStatus.INTERRUPTED else [],
        "result": run_log.result_of(run),
    }
