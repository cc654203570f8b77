"""What of a run is not stored: words as they come, in frames of about thirty milliseconds, and how far a node is.

A browser that missed some asks for the text so far, so that is kept in the cache while the node runs, written at most
four times a second and never on the event loop. Once the node run's row has the text, the cache has it no longer: the
texts of an hour would fill the memory.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.core.cache import cache
from django.utils import timezone

from graphs_app.models import Run, node_run_id
from sessions_app.realtime import publish

FRAME_S = 0.03
KEEP_S = 0.25
KEPT_FOR_S = 3600


def text_key(node_run: UUID) -> str:
    """The cache's key of a node run's text so far: {"attempt": n, "text": "..."}."""
    return f"text:{node_run}"


@dataclass(slots=True)
class Spoken:
    """The words of one attempt of a node run."""

    node_id: str
    attempt: int
    pieces: list[str] = field(default_factory=list)
    length: int = 0
    sent: int = 0
    """Characters that frames have carried."""
    unsent: list[str] = field(default_factory=list)
    kept: int = 0
    """Characters that the cache has, or is about to have."""
    kept_at: float = 0.0


class TextStreams:
    """The streams of one run's nodes. Belongs to the event loop; the executor's thread writes the cache."""

    __slots__ = ("_cached", "_executor", "_loop", "_run", "_spoken", "_timer")

    def __init__(self, loop: asyncio.AbstractEventLoop, executor: Executor, run: Run) -> None:
        self._loop = loop
        self._executor = executor
        self._run = run
        self._spoken: dict[int, Spoken] = {}
        self._cached: set[int] = set()
        """Activations whose words the cache has."""
        self._timer: asyncio.TimerHandle | None = None

    def say(self, activation: int, node_id: str, attempt: int, offset: int, text: str) -> None:
        """Takes more words; offset counts the characters before them."""
        spoken = self._spoken.get(activation)
        if spoken is None or spoken.attempt != attempt:
            spoken = self._spoken[activation] = Spoken(node_id, attempt)
        spoken.pieces.append(text)
        spoken.unsent.append(text)
        spoken.length = offset + len(text)
        self._look_again()

    def progress(self, activation: int, node_id: str, done: int, total: int | None) -> None:
        """Says how far a node run is."""
        data = {
            "node_run": str(node_run_id(self._run.pk, activation)),
            "node_id": node_id,
            "done": done,
            "total": total,
        }
        self._publish("node.progressed", data)

    def end(self, activation: int) -> None:
        """Sends what is left, before the journal says that the node run is over."""
        spoken = self._spoken.pop(activation, None)
        if spoken is not None:
            self._send(activation, spoken)
            self._keep(activation, spoken)

    def forget(self, activation: int) -> None:
        """The row has the words now. From any thread."""
        if activation in self._cached:
            self._cached.discard(activation)
            _in_order(self._executor, cache.delete, text_key(node_run_id(self._run.pk, activation)))

    def close(self) -> None:
        """Called when the run is over or goes elsewhere."""
        for activation in list(self._spoken):
            self.end(activation)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _on_time(self) -> None:
        self._timer = None
        now = self._loop.time()
        for activation, spoken in self._spoken.items():
            self._send(activation, spoken)
            if spoken.kept < spoken.length and spoken.kept_at + KEEP_S <= now:
                spoken.kept_at = now
                self._keep(activation, spoken)
        if any(spoken.kept < spoken.length for spoken in self._spoken.values()):
            self._look_again()  # a model that falls silent now leaves its last words to be kept all the same

    def _look_again(self) -> None:
        if self._timer is None:
            self._timer = self._loop.call_later(FRAME_S, self._on_time)

    def _send(self, activation: int, spoken: Spoken) -> None:
        if not spoken.unsent:
            return
        text = "".join(spoken.unsent)
        spoken.unsent.clear()
        data = {
            "node_run": str(node_run_id(self._run.pk, activation)),
            "node_id": spoken.node_id,
            "attempt": spoken.attempt,
            "offset": spoken.length - len(text),
            "text": text,
        }
        self._publish("text.delta", data)

    def _keep(self, activation: int, spoken: Spoken) -> None:
        spoken.pieces = ["".join(spoken.pieces)]
        spoken.kept = spoken.length
        text = {"attempt": spoken.attempt, "text": spoken.pieces[0]}
        self._cached.add(activation)
        _in_order(self._executor, cache.set, text_key(node_run_id(self._run.pk, activation)), text, KEPT_FOR_S)

    def _publish(self, type: str, data: dict[str, Any]) -> None:
        at = timezone.now().isoformat().replace("+00:00", "Z")
        if self._run.session_id is not None:
            frame = {"seq": None, "type": type, "at": at, "run": str(self._run.pk), "data": data}
            publish.stream(self._run.session_id, frame)


def _in_order(executor: Executor, function: Callable[..., Any], *arguments: Any) -> None:
    """Hands work to the executor's one thread, which keeps the order; a stopped executor needs no words any more."""
    try:
        executor.submit(function, *arguments)
    except RuntimeError:
        return
