"""What every REST view of the site shares: who calls, what they may do, and the version that answers carry."""

from typing import Any
from uuid import UUID

from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from sessions_app.models import Member, User
from sessions_app.permissions import Action, require
from sessions_app.services import sessions

API_VERSION = "v1"


class ApiView(GenericAPIView[Any]):
    """A view whose answers carry api_version where they are objects."""

    def finalize_response(self, request: Request, response: Response, *args: Any, **kwargs: Any) -> Response:
        data = getattr(response, "data", None)
        if isinstance(data, dict) and response.status_code < 400:
            data.setdefault("api_version", API_VERSION)
        return super().finalize_response(request, response, *args, **kwargs)


def caller(request: Request) -> User:
    """Who is signed in; permission classes have made sure that somebody is."""
    assert isinstance(request.user, User)  # noqa: S101 - for the types alone
    return request.user


def member(request: Request, session_id: UUID, action: Action = Action.READ) -> Member:
    """The caller's membership in a session, or the error that says why not; being here counts as activity."""
    found = require(caller(request), session_id, action)
    sessions.touch(session=found.session)
    return found
