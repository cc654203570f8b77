"""Through what a run reaches the outside: its Host, and the Control by which the outside reaches it."""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Protocol
from uuid import UUID

from graphs_app.engine.checkpoint import Json, Rest, Usage

NO_ACTIVATIONS: frozenset[int] = frozenset()
"""One for all: an empty set of each run's own takes as much as five of its attributes."""


class Host(Protocol):
    """What surrounds one run. All but sub_run are called on the event loop and must return at once."""

    @property
    def run_id(self) -> UUID: ...
    @property
    def metadata(self) -> Mapping[str, Any]: ...
    @property
    def dry_run(self) -> bool: ...

    def node_run_id(self, activation: int) -> UUID:
        """The id of the node run, known before it is stored."""

    def stream(self, activation: int, node_id: str, attempt: int, offset: int, text: str) -> None:
        """Words of a node run; offset counts characters from the start of this attempt's text."""

    def progress(self, activation: int, node_id: str, attempt: int, done: int, total: int | None) -> None:
        """How far a node run is; not stored."""

    def spend(self, activation: int, usage: Usage) -> None:
        """A node run spent this just now. May raise, which fails the node, or call Control.cancel."""

    def secret(self, name: str) -> str:
        """Raises SecretMissing."""

    async def sub_run(
        self, activation: int, key: str, graph: str, version: int | None, initial_state: Json, tries: int
    ) -> Json:
        """Runs another graph for a node run and returns its final state.

        The same (activation, key) always means the same sub-run, also after a crash or a resume: one that has
        completed gives its state at once, one that has not goes on; in the place of one that failed another is made,
        up to `tries` of them (see `keys_of_tries`). Raises SubRunFailed when it failed or was
        cancelled, and interrupt.SubRunInterrupted when it waits for a person: the node run then waits too. When it
        gets CancelledError it cancels the sub-run, unless the run's Control says that it was only let go.
        """

    def listen(self, activation: int) -> "asyncio.Queue[str]":
        """Where from now on the keys of this node run's sub-runs come in that waited for a person and can go on."""

    def unlisten(self, activation: int) -> None:
        """Nobody takes them any more; the node run as a whole is woken again."""


def keys_of_tries(key: str, tries: int) -> list[str]:
    """The keys under which the sub-runs of a node run's attempts are found, in their order."""
    return [key, *(f"{key}~{number}" for number in range(2, tries + 1))]


def key_of_try(keys: Sequence[str], statuses: Mapping[str, str]) -> str:
    """Which of these keys is the present try's: the first whose sub-run has not failed, or is not made yet; or the
    last. statuses: by key, of those that are made."""
    return next((key for key in keys if statuses.get(key) not in ("failed", "cancelled")), keys[-1])


def without_try(key: str) -> str:
    """The key that was asked for, of one of its tries."""
    return key.partition("~")[0]


NONE_BELOW: Mapping[int, int] = {}


class Resting(Protocol):
    """What a run's loop tells of its rest."""

    def rests_until(self) -> float | None:
        """By the monotonic clock, when the first thing that the run waits for is due; None while something works.

        What waits for its sub-runs waits as long as they do: they are asked by themselves.
        """

    def awaits(self) -> Collection[str]:
        """What is waited for beside that time, by names of `awaited`."""

    def asks(self) -> Collection[int]:
        """The activations that wait for an answer."""

    def take_rests(self, wakes_at: float) -> dict[int, Rest]:
        """Hands over to the journal all that was kept back, and tells where each node run stands that waits.

        wakes_at: when the run is to go on, by the monotonic clock.
        """


class Control:
    """The outside's grip on a run that is under way in this process. Call it on the run's event loop."""

    __slots__ = (
        "_answers",
        "_listening",
        "_on_change",
        "_woken",
        "below",
        "cancel_reason",
        "cancelled",
        "draining",
        "let_go",
        "parked",
        "resting",
    )

    def __init__(self) -> None:
        self.cancelled = False
        self.cancel_reason = ""
        self.draining = False
        self.let_go = False
        """Set by the loop: the run only stops here, and goes on elsewhere."""
        self.parked: Collection[int] = ()
        """Set by the loop: activations that wait because a sub-run of theirs waits for a person."""
        self.resting: Resting | None = None
        """Set by the loop while it runs: tells whether the run only waits, and until when."""
        self.below: Mapping[int, int] = NONE_BELOW
        """Set by the host: how many sub-runs of an activation are under way here."""
        self._answers: dict[int, Any] = {}
        self._woken = NO_ACTIVATIONS
        self._listening: dict[int, asyncio.Queue[str]] = {}
        self._on_change: Callable[[], None] | None = None

    def enter(self, activation: int) -> None:
        """For the host: a sub-run of this activation is under way here from now on."""
        self.below = {**self.below, activation: self.below.get(activation, 0) + 1}

    def leave(self, activation: int) -> None:
        """For the host: one of them is no longer."""
        self.below = {**self.below, activation: self.below.get(activation, 0) - 1}

    def cancel(self, reason: str = "") -> None:
        """Stage two of a cancellation: running nodes are stopped, and the run ends as cancelled."""
        if not self.cancelled:
            self.cancelled = True
            self.cancel_reason = reason
            self._changed()

    def drain(self) -> None:
        """No further node starts here; once those that run are done and journaled, the run stops by LeaseLost."""
        self.draining = True
        self._changed()

    def answer(self, activation: int, value: Any) -> None:
        """Gives the answer to an interrupt while other branches still go on; else pass it in History.answers."""
        self._answers[activation] = value
        self._changed()

    @property
    def waits_below(self) -> bool:
        """Whether an answer to a sub-run would let something go on here."""
        return bool(self.parked or self._listening)

    def wake(self, activation: int, key: str = "") -> None:
        """Says that a sub-run can go on for which an activation is parked, or for whose key it listens."""
        if activation in self._listening:
            self._listening[activation].put_nowait(key)
            return
        self._woken |= {activation}
        self._changed()

    def listen(self, activation: int) -> "asyncio.Queue[str]":
        """See Host."""
        return self._listening.setdefault(activation, asyncio.Queue())

    def unlisten(self, activation: int) -> None:
        """See Host."""
        self._listening.pop(activation, None)

    def take_woken(self) -> frozenset[int]:
        """For the loop: who was woken since the last call."""
        woken, self._woken = self._woken, NO_ACTIVATIONS
        return woken

    def take_answers(self) -> dict[int, Any]:
        """For the loop: the answers since the last call."""
        answers, self._answers = self._answers, {}
        return answers

    def watch(self, on_change: Callable[[], None] | None) -> None:
        """For the loop: whom to wake."""
        self._on_change = on_change
        if on_change is not None and (self.cancelled or self.draining or self._answers or self._woken):
            on_change()

    def _changed(self) -> None:
        if self._on_change is not None:
            self._on_change()
