"""Graphs: it knows sessions below it, and nothing of agents above."""

from django.apps import AppConfig

from graphs_app.engine import builtin
from graphs_app.engine.registry import REGISTRY, load_plugins


class GraphsConfig(AppConfig):
    name = "graphs_app"
    verbose_name = "Graphs"

    def ready(self) -> None:
        from graphs_app import in_sessions, quotas, redesigning  # models can be imported only now

        builtin.add_to(REGISTRY)
        REGISTRY.add(redesigning.PLAN)
        REGISTRY.add(redesigning.TOOL)
        redesigning.install()
        load_plugins(REGISTRY)
        in_sessions.install()
        quotas.install()
