"""Whether a run that is under way only waits, for how long and for what, and where its node runs stand then."""

from collections.abc import Collection
from math import inf
from typing import TYPE_CHECKING

from graphs_app.engine.checkpoint import Rest
from graphs_app.engine.node_run import NodeRun

if TYPE_CHECKING:
    from graphs_app.engine.run_loop import Loop


class LoopRest:
    """See host.Resting."""

    __slots__ = ("_loop",)

    def __init__(self, loop: "Loop") -> None:
        self._loop = loop

    def rests_until(self) -> float | None:
        loop = self._loop
        if loop.finished or (loop.inline is None and loop.wake is None):
            return None
        if loop.ready and not loop.control.draining:  # then what is ready starts elsewhere
            return None
        if loop.failure is not None or loop.progress.failure is not None:
            return None
        due = loop.deadline
        for node_run in loop.under_way():
            until = self._rests(node_run)
            if until is None:
                return None
            due = min(due, until)
        return due

    def _rests(self, node_run: NodeRun) -> float | None:
        context = node_run.context
        if node_run.stop:
            return None
        if node_run.is_at_rest:
            return node_run.rests_until
        if context is None:
            return None
        if context.rests_until is not None:
            return min(context.rests_until, node_run.expires)
        if context.sub_runs and context.sub_runs == self._loop.control.below.get(node_run.activation, 0):
            return node_run.expires
        return None

    def awaits(self) -> Collection[str]:
        contexts = [node_run.context for node_run in self._loop.under_way() if node_run.context is not None]
        return {name for context in contexts for name in context.awaits}

    def asks(self) -> Collection[int]:
        return list(self._loop.progress.asked)

    def take_rests(self, wakes_at: float) -> dict[int, Rest]:
        self._loop.progress.recorder.hand_over()
        rests = {}
        for one in self._loop.under_way():
            left_s = 0.0 if one.expires == inf else max(0.0, one.expires - wakes_at)
            rests[one.activation] = Rest(one.attempt, one.next_at, left_s)
        return rests
