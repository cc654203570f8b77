"""From a run's id to a run under way: claim it, load what it goes on from, and hand it to this process's worker."""

import logging
from collections.abc import Sequence
from uuid import UUID

from graphs_app import definitions, run_limits, worker
from graphs_app.ending import Ending
from graphs_app.engine.errors import error_json
from graphs_app.errors import InvalidGraph
from graphs_app.models import Run
from graphs_app.services import claims
from graphs_app.services.claiming import AT_ONCE
from graphs_app.under_way import Work

logger = logging.getLogger(__name__)


def execute(*, run_id: UUID) -> Ending | None:
    """Starts a run that is queued, or that lost its worker; None when there is nothing to do."""
    if worker.is_ending():
        return None
    here = worker.current()
    if not here.takes_runs:
        return None
    run = here.claiming.claim(run_id)
    if run is None:
        logger.debug("run %s is not to be had: it is over, it waits, or another works on it", run_id)
        return None
    work = _work(run)
    if work is None:
        here.claiming.clear(run_id)
        return None
    return here.submit([work])[0]


def execute_each(*, run_ids: Sequence[UUID]) -> dict[UUID, Ending]:
    """The same for many, by one claim; those that are missing in the answer are not to be had."""
    if worker.is_ending():
        return {}
    here = worker.current()
    if not here.takes_runs:
        return {}
    claimed = here.claiming.claim_each(run_ids)
    works = []
    for run in claimed:
        work = _work(run)
        if work is None:
            here.claiming.clear(run.pk)
        else:
            works.append(work)
    return dict(zip((work.run.pk for work in works), here.submit(works), strict=True))


def execute_all(*, run_ids: Sequence[UUID]) -> list[Ending]:
    """Starts as many of these runs as are to be had; the first work while the others are claimed."""
    here = worker.current()
    endings: list[Ending] = []
    for begin in range(0, len(run_ids), AT_ONCE):
        if worker.is_ending() or not here.takes_runs:
            break
        claimed = claims.claim_unsuspected(run_ids=run_ids[begin : begin + AT_ONCE], owner=here.name).values()
        endings += here.submit([work for run in claimed if (work := _work(run)) is not None])
    return endings


def _work(run: Run) -> Work | None:
    """A claimed run with what it is executed with."""
    try:
        graph = definitions.load_for(run)
    except InvalidGraph as error:
        claims.fail_run(run=run, error={**error_json(error, run_id=run.pk), "code": "version_unsupported"})
        return None
    return Work(run, graph, claims.history_of(run), run_limits.consumption_of(run))
