"""Every path under /v1: each app's own, the schema, and its pages."""

from django.urls import URLPattern, URLResolver, include, path
from django.views.generic import RedirectView
from drf_spectacular.views import SpectacularSwaggerSplitView

from agentsite.api_schema import ApiSchema
from agentsite.system_views import SystemMetrics
from sessions_app.limits.http import limited
from sessions_app.limits.policies import COMPUTING

urlpatterns: list[URLPattern | URLResolver] = [
    path("schema", limited(COMPUTING)(ApiSchema.as_view()), name="schema"),
    path("docs", SpectacularSwaggerSplitView.as_view(url_name="schema", template_name="api_docs.html"), name="docs"),
    path("system/metrics", SystemMetrics.as_view(), name="system-metrics"),
    path("docs/", RedirectView.as_view(pattern_name="docs")),
    path("", include("sessions_app.api.urls")),
    path("", include("graphs_app.api.urls")),
    path("", include("refine_app.api.urls")),
]
