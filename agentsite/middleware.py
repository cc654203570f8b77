"""Gives every request an id, and every response the header that carries it."""

import re
import uuid
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

GIVEN_ID = re.compile(r"[A-Za-z0-9._-]{8,128}")


class RequestId:
    """Takes a well-formed X-Request-ID from the caller, or makes one."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        given = request.headers.get("X-Request-ID", "")
        request_id = given if GIVEN_ID.fullmatch(given) else uuid.uuid4().hex
        request.request_id = request_id  # type: ignore[attr-defined]  # read by problem.py and the logs
        response = self.get_response(request)
        response["X-Request-ID"] = request_id
        return response
