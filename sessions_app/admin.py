"""Operators' pages over sessions; what the system writes as its record can be read here, and not be rewritten.

ReadOnlyAdmin and the links are used by the apps above as well.
"""

from typing import Any, TypeVar
from urllib.parse import urlencode

from django.contrib import admin, messages
from django.contrib.auth.admin import UserAdmin
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from sessions_app.clock import database_now
from sessions_app.models import (
    Connection,
    Document,
    DocumentClient,
    DocumentSnapshot,
    DocumentText,
    DocumentUpdate,
    IdempotencyKey,
    Invitation,
    Invite,
    Member,
    QuarantinedUpdate,
    Removal,
    Revision,
    Session,
    SessionEvent,
    Ticket,
    User,
)
from sessions_app.plurals import counted
from sessions_app.services import lifetimes, sessions

M = TypeVar("M", bound=Model)


def link_to(instance: Model | None) -> SafeString | str:
    """A link to the instance's own page."""
    if instance is None:
        return "-"
    address = reverse(f"admin:{instance._meta.app_label}_{instance._meta.model_name}_change", args=[instance.pk])
    return format_html('<a href="{}">{}</a>', address, str(instance) or str(instance.pk))


def link_to_list(model: type[Model], text: str, **filters: Any) -> SafeString:
    """A link to the list of a model's rows that the filters leave."""
    address = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
    return format_html('<a href="{}?{}">{}</a>', address, urlencode(filters), text)


class ReadOnlyAdmin(admin.ModelAdmin[M]):
    """For rows that only services write: to be found and read. They go when what they belong to is deleted."""

    show_full_result_count = False
    list_per_page = 50

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: M | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: M | None = None) -> bool:
        """Not on their own pages; Django asks this for cascades from other models' pages too."""
        match = request.resolver_match
        own = f"{self.opts.app_label}_{self.opts.model_name}_"
        elsewhere = match is not None and not (match.url_name or "").startswith(own)
        return elsewhere and super().has_delete_permission(request, obj)


class MemberInline(admin.TabularInline[Member, Session]):
    model = Member
    extra = 0
    raw_id_fields = ("user",)
    readonly_fields = ("joined_at",)


@admin.register(User)
class PersonAdmin(UserAdmin[User]):
    list_display = ("username", "name", "email", "is_guest", "is_staff", "is_active", "date_joined", "sessions_link")
    list_filter = ("is_guest", "is_staff", "is_superuser", "is_active")
    search_fields = ("username", "name", "email", "id")
    date_hierarchy = "date_joined"
    show_full_result_count = False
    fieldsets = (*(UserAdmin.fieldsets or ()), ("Here", {"fields": ("name", "is_guest")}))

    @admin.display(description="sessions")
    def sessions_link(self, person: User) -> SafeString:
        return link_to_list(Session, "sessions", members__user__id__exact=person.pk)


@admin.register(Session)
class SessionAdmin(admin.ModelAdmin[Session]):
    """A session's lifetime is changed by the actions, which do what the service does for everyone."""

    list_display = ("title", "language", "status", "created_by", "last_active_at", "expires_at", "last_seq")
    list_filter = ("status", "language")
    list_select_related = ("created_by",)
    search_fields = ("title", "id", "created_by__username", "created_by__name")
    date_hierarchy = "created_at"
    show_full_result_count = False
    fields = (
        ("title", "language"),
        ("id", "status", "created_by", "last_seq"),
        ("created_at", "last_active_at", "expires_at", "expired_at", "warned_at"),
        ("idle_ttl_s", "max_ttl_s", "lifetime_from"),
        "metadata",
        "related",
    )
    readonly_fields = (
        *("id", "status", "created_by", "last_seq", "created_at", "last_active_at", "expires_at", "expired_at"),
        *("warned_at", "lifetime_from", "metadata", "related"),
    )
    inlines = (MemberInline,)
    actions = ("extend", "expire")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False  # a session needs an owner and a document: people create them

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        return lookup == "members__user__id__exact" or super().lookup_allowed(lookup, value, request)

    @admin.display(description="in this session")
    def related(self, session: Session) -> SafeString:
        """Links to what the session holds, of this app and of those above that know sessions."""
        rows = [
            (field.related_model, field.field.name)
            for field in Session._meta.related_objects
            if admin.site.is_registered(field.related_model) and field.related_model is not Member
        ]
        links = [
            link_to_list(model, str(model._meta.verbose_name_plural), **{f"{name}__id__exact": session.pk})
            for model, name in rows
        ]
        return format_html(" · ".join("{}" for _ in links), *links)

    @admin.action(description="Extend: the whole lifetime again, from now", permissions=["change"])
    def extend(self, request: HttpRequest, chosen: QuerySet[Session]) -> None:
        extended = [session for session in chosen if sessions.extend_now(session_id=session.pk, now=database_now())]
        self._tell(request, "extended", len(extended), chosen.count())

    @admin.action(description="Expire now: read-only, its runs are cancelled", permissions=["change"])
    def expire(self, request: HttpRequest, chosen: QuerySet[Session]) -> None:
        expired = [session for session in chosen if lifetimes.expire_now(session_id=session.pk, now=database_now())]
        self._tell(request, "expired", len(expired), chosen.count())

    def _tell(self, request: HttpRequest, what: str, done: int, asked: int) -> None:
        if done:
            self.message_user(request, f"{done} of {counted(asked, 'session')} {what}.", messages.SUCCESS)
        if done < asked:
            self.message_user(request, f"{asked - done} had expired before: nothing done.", messages.WARNING)


@admin.register(Member)
class MemberAdmin(admin.ModelAdmin[Member]):
    list_display = ("user", "role", "session", "joined_at")
    list_filter = ("role",)
    list_select_related = ("user", "session")
    search_fields = ("user__username", "user__name", "session__title", "session__id")
    raw_id_fields = ("user", "session")
    show_full_result_count = False


@admin.register(Invitation)
class InvitationAdmin(ReadOnlyAdmin[Invitation]):
    list_display = ("name", "role", "session", "created_by", "created_at", "expires_at", "declined_at")
    list_select_related = ("session", "created_by")
    search_fields = ("name", "session__title", "session__id")
    ordering = ("-created_at",)


@admin.register(Connection)
class ConnectionAdmin(ReadOnlyAdmin[Connection]):
    list_display = ("id", "user", "session_link", "opened_at", "seen_at")
    list_select_related = ("user", "session")
    search_fields = ("user__username", "session__title", "session__id")
    ordering = ("-seen_at",)

    @admin.display(description="session")
    def session_link(self, connection: Connection) -> SafeString | str:
        return link_to(connection.session)


@admin.register(Document)
class DocumentAdmin(ReadOnlyAdmin[Document]):
    list_display = ("name", "revision", "session_link", "updated_at", "revisions_link")
    list_select_related = ("session",)
    search_fields = ("session__title", "session__id", "id")
    ordering = ("-updated_at",)

    @admin.display(description="session")
    def session_link(self, document: Document) -> SafeString | str:
        return link_to(document.session)

    @admin.display(description="revisions")
    def revisions_link(self, document: Document) -> SafeString:
        return link_to_list(Revision, "revisions", document__id__exact=document.pk)


class OfDocumentAdmin(ReadOnlyAdmin[M]):
    """What a document keeps: its text and its bytes are not loaded for a list."""

    search_fields = ("document__id", "document__session__id", "document__session__title")
    ordering = ("-pk",)
    heavy: tuple[str, ...] = ()

    def get_queryset(self, request: HttpRequest) -> QuerySet[M]:
        return super().get_queryset(request).defer(*self.heavy)

    @admin.display(description="document")
    def document_link(self, part: Any) -> SafeString | str:
        return link_to(part.document)


@admin.register(DocumentText)
class DocumentTextAdmin(OfDocumentAdmin[DocumentText]):
    list_display = ("document_link", "revision")
    list_select_related = ("document",)
    heavy = ("text",)


@admin.register(Revision)
class RevisionAdmin(OfDocumentAdmin[Revision]):
    list_display = ("number", "name", "document_link", "author", "origin", "pinned", "created_at")
    list_select_related = ("document", "author")
    heavy = ("text",)


@admin.register(DocumentUpdate)
class DocumentUpdateAdmin(OfDocumentAdmin[DocumentUpdate]):
    list_display = ("number", "document_link", "user", "origin", "created_at")
    list_select_related = ("document", "user")
    heavy = ("update",)


@admin.register(DocumentSnapshot)
class DocumentSnapshotAdmin(OfDocumentAdmin[DocumentSnapshot]):
    list_display = ("number", "document_link", "starts_epoch", "digest", "created_at")
    list_filter = ("starts_epoch",)
    list_select_related = ("document",)
    heavy = ("state",)


@admin.register(DocumentClient)
class DocumentClientAdmin(OfDocumentAdmin[DocumentClient]):
    list_display = ("client", "document_link", "user", "epoch")
    list_select_related = ("document", "user")


@admin.register(QuarantinedUpdate)
class QuarantinedUpdateAdmin(OfDocumentAdmin[QuarantinedUpdate]):
    list_display = ("reason", "document_link", "user", "created_at")
    list_select_related = ("document", "user")
    heavy = ("update",)


@admin.register(Invite)
class InviteAdmin(ReadOnlyAdmin[Invite]):
    list_display = ("__str__", "session_link", "created_by", "uses", "max_uses", "expires_at", "revoked_at")
    list_filter = ("role", ("revoked_at", admin.EmptyFieldListFilter))
    list_select_related = ("session", "created_by")
    search_fields = ("session__id", "session__title", "created_by__username")
    ordering = ("-created_at",)

    @admin.display(description="session")
    def session_link(self, invite: Invite) -> SafeString | str:
        return link_to(invite.session)


@admin.register(Removal)
class RemovalAdmin(ReadOnlyAdmin[Removal]):
    list_display = ("__str__", "session_link", "at")
    list_select_related = ("session", "user")
    search_fields = ("session__id", "session__title", "user__username")
    ordering = ("-at",)

    @admin.display(description="session")
    def session_link(self, removal: Removal) -> SafeString | str:
        return link_to(removal.session)


@admin.register(SessionEvent)
class SessionEventAdmin(ReadOnlyAdmin[SessionEvent]):
    list_display = ("seq", "type", "at", "run", "session_link")
    list_filter = ("type",)
    list_select_related = ("session",)
    search_fields = ("session__id", "session__title", "run", "type")
    ordering = ("-pk",)

    @admin.display(description="session")
    def session_link(self, event: SessionEvent) -> SafeString | str:
        return link_to(event.session)


@admin.register(Ticket)
class TicketAdmin(ReadOnlyAdmin[Ticket]):
    list_display = ("user", "expires_at")
    list_select_related = ("user",)
    search_fields = ("user__username",)
    fields = ("user", "expires_at", "ends_at")  # a login's key is nobody's to read
    ordering = ("-expires_at",)


@admin.register(IdempotencyKey)
class IdempotencyKeyAdmin(ReadOnlyAdmin[IdempotencyKey]):
    list_display = ("key", "path", "user", "status_code", "created_at")
    list_select_related = ("user",)
    search_fields = ("key", "path", "user__username")
    fields = ("key", "path", "user", "status_code", "body_digest", "created_at")
    ordering = ("-created_at",)
