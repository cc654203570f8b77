"""Every path under /v1: each app's own, the schema, and its pages."""

import importlib.util

from django.urls import URLPattern, URLResolver, include, path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView


def _api(module: str) -> list[URLPattern | URLResolver]:
    return [path("", include(module))] if importlib.util.find_spec(module) else []


urlpatterns: list[URLPattern | URLResolver] = [
    path("schema", SpectacularAPIView.as_view(), name="schema"),
    path("docs", SpectacularSwaggerSplitView.as_view(url_name="schema", template_name="api_docs.html"), name="docs"),
    *_api("sessions_app.api.urls"),
    *_api("graphs_app.api.urls"),
    *_api("refine_app.api.urls"),
]
