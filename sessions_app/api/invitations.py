"""REST over invitations by name: the owner sees and withdraws them, the person invited accepts or declines."""

from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from sessions_app.api import serializers as shapes
from sessions_app.api.base import ApiView, caller, counted
from sessions_app.api.invites import JoinedShape
from sessions_app.api.pagination import NewestFirst
from sessions_app.limits import policies
from sessions_app.services import invitations


class ByCreation(NewestFirst):
    ordering = "-created_at"


class SessionInvitations(ApiView):
    pagination_class = ByCreation

    @extend_schema(responses=shapes.InvitationShape(many=True), summary="Who is invited by name and has not come yet")
    def get(self, request: Request, session_id: UUID) -> Response:
        found = invitations.pending_of_session(user=caller(request), session_id=session_id)
        page = self.paginate_queryset(found) or []
        return self.get_paginated_response(shapes.InvitationShape(page, many=True).data)


class SessionInvitation(ApiView):
    @extend_schema(responses={204: None}, summary="Withdraw an invitation by name")
    def delete(self, request: Request, session_id: UUID, invitation_id: UUID) -> Response:
        invitations.withdraw(user=caller(request), session_id=session_id, invitation_id=invitation_id)
        return Response(status=204)


class MyInvitations(ApiView):
    pagination_class = ByCreation

    @extend_schema(responses=shapes.MyInvitationShape(many=True), summary="The sessions that the caller is invited to")
    def get(self, request: Request) -> Response:
        page = self.paginate_queryset(invitations.pending_of(caller(request))) or []
        return self.get_paginated_response(shapes.MyInvitationShape(page, many=True).data)


@counted(POST=policies.INVITES)
class AcceptInvitation(ApiView):
    @extend_schema(request=None, responses=JoinedShape, summary="Become a member")
    def post(self, request: Request, invitation_id: UUID) -> Response:
        return Response(JoinedShape(invitations.accept(user=caller(request), invitation_id=invitation_id)).data)


@counted(POST=policies.INVITES)
class DeclineInvitation(ApiView):
    @extend_schema(request=None, responses={204: None}, summary="Stay out; nobody is told")
    def post(self, request: Request, invitation_id: UUID) -> Response:
        invitations.decline(user=caller(request), invitation_id=invitation_id)
        return Response(status=204)
