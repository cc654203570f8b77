"""The lowest app: it knows neither graphs nor agents."""

from django.apps import AppConfig


class SessionsConfig(AppConfig):
    name = "sessions_app"
    verbose_name = "Sessions"

    def ready(self) -> None:
        from sessions_app.limits import held  # here: the models that it counts are loaded now

        held.install()
