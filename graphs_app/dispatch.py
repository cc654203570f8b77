"""Hands run ids to the broker. Losing one costs time, not work: the sweeper sends again what is queued."""

import logging
from functools import partial
from typing import Any, Protocol
from uuid import UUID

import kombu.exceptions as broker_errors
from django.db import transaction

logger = logging.getLogger(__name__)

EXECUTE = "graphs_app.tasks.execute_run"
HIGHEST_PRIORITY = 9


class Broker(Protocol):
    """A module with a Celery application, which is loaded when the first run is sent."""

    app: Any


_broker: Broker | None = None


def through(broker: Broker) -> None:
    """By which application runs are sent; the composition root says so when it is ready."""
    global _broker
    _broker = broker


def send(run_id: UUID, priority: int = 0) -> bool:
    """Sends the run to a worker; False when the broker cannot be reached, which the sweeper makes good."""
    if _broker is None:
        raise RuntimeError("Nobody has said by dispatch.through() how runs are sent")
    try:
        # Kombu's virtual transports (Redis, memory) take 0 for the most urgent.
        _broker.app.send_task(
            EXECUTE, [str(run_id)], priority=HIGHEST_PRIORITY - priority, retry=False, ignore_result=True
        )
    except (broker_errors.OperationalError, OSError) as error:
        logger.warning(
            "run %s is queued, but the broker does not take it (%s); the sweeper will send it", run_id, error
        )
        return False
    return True


def send_on_commit(run_id: UUID, priority: int = 0) -> None:
    """Sends the run once the transaction that queues it is committed."""
    transaction.on_commit(partial(send, run_id, priority))
