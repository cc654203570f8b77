"""The composition root as a Django app, so that its checks and commands are found."""

import gc

from django.apps import AppConfig


class AgentsiteConfig(AppConfig):
    name = "agentsite"

    def ready(self) -> None:
        from agentsite import checks, heartbeat  # here: the models they know are loaded now

        checks.install()
        heartbeat.install()
        gc.freeze()  # what is loaded stays: no collection needs to walk through it
        gc.enable()
