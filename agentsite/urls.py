"""Every path of the site."""

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path
from django.views.generic import RedirectView

from agentsite import health_views

urlpatterns: list[URLPattern | URLResolver] = [
    path("admin/", admin.site.urls),
    path("api/health", health_views.live),
    path("api/health/ready", health_views.ready),
    path("api/health/metrics", health_views.metrics),
    path("v1/", include("agentsite.api_urls")),
    path("docs", RedirectView.as_view(pattern_name="docs")),
    path("docs/", RedirectView.as_view(pattern_name="docs")),
    path("", include("graphs_app.api.alias_urls")),
    path("", include("graphs_app.urls")),
    path("", include("sessions_app.urls")),
    path("", include("refine_app.urls")),
]

admin.site.site_header = "agentsite: operators"
admin.site.site_title = "agentsite"
admin.site.index_title = "Sessions, runs and what they left behind"

handler400 = "agentsite.error_pages.bad_request"
handler403 = "agentsite.error_pages.forbidden"
handler404 = "agentsite.error_pages.not_found"
handler500 = "agentsite.error_pages.failed"
