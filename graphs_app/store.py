"""What the journal needs of a database, and the columns that it writes."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from graphs_app.line import Line
from graphs_app.rows import RunRow


@dataclass(frozen=True, slots=True)
class Fenced:
    """A run whose rows were written, as it is now."""

    status: str
    duration_ms: int | None
    prompt_tokens: int
    completion_tokens: int
    cost_usd: str | None


GOING_ON = Fenced("running", None, 0, 0, None)
"""How a run stands that neither ends nor spends; its totals are not asked for."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How far a run's journal has come, and under which lease."""

    journaled: int
    lease_epoch: int
    lease_owner: str


class Store(Protocol):
    """What the journal needs of a database."""

    def prepare(self) -> None:
        """Called for every new connection of the writer."""

    def write(self, runs: Sequence[RunRow]) -> dict[UUID, Fenced]:
        """Writes what the batch comes to; runs that are not in the answer belong to another worker now.

        All or nothing only inside a transaction of the caller, unless `writes_at_once`.
        """

    def standing(self, run_ids: Sequence[UUID]) -> dict[UUID, Standing]:
        """Locks the runs, so that a transaction which is still ending has ended, and says how far they are."""

    def open_line(self) -> Line | None:
        """Another connection, for the event loop, if a batch can be written by one statement. May block."""

    def writes_at_once(self, runs: Sequence[RunRow]) -> bool:
        """Whether write() is one statement for this batch, and so needs no transaction around it."""


NODE_TYPES = {
    "id": "uuid",
    "run_id": "uuid",
    "activation": "int",
    "number": "int",
    "seen": "int",
    "node_id": "text",
    "tool": "text",
    "status": "text",
    "attempt": "int",
    "writes": "jsonb",
    "edges_taken": "jsonb",
    "started_at": "timestamptz",
    "finished_at": "timestamptz",
    "duration_ms": "float8",
    "error": "jsonb",
    "text": "text",
    "endpoint": "text",
    "prompt_tokens": "int",
    "completion_tokens": "int",
    "cost_usd": "numeric",
}
PLAIN_NODE = tuple(NODE_TYPES)[:14]
"""The columns of a node run that neither failed, nor spoke, nor spent; the others then have their defaults."""
DEFAULTS = {"text": "''", "endpoint": "''", "prompt_tokens": "0", "completion_tokens": "0"}
NEWER = 'excluded."{name}"'
ADDED = {
    "endpoint": "coalesce(nullif(excluded.endpoint, ''), {old}.endpoint)",
    "prompt_tokens": "{old}.prompt_tokens + excluded.prompt_tokens",
    "completion_tokens": "{old}.completion_tokens + excluded.completion_tokens",
    "cost_usd": "CASE WHEN excluded.cost_usd IS NULL THEN {old}.cost_usd "
    "ELSE coalesce({old}.cost_usd, 0) + excluded.cost_usd END",
}

RUN_TYPES = {
    "id": "uuid",
    "lease_epoch": "bigint",
    "lease_owner": "text",
    "journaled": "bigint",
    "checkpoints": "int",
    "worked_ms": "bigint",
    "kept_bytes": "bigint",
    "prompt_tokens": "bigint",
    "completion_tokens": "bigint",
    "cost_usd": "numeric",
    "status": "text",
    "state": "jsonb",
    "error": "jsonb",
}
PLAIN_RUN = tuple(RUN_TYPES)[:3]
"""What the fence alone needs to know."""


def updates(columns: Iterable[str], old: str) -> str:
    """What an attempt spent is added to what those before it did; all else is as it is now."""
    return ", ".join(f'"{name}" = {ADDED.get(name, NEWER).format(name=name, old=old)}' for name in columns)


def names(columns: Iterable[str]) -> str:
    return ", ".join(f'"{name}"' for name in columns)
