"""The composition root as a Django app, so that its checks and commands are found."""

from django.apps import AppConfig


class AgentsiteConfig(AppConfig):
    name = "agentsite"

    def ready(self) -> None:
        from agentsite import checks, heartbeat  # here: the models they know are loaded now

        checks.install()
        heartbeat.install()
