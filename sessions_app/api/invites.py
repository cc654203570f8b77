"""REST over invitations: the owner makes links, whoever has one may look at it and accept."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from sessions_app.api import serializers as shapes
from sessions_app.api.base import ApiView, caller, counted, member, read
from sessions_app.api.pagination import NewestFirst
from sessions_app.limits import policies
from sessions_app.models import Invite, Role
from sessions_app.permissions import Action
from sessions_app.services import invites

ROLES = [(role.value, role.label) for role in (Role.EDITOR, Role.VIEWER)]


class InviteAsked(serializers.Serializer[Any]):
    role = serializers.ChoiceField(choices=ROLES, default=Role.EDITOR.value)
    expires_in_s = serializers.IntegerField(required=False, allow_null=True, min_value=1, max_value=365 * 86400)
    max_uses = serializers.IntegerField(required=False, allow_null=True, min_value=1, max_value=10_000)


class InviteShape(serializers.ModelSerializer[Invite]):
    session = serializers.UUIDField(source="session_id", read_only=True)
    created_by = shapes.UserShape(read_only=True)

    class Meta:
        model = Invite
        fields: tuple[str, ...] = (
            "id", "session", "role", "created_by", "created_at", "expires_at", "max_uses", "uses",
        )  # fmt: skip
        read_only_fields = fields


class InviteMadeShape(InviteShape):
    token = serializers.CharField(help_text="Shown this once.")
    url = serializers.CharField(help_text="The page to send to people.")

    class Meta(InviteShape.Meta):
        fields = (*InviteShape.Meta.fields, "token", "url")
        read_only_fields = fields


class InviteLookShape(serializers.Serializer[Invite]):
    """What somebody who has the link is shown before they come in."""

    title = serializers.CharField(source="session.title")
    role = serializers.ChoiceField(choices=ROLES)
    invited_by = serializers.CharField(source="created_by.__str__")
    expires_at = serializers.DateTimeField(allow_null=True)


class JoinedShape(serializers.Serializer[Any]):
    session = serializers.UUIDField(source="session_id")
    role = serializers.ChoiceField(choices=Role.choices)
    user = shapes.UserShape()


@counted(POST=policies.INVITES)
class Invites(ApiView):
    class Pages(NewestFirst):
        ordering = "-created_at"

    pagination_class = Pages

    @extend_schema(responses=InviteShape(many=True), summary="The invitations that still let somebody in")
    def get(self, request: Request, session_id: UUID) -> Response:
        page = self.paginate_queryset(invites.standing(user=caller(request), session_id=session_id)) or []
        return self.get_paginated_response(InviteShape(page, many=True).data)

    @extend_schema(request=InviteAsked, responses={201: InviteMadeShape}, summary="Make an invitation")
    def post(self, request: Request, session_id: UUID) -> Response:
        member(request, session_id, Action.MANAGE)
        asked = read(InviteAsked, request.data)
        seconds = asked.get("expires_in_s")
        invite, token = invites.create(
            user=caller(request),
            session_id=session_id,
            role=Role(asked["role"]),
            expires_in=timedelta(seconds=seconds) if seconds else None,
            max_uses=asked.get("max_uses"),
        )
        url = request.build_absolute_uri(f"/join/{token}/")
        return Response({**InviteShape(invite).data, "token": token, "url": url}, 201)


class InviteDetail(ApiView):
    @extend_schema(responses={204: None}, summary="Revoke an invitation; who is in stays")
    def delete(self, request: Request, session_id: UUID, invite_id: UUID) -> Response:
        invites.revoke(user=caller(request), session_id=session_id, invite_id=invite_id)
        return Response(status=204)


@counted(GET=policies.INVITES)
class InviteLook(ApiView):
    @extend_schema(responses=InviteLookShape, summary="What an invitation leads to")
    def get(self, request: Request, token: str) -> Response:
        return Response(InviteLookShape(invites.look(token=token, user=caller(request))).data)


@counted(POST=policies.INVITES)
class InviteAccept(ApiView):
    @extend_schema(request=None, responses=JoinedShape, summary="Join a session by an invitation")
    def post(self, request: Request, token: str) -> Response:
        return Response(JoinedShape(invites.accept(user=caller(request), token=token)).data)
