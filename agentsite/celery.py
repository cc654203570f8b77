"""The Celery application; it takes every setting named CELERY_* from Django's settings."""

import os
import threading
import time
import warnings
from typing import Any

from celery import Celery, signals
from celery.exceptions import CPendingDeprecationWarning

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "agentsite.settings")

PARENT_LOOK_S = 1.0

app = Celery("agentsite")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@signals.worker_ready.connect(weak=False)
def tell_once_of_lost_connections(**kwargs: Any) -> None:
    """Celery would tell of a default that changes with its next version each time. Here, as it has a filter of its own
    until its log is set up."""
    warnings.filterwarnings("ignore", category=CPendingDeprecationWarning)


@signals.celeryd_after_setup.connect(weak=False)
def take_runs_as_old_units_name_them(sender: str, instance: Any, **kwargs: Any) -> None:
    """A worker whose unit still says `--queues runs` would take nothing: runs are sent to another queue by now."""
    queues = instance.app.amqp.queues
    if "runs" in queues.consume_from:
        queues.select_add(queues[instance.app.conf.task_default_queue])


@signals.beat_embedded_init.connect(weak=False)
def end_with_the_worker(**kwargs: Any) -> None:
    """The beat of `worker --beat` is a child, which would go on for ever, beside the next one's, after a SIGKILL."""
    threading.Thread(target=_watch_parent, args=(os.getppid(),), name="parent watch", daemon=True).start()


def _watch_parent(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(PARENT_LOOK_S)
    os._exit(0)
