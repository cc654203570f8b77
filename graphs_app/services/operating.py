"""What operators do to runs, in the admin and by `manage.py runs`, with the words for it."""

from collections.abc import Callable
from typing import NamedTuple

from graphs_app.errors import RunFinished
from graphs_app.models import Run
from graphs_app.services import runs


class Action(NamedTuple):
    """One of them."""

    act: Callable[[Run], bool]
    """Whether it was done."""
    done: str
    otherwise: str
    """Why it may not have been."""


def _release(run: Run) -> bool:
    return runs.release_run(run=run)


def _requeue(run: Run) -> bool:
    return runs.requeue_run(run=run)


def _cancel(run: Run) -> bool:
    try:
        runs.cancel_run(run=run)
    except RunFinished:
        return False
    return True


ACTIONS = {
    "release": Action(_release, "given back to the queue", "not held by a worker, or part of another run"),
    "requeue": Action(_requeue, "queued again", "over, waiting for a person, or part of another run"),
    "cancel": Action(_cancel, "asked to cancel", "over before"),
}
