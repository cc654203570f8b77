"""What surrounds one run in a worker: the engine's Host."""

import asyncio
import os
import re
from collections.abc import Mapping
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any
from uuid import UUID

from graphs_app.definitions import LoadedGraph
from graphs_app.engine.checkpoint import History, Json, Usage
from graphs_app.engine.consumption import Consumption
from graphs_app.engine.errors import NestingTooDeep, PermanentError, SecretMissing, SubRunFailed
from graphs_app.engine.host import Control
from graphs_app.engine.interrupt import SubRunInterrupted
from graphs_app.models import Run, RunStatus, node_run_id
from graphs_app.services import sub_runs
from graphs_app.streams import TextStreams

if TYPE_CHECKING:
    from graphs_app.worker import Worker

SECRET_PREFIX = "TOOL_SECRET_"  # noqa: S105 -- the prefix of names, not a secret
SECRET_NAME = re.compile(r"[A-Za-z0-9_]{1,100}")


class BudgetExceeded(PermanentError):
    """Raised into a node when the run has spent more on models than it may."""

    code = "budget_exceeded"


class HostOf:
    """One run's way out: to those who watch, to secrets, and to sub-runs."""

    __slots__ = (
        "_consumption",
        "_control",
        "_depth",
        "_root",
        "_spent_usd",
        "_worker",
        "dry_run",
        "metadata",
        "run",
        "run_id",
        "streams",
    )

    def __init__(
        self,
        worker: "Worker",
        run: Run,
        streams: TextStreams,
        depth: int,
        control: Control,
        root: UUID,
        consumption: Consumption,
    ) -> None:
        self.run = run
        self.run_id: UUID = run.pk
        self.metadata: Mapping[str, Any] = run.metadata
        self.dry_run: bool = run.dry_run
        self.streams = streams
        self._worker = worker
        self._depth = depth
        self._root = root
        self._consumption = consumption
        self._control = control
        self._spent_usd = run.cost_usd or Decimal(0)

    def node_run_id(self, activation: int) -> UUID:
        return node_run_id(self.run_id, activation)

    def stream(self, activation: int, node_id: str, attempt: int, offset: int, text: str) -> None:
        self.streams.say(activation, node_id, attempt, offset, text)

    def progress(self, activation: int, node_id: str, attempt: int, done: int, total: int | None) -> None:
        self.streams.progress(activation, node_id, done, total)

    def spend(self, activation: int, usage: Usage) -> None:
        """Counts what is spent; raises BudgetExceeded past the run's budget."""
        if usage.cost_usd is None:
            return
        self._spent_usd += usage.cost_usd
        budget = self.run.budget_usd
        if budget is not None and self._spent_usd > budget:
            raise BudgetExceeded(
                f"Run {str(self.run_id)!r} has spent ${self._spent_usd} of a budget of ${budget}; nothing more is "
                "asked of a model. Start it with a larger budget_usd."
            )

    def secret(self, name: str) -> str:
        """Only what the operator put under the prefix can be named: not the site's own secrets."""
        value = os.environ.get(SECRET_PREFIX + name.upper()) if SECRET_NAME.fullmatch(name) else None
        if not value:
            raise SecretMissing(f"There is no secret {name!r}; the operator sets it as {SECRET_PREFIX}{name.upper()}")
        return value

    async def sub_run(
        self, activation: int, key: str, graph: str, version: int | None, initial_state: Json, tries: int
    ) -> Json:
        """Finds, makes or resumes the sub-run of this key, and waits for its end."""
        most = self._consumption.limits.max_nesting
        if self._depth >= most:
            raise NestingTooDeep(f"Graph {graph!r} would be nested deeper than {most} levels")
        opened: sub_runs.SubRun = await self._worker.writer.call(
            partial(
                sub_runs.open_sub_run,
                parent=self.run,
                parent_key=f"{activation}:{key}",
                graph=graph,
                version=version,
                initial_state=initial_state,
                tries=tries,
                consumption=self._consumption,
            )
        )
        if opened.work is not None:
            return await self._execute(activation, opened.run, *opened.work)
        return _result(graph, opened.run.status, opened.run.state, opened.run.error)

    def listen(self, activation: int) -> "asyncio.Queue[str]":
        return self._control.listen(activation)

    def unlisten(self, activation: int) -> None:
        self._control.unlisten(activation)

    async def _execute(self, activation: int, run: Run, graph: LoadedGraph, history: History) -> Json:
        control = Control()
        work = asyncio.ensure_future(
            self._worker.execute(
                run, graph, history, self._consumption, control=control, depth=self._depth + 1, root=self._root
            )
        )
        self._control.enter(activation)
        try:
            ended = await asyncio.shield(work)
        except asyncio.CancelledError:
            if self._worker.gives_back(self.run_id):
                work.cancel()
            else:
                control.cancel("the run that it is part of was cancelled")
            await asyncio.wait([work])
            raise
        finally:
            self._control.leave(activation)
        if ended is None and self._worker.gives_back(self.run_id):
            raise SubRunInterrupted
        if ended is None:
            raise SubRunFailed(f"the sub-run {run.pk} of graph {graph.slug!r} could not be executed")
        return _result(graph.slug, ended.status, ended.state, ended.error)


def _result(graph: str, status: str, state: Json | None, error: Json | None) -> Json:
    if status == RunStatus.COMPLETED:
        return state or {}
    if status == RunStatus.INTERRUPTED:
        raise SubRunInterrupted
    message = (error or {}).get("message") or f"it was {status}"
    raise SubRunFailed(f"the sub-run of graph {graph!r} {status}: {message}", error)
