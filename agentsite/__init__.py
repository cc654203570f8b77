"""The composition root: settings, URLs, ASGI, Celery, and errors as HTTP. It owns no rules."""

import gc

# Loading leaves next to no garbage, and looking for it was a third of a start. AgentsiteConfig.ready turns it on again.
gc.disable()

from agentsite.celery import app as celery_app  # noqa: E402

__all__ = ["celery_app"]
