"""People cancel runs in the very moment in which these end: each has one end, and whoever cancelled was told right."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from random import Random
from threading import Barrier
from time import sleep
from uuid import UUID

from django.db import connection

from graphs_app import worker
from graphs_app.errors import RunFinished
from graphs_app.models import Run, RunStatus
from graphs_app.services import execution, runs
from sessions_app.models import SessionEvent, User
from tests.graphs_app import cast

TIMES = 200
AT_ONCE = 20


def test_a_cancellation_that_races_completion_two_hundred_times_leaves_one_end_each(
    here: worker.Worker, ada: User
) -> None:
    session = cast.make_session(ada)
    graph = cast.keep(
        ada, cast.line("Short", cast.node("a", "sleep", {"seconds": 0.005}), cast.node("b", "emit", {"text": "x"}))
    )
    chance = Random(20261121)  # noqa: S311 -- to be the same every time
    refused: set[UUID] = set()
    with ThreadPoolExecutor(AT_ONCE) as people:
        for _ in range(TIMES // AT_ONCE):
            started = [
                runs.start_run(user=ada, graph=graph.slug, initial_state={}, session_id=session.pk)
                for _ in range(AT_ONCE)
            ]
            barrier = Barrier(AT_ONCE + 1)

            def cancel(run: Run, later: float, barrier: Barrier = barrier) -> UUID | None:
                try:
                    barrier.wait(60)
                    sleep(later)
                    runs.cancel_run(run=run)
                except RunFinished:
                    return run.pk
                finally:
                    connection.close()
                return None

            asked = [people.submit(cancel, run, chance.uniform(0, 0.1)) for run in started]
            futures = execution.execute_all(run_ids=[run.pk for run in started])
            barrier.wait(60)
            for future in futures:
                future.result(60)
            refused |= {found for one in asked if (found := one.result(60)) is not None}

    rows = list(Run.objects.filter(session=session))
    assert len(rows) == TIMES
    assert {run.status for run in rows} <= {RunStatus.COMPLETED, RunStatus.CANCELLED}
    assert {(run.lease_owner, run.lease_until) for run in rows} == {("", None)}
    # Who was refused was refused because the run had completed before; who cancelled was noted down.
    assert all((run.cancel_requested_at is None) == (run.pk in refused) for run in rows)
    assert {run.pk for run in rows if run.status == RunStatus.CANCELLED}.isdisjoint(refused)
    log = list(SessionEvent.objects.filter(session=session).order_by("seq").values_list("seq", "run", "type"))
    assert [seq for seq, _, _ in log] == list(range(1, len(log) + 1))
    ends = [(run, type) for _, run, type in log if type in ("run.completed", "run.cancelled")]
    assert Counter(ends) == Counter((run.pk, f"run.{run.status}") for run in rows)
