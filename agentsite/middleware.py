"""Gives every request an id, a line in the log and a place in the metrics."""

import logging
import re
import time
import uuid
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from django.http import HttpRequest, HttpResponse
from django.urls import ResolverMatch
from django.utils.cache import get_conditional_response, patch_cache_control, patch_vary_headers, set_response_etag
from django.utils.functional import SimpleLazyObject

from agentsite import error_pages, metrics, problem
from sessions_app import log_context
from sessions_app.api.base import ApiView
from sessions_app.errors import QuotaExceeded, RateLimited
from sessions_app.limits import http

GIVEN_ID = re.compile(r"[A-Za-z0-9._-]{8,128}")
QUIET = ("/static/", "/api/health")
"""Paths that are asked for all the time; their lines are for DEBUG only."""

logger = logging.getLogger("agentsite.request")


class RequestId:
    """Takes a well-formed X-Request-ID from the caller, or makes one; then times, counts and logs the request."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        given = request.headers.get("X-Request-ID", "")
        request_id = given if GIVEN_ID.fullmatch(given) else uuid.uuid4().hex
        request.request_id = request_id  # type: ignore[attr-defined]  # read by problem.py
        started = time.perf_counter()
        with log_context.bound(request_id=request_id):
            response = self.get_response(request)
            response["X-Request-ID"] = request_id
            self._tell(request, response, time.perf_counter() - started)
        return response

    def _tell(self, request: HttpRequest, response: HttpResponse, duration_s: float) -> None:
        match = request.resolver_match
        route = match.route if match else "unmatched"
        metrics.observe_request(request.method or "", route, response.status_code, duration_s)
        path = quote(request.path)  # decoded it may hold a line break, and a line of its own making
        user = _known_user(request)
        logger.log(
            logging.DEBUG if request.path.startswith(QUIET) else logging.INFO,
            "%s %s %d",
            request.method,
            path,
            response.status_code,
            extra={
                "method": request.method,
                "path": path,
                "endpoint": route,
                "status": response.status_code,
                "status_code": response.status_code,
                **_belonging(match),
                "duration_ms": round(duration_s * 1000, 1),
                "user_id": str(user.pk) if user is not None and user.pk else None,
            },
        )


def _belonging(match: ResolverMatch | None) -> dict[str, str]:
    """The session and the run that a path is about."""
    given = match.kwargs if match else {}
    found = {"session_id": given.get("session_id"), "task_id": given.get("task_id") or given.get("run_id")}
    return {name: str(value) for name, value in found.items() if value}


def _known_user(request: HttpRequest) -> Any:
    """Who it is when the view asked, by cookie or by token; never a query of our own."""
    user = request.__dict__.get("user")
    return request.__dict__.get("_cached_user") if isinstance(user, SimpleLazyObject) else user


class BodyLimit:
    """Answers a request whose body was not kept (agentsite.http), or is in a coding that nobody undoes here."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        refused = getattr(request, "body_refused", "")
        if refused == "too_large":
            return problem.too_large(request)
        if refused == "busy":
            return problem.response(request, "too_many_requests", problem.BUSY, retry_after_s=problem.BUSY_RETRY_S)
        if refused:
            return problem.response(request, "unavailable", problem.CROWDED, retry_after_s=problem.UNAVAILABLE_RETRY_S)
        coding = request.headers.get("Content-Encoding", "identity").strip().lower()
        if coding not in ("", "identity"):
            return problem.response(request, "unsupported_media_type", problem.CODED.format(coding=coding[:40]))
        return self.get_response(request)


class Limits:
    """Counts every page that somebody asks for; views of the API count by themselves, when they know who asks."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        for name, value in http.told(request).items():
            response.headers.setdefault(name, value)
        return response

    def process_view(
        self, request: HttpRequest, view: Callable[..., Any], args: Any, kwargs: Any
    ) -> HttpResponse | None:
        if request.path.startswith(QUIET) or issubclass(getattr(view, "cls", object), ApiView):
            return None
        policies = http.policies_of(view, request.method)
        try:
            http.ask(request, policies, request.user)
        except RateLimited as error:
            return error_pages.refused(request, error)
        return None

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """Of pages that ask by themselves, such as the operators' login by its password."""
        if isinstance(error, RateLimited | QuotaExceeded):
            return error_pages.refused(request, error)
        return None


class ProblemResponses:
    """Under the paths of the API every error is a problem document, also those that Django itself answers."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if response.status_code < 400 or not problem.is_for_programs(request):
            return response
        if response.headers.get("Content-Type", "text/html").startswith("text/html"):
            return problem.replace(request, response)
        return response


class Revalidation:
    """Whoever asked the API may keep the answer, and asks for it again by its ETag: 304 where nothing changed.

    No cache between may keep them, as they are one person's; what is asked for again still passes every check.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if request.method not in ("GET", "HEAD") or response.status_code != 200 or response.streaming:
            return response
        if not problem.is_for_programs(request) or "no-store" in response.headers.get("Cache-Control", ""):
            return response
        if "ETag" not in response.headers:
            set_response_etag(response)
        patch_cache_control(response, private=True, no_cache=True)
        patch_vary_headers(response, ("Authorization", "Cookie"))
        answer = get_conditional_response(request, etag=response.headers["ETag"], response=response)
        assert isinstance(answer, HttpResponse)  # noqa: S101 - one that is not streaming
        return answer
