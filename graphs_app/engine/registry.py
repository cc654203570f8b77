"""Tools by name, and what a tool sees of the run that calls it."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from graphs_app.engine.checkpoint import Json, Usage


class Clock(Protocol):
    """Time, passed in so that tests need not wait."""

    def now(self) -> datetime: ...
    def monotonic(self) -> float: ...
    async def sleep(self, seconds: float) -> None: ...
    def call_later(self, seconds: float, callback: Callable[[], None]) -> "Timer": ...


class Timer(Protocol):
    """What Clock.call_later gives back."""

    def cancel(self) -> None: ...


class ToolContext(Protocol):
    """What a tool may know and do. One exists for each attempt."""

    run_id: UUID
    node_run_id: UUID
    node_id: str
    attempt: int
    config: Mapping[str, Any]
    metadata: Mapping[str, Any]
    """Graph-specific metadata of the run, such as the session and request it serves."""
    dry_run: bool
    clock: Clock

    def emit_text(self, text: str) -> None:
        """Streams words to whoever watches."""

    def emit(self, type: str, data: Json) -> None:
        """Writes a stored event of the catalogue."""

    def progress(self, done: int, total: int | None = None) -> None:
        """Tells how far a long tool is."""

    def effect(self, name: str, payload: Json) -> None:
        """Asks for a registered write outside the run, once, in the transaction that completes this node run."""

    def spend(self, usage: Usage) -> None:
        """Adds to what this node run spent."""

    def secret(self, name: str) -> str:
        """A secret by its name; raises SecretMissing. Never write it into state, text or events."""

    async def ask(
        self, question: str, *, schema: Json | None, default: Any, has_default: bool, timeout_s: float | None
    ) -> Any:
        """Pauses the run for a person; returns the answer once there is one."""

    async def sub_run(self, key: str, graph: str, version: int | None, initial_state: Json) -> Json:
        """Runs another graph as part of this node run and returns its final state; key tells sub-runs apart."""


ToolFunction = Callable[[ToolContext, Mapping[str, Any]], Awaitable[Json]]


@dataclass(frozen=True, slots=True)
class Tool:
    """A registered function that nodes run."""

    name: str
    function: ToolFunction
    description: str
    inputs: Json = field(default_factory=dict)
    """JSON Schema of the state keys it reads."""
    outputs: Json = field(default_factory=dict)
    """JSON Schema of its writes; checked when it returns."""
    config: Json = field(default_factory=dict)
    """JSON Schema of its node's config; checked when a graph is saved."""
    effects: bool = False
    """Whether it writes outside the run, which a dry run must not do."""


class Registry:
    """Tools by name."""

    def add(self, tool: Tool) -> Tool:
        raise NotImplementedError

    def get(self, name: str) -> Tool:
        """Raises ToolUnknown."""
        raise NotImplementedError
