"""The composition root: settings, URLs, ASGI, Celery, and errors as HTTP. It owns no rules."""

from agentsite.celery import app as celery_app

__all__ = ["celery_app"]
