"""What every REST view of the site shares: who calls, what they may do, and the version that answers carry."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, ClassVar, TypeVar
from uuid import UUID

from django.http import HttpRequest, QueryDict
from drf_spectacular.utils import OpenApiParameter
from rest_framework.exceptions import AuthenticationFailed, NotAuthenticated, ValidationError
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer

from sessions_app import conflicts
from sessions_app.api import operations, strict_fields
from sessions_app.limits import http, policies
from sessions_app.limits.policies import Policy
from sessions_app.models import Member, User
from sessions_app.permissions import Action, require
from sessions_app.services import sessions

API_VERSION = "v1"
KEY = OpenApiParameter(
    "Idempotency-Key", str, OpenApiParameter.HEADER, description="The same key and body get the first answer again."
)


# A view whose answers carry api_version where they are objects. This is no docstring, because the API's pages would
# show that one as the description of every operation.
#
# Every request is counted: as what `limits` says of its method, else as a read or a change; before anything is done,
# and after it is known who asks.
class ApiView(GenericAPIView[Any]):
    limits: ClassVar[Mapping[str, Sequence[Policy]]] = {}

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        try:
            super().initial(request, *args, **kwargs)
        except (AuthenticationFailed, NotAuthenticated):
            http.ask(request._request, policies.STRANGERS)
            raise
        operations.refuse_what_nobody_reads(self, request)
        self._do_again_after_conflicts(request)

    def initialize_request(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Request:
        """A body that comes in chunks has no length of its own; Django REST framework takes that for no body."""
        if "CONTENT_LENGTH" not in request.META and "HTTP_TRANSFER_ENCODING" in request.META:
            request.META["CONTENT_LENGTH"] = str(len(request.body))
        return super().initialize_request(request, *args, **kwargs)

    def _do_again_after_conflicts(self, request: Request) -> None:
        """Puts in the place of this view's method, which is looked up next, one that is called again."""
        name = (request.method or "").lower()
        method = getattr(self, name, None)
        if method is not None:
            self.__dict__[name] = lambda *args, **kwargs: conflicts.retried(partial(method, *args, **kwargs))

    def check_throttles(self, request: Request) -> None:
        method = request.method or ""
        http.ask(request._request, self.limits.get(method, http.by_method(method)), request.user)

    def finalize_response(self, request: Request, response: Response, *args: Any, **kwargs: Any) -> Response:
        data = getattr(response, "data", None)
        if isinstance(data, dict) and response.status_code < 400:
            data.setdefault("api_version", API_VERSION)
        return super().finalize_response(request, response, *args, **kwargs)


ViewType = TypeVar("ViewType", bound=ApiView)


def counted(**by_method: Policy | Sequence[Policy]) -> Callable[[type[ViewType]], type[ViewType]]:
    """Says what the methods of a view count as: `@counted(POST=policies.RUNS)`."""

    def mark(view: type[ViewType]) -> type[ViewType]:
        view.limits = {name: (one,) if isinstance(one, Policy) else tuple(one) for name, one in by_method.items()}
        return view

    return mark


def read(shape: type[Serializer[Any]], given: Any) -> dict[str, Any]:
    """What was sent, a body or a query, checked against its shape: no other fields, and of their own types."""
    is_query = isinstance(given, QueryDict)
    serializer = shape(data=given.dict() if is_query else given)
    refused = strict_fields.wrong_in_query(serializer, given) if is_query else strict_fields.wrong(serializer, given)
    if not serializer.is_valid() or refused:
        raise ValidationError({**serializer.errors, **refused})
    asked: dict[str, Any] = serializer.validated_data
    return asked


def caller(request: Request) -> User:
    """Who is signed in; permission classes have made sure that somebody is."""
    assert isinstance(request.user, User)  # noqa: S101 - for the types alone
    return request.user


def member(request: Request, session_id: UUID, action: Action = Action.READ) -> Member:
    """The caller's membership in a session, or the error that says why not; being here counts as activity."""
    found = require(caller(request), session_id, action)
    sessions.touch(session=found.session)
    return found
