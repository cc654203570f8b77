"""Operators' pages over requests, proposals and the ledger of model calls: to be found and read."""

from django.contrib import admin
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from refine_app.models import Hunk, ModelCall, Proposal, Request
from sessions_app.admin import ReadOnlyAdmin, link_to, link_to_list


@admin.register(Request)
class RequestAdmin(ReadOnlyAdmin[Request]):
    list_display = ("__str__", "intent", "session_link", "user", "run_link", "created_at", "proposals_link")
    list_filter = ("intent",)
    list_select_related = ("session", "user", "run__graph_version__graph")
    search_fields = ("instruction", "session__id", "session__title", "run__id", "user__username")
    date_hierarchy = "created_at"
    ordering = ("-created_at",)

    @admin.display(description="session")
    def session_link(self, request: Request) -> SafeString | str:
        return link_to(request.session)

    @admin.display(description="run")
    def run_link(self, request: Request) -> SafeString | str:
        return link_to(request.run)

    @admin.display(description="proposals")
    def proposals_link(self, request: Request) -> SafeString:
        return link_to_list(Proposal, "proposals", run__id__exact=request.run_id)


class HunkInline(admin.TabularInline[Hunk, Proposal]):
    model = Hunk
    extra = 0
    can_delete = False
    fields = ("n", "header", "status", "reason", "decided_by", "decided_at", "shown_text")
    readonly_fields = ("shown_text",)

    def has_add_permission(self, request: HttpRequest, obj: Proposal | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Proposal | None = None) -> bool:
        return False

    @admin.display(description="text")
    def shown_text(self, hunk: Hunk) -> SafeString:
        return format_html("<pre>{}</pre>", hunk.text)


@admin.register(Proposal)
class ProposalAdmin(ReadOnlyAdmin[Proposal]):
    list_display = ("__str__", "status", "session_link", "run_link", "endpoint", "created_at")
    list_filter = ("status", "endpoint")
    list_select_related = ("session", "run__graph_version__graph")
    search_fields = ("summary", "session__id", "session__title", "run__id")
    date_hierarchy = "created_at"
    ordering = ("-created_at",)
    inlines = (HunkInline,)

    @admin.display(description="session")
    def session_link(self, proposal: Proposal) -> SafeString | str:
        return link_to(proposal.session)

    @admin.display(description="run")
    def run_link(self, proposal: Proposal) -> SafeString | str:
        return link_to(proposal.run)


@admin.register(ModelCall)
class ModelCallAdmin(ReadOnlyAdmin[ModelCall]):
    list_display = (
        *("created_at", "endpoint", "model", "outcome", "run_link", "user"),
        *("prompt_tokens", "completion_tokens", "cost_usd", "latency_ms"),
    )
    list_filter = ("outcome", "endpoint", "tokens_estimated")
    list_select_related = ("run__graph_version__graph", "user")
    search_fields = ("run__id", "session__id", "model", "endpoint", "node_id")
    date_hierarchy = "created_at"
    ordering = ("-created_at",)

    @admin.display(description="run")
    def run_link(self, call: ModelCall) -> SafeString | str:
        return link_to(call.run)


@admin.register(Hunk)
class HunkAdmin(ReadOnlyAdmin[Hunk]):
    list_display = ("proposal_link", "n", "header", "status", "decided_by", "decided_at")
    list_filter = ("status",)
    list_select_related = ("proposal", "decided_by")
    search_fields = ("proposal__id", "proposal__run__id", "header")
    ordering = ("-proposal__created_at", "n")

    @admin.display(description="proposal")
    def proposal_link(self, hunk: Hunk) -> SafeString | str:
        return link_to(hunk.proposal)
