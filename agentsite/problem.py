"""Errors as RFC 9457 problems: the HTTP status of every error code is decided here, once."""

import logging
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from django.conf import settings
from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from rest_framework import exceptions
from rest_framework.response import Response

from sessions_app.conflicts import is_conflict
from sessions_app.errors import DomainError, RateLimited
from sessions_app.limits import limiter
from sessions_app.limits.http import rate_limit_headers

logger = logging.getLogger(__name__)

CONTENT_TYPE = "application/problem+json"
FOR_PROGRAMS = ("/v1/", "/api/", "/graphs/", "/executions/", "/runs")
UNAVAILABLE_RETRY_S = 2
BUSY_RETRY_S = 5

# Every code that a person or a program can meet, under the status that it is answered with.
CODES: dict[int, tuple[str, ...]] = {
    400: ("malformed", "bad_request"),
    401: ("not_authenticated", "authentication_failed", "token_not_valid", "bad_credentials"),
    403: ("not_allowed", "csrf_failed", "guests_not_allowed", "graph_is_built_in", "not_your_graph", "quota_exceeded"),
    404: (
        "not_found",
        "graph_not_found",
        "snapshot_not_found",
        "run_not_found",
        "checkpoint_not_found",
        "node_not_in_version",
        "interrupt_not_found",
        "graph_proposal_not_found",
        "change_not_found",
    ),
    405: ("method_not_allowed",),
    406: ("not_acceptable",),
    408: ("request_timeout",),
    409: (
        "session_expired",
        "session_active",
        "last_owner",
        "invite_over",
        "already_member",
        "stale_revision",
        "no_text",
        "idempotency_in_progress",
        "slug_taken",
        "version_taken",
        "stale_draft",
        "nothing_to_publish",
        "run_finished",
        "run_not_finished",
        "run_not_failed",
        "retry_blocked",
        "interrupt_answered",
        "change_blocked",
        "graph_proposal_over",
        "graph_changed",
        "hunk_decided",
        "proposal_decided",
        "proposal_superseded",
        "endpoint_taken",
        "endpoint_is_given",
        "prompt_taken",
        "nothing_to_roll_back",
        "cost_tracking_off",
        "versioning_off",
    ),
    413: ("too_large",),
    414: ("uri_too_long",),
    415: ("unsupported_media_type",),
    422: (
        "invalid",
        "invalid_text",
        "hidden_character",
        "idempotency_key_reused",
        "invalid_graph",
        "invalid_version_number",
        "invalid_import",
        "picture_unavailable",
        "graph_too_large",
        "cannot_group",
        "invalid_state",
        "run_time_too_long",
        "invalid_answer",
        "instruction_empty",
        "instruction_too_long",
        "reason_too_long",
        "unknown_intent",
        "graph_not_expected",
        "graph_needed",
        "empty_document",
        "parent_not_in_session",
        "endpoint_invalid",
        "amount_invalid",
        "prompt_invalid",
    ),
    429: ("too_many_requests",),
    431: ("headers_too_large",),
    # Causes that no caller has: a defect of a tool or of ours.
    500: (
        "internal_error",
        "error",
        "refine_error",
        "effect_failed",
        "unknown_effect",
        "journal_refused",
        "journal_closed",
    ),
    503: ("unavailable",),
}
STATUS_OF = {code: status for status, codes in CODES.items() for code in codes}
CODE_OF = {status: codes[0] for status, codes in CODES.items()} | {400: "bad_request"}
"""What an answer of Django's own is called, which has a status and no code."""

CODE_OF_DRF: dict[type[exceptions.APIException], str] = {
    exceptions.ParseError: "malformed",
    exceptions.AuthenticationFailed: "authentication_failed",
    exceptions.NotAuthenticated: "not_authenticated",
    exceptions.PermissionDenied: "not_allowed",
    exceptions.NotFound: "not_found",
    exceptions.MethodNotAllowed: "method_not_allowed",
    exceptions.NotAcceptable: "not_acceptable",
    exceptions.UnsupportedMediaType: "unsupported_media_type",
    exceptions.Throttled: "too_many_requests",
}


def is_for_programs(request: HttpRequest) -> bool:
    return request.path.startswith(FOR_PROGRAMS)


def document(
    request: HttpRequest,
    code: str,
    detail: str,
    *,
    errors: Sequence[Mapping[str, Any]] = (),
    extra: Mapping[str, Any] | None = None,
) -> tuple[int, dict[str, Any]]:
    """The status of a code, and its problem document."""
    status = STATUS_OF.get(code, 500)
    body: dict[str, Any] = {
        **(extra or {}),  # first: it may add members, and must not take the place of a standard one
        "type": f"urn:agentsite:problem:{code}",
        "title": code.replace("_", " ").capitalize(),
        "status": status,
        "detail": detail,
        "instance": request.path,
        "code": code,
        "request_id": getattr(request, "request_id", ""),
    }
    if errors:
        body["errors"] = [dict(error) for error in errors]
    return status, body


def response(request: HttpRequest, code: str, detail: str, *, retry_after_s: int | None = None) -> JsonResponse:
    """A problem as an answer of Django's, for what happens outside the API's own views."""
    status, body = document(request, code, detail)
    answer = JsonResponse(body, status=status, content_type=CONTENT_TYPE)
    if retry_after_s is not None:
        answer["Retry-After"] = str(retry_after_s)
    return answer


def of(request: HttpRequest, error: DomainError) -> JsonResponse:
    """The problem of an error, outside the API's own views."""
    status, body = document(request, error.code, error.message, errors=error.errors, extra=error.extra)
    return JsonResponse(body, status=status, content_type=CONTENT_TYPE, headers=headers_of(error))


def headers_of(error: DomainError) -> dict[str, str]:
    """When to come again, and which rate it was that refused."""
    wait_s = error.extra.get("retry_after_s")
    headers = {} if wait_s is None else {"Retry-After": str(math.ceil(wait_s))}
    return headers | rate_limit_headers([limiter.refused(error)]) if isinstance(error, RateLimited) else headers


def too_large(request: HttpRequest) -> JsonResponse:
    """For a body that was over the limit."""
    status, body = document(request, "too_large", DETAIL["too_large"], extra={"limit": settings.REQUEST_BODY_MAX_BYTES})
    return JsonResponse(body, status=status, content_type=CONTENT_TYPE)


def replace(request: HttpRequest, answered: HttpResponse) -> HttpResponse:
    """The problem that says what Django's own page said; its headers, such as Allow and Retry-After, stay."""
    code = CODE_OF.get(answered.status_code, "internal_error" if answered.status_code >= 500 else "bad_request")
    _, body = document(request, code, DETAIL.get(code, answered.reason_phrase))
    status = answered.status_code
    problem = JsonResponse(body | {"status": status}, status=status, content_type=CONTENT_TYPE)
    for name, value in answered.items():
        if name.lower() not in ("content-type", "content-length"):
            problem[name] = value
    problem.cookies = answered.cookies
    return problem


BUSY = "As many requests that compute long are under way as may be. Nothing was done: try again in a moment."
CROWDED = "More is being sent than this process may hold at once. Nothing was done: try again in a moment."
CODED = (
    "A body in the coding {coding!r} is not read here. Nothing was done: send it as it is, without Content-Encoding."
)
DETAIL = {
    "not_found": "There is nothing at this path.",
    "internal_error": "The site failed, and has noted it under this request_id. Nothing is half-done: try again.",
    "unavailable": "The database does not answer. Nothing was changed: try again in a moment.",
    "conflict": "Others changed the same things at the same moment, again and again. Nothing was changed: try again.",
    "too_large": f"The body is over the limit of {settings.REQUEST_BODY_MAX_BYTES:,} bytes.",
    "bad_request": "The request is not one that this site can read: its host, headers or form are malformed.",
}


def handle(error: Exception, context: dict[str, Any]) -> Response:
    """DRF's exception handler: every error of the API becomes a problem."""
    request: HttpRequest = context["request"]._request
    code, detail, errors, extra = _told(error)
    status, body = document(request, code, detail, errors=errors, extra=extra)
    if status >= 500:
        logger.error("%s in %s: %s", code, request.path, error, exc_info=error)
    answer = Response(body, status=status, headers=_headers(error, context))
    answer.content_type = CONTENT_TYPE
    return answer


Told = tuple[str, str, Sequence[Mapping[str, Any]], Mapping[str, Any]]
"""What is said of an error: its code, the detail, faults with pointers, and further members."""


def _told(error: Exception) -> Told:
    match error:
        case DomainError():
            return error.code, error.message, error.errors, error.extra
        case exceptions.ValidationError():
            faults = list(_faults(error.get_full_details(), ""))
            return "invalid", _summary(faults), faults, {}
        case exceptions.APIException():
            return _code(error), _sentence(error.detail), (), {}
        case Http404():
            return "not_found", "There is no such thing, or it is not for you to see.", (), {}
        case PermissionDenied():
            return "not_allowed", str(error) or "You may not do this.", (), {}
        case RequestDataTooBig():
            return "too_large", DETAIL["too_large"], (), {"limit": settings.DATA_UPLOAD_MAX_MEMORY_SIZE}
        case SuspiciousOperation():
            return "bad_request", str(error) or DETAIL["bad_request"], (), {}
        case OperationalError() if is_conflict(error):
            return "unavailable", DETAIL["conflict"], (), {}
        case OperationalError() | InterfaceError():
            return "unavailable", DETAIL["unavailable"], (), {}
        case _:
            return "internal_error", DETAIL["internal_error"], (), {}


def _headers(error: Exception, context: dict[str, Any]) -> dict[str, str]:
    headers = headers_of(error) if isinstance(error, DomainError) else {}
    wait_s = getattr(error, "wait", None)
    if isinstance(error, OperationalError | InterfaceError):
        wait_s = UNAVAILABLE_RETRY_S
    if wait_s is not None:
        headers["Retry-After"] = str(math.ceil(wait_s))
    if challenge := getattr(error, "auth_header", None):
        headers["WWW-Authenticate"] = challenge
    if isinstance(error, exceptions.MethodNotAllowed):
        headers["Allow"] = ", ".join(context["view"].allowed_methods)
    return headers


def _sentence(detail: Any) -> str:
    """DRF's detail may be a mapping (simplejwt's is); its sentence is under the key of that name."""
    return str(detail.get("detail", detail)) if isinstance(detail, dict) else str(detail)


def _code(error: exceptions.APIException) -> str:
    """A code of the table: the error's own (such as token_not_valid) when it is there, or that of its class."""
    if isinstance(error, exceptions.PermissionDenied) and str(error.detail).startswith("CSRF Failed"):
        return "csrf_failed"
    own = error.get_codes()
    if isinstance(own, dict):
        own = own.get("code")
    if isinstance(own, str) and own in STATUS_OF:
        return own
    for kind, code in CODE_OF_DRF.items():
        if isinstance(error, kind):
            return code
    return CODE_OF.get(error.status_code, "internal_error")


def _faults(details: Any, pointer: str) -> Iterator[dict[str, str]]:
    """DRF's nested details as flat faults, each with the JSON pointer of what it is about."""
    if isinstance(details, list):
        for at, inner in enumerate(details):
            yield from _faults(inner, pointer if _is_fault(inner) else f"{pointer}/{at}")
    elif _is_fault(details):
        yield {"pointer": pointer, "code": str(details["code"]), "message": str(details["message"])}
    elif isinstance(details, dict):
        for key, inner in details.items():
            whole = key == "non_field_errors"
            yield from _faults(inner, pointer if whole else f"{pointer}/{_escaped(str(key))}")


def _is_fault(details: Any) -> bool:
    return isinstance(details, dict) and set(details) == {"message", "code"} and isinstance(details["message"], str)


def _escaped(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")


def _summary(faults: Sequence[Mapping[str, str]]) -> str:
    if not faults:
        return "What was sent is not valid."
    first = faults[0]
    where = f"{first['pointer']}: " if first["pointer"] else ""
    more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
    return f"{where}{first['message']}{more}"
