"""One run's journal, as the engine sees it: what it says becomes a part of the writer's next batch."""

from collections.abc import Callable, Iterable
from time import monotonic
from typing import TYPE_CHECKING

from graphs_app.batch import Part
from graphs_app.definitions import LoadedGraph
from graphs_app.diff_pace import DiffPace
from graphs_app.engine.checkpoint import Emitted, Entry, Interrupted, NodeDone, NodeFailed, NodeStarted, RunEnded
from graphs_app.engine.errors import LeaseLost
from graphs_app.engine.host import NO_ACTIVATIONS
from graphs_app.models import Run
from graphs_app.rows import RunRow

if TYPE_CHECKING:
    from graphs_app.journal import Writer

NODE_ENDS = (NodeDone, NodeFailed)
COUNT_EVERY_S = 0.25
"""How often a run's row is brought up to its node runs while it goes on; at its end it always is."""


class JournalOf:
    """One run's journal, as the engine sees it; it keeps what the writer must know of the run."""

    __slots__ = (
        "_began",
        "_counted_at",
        "_pace",
        "_part",
        "_writer",
        "asked",
        "checkpoints",
        "draining",
        "failure",
        "graph",
        "is_ending",
        "is_in_session",
        "journaled",
        "kept_bytes",
        "on_node_end",
        "on_node_stored",
        "run",
        "with_rows",
    )

    def __init__(
        self,
        writer: "Writer",
        run: Run,
        graph: LoadedGraph,
        *,
        with_rows: Iterable[int] = (),
        on_node_end: Callable[[int], None] | None = None,
        on_node_stored: Callable[[int], None] | None = None,
    ) -> None:
        self.run = run
        self.is_in_session = run.session_id is not None
        self.graph = graph
        self.journaled = run.journaled
        self.checkpoints = run.checkpoints
        self.kept_bytes = run.kept_bytes
        self.with_rows = set(with_rows)
        """Activations that are not done and have a row already. The writer's."""
        self.failure: BaseException | None = None
        """Why nothing more can be written: the lease is lost, or the database refused an entry."""
        self.asked = NO_ACTIVATIONS
        """Activations that people were asked in this claim; answers may come while other branches go on."""
        self.draining = False
        """Set when the worker stops: no further node may start."""
        self.is_ending = False
        """Whether the run's end is handed over: with it the lease is given back, so that missing it means nothing."""
        self.on_node_end = on_node_end
        self.on_node_stored = on_node_stored
        """Told of each node run's end before it is written, and the other once it is, on whichever thread wrote it."""
        self._writer = writer
        self._part: Part | None = None
        self._counted_at = 0.0
        self._began = monotonic()
        self._pace: DiffPace | None = None
        """Made when the run first says how its diff changes."""

    def note(self, entry: Entry) -> None:
        """Keeps the entry with the next commit; does not wait. Raises LeaseLost if the run is another's now."""
        if self.failure is not None:
            raise self.failure
        if self.draining and isinstance(entry, NodeStarted):
            raise LeaseLost(f"run {self.run.pk}: the worker is stopping, so node {entry.node_id!r} starts elsewhere")
        if isinstance(entry, Emitted):
            if self._pace is None:
                self._pace = DiffPace(self._writer.loop, self._keep)
            self._pace.take(entry)
            return
        self._before(entry)
        self._keep(entry)

    async def commit(self, entry: Entry) -> None:
        """Returns once the entry and all before it are durable. Raises LeaseLost if the run is another's now."""
        if self.failure is not None:
            raise self.failure
        self._before(entry)
        if isinstance(entry, Interrupted):
            self.asked |= {entry.activation}
        elif isinstance(entry, RunEnded):
            self.is_ending = True
        part = self._keep(entry)
        done = self._writer.loop.create_future()
        part.waiting.append(done)
        self._writer.flush_soon()
        await done

    def _before(self, entry: Entry) -> None:
        if self._pace is not None:
            self._pace.before(entry)
        if self.on_node_end is not None and isinstance(entry, NODE_ENDS):
            self.on_node_end(entry.activation)

    def _keep(self, entry: Entry) -> Part:
        part = self._part
        if part is None:
            part = self._part = Part(self)
            self._writer.add(part)
        part.entries.append(entry)
        part.size += entry.size
        return part

    @property
    def worked_ms(self) -> int:
        """How long workers have worked on the run until now, this claim included."""
        return self._worked_ms(monotonic())

    @property
    def how_far(self) -> dict[str, int]:
        """What the run's row is to know when it is let go; it may be behind."""
        return {"worked_ms": self.worked_ms, "checkpoints": self.checkpoints, "kept_bytes": self.kept_bytes}

    def _worked_ms(self, now: float) -> int:
        return self.run.worked_ms + round((now - self._began) * 1000)

    def new_row(self, entries: int, size: int) -> RunRow:
        """The run as so many entries of this size will find it. Called by the writer, as is stored()."""
        run, now = self.run, monotonic()
        row = RunRow(
            run.id,
            run.lease_epoch,
            run.lease_owner,
            self.journaled + entries,
            self.checkpoints,
            self._worked_ms(now),
            self.kept_bytes + size,
        )
        row.is_plain = now - self._counted_at <= COUNT_EVERY_S
        return row

    def stored(self, row: RunRow) -> None:
        """This is durable now."""
        self.journaled = row.journaled
        self.checkpoints = row.checkpoints
        self.kept_bytes = row.kept_bytes
        if not row.is_plain:
            self._counted_at = monotonic()
        for activation, node in row.nodes.items():
            if node.number is None:
                self.with_rows.add(activation)
            else:
                self.with_rows.discard(activation)
            if self.on_node_stored is not None and node.finished_at is not None:
                self.on_node_stored(activation)

    def detach(self) -> None:
        """The writer has taken the part; what comes now belongs to the next batch."""
        self._part = None
