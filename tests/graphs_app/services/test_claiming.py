"""Claims of many threads at once, and of many runs at once."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any
from uuid import UUID

from django.db import connection

from graphs_app import worker
from graphs_app.models import GraphVersion, Run, RunStatus
from graphs_app.services import claims, execution
from graphs_app.services.claiming import Claiming
from sessions_app.models import User
from tests.graphs_app import cast


def make_runs(version: GraphVersion, count: int) -> list[UUID]:
    return [Run.objects.create(graph_version=version).pk for _ in range(count)]


def claim(claiming: Claiming, run_id: UUID) -> UUID | None:
    try:
        run = claiming.claim(run_id)
    finally:
        connection.close()
    return None if run is None else run.pk


def test_threads_that_ask_at_once_get_each_run_once(version: GraphVersion) -> None:
    run_ids = make_runs(version, 5)
    claiming = Claiming("w1")
    with ThreadPoolExecutor(10) as threads:
        given = list(threads.map(partial(claim, claiming), run_ids * 4))
    assert Counter(one for one in given if one is not None) == Counter(run_ids)
    assert set(Run.objects.values_list("status", "lease_owner", "attempt", "lease_epoch")) == {
        (RunStatus.RUNNING, "w1", 1, 1)
    }


def test_an_error_reaches_everybody_who_waited_for_that_claim_and_nobody_after(version: GraphVersion) -> None:
    (run_id,) = make_runs(version, 1)
    claiming = Claiming("w1")
    no_id: Any = "no id"
    with ThreadPoolExecutor(4) as threads:
        asked = [threads.submit(claim, claiming, no_id) for _ in range(8)]
        assert None not in [one.exception(60) for one in asked]
    assert claim(claiming, run_id) == run_id


def test_of_many_runs_only_those_that_are_to_be_had_are_claimed(version: GraphVersion) -> None:
    free, over, taken = make_runs(version, 3)
    Run.objects.filter(pk=over).update(status=RunStatus.COMPLETED)
    assert claims.claim_run(run_id=taken, owner="w0") is not None
    assert set(claims.claim_runs(run_ids=[over, taken, free], owner="w1")) == {free}


def test_many_runs_are_executed_after_one_claim(here: worker.Worker, ada: User) -> None:
    started = [cast.start(ada, cast.SUM) for _ in range(3)]
    futures = execution.execute_all(run_ids=[run.pk for run in started])
    ends = [future.result(60) for future in futures]
    assert [end is not None and end.state["n"] for end in ends] == [5, 5, 5]
    assert execution.execute_all(run_ids=[run.pk for run in started]) == []


def test_runs_with_a_last_chance_have_it_one_after_the_other(version: GraphVersion) -> None:
    one, other, fresh = make_runs(version, 3)
    abandoned = Run.objects.filter(pk__in=[one, other])
    abandoned.update(status=RunStatus.RUNNING, lease_until="2000-01-01T00:00:00Z", lease_owner="w0", crashes=1)
    claiming = Claiming("w1")
    assert claiming.claim(one) is not None
    assert claiming.claim(other) is None
    assert claiming.claim(fresh) is not None
    claiming.clear(one)
    found = claiming.claim(other)
    assert found is not None
    assert found.crashes == 2


def test_a_run_that_nobody_here_works_on_loses_its_lease(version: GraphVersion) -> None:
    """Such as one whose claim was committed by a connection that did not live to say so."""
    known, unknown = make_runs(version, 2)
    claims.claim_runs(run_ids=[known, unknown], owner="w1")
    Run.objects.update(lease_until="2000-01-01T00:00:00Z")
    assert claims.renew_leases(owner="w1", run_ids=[known]).held == {known}
    assert set(claims.claim_runs(run_ids=[known, unknown], owner="w2")) == {unknown}
