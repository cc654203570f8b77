"""What of a run's history serves on: for a fork from a checkpoint, and for a retry on a mended graph version. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from graphs_app.engine.checkpoint import History, Json
from graphs_app.engine.compiled import Compiled


@dataclass(frozen=True, slots=True)
class PlannedNode:
    """What becomes of one node run of the old run."""

    activation: int
    """In the old run."""
    node_id: str
    action: Literal["reuse", "run_again", "blocked"]
    why: str
    new_activation: int | None = None
    """Of a reused node run, in the new run."""
    new_number: int | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    nodes: tuple[PlannedNode, ...]
    """Every done node run of the old run in its order, then the nodes that start next."""
    history: History
    """From which the new run goes on."""

    @property
    def blocked(self) -> bool:
        return any(node.action == "blocked" for node in self.nodes)


def fork(*, compiled: Compiled, initial_state: Mapping[str, Any], history: History, number: int, edit: Json) -> History:
    """The history of a new run that goes on after checkpoint `number` with `edit` set in its state."""
    raise NotImplementedError


def plan_retry(*, old: Compiled, new: Compiled, initial_state: Mapping[str, Any], history: History) -> Plan:
    """What is reused, run again or blocked, and why, when `new` goes on where a run of `old` failed."""
    raise NotImplementedError


def state_at(*, compiled: Compiled, initial_state: Mapping[str, Any], history: History, number: int) -> Json:
    """The whole state after checkpoint `number` (0: at the start)."""
    raise NotImplementedError
