"""Which of a worker's runs hold a slot: those of which something works. The others are let go until their time comes.

Twice a second the worker looks which of its runs, sub-runs and all, only wait: for a sleep, for the next attempt of
what failed, or for people beside these. If that takes longer than PARK_AFTER_S, the run is parked: what it has said is
made durable, its tasks end, its lease is given back, and its message is acknowledged, which makes room for another.
A shorter wait is not worth a claim. What waits until something is free, such as a model's endpoint, also goes on when
whoever registered with `awaited` says that there is room; that is asked as often, while any run waits for it.

It looks as often who waits for a slot in the queue. While several people want slots, messages of the broker only say
that there is work: `services.sharing` says whose (`next_runs`), and takes a run's slot from who has most (`make_room`).
"""

import asyncio
import heapq
import logging
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from math import inf
from time import monotonic
from typing import TYPE_CHECKING
from uuid import UUID

from django.db import DatabaseError, InterfaceError

from graphs_app.engine.checkpoint import Rest, RunRested
from graphs_app.engine.errors import LeaseLost
from graphs_app.errors import JournalClosed
from graphs_app.services import parking, sharing

if TYPE_CHECKING:
    from graphs_app.under_way import Active
    from graphs_app.worker import Worker

logger = logging.getLogger(__name__)

PARK_AFTER_S = 2.0
WAKES_HERE_S = 600.0
"""What wakes sooner is woken to the moment by who parked it; later ones, and those of a dead worker, by the sweeper."""
LATE_S = 0.05
"""Its own clock may be ahead of the database's by a little."""

REMEMBERED_S = 60.0
"""After people have shared the slots, messages are spent for so long whose run another message has brought already."""

_slots = 0


def offer(slots: int) -> None:
    """Says that this process takes runs from the broker, so many at once: they may be parked, and share the slots.

    A command that runs a graph by itself says nothing of the kind, and waits for its run.
    """
    global _slots
    _slots = slots


@dataclass(slots=True)
class Parked:
    """A run that is let go to wait."""

    wakes_at: float
    """By the monotonic clock."""
    rests: dict[int, Rest]
    awaits: frozenset[str] = frozenset()
    """At the top: what else its tree waits for, by names of `awaited`."""
    asked: dict[UUID, list[int]] = field(default_factory=dict)
    """At the top: what the runs of its tree wait for from people."""


class Slots:
    """The waits of one worker's runs. Everything belongs to the worker's event loop."""

    def __init__(self, worker: "Worker") -> None:
        self._worker = worker
        self._wakes: list[float] = []
        """When parked runs wake, by the monotonic clock; a heap."""
        self._timer: asyncio.TimerHandle | None = None
        self._waking: asyncio.Task[None] | None = None
        self._await_room = False
        """Whether runs are parked, as far as is known here, that go on as soon as something is free."""
        self._shared_at = -inf
        """When several people were last seen to want slots, by the monotonic clock. Read by other threads."""
        self.is_shared = False
        """Whether several people want slots now. Read by other threads."""
        self._waited: frozenset[UUID] = frozenset()
        """The runs that came next in the queue when it was last looked at."""

    @property
    def was_shared(self) -> bool:
        """Whether messages and runs may not fit one another, since somebody's run was taken before its turn."""
        return monotonic() - self._shared_at < REMEMBERED_S

    def let_go_who_rests(self, actives: "Iterable[Active]") -> None:
        """Parks the runs that only wait, and will for a while."""
        if not _slots or self._worker.is_draining:
            return
        trees: dict[UUID, list[Active]] = {}
        dues: dict[UUID, float | None] = {}
        for active in actives:
            due = dues.get(active.root, inf)
            if due is not None:
                resting = active.control.resting
                until = None if resting is None or active.parked is not None else resting.rests_until()
                dues[active.root] = None if until is None else min(due, until)
                trees.setdefault(active.root, []).append(active)
        now = monotonic()
        for root, due in dues.items():
            if due is None:
                continue
            if trees[root][0].yields:
                self._let_go(root, trees[root], now)
            elif now + PARK_AFTER_S <= due < inf:
                self._let_go(root, trees[root], due)

    def _let_go(self, root: UUID, tree: "list[Active]", due: float) -> None:
        asked: dict[UUID, list[int]] = {}
        loops = [(active, active.control.resting) for active in tree]
        awaits = frozenset(name for _, resting in loops if resting is not None for name in resting.awaits())
        for active, resting in loops:
            if resting is not None:
                asked[active.run.pk] = list(resting.asks())
                active.parked = Parked(due, resting.take_rests(due), awaits, asked)
        top = next((active for active in tree if active.run.pk == root), None)
        if top is not None and top.task is not None:
            top.task.cancel()

    async def park(self, active: "Active", parked: Parked) -> None:
        """Makes durable what the run has said, and gives it back until its time has come."""
        run = active.run
        try:
            await active.journal.commit(RunRested())
        except (LeaseLost, JournalClosed):
            logger.warning("run %s could not be written down before its rest; another worker goes on with it", run.pk)
            return
        wake_in_s = max(0.0, parked.wakes_at - monotonic())
        is_parked = await self._worker.in_upkeep(
            parking.park_run,
            run=run,
            wake_in_s=wake_in_s,
            rests=parked.rests,
            **active.journal.how_far,
            asked=parked.asked,
            awaits=parked.awaits,
        )
        if is_parked and run.parent_id is None:
            self._await_room = self._await_room or bool(parked.awaits)
            logger.info("run %s only waits; it is taken up again in %.0f s", run.pk, wake_in_s)
            if wake_in_s <= WAKES_HERE_S:
                self._wake_at(parked.wakes_at + LATE_S)

    async def wake_awaited(self) -> None:
        """Queues the parked runs for which there is room again, whoever parked them; the sweeper does after a crash."""
        if self._await_room and not self._worker.is_draining:
            self._await_room = await self._worker.in_upkeep(parking.wake_awaited) > 0

    async def make_room(self, actives: "Mapping[UUID, Active]") -> None:
        """Looks who waits for slots; where this worker has none left, who has more than others hands runs back."""
        if not _slots or self._worker.is_draining:
            return
        waiting = await self._worker.in_upkeep(sharing.heads)
        tops = [active for run_id, active in list(actives.items()) if active.root == run_id and active.parked is None]
        here = Counter(sharing.sharer_of(active.run) for active in tops if not active.yields)
        people = {head.sharer for head in waiting}
        self.is_shared = bool(people) and len(people | here.keys()) > 1
        if self.is_shared:
            self._shared_at = monotonic()
        before, self._waited = self._waited, frozenset(head.run_id for head in waiting)
        patient = [head for head in waiting if head.run_id in before]
        if not self.is_shared or not patient or len(tops) < _slots:
            return
        leaving = len(tops) - here.total()
        busy = await self._worker.in_upkeep(sharing.under_way)
        for sharer in sharing.worth_yielding(waiting=patient, busy=busy, here=here, leaving=leaving):
            theirs = [active for active in tops if not active.yields and sharing.sharer_of(active.run) == sharer]
            self._yield(min(theirs, key=lambda active: (active.run.priority, -active.began)), actives)

    def _yield(self, top: "Active", actives: "Mapping[UUID, Active]") -> None:
        """The run goes back to the queue once its nodes have done what they do now, or at once if it only waits."""
        logger.info("run %s makes room for the run of another person", top.run.pk)
        for active in list(actives.values()):
            if active.root == top.root:
                active.yields = active.journal.draining = True
                active.control.drain()

    def _wake_at(self, due: float) -> None:
        heapq.heappush(self._wakes, due)
        if self._wakes[0] == due:
            self._set_timer()

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None
        if self._wakes:
            self._timer = self._worker.loop.call_later(max(0.0, self._wakes[0] - monotonic()), self._wake)

    def _wake(self) -> None:
        now = monotonic()
        while self._wakes and self._wakes[0] <= now:
            heapq.heappop(self._wakes)
        self._set_timer()
        if not self._worker.is_draining:
            self._waking = self._worker.loop.create_task(self._wake_due())

    async def _wake_due(self) -> None:
        try:
            await self._worker.in_upkeep(parking.wake_due)
        except (DatabaseError, InterfaceError) as error:
            logger.warning("parked runs could not be woken; the sweeper will: %s", error)
