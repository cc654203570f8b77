"""Graphs: it knows sessions below it, and nothing of agents above."""

from django.apps import AppConfig


class GraphsConfig(AppConfig):
    name = "graphs_app"
    verbose_name = "Graphs"
