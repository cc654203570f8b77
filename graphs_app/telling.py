"""What a session is told of a run's journal entries: the events of the catalogue, in the entries' order."""

from collections.abc import Iterator
from typing import TYPE_CHECKING
from uuid import UUID

from graphs_app import events, selectors
from graphs_app.engine import checkpoint
from graphs_app.jsontext import storable
from graphs_app.models import RunStatus, node_run_id, skipped_activation
from graphs_app.store import Fenced
from sessions_app.events import Event

if TYPE_CHECKING:
    from graphs_app.batch import Part
    from graphs_app.run_journal import JournalOf


QUIET_KINDS = (checkpoint.Emitted,)
"""What a sub-run tells: a map of a thousand items would drown the session's log in its nodes."""


def events_of(part: "Part", fenced: Fenced) -> list[Event]:
    """All that the part tells; fenced is what the run's row says after it."""
    told: list[Event] = []
    end: checkpoint.RunEnded | None = None
    is_sub_run = part.journal.run.parent_id is not None
    for entry in part.entries:
        if isinstance(entry, checkpoint.RunEnded):
            end = entry
        elif not is_sub_run or isinstance(entry, QUIET_KINDS):
            told += _of(part.journal, entry)
    told += part.told
    told += _cost(part, fenced)
    if end is not None and not is_sub_run:
        told += _end(part, end, fenced)
    return told


def _of(journal: "JournalOf", entry: checkpoint.Entry) -> Iterator[Event]:
    run = journal.run
    match entry:
        case checkpoint.RunStarted():
            yield events.RunStarted(run=run.pk, attempt=run.attempt, resumed=entry.resumed)
        case checkpoint.NodeStarted():
            yield events.NodeStarted(
                run=run.pk,
                node_run=node_run_id(run.pk, entry.activation),
                node_id=entry.node_id,
                tool=entry.tool,
                activation=entry.activation,
                attempt=entry.attempt,
            )
        case checkpoint.NodeDone():
            yield _done(journal, entry)
        case checkpoint.NodeFailed():
            yield _failed(run.pk, entry, [])
        case checkpoint.NodeRetried():
            yield events.NodeRetried(
                run=run.pk,
                node_run=node_run_id(run.pk, entry.activation),
                node_id=entry.node_id,
                tool=journal.graph.tools[entry.node_id],
                activation=entry.activation,
                attempt=entry.attempt,
                error=storable(entry.error),
                delay_ms=round(entry.delay_s * 1000),
            )
        case checkpoint.NodeSkipped():
            node_run = node_run_id(run.pk, skipped_activation(entry.node))
            yield events.NodeSkipped(run=run.pk, node_run=node_run, node_id=entry.node_id)
        case checkpoint.Emitted():
            yield events.told(entry.type)(run=run.pk, body=_emitted(run.pk, entry))
        case _:
            pass


def _emitted(run_id: UUID, entry: checkpoint.Emitted) -> checkpoint.Json:
    data = {"node_run": str(node_run_id(run_id, entry.activation)), "node_id": entry.node_id}
    return {**data, **storable(entry.data)}


def _done(journal: "JournalOf", entry: checkpoint.NodeDone) -> Event:
    run_id = journal.run.pk
    edges = [list(journal.graph.edges[index]) for index in entry.edges_taken]
    if entry.status == "failed":
        return _failed(run_id, entry, edges)
    usage = entry.usage
    return events.NodeCompleted(
        run=run_id,
        node_run=node_run_id(run_id, entry.activation),
        node_id=entry.node_id,
        tool=entry.tool,
        activation=entry.activation,
        attempt=entry.attempt,
        duration_ms=round(entry.duration_ms, 3),
        edges=edges,
        tokens={
            "prompt": usage.prompt_tokens if usage else 0,
            "completion": usage.completion_tokens if usage else 0,
        },
        overwritten=list(entry.overwritten),
    )


def _failed(run_id: UUID, entry: checkpoint.NodeDone | checkpoint.NodeFailed, edges: list[list[str]]) -> Event:
    return events.NodeFailed(
        run=run_id,
        node_run=node_run_id(run_id, entry.activation),
        node_id=entry.node_id,
        tool=entry.tool,
        activation=entry.activation,
        attempt=entry.attempt,
        error=storable(entry.error or {}),
        duration_ms=round(entry.duration_ms, 3),
        edges=edges,
    )


def _cost(part: "Part", fenced: Fenced) -> Iterator[Event]:
    """The run's totals, when they have grown."""
    row = part.fold()
    if row.prompt_tokens or row.completion_tokens or row.cost_usd:
        yield events.CostUpdated(
            run=row.id,
            prompt_tokens=fenced.prompt_tokens,
            completion_tokens=fenced.completion_tokens,
            cost_usd=fenced.cost_usd,
        )


def _end(part: "Part", end: checkpoint.RunEnded, fenced: Fenced) -> Iterator[Event]:
    run_id = part.journal.run.pk
    match fenced.status:
        case RunStatus.COMPLETED:
            yield events.RunCompleted(run=run_id, duration_ms=fenced.duration_ms)
        case RunStatus.FAILED:
            yield events.RunFailed(run=run_id, error=storable(end.error or {}))
        case RunStatus.CANCELLED:
            yield events.RunCancelled(run=run_id)
        case RunStatus.INTERRUPTED:
            yield events.RunInterrupted(run=run_id, interrupts=selectors.waiting_interrupts(run_id))
        case _:
            pass
