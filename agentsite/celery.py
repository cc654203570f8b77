"""The Celery application; it takes every setting named CELERY_* from Django's settings."""

import os
import warnings
from typing import Any

from celery import Celery, signals
from celery.exceptions import CPendingDeprecationWarning

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "agentsite.settings")

app = Celery("agentsite")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@signals.worker_ready.connect(weak=False)
def tell_once_of_lost_connections(**kwargs: Any) -> None:
    """Celery would tell of a default that changes with its next version each time. Here, as it has a filter of its own
    until its log is set up."""
    warnings.filterwarnings("ignore", category=CPendingDeprecationWarning)
