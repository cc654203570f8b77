"""How people share the slots of the workers: who has fewest runs under way comes first.

The rule, for runs that wait in the queue:
1. Fairness between people first. The next free slot goes to whoever has the fewest runs under way on all workers; so a
   flood of one person's runs, whatever their priority, delays another's by the end of one run at most.
2. Priority inside a person's own runs, the older first among equals.
3. Between people with as many runs under way, the higher priority of their next run decides, then its age. That is all
   that a priority can gain over others: less than one slot.
4. While somebody waits, nobody keeps two runs more under way than they have: a worker without a free slot hands one
   run of whoever has most back to the queue, at the end of its node (`worth_yielding`).

Runs of nobody, which the site has started, count as one person's. A person is a run's `user_id`; when organizations own
runs, their column takes its place in SHARER and in models.SHARER_OR_NOBODY.
"""

import heapq
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import connection
from django.db.models.functions import Now

from graphs_app.models import Run, RunStatus

SHARER = "user_id"
NOBODY = UUID(int=0)
PEOPLE_AT_ONCE = 500
"""How many people are compared at once; more than a site has slots."""

WAITS = "r.status = 'queued' AND r.parent_id IS NULL"
KEY = f"coalesce(r.{SHARER}, '{{nobody}}')"
HEADS = f"""
WITH RECURSIVE people(sharer, number) AS (
  SELECT first.sharer, 1 FROM (
    SELECT {KEY} AS sharer FROM graphs_app_run r WHERE {WAITS} AND {KEY} > %s ORDER BY {KEY} LIMIT 1) AS first
  UNION ALL
  SELECT (
    SELECT {KEY} FROM graphs_app_run r WHERE {WAITS} AND {KEY} > people.sharer ORDER BY {KEY} LIMIT 1
  ), people.number + 1 FROM people WHERE people.sharer IS NOT NULL AND people.number < %s
)
SELECT (
  SELECT r.id FROM graphs_app_run r WHERE {WAITS} AND {KEY} = people.sharer
  ORDER BY r.priority DESC, r.created_at LIMIT 1
) FROM people WHERE people.sharer IS NOT NULL
UNION ALL
SELECT (
  SELECT r.id FROM graphs_app_run r WHERE {WAITS} AND {KEY} = '{{nobody}}'
  ORDER BY r.priority DESC, r.created_at LIMIT 1)"""  # noqa: S608
"""From person to person through the index runs_waiting, however many runs each of them has in the queue.

The index is of an expression, so that no other can seem as good for this, whatever PostgreSQL believes of the table;
SQLite is told. In a queue of 20,000 runs of 40 people, beside 60,000 that are over, it takes PostgreSQL 2 ms.
"""
QUEUE = f"""
SELECT r.id, r.priority, r.created_at FROM graphs_app_run r WHERE {WAITS} AND {KEY} = %s
ORDER BY r.priority DESC, r.created_at LIMIT %s"""  # noqa: S608
HEADS_ON_POSTGRES = HEADS.format(nobody=NOBODY)
HEADS_ON_SQLITE = HEADS.format(nobody=NOBODY.hex).replace("run r", "run r INDEXED BY runs_waiting")
QUEUE_ON_POSTGRES = QUEUE.format(nobody=NOBODY)
QUEUE_ON_SQLITE = QUEUE.format(nobody=NOBODY.hex).replace("run r", "run r INDEXED BY runs_waiting")

Sharer = UUID | None


def sharer_of(run: Run) -> Sharer:
    """In whose name a run takes a slot."""
    sharer: Sharer = getattr(run, SHARER)
    return sharer


@dataclass(frozen=True, slots=True)
class Head:
    """The next run of one person, of those that wait."""

    sharer: Sharer
    run_id: UUID
    priority: int
    created_at: datetime

    @property
    def urgency(self) -> tuple[int, datetime, UUID]:
        """The least is the most urgent."""
        return -self.priority, self.created_at, self.run_id


class _Round:
    """Where the next look at the people begins, when there are more than are compared at once: all have their turn."""

    after = NOBODY


def heads() -> list[Head]:
    """Who waits for a slot, and with what."""
    found = _heads_after(_Round.after)
    if len(found) < PEOPLE_AT_ONCE and _Round.after.int:
        found = list({head.sharer: head for head in [*found, *_heads_after(NOBODY)]}.values())
    last = max((head.sharer for head in found if head.sharer is not None), default=None)
    _Round.after = NOBODY if last is None or len(found) < PEOPLE_AT_ONCE else last
    return found


def _heads_after(sharer: UUID) -> list[Head]:
    is_postgres = connection.vendor == "postgresql"
    with connection.cursor() as cursor:
        cursor.execute(
            HEADS_ON_POSTGRES if is_postgres else HEADS_ON_SQLITE,
            [sharer if is_postgres else sharer.hex, PEOPLE_AT_ONCE],
        )
        ids = [UUID(str(run_id)) for (run_id,) in cursor.fetchall() if run_id is not None]
    rows = Run.objects.filter(pk__in=ids).values_list(SHARER, "pk", "priority", "created_at") if ids else ()
    return [Head(*row) for row in rows]


def under_way() -> Counter[Sharer]:
    """How many runs each person has under way, on all workers that live. One that is parked is not."""
    working = Run.objects.filter(status=RunStatus.RUNNING, lease_until__gt=Now(), parent__isnull=True)
    # Counted here: for a GROUP BY, SQLite goes through all runs in the order of their people.
    return Counter(working.order_by().values_list(SHARER, flat=True))


def pick(count: int) -> list[UUID]:
    """The runs that come next, for so many free slots."""
    busy = under_way()
    queues: dict[Sharer, list[Head]] = {}
    order = [(busy[head.sharer], head.urgency, head.sharer) for head in heads()]
    heapq.heapify(order)
    picked: list[UUID] = []
    while order and len(picked) < count:
        held, (_, _, run_id), sharer = heapq.heappop(order)
        picked.append(run_id)
        if len(picked) == count:
            break
        if sharer not in queues:
            queues[sharer] = _waiting(sharer, count)[1:]
        if queues[sharer]:
            heapq.heappush(order, (held + 1, queues[sharer].pop(0).urgency, sharer))
    return picked


def _waiting(sharer: Sharer, count: int) -> list[Head]:
    is_postgres = connection.vendor == "postgresql"
    person = NOBODY if sharer is None else sharer
    sql = QUEUE_ON_POSTGRES if is_postgres else QUEUE_ON_SQLITE
    rows = Run.objects.raw(sql, [person if is_postgres else person.hex, count])
    return [Head(sharer, run.pk, run.priority, run.created_at) for run in rows]


def worth_yielding(
    *, waiting: Sequence[Head], busy: Mapping[Sharer, int], here: Mapping[Sharer, int], leaving: int = 0
) -> list[Sharer]:
    """Of whom a full worker is to hand a run back, one for each time that they are named.

    busy: how many runs everybody has under way on all workers; here: of those, the ones of this worker that are not
    leaving already. As many of those who wait as runs are leaving need nothing more.
    """
    held, left = Counter(dict(busy)), Counter(dict(here))
    in_turn = sorted(waiting, key=lambda head: (held[head.sharer], head.urgency))
    yielded: list[Sharer] = []
    for head in in_turn[leaving:]:
        most = max((one for one in left if left[one] > 0), key=lambda one: held[one], default=head.sharer)
        if held[most] < held[head.sharer] + 2:
            break
        yielded.append(most)
        held[most] -= 1
        left[most] -= 1
    return yielded
