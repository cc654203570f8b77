"""Wakes those who follow a run outside any session, over the same way as the sockets of sessions are woken.

A wake-up says only that there is something to read; it may be lost, so who waits for one (`waiting`) looks now and then
all the same.
"""

from functools import partial

from django.db import transaction

from graphs_app.models import Run
from sessions_app.realtime import publish

TOPIC = "run"


def wake_on_commit(run: Run) -> None:
    """Wakes the run's followers, if it may have any, once the present transaction is committed."""
    if run.is_followed:
        transaction.on_commit(partial(wake, run))


def wake(run: Run) -> None:
    """Wakes them now: what there is to read is committed."""
    if run.is_followed:
        publish.topic(TOPIC, str(run.pk))
