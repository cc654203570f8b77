"""The top app: it registers its tools, effects and built-in graphs with the apps below."""

from django.apps import AppConfig


class RefineConfig(AppConfig):
    name = "refine_app"
    verbose_name = "Refinement"
