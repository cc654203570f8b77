"""The shapes of this app's REST, in and out."""

from typing import Any

from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from sessions_app.api.base import API_VERSION
from sessions_app.models import Document, Invitation, Member, Revision, Role, Session, SessionStatus, User


@extend_schema_serializer(component_name="User")
class UserShape(serializers.ModelSerializer[User]):
    name = serializers.CharField(source="__str__", read_only=True)

    class Meta:
        model = User
        fields = ("id", "name", "is_guest")
        read_only_fields = fields


class GuestAsked(serializers.Serializer[Any]):
    name = serializers.CharField(required=False, allow_blank=True, default="", max_length=80)


class PasswordAsked(serializers.Serializer[Any]):
    username = serializers.CharField(max_length=150)
    password = serializers.CharField(max_length=1000, trim_whitespace=False)


class RefreshAsked(serializers.Serializer[Any]):
    refresh = serializers.CharField(max_length=4000)


@extend_schema_serializer(component_name="Token")
class TokenShape(serializers.Serializer[Any]):
    access = serializers.CharField()
    refresh = serializers.CharField()
    user = UserShape()


@extend_schema_serializer(component_name="Ticket")
class TicketShape(serializers.Serializer[Any]):
    ticket = serializers.CharField()


@extend_schema_serializer(component_name="SessionDocument")
class SessionDocumentShape(serializers.Serializer[Session]):
    """The document as a session tells of it; read from the selectors' annotations."""

    id = serializers.UUIDField(source="document_id")
    revision = serializers.IntegerField(source="document_revision")
    length = serializers.IntegerField(source="document_length")


@extend_schema_serializer(component_name="Session")
class SessionShape(serializers.ModelSerializer[Session]):
    role = serializers.ChoiceField(choices=Role.choices, read_only=True)
    document = SessionDocumentShape(source="*", read_only=True)
    api_version = serializers.SerializerMethodField()

    class Meta:
        model = Session
        fields = (
            "id",
            "title",
            "language",
            "status",
            "role",
            "created_at",
            "last_active_at",
            "expires_at",
            "document",
            "last_seq",
            "api_version",
        )
        read_only_fields = fields

    def get_api_version(self, session: Session) -> str:
        return API_VERSION


class SessionAsked(serializers.Serializer[Any]):
    title = serializers.CharField(required=False, allow_blank=True, default="")
    language = serializers.CharField(required=False, default="text")
    text = serializers.CharField(required=False, allow_blank=True, default="", trim_whitespace=False)


class SessionChangeAsked(serializers.Serializer[Any]):
    title = serializers.CharField(required=False, allow_blank=True)
    language = serializers.CharField(required=False)


class SessionFilter(serializers.Serializer[Any]):
    status = serializers.ChoiceField(choices=SessionStatus.choices, required=False)


@extend_schema_serializer(component_name="Member")
class MemberShape(serializers.ModelSerializer[Member]):
    user = UserShape(read_only=True)

    class Meta:
        model = Member
        fields = ("user", "role", "joined_at")
        read_only_fields = fields


@extend_schema_serializer(component_name="Invitation")
class InvitationShape(serializers.ModelSerializer[Invitation]):
    """As the session's owner sees it: the name is what they wrote, whether anybody has it or not."""

    session = serializers.UUIDField(source="session_id", read_only=True)

    class Meta:
        model = Invitation
        fields = ("id", "session", "name", "role", "created_at", "expires_at")
        read_only_fields = fields


@extend_schema_serializer(component_name="MyInvitation")
class MyInvitationShape(serializers.ModelSerializer[Invitation]):
    """As the person sees it who is invited."""

    session = serializers.UUIDField(source="session_id", read_only=True)
    title = serializers.CharField(source="session.title", read_only=True)
    invited_by = UserShape(source="created_by", read_only=True)

    class Meta:
        model = Invitation
        fields = ("id", "session", "title", "role", "invited_by", "created_at", "expires_at")
        read_only_fields = fields


class MemberAsked(serializers.Serializer[Any]):
    user = serializers.CharField(max_length=150, help_text="A username, or a user's id.")
    role = serializers.ChoiceField(choices=Role.choices, default=Role.EDITOR.value)


class RoleAsked(serializers.Serializer[Any]):
    role = serializers.ChoiceField(choices=Role.choices)


@extend_schema_serializer(component_name="Document")
class DocumentShape(serializers.ModelSerializer[Document]):
    session = serializers.UUIDField(source="session_id", read_only=True)
    length = serializers.SerializerMethodField()

    class Meta:
        model = Document
        fields = ("id", "session", "text", "revision", "length", "updated_at")
        read_only_fields = fields

    def get_length(self, document: Document) -> int:
        return len(document.text)


class TextAsked(serializers.Serializer[Any]):
    text = serializers.CharField(allow_blank=True, trim_whitespace=False)
    revision = serializers.IntegerField(required=False, allow_null=True, default=None, min_value=0)


@extend_schema_serializer(component_name="Revision")
class RevisionShape(serializers.ModelSerializer[Revision]):
    author = UserShape(read_only=True, allow_null=True)
    length = serializers.IntegerField(read_only=True)

    class Meta:
        model = Revision
        fields: tuple[str, ...] = ("number", "name", "author", "origin", "length", "created_at")
        read_only_fields = fields


@extend_schema_serializer(component_name="RevisionWithText")
class RevisionTextShape(RevisionShape):
    length = serializers.SerializerMethodField()  # type: ignore[assignment]  # the text is here to be counted

    class Meta(RevisionShape.Meta):
        fields = (*RevisionShape.Meta.fields, "text")
        read_only_fields = fields

    def get_length(self, revision: Revision) -> int:
        return len(revision.text)


class RevisionsAsked(serializers.Serializer[Any]):
    named = serializers.BooleanField(required=False, default=False, help_text="Only what somebody gave a name.")


class NameAsked(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=100)


class RestoreAsked(serializers.Serializer[Any]):
    revision = serializers.IntegerField(
        required=False, allow_null=True, default=None, min_value=0, help_text="Only if this is the current one still."
    )


class EventsAsked(serializers.Serializer[Any]):
    after = serializers.IntegerField(required=False, default=0, min_value=0, max_value=2**62)
    limit = serializers.IntegerField(required=False, default=500, min_value=1, max_value=1000)
    before = serializers.IntegerField(
        required=False,
        allow_null=True,
        default=None,
        min_value=0,
        max_value=2**62,
        help_text="Then the last ones before this number, not the first after `after`; in their order all the same.",
    )
    type = serializers.RegexField(
        r"^[a-z_]+\.[a-z_]+$",
        required=False,
        default="",
        max_length=64,
        help_text="Only these, such as message.created.",
    )


@extend_schema_serializer(component_name="Event")
class EventShape(serializers.Serializer[Any]):
    """One event, as the session's socket sends it too."""

    seq = serializers.IntegerField()
    type = serializers.CharField()
    at = serializers.DateTimeField()
    run = serializers.UUIDField(allow_null=True)
    data = serializers.DictField()  # type: ignore[assignment]  # a declared field, no attribute


@extend_schema_serializer(component_name="Events")
class EventsShape(serializers.Serializer[Any]):
    results = EventShape(many=True)
    last_seq = serializers.IntegerField()
