"""What a person sees when Django itself refuses or fails; programs get the same as a problem document."""

import sys

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.csrf import requires_csrf_token

from agentsite import problem
from sessions_app.errors import QuotaExceeded, RateLimited


def _answer(request: HttpRequest, status: int, code: str, heading: str, advice: str) -> HttpResponse:
    if problem.is_for_programs(request):
        return problem.response(request, code, advice)
    context = {"status": status, "heading": heading, "advice": advice, "request_id": getattr(request, "request_id", "")}
    return render(request, "error.html", context, status=status)


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return _answer(request, 400, "bad_request", "This request cannot be read", problem.DETAIL["bad_request"])


def forbidden(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return _answer(request, 403, "not_allowed", "This is not open to you", "Sign in as somebody who may see it.")


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    advice = "It does not exist, or its session is not yours to see."
    return _answer(request, 404, "not_found", "There is nothing here", advice)


def refused(request: HttpRequest, error: RateLimited | QuotaExceeded) -> HttpResponse:
    """Too often or too much: what was asked, when it may be asked again, and that nothing was changed."""
    if problem.is_for_programs(request):
        return problem.of(request, error)
    status = problem.STATUS_OF[error.code]
    heading = "Not so fast" if isinstance(error, RateLimited) else "There is no room for more"
    context = {"status": status, "heading": heading, "advice": error.message}
    context["request_id"] = getattr(request, "request_id", "")
    answer = render(request, "error.html", context, status=status)
    for name, value in problem.headers_of(error).items():
        answer[name] = value
    return answer


@requires_csrf_token
def csrf_failed(request: HttpRequest, reason: str = "") -> HttpResponse:
    if problem.is_for_programs(request):
        detail = f"{reason} Programs send `Authorization: Bearer`; pages send the login's token as X-CSRFToken."
        return problem.response(request, "csrf_failed", detail)
    advice = "The page was open for so long that its pass ran out. Load it again and repeat what you did."
    return _answer(request, 403, "csrf_failed", "Please load the page again", advice)


def failed(request: HttpRequest) -> HttpResponse:
    """The last resort: it asks nothing of the database, which may be what failed."""
    unavailable = isinstance(sys.exc_info()[1], OperationalError | InterfaceError)
    status, code = (503, "unavailable") if unavailable else (500, "internal_error")
    if problem.is_for_programs(request):
        answer: HttpResponse = problem.response(request, code, problem.DETAIL[code])
    else:
        heading = "The site cannot answer right now" if unavailable else "Something went wrong on our side"
        context = {
            "status": status,
            "heading": heading,
            "advice": problem.DETAIL[code],
            "request_id": getattr(request, "request_id", ""),
        }
        answer = render(None, "error.html", context, status=status)  # no request, so nothing asks the database
    if unavailable:
        answer["Retry-After"] = str(problem.UNAVAILABLE_RETRY_S)
    return answer
