"""The composition root as a Django app, so that its checks and commands are found."""

from django.apps import AppConfig


class AgentsiteConfig(AppConfig):
    name = "agentsite"

    def ready(self) -> None:
        from agentsite import checks

        checks.install()
