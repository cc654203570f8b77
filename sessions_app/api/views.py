"""REST over sessions: each view reads what was asked, calls one service or selector, and shows the answer."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework_simplejwt.tokens import Token

from sessions_app import selectors
from sessions_app.api import serializers as shapes
from sessions_app.api.base import KEY, ApiView, caller, counted, member, read
from sessions_app.api.idempotency import idempotent
from sessions_app.api.pagination import NewestFirst, OldestFirst
from sessions_app.limits import addresses, policies
from sessions_app.models import Role, User
from sessions_app.permissions import Action
from sessions_app.services import auth, documents, invitations, members, sessions

__all__ = ["KEY", "read"]  # the views of upper apps take these from here


# For people who are not signed in yet; it looks at no cookie, so it needs no CSRF token.
class _Open(ApiView):
    authentication_classes = ()
    permission_classes = (AllowAny,)


@counted(POST=policies.GUESTS)
class Guest(_Open):
    @extend_schema(request=shapes.GuestAsked, responses={201: shapes.TokenShape}, summary="Come in as a guest")
    def post(self, request: Request) -> Response:
        asked, network = read(shapes.GuestAsked, request.data), addresses.of_request(request._request)
        tokens = auth.tokens_for(auth.create_guest(name=asked["name"], network=network))
        return Response(shapes.TokenShape(tokens).data, 201)


class SignIn(_Open):
    @extend_schema(request=shapes.PasswordAsked, responses=shapes.TokenShape, summary="Sign in with a password")
    def post(self, request: Request) -> Response:
        asked = read(shapes.PasswordAsked, request.data)
        user = auth.sign_in(username=asked["username"], password=asked["password"], request=request._request)
        return Response(shapes.TokenShape(auth.tokens_for(user)).data)


@counted(POST=policies.TOKENS)
class Refresh(_Open):
    @extend_schema(request=shapes.RefreshAsked, responses=shapes.TokenShape, summary="A new access token")
    def post(self, request: Request) -> Response:
        asked = read(shapes.RefreshAsked, request.data)
        return Response(shapes.TokenShape(auth.refresh_tokens(refresh=asked["refresh"])).data)


@counted(POST=policies.TOKENS)
class Ticket(ApiView):
    @extend_schema(request=None, responses={201: shapes.TicketShape}, summary="A pass for one socket, for 30 seconds")
    def post(self, request: Request) -> Response:
        if isinstance(request.auth, Token):
            ends_at = datetime.fromtimestamp(request.auth.payload["exp"], UTC)
            ticket = auth.issue_ticket(user=caller(request), ends_at=ends_at)
        else:
            ticket = auth.issue_ticket(user=caller(request), login=request._request.session.session_key or "")
        return Response({"ticket": ticket}, 201)


@counted(POST=policies.SESSIONS)
class Sessions(ApiView):
    pagination_class = NewestFirst

    @extend_schema(
        parameters=[shapes.SessionFilter], responses=shapes.SessionShape(many=True), summary="The caller's sessions"
    )
    def get(self, request: Request) -> Response:
        asked = read(shapes.SessionFilter, request.query_params)
        found = selectors.sessions_of(caller(request), status=asked.get("status"))
        page = self.paginate_queryset(found) or []
        return self.get_paginated_response(shapes.SessionShape(page, many=True).data)

    @extend_schema(
        request=shapes.SessionAsked,
        responses={201: shapes.SessionShape},
        parameters=[KEY],
        summary="Open a session, with a text in it or empty",
    )
    @idempotent
    def post(self, request: Request) -> Response:
        asked = read(shapes.SessionAsked, request.data)
        session = sessions.create(user=caller(request), **asked)
        return Response(_session(caller(request), session.pk), 201, headers={"Location": f"/v1/sessions/{session.pk}"})


class SessionDetail(ApiView):
    @extend_schema(responses=shapes.SessionShape, summary="One session")
    def get(self, request: Request, session_id: UUID) -> Response:
        member(request, session_id)
        return Response(_session(caller(request), session_id))

    @extend_schema(
        request=shapes.SessionChangeAsked, responses=shapes.SessionShape, summary="Rename it, or change its language"
    )
    def patch(self, request: Request, session_id: UUID) -> Response:
        member(request, session_id, Action.MANAGE)
        sessions.change(user=caller(request), session_id=session_id, **read(shapes.SessionChangeAsked, request.data))
        return Response(_session(caller(request), session_id))

    @extend_schema(responses={204: None}, summary="Delete it and everything in it")
    def delete(self, request: Request, session_id: UUID) -> Response:
        sessions.delete(user=caller(request), session_id=session_id)
        return Response(status=204)


class Extend(ApiView):
    @extend_schema(request=None, responses=shapes.SessionShape, summary="Give it its whole lifetime again")
    def post(self, request: Request, session_id: UUID) -> Response:
        sessions.extend(user=caller(request), session_id=session_id)
        return Response(_session(caller(request), session_id))


class Reopen(ApiView):
    @extend_schema(request=None, responses=shapes.SessionShape, summary="Reopen an expired session")
    def post(self, request: Request, session_id: UUID) -> Response:
        sessions.reopen(user=caller(request), session_id=session_id)
        return Response(_session(caller(request), session_id))


@counted(POST=policies.INVITES)
class Members(ApiView):
    pagination_class = OldestFirst

    @extend_schema(responses=shapes.MemberShape(many=True), summary="Who is in the session")
    def get(self, request: Request, session_id: UUID) -> Response:
        member(request, session_id)
        page = self.paginate_queryset(selectors.members_of(session_id)) or []
        return self.get_paginated_response(shapes.MemberShape(page, many=True).data)

    @extend_schema(
        request=shapes.MemberAsked,
        responses={202: shapes.InvitationShape},
        summary="Invite somebody by name; they join when they accept",
        description="The answer is the same for every name: if there is such an account, it is invited. Guests have no "
        "username; invite them by a link.",
    )
    def post(self, request: Request, session_id: UUID) -> Response:
        member(request, session_id, Action.MANAGE)
        asked = read(shapes.MemberAsked, request.data)
        role = Role(asked["role"])
        made = invitations.invite(user=caller(request), session_id=session_id, name=asked["user"], role=role)
        return Response(shapes.InvitationShape(made).data, 202)


class MemberDetail(ApiView):
    @extend_schema(request=shapes.RoleAsked, responses=shapes.MemberShape, summary="Change a member's role")
    def patch(self, request: Request, session_id: UUID, user_id: UUID) -> Response:
        member(request, session_id, Action.MANAGE)
        role = Role(read(shapes.RoleAsked, request.data)["role"])
        changed = members.change_role(user=caller(request), session_id=session_id, member_id=user_id, role=role)
        return Response(shapes.MemberShape(changed).data)

    @extend_schema(responses={204: None}, summary="Remove a member, or leave")
    def delete(self, request: Request, session_id: UUID, user_id: UUID) -> Response:
        members.remove(user=caller(request), session_id=session_id, member_id=user_id)
        return Response(status=204)


class DocumentDetail(ApiView):
    @extend_schema(responses=shapes.DocumentShape, summary="The text as it is now")
    def get(self, request: Request, session_id: UUID) -> Response:
        member(request, session_id)
        return Response(shapes.DocumentShape(selectors.document_of(session_id)).data)

    @extend_schema(
        request=shapes.TextAsked,
        responses=shapes.DocumentShape,
        summary="Replace the text; with a revision, only if that is still the current one",
    )
    def put(self, request: Request, session_id: UUID) -> Response:
        member(request, session_id, Action.EDIT)
        asked = read(shapes.TextAsked, request.data)
        saved = documents.replace_text(user=caller(request), session_id=session_id, **asked)
        return Response(shapes.DocumentShape(saved).data)


class Revisions(ApiView):
    class Pages(NewestFirst):
        ordering = "-number"

    pagination_class = Pages

    @extend_schema(
        parameters=[shapes.RevisionsAsked],
        responses=shapes.RevisionShape(many=True),
        summary="What is kept of the text's history",
    )
    def get(self, request: Request, session_id: UUID) -> Response:
        member(request, session_id)
        asked = read(shapes.RevisionsAsked, request.query_params)
        kept = selectors.revisions_of(selectors.document_of(session_id), named=asked["named"])
        page = self.paginate_queryset(kept) or []
        return self.get_paginated_response(shapes.RevisionShape(page, many=True).data)

    @extend_schema(
        request=shapes.NameAsked,
        responses={201: shapes.RevisionTextShape},
        parameters=[KEY],
        summary="Keep the text as it is now under a name",
    )
    @idempotent
    def post(self, request: Request, session_id: UUID) -> Response:
        member(request, session_id, Action.EDIT)
        asked = read(shapes.NameAsked, request.data)
        named = documents.name_revision(user=caller(request), session_id=session_id, name=asked["name"])
        location = f"/v1/sessions/{session_id}/revisions/{named.number}"
        return Response(shapes.RevisionTextShape(named).data, 201, headers={"Location": location})


class RevisionDetail(ApiView):
    @extend_schema(responses=shapes.RevisionTextShape, summary="One kept revision with its text")
    def get(self, request: Request, session_id: UUID, number: int) -> Response:
        member(request, session_id)
        kept = selectors.revision_of(selectors.document_of(session_id), number)
        return Response(shapes.RevisionTextShape(kept).data)


class Restore(ApiView):
    @extend_schema(
        request=shapes.RestoreAsked,
        responses=shapes.DocumentShape,
        parameters=[KEY],
        summary="Bring an old text back as a new change",
    )
    @idempotent
    def post(self, request: Request, session_id: UUID, number: int) -> Response:
        member(request, session_id, Action.EDIT)
        asked = read(shapes.RestoreAsked, request.data)
        restored = documents.restore(user=caller(request), session_id=session_id, number=number, **asked)
        return Response(shapes.DocumentShape(restored).data)


class Events(ApiView):
    @extend_schema(
        parameters=[shapes.EventsAsked], responses=shapes.EventsShape, summary="The log after a number, or before one"
    )
    def get(self, request: Request, session_id: UUID) -> Response:
        session = member(request, session_id).session
        asked = read(shapes.EventsAsked, request.query_params)
        rows = selectors.events_of(session_id, **asked)
        last_seq = max(session.last_seq, rows[-1].seq if rows else 0)
        return Response({"results": [row.frame() for row in rows], "last_seq": last_seq})


def _session(user: User, session_id: UUID) -> dict[str, Any]:
    return dict(shapes.SessionShape(selectors.session_of(user, session_id)).data)
