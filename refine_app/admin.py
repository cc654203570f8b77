"""Operators' pages over requests, proposals and the ledger of model calls: to be found and read."""

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from refine_app.errors import EndpointFieldInvalid
from refine_app.models import (
    Budget,
    Endpoint,
    EndpointState,
    Hunk,
    ModelCall,
    Prompt,
    PromptLabel,
    PromptVersion,
    Proposal,
    Request,
)
from refine_app.services import endpoints
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
        *("created_at", "endpoint", "model", "agent", "outcome", "run_link", "user"),
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


class EndpointForm(forms.ModelForm[Endpoint]):
    """Holds what is entered here to the same rules as what comes over REST."""

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        try:
            endpoints.check(Endpoint(**{name: cleaned[name] for name in endpoints.FIELDS if name in cleaned}))
        except EndpointFieldInvalid as error:
            self.add_error(error.field if error.field in self.fields else None, str(error))
        return cleaned


@admin.register(Endpoint)
class EndpointAdmin(admin.ModelAdmin[Endpoint]):
    form = EndpointForm
    list_display = ("slug", "model", "tier", "enabled", "whether", "input_usd", "output_usd", "context_tokens")
    list_filter = ("tier", "kind", "enabled", "built_in")
    search_fields = ("slug", "model", "url")
    fieldsets = (
        (None, {"fields": ("slug", "name", ("kind", "model"), "url", "secret", ("enabled", "tier", "context_tokens"))}),
        ("Prices, in dollars for a million tokens", {"fields": (("input_usd", "output_usd"),)}),
        ("Limits", {"fields": (("max_concurrency", "requests_per_minute", "tokens_per_minute"),)}),
        ("Thinking", {"fields": (("thinking_tokens", "reasoning_effort"),)}),
        ("Patience", {"fields": (("timeout_s", "idle_timeout_s"),)}),
    )

    def get_readonly_fields(self, request: HttpRequest, obj: Endpoint | None = None) -> tuple[str, ...]:
        return () if obj is None else ("slug",)

    def has_delete_permission(self, request: HttpRequest, obj: Endpoint | None = None) -> bool:
        return (obj is None or not obj.built_in) and super().has_delete_permission(request, obj)

    @admin.display(description="can be called")
    def whether(self, endpoint: Endpoint) -> str:
        return endpoints.why_off(endpoint) or "yes"


@admin.register(EndpointState)
class EndpointStateAdmin(admin.ModelAdmin[EndpointState]):
    """How endpoints do; only what an operator may force can be changed."""

    list_display = ("slug", "failures", "opened_at", "forced", "latency_ms", "last_completed_at", "last_failed_at")
    fields = (
        "slug",
        "forced",
        "failures",
        "opened_at",
        "probe_until",
        "rests_until",
        "latency_ms",
        "last_error",
        "last_failed_at",
    )
    readonly_fields = tuple(name for name in fields if name != "forced")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False


@admin.register(Budget)
class BudgetAdmin(admin.ModelAdmin[Budget]):
    list_display = ("scope", "subject", "period", "limit_usd", "updated_at")
    list_filter = ("scope", "period")
    search_fields = ("subject",)
    fields = ("scope", "subject", "period", "limit_usd")


@admin.register(Prompt)
class PromptAdmin(ReadOnlyAdmin[Prompt]):
    """To be read; versions are published over REST, where their templates are checked."""

    list_display = ("name", "built_in", "created_at", "versions_link")
    search_fields = ("name", "description")

    @admin.display(description="versions")
    def versions_link(self, prompt: Prompt) -> SafeString:
        return link_to_list(PromptVersion, "versions", prompt__id__exact=prompt.pk)


@admin.register(PromptVersion)
class PromptVersionAdmin(ReadOnlyAdmin[PromptVersion]):
    list_display = ("__str__", "built_in", "created_by", "created_at")
    list_select_related = ("prompt", "created_by")
    search_fields = ("prompt__name", "content")


@admin.register(PromptLabel)
class PromptLabelAdmin(ReadOnlyAdmin[PromptLabel]):
    list_display = ("label", "version", "set_by", "set_at")
    list_filter = ("label",)
    list_select_related = ("version__prompt", "set_by")
    ordering = ("-set_at",)
