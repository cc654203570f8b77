"""The diff that people see grow while a model writes."""

import asyncio

from graphs_app.engine.registry import Timer, ToolContext
from refine_app.diffs.answers import BYTE_ORDER_MARK
from refine_app.diffs.drafts import DraftReader
from refine_app.diffs.incremental import DiffUpdate, IncrementalDiff
from refine_app.diffs.lines import line_ending, split_lines

UPDATE_S = 0.25


class LiveDiff:
    """Tells the browser how the diff grows, at most four times a second, and only what changed."""

    def __init__(self, context: ToolContext, base: str, base_revision: int) -> None:
        self._context = context
        self._base = base
        self._mark = BYTE_ORDER_MARK if base.startswith(BYTE_ORDER_MARK) else ""
        self._revision = base_revision
        self._draft: DraftReader | None = None
        self._diff: IncrementalDiff | None = None
        self._ending = "\n"
        self._next_at = 0.0
        self._later: Timer | None = None

    async def begin(self) -> None:
        """Prepares the base, off the event loop because it may be long; clears what an earlier attempt showed."""
        self._draft = await asyncio.to_thread(DraftReader, self._base)
        self._diff = await asyncio.to_thread(IncrementalDiff, self._base)
        self._ending = await asyncio.to_thread(lambda: line_ending(split_lines(self._base)))
        self._diff.feed(self._mark)
        if self._context.attempt > 1:
            self._emit(DiffUpdate((), (), 0))

    def feed(self, text: str) -> None:
        if self._draft is None or self._diff is None:
            return
        more = self._draft.feed(text)
        if not more:
            return
        if more.starts_over:
            self._diff.restart()
            self._diff.feed(self._mark)
        if more.kept_lines:
            self._diff.feed("".join(split_lines(self._base.removeprefix(self._mark))[: more.kept_lines]))
        self._diff.feed(more.text.replace("\n", self._ending) if self._ending != "\n" else more.text)
        if self._later is None:
            wait_s = self._next_at - self._context.clock.monotonic()
            if wait_s <= 0:
                self._update()
            else:
                # Told when its time has come, also when the model says nothing more for long.
                self._later = self._context.clock.call_later(wait_s, self._update)

    def stop(self) -> None:
        """Nothing more is told but by finish()."""
        if self._later is not None:
            self._later.cancel()
            self._later = None

    def _update(self) -> None:
        self._later = None
        update = self._diff.update() if self._diff is not None else None
        if update:
            self._next_at = self._context.clock.monotonic() + UPDATE_S
            self._emit(update)

    async def finish(self, new_text: str | None) -> None:
        """The diff of the whole answer; of the base itself, so none, when the answer could not be read."""
        self.stop()
        if self._diff is None:
            return
        update = await asyncio.to_thread(self._diff.finish, self._base if new_text is None else new_text)
        if update:
            self._emit(update)

    def _emit(self, update: DiffUpdate) -> None:
        node_run = str(self._context.node_run_id)
        self._context.emit("diff.updated", {"node_run": node_run, "base_revision": self._revision, **update.as_json()})
