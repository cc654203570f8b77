"""From a run's id to a run under way: claim it, load what it goes on from, and hand it to this process's worker."""

import logging
from concurrent.futures import Future
from uuid import UUID

from graphs_app import definitions, worker
from graphs_app.engine.checkpoint import RunEnded
from graphs_app.engine.errors import DefinitionInvalid, error_json
from graphs_app.services import claims

logger = logging.getLogger(__name__)


def execute(*, run_id: UUID) -> "Future[RunEnded | None] | None":
    """Starts a run that is queued, or that lost its worker; None when there is nothing to do."""
    if worker.is_ending():
        return None
    here = worker.current()
    if here.is_draining:
        return None
    run = claims.claim_run(run_id=run_id, owner=here.name)
    if run is None:
        logger.debug("run %s is not to be had: it is over, it waits, or another works on it", run_id)
        return None
    try:
        graph = definitions.load(run.graph_version_id)
    except DefinitionInvalid as error:
        # The version was checked when it was saved: a tool it uses is not installed in this worker.
        claims.fail_run(run=run, error={**error_json(error, run_id=run.pk), "code": "version_unsupported"})
        return None
    return here.submit(run, graph, claims.history_of(run))
