"""The composition root as a Django app, so that its checks and commands are found."""

import gc

from django.apps import AppConfig


class AgentsiteConfig(AppConfig):
    name = "agentsite"

    def ready(self) -> None:
        from django.conf import settings

        from agentsite import celery, checks  # here: the models they know are loaded now
        from graphs_app import dispatch

        dispatch.through(celery, in_background=not settings.BROKER_URL.startswith("memory"))
        checks.install()
        gc.freeze()  # what is loaded stays: no collection needs to walk through it
        gc.enable()
