"""Hands run ids to the broker. Losing one costs time, not work: the sweeper sends again what is queued."""

import logging
from functools import partial
from uuid import UUID

from celery import current_app
from django.db import transaction
from kombu.exceptions import OperationalError

logger = logging.getLogger(__name__)

EXECUTE = "graphs_app.tasks.execute_run"
HIGHEST_PRIORITY = 9


def send(run_id: UUID, priority: int = 0) -> bool:
    """Sends the run to a worker; False when the broker cannot be reached, which the sweeper makes good."""
    try:
        # Kombu's virtual transports (Redis, memory) take 0 for the most urgent.
        current_app.send_task(
            EXECUTE, [str(run_id)], priority=HIGHEST_PRIORITY - priority, retry=False, ignore_result=True
        )
    except (OperationalError, OSError) as error:
        logger.warning(
            "run %s is queued, but the broker does not take it (%s); the sweeper will send it", run_id, error
        )
        return False
    return True


def send_on_commit(run_id: UUID, priority: int = 0) -> None:
    """Sends the run once the transaction that queues it is committed."""
    transaction.on_commit(partial(send, run_id, priority))
