"""Liveness, readiness and metrics; for load balancers and Prometheus, so without a login."""

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST

from agentsite import health
from agentsite.metrics import exposition


@never_cache
@require_safe
def live(request: HttpRequest) -> HttpResponse:
    """The process answers; nothing else is asked of it."""
    return JsonResponse({"status": "ok"})


@never_cache
@require_safe
def ready(request: HttpRequest) -> HttpResponse:
    """Whether work can be done here: 503 names what is missing."""
    found = health.findings()
    ok = all(finding.ok for finding in found)
    body = {"status": "ok" if ok else "unavailable", "checks": [finding.as_json() for finding in found]}
    response = JsonResponse(body, status=200 if ok else 503)
    if not ok:
        response["Retry-After"] = "2"
    return response


@never_cache
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    return HttpResponse(exposition(), content_type=CONTENT_TYPE_LATEST)
