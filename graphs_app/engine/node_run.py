"""A node run that is under way, how it can end, and which task is busy with it."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from math import inf
from typing import Any, Literal, Protocol

from graphs_app.engine.checkpoint import Json
from graphs_app.engine.compiled import Step
from graphs_app.engine.context import NO_ANSWER, Context, hidden
from graphs_app.engine.errors import error_json
from graphs_app.engine.interrupt import Question
from graphs_app.engine.registry import Timer
from graphs_app.engine.state import Writes


@dataclass(slots=True)
class Outcome:
    """How a node run ended."""

    status: Literal["completed", "failed", "waiting", "stopped", "held"]
    writes: Writes | None = None
    error: BaseException | None = None
    question: Question | None = None


STOPPED = Outcome("stopped")
HELD = Outcome("held")
"""Its attempt has failed, and the next one is made elsewhere: the worker is stopping."""


class NodeRun:
    """A node run that is under way."""

    __slots__ = (
        "abandoned",
        "activation",
        "answer",
        "attempt",
        "blocked_s",
        "context",
        "expires",
        "goes_on",
        "is_at_rest",
        "left_s",
        "lost",
        "next_at",
        "rests_until",
        "run_id",
        "seen",
        "started",
        "started_at",
        "step",
        "stop",
        "task",
        "timer",
        "view",
    )

    def __init__(self, run_id: object, activation: int, step: Step, attempt: int) -> None:
        self.run_id = run_id
        self.activation = activation
        self.step = step
        self.attempt = attempt
        self.view: Mapping[str, Any] = {}
        self.seen = 0
        self.started_at: datetime
        self.started = 0.0
        self.context: Context | None = None
        self.answer: Any = NO_ANSWER
        self.is_at_rest = False
        """While it waits for its next attempt."""
        self.next_at: datetime | None = None
        """When that is due; for one that is taken up while it waits, also before."""
        self.rests_until = 0.0
        """The same by the monotonic clock, while it waits."""
        self.goes_on = False
        """Whether it is taken up in an attempt that began elsewhere."""
        self.lost: int | None = None
        """How many checkpoints its last attempt saw, if nobody knows how that one ended."""
        self.left_s = 0.0
        """What is left to it of its timeout_s at least, if it goes on: time in the queue is not the node's."""
        self.expires = inf
        """When its attempt's timeout_s is over, by the monotonic clock."""
        self.stop = ""  # or "timeout", or "stop", or at rest "hold"
        self.task: asyncio.Task[None] | None = None
        self.timer: Timer | None = None
        self.abandoned = False
        self.blocked_s = 0.0

    @property
    def current(self) -> "NodeRun":
        return self

    def __str__(self) -> str:
        return f"run {self.run_id}, node {self.step.node.node_id!r}, attempt {self.attempt}"

    def error_json(self, error: BaseException) -> Json:
        body = error_json(error, run_id=self.run_id, node_id=self.step.node.node_id, attempt=self.attempt)
        return body if self.context is None else {**body, "message": hidden(body["message"], self.context.secrets)}


class Occupant(Protocol):
    """Whatever has a task, and knows which node run is under way in it."""

    @property
    def current(self) -> NodeRun | None: ...


occupants: dict[asyncio.Task[Any], Occupant] = {}
"""By task: for those who ask what a task is doing."""


def node_run_of(task: asyncio.Task[Any]) -> NodeRun | None:
    """The node run that a task is busy with."""
    occupant = occupants.get(task)
    return None if occupant is None else occupant.current
