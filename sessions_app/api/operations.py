"""What an operation takes, as its own declaration for the OpenAPI document says, and the refusal of anything else.

What nobody reads is not ignored: people would build on a filter that is none, or on a body that changes nothing.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from django.http import HttpRequest
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail, ValidationError
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request

from sessions_app.api.strict_fields import PAGING, READ_OF_ALL

WITH_BODIES = ("post", "put", "patch")
NOTHING = b"{}"
"""What programs send that send something with every POST."""
FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")
CSRF_FIELD = "csrfmiddlewaretoken"
"""Read by Django of every form."""


@dataclass(frozen=True, slots=True)
class Takes:
    """What an operation reads of a request, beside its path and headers."""

    query: frozenset[str]
    body: bool


def refuse_what_nobody_reads(view: GenericAPIView[Any], request: Request) -> None:
    """Raises ValidationError with the name of each parameter, or of each field of a body, that is not taken."""
    takes = takes_of(type(view), (request.method or "").lower())
    if takes is None:
        return
    refused = {
        name: [_fault("There is no such parameter", takes.query)]
        for name in request.query_params
        if name not in takes.query | READ_OF_ALL
    }
    twice = [name for name, values in request.query_params.lists() if len(values) > 1 and name not in refused]
    refused |= {name: [ErrorDetail("Give it once.", "repeated")] for name in twice}
    if not takes.body:
        refused |= {name: [_fault("There is no such field", ())] for name in _sent(request)}
    if refused:
        raise ValidationError(refused)


@cache
def takes_of(view: type[GenericAPIView[Any]], method: str) -> Takes | None:
    """None for a method that is not declared, such as OPTIONS."""
    handler = getattr(view, "get" if method == "head" else method, None)
    declared = getattr(handler, "kwargs", {}).get("schema")
    if declared is None:
        return None
    one = view()
    one.setup(HttpRequest())
    schema = declared()
    schema.view, schema.method = one, method.upper()
    query = {name for parameter in schema.get_override_parameters() for name in _names_of(parameter)}
    if _is_list(schema.get_response_serializers()):
        query |= PAGING
    return Takes(frozenset(query), method in WITH_BODIES and schema.get_request_serializer() is not None)


def _names_of(parameter: Any) -> Iterable[str]:
    """A parameter by itself, or a serializer with a field for each."""
    if isinstance(parameter, OpenApiParameter):
        return [parameter.name] if parameter.location == OpenApiParameter.QUERY else []
    shape = parameter() if isinstance(parameter, type) else parameter
    return list(shape.fields)


def _is_list(answers: Any) -> bool:
    """Whether what is answered comes in pages."""
    several = answers.values() if isinstance(answers, Mapping) else [answers]
    return any(isinstance(answer, serializers.ListSerializer) for answer in several)


def _sent(request: Request) -> Iterable[str]:
    """The fields of a body that nobody will read; a form without any is what many programs send with every POST.

    Raises what parsing does: also what is not read has to be JSON, or a form.
    """
    sent = request._request
    length = sent.META.get("CONTENT_LENGTH") or "0"
    if length == "0":
        return ()
    # Who is signed in by a session has had the body parsed already: its CSRF token might have been in it.
    is_parsed = getattr(sent, "_read_started", False) and not hasattr(sent, "_body")
    if not is_parsed and length == str(len(NOTHING)) and sent.body == NOTHING:
        return ()
    if sent.content_type in FORMS:
        return [name for name in (*sent.POST, *sent.FILES) if name != CSRF_FIELD]
    return list(request.data)


def _fault(words: str, known: Iterable[str]) -> ErrorDetail:
    names = ", ".join(sorted(known))
    return ErrorDetail(f"{words}. It has {names}." if names else f"{words}. It takes none.", "unknown_field")
