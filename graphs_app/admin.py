"""Operators' pages over graphs and runs. Runs are steered by actions, which call what people's own buttons call."""

import json
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from graphs_app.models import (
    Graph,
    GraphDraft,
    GraphProposal,
    GraphVersion,
    Interrupt,
    NodeAttempt,
    NodeRun,
    Run,
    VersionLayout,
    WorkerHeartbeat,
)
from graphs_app.services import operating
from sessions_app.admin import ReadOnlyAdmin, link_to, link_to_list
from sessions_app.models import SessionEvent
from sessions_app.plurals import counted


def as_json(value: Any) -> SafeString | str:
    """A JSON value, readable."""
    if value is None:
        return "-"
    return format_html("<pre>{}</pre>", json.dumps(value, indent=2, ensure_ascii=False))


@admin.register(Graph)
class GraphAdmin(ReadOnlyAdmin[Graph]):
    list_display = ("name", "slug", "version", "built_in", "created_by", "updated_at", "deleted_at", "versions_link")
    list_filter = ("built_in", ("deleted_at", admin.EmptyFieldListFilter))
    list_select_related = ("created_by",)
    search_fields = ("name", "slug", "id")
    ordering = ("slug",)

    @admin.display(description="versions")
    def versions_link(self, graph: Graph) -> SafeString:
        return link_to_list(GraphVersion, "versions", graph__id__exact=graph.pk)


@admin.register(GraphVersion)
class GraphVersionAdmin(ReadOnlyAdmin[GraphVersion]):
    list_display = ("graph", "number", "semver", "title", "digest", "created_by", "created_at", "runs_link")
    list_select_related = ("graph", "created_by")
    search_fields = ("graph__name", "graph__slug", "digest")
    fields = (
        *("id", "graph", "number", "semver", "title", "note", "restored_from", "digest", "created_by", "created_at"),
        *("shown_definition", "shown_snapshot"),
    )
    readonly_fields = ("shown_definition", "shown_snapshot")
    ordering = ("graph__slug", "-number")

    @admin.display(description="definition")
    def shown_definition(self, version: GraphVersion) -> SafeString | str:
        return as_json(version.definition)

    @admin.display(description="snapshot")
    def shown_snapshot(self, version: GraphVersion) -> SafeString | str:
        return as_json(version.snapshot)

    @admin.display(description="runs")
    def runs_link(self, version: GraphVersion) -> SafeString:
        return link_to_list(Run, "runs", graph_version__id__exact=version.pk)


@admin.register(GraphDraft)
class GraphDraftAdmin(ReadOnlyAdmin[GraphDraft]):
    list_display = ("graph", "revision", "base_version", "updated_by", "updated_at")
    list_select_related = ("graph", "updated_by")
    search_fields = ("graph__name", "graph__slug")
    fields = ("graph", "revision", "base_version", "updated_by", "updated_at", "shown_definition")
    readonly_fields = ("shown_definition",)
    ordering = ("-updated_at",)

    @admin.display(description="definition")
    def shown_definition(self, draft: GraphDraft) -> SafeString | str:
        return as_json(draft.definition)


@admin.register(GraphProposal)
class GraphProposalAdmin(ReadOnlyAdmin[GraphProposal]):
    list_display = ("id", "graph", "base_version", "status", "run_link", "created_by", "created_at")
    list_filter = ("status",)
    list_select_related = ("graph", "created_by", "run")
    search_fields = ("graph__name", "graph__slug", "id")
    fields = (
        *("id", "graph", "base_version", "status", "run_link", "created_by", "created_at", "updated_at"),
        *("shown_changes", "shown_decisions", "shown_before", "shown_after", "shown_base"),
    )
    readonly_fields = ("run_link", "shown_changes", "shown_decisions", "shown_before", "shown_after", "shown_base")
    ordering = ("-created_at",)

    @admin.display(description="run")
    def run_link(self, proposal: GraphProposal) -> SafeString | str:
        return link_to(proposal.run)

    @admin.display(description="changes")
    def shown_changes(self, proposal: GraphProposal) -> SafeString | str:
        return as_json(proposal.changes)

    @admin.display(description="decisions")
    def shown_decisions(self, proposal: GraphProposal) -> SafeString | str:
        return as_json(proposal.decisions)

    @admin.display(description="estimated before")
    def shown_before(self, proposal: GraphProposal) -> SafeString | str:
        return as_json(proposal.before)

    @admin.display(description="estimated after")
    def shown_after(self, proposal: GraphProposal) -> SafeString | str:
        return as_json(proposal.after)

    @admin.display(description="definition")
    def shown_base(self, proposal: GraphProposal) -> SafeString | str:
        return as_json(proposal.base)


@admin.register(Run)
class RunAdmin(ReadOnlyAdmin[Run]):
    """Read here, steered by the actions."""

    list_display = (
        *("id", "graph_version", "status", "session_link", "user", "created_at", "finished_at"),
        *("attempt", "checkpoints", "lease_owner"),
    )
    list_filter = ("status", "durability", "dry_run", "graph_version__graph")
    list_select_related = ("graph_version__graph", "session", "user")
    search_fields = ("id", "session__id", "session__title", "graph_version__graph__slug", "lease_owner")
    date_hierarchy = "created_at"
    ordering = ("-created_at",)
    actions = ("cancel", "requeue", "release_lease")
    fieldsets = (
        (None, {"fields": (("id", "status"), ("graph_version", "session_link", "user"), "related")}),
        ("Error and state", {"fields": ("shown_error", "shown_initial_state", "shown_state", "metadata")}),
        (
            "Life",
            {
                "fields": (
                    ("created_at", "queued_at", "started_at", "finished_at", "cancel_requested_at"),
                    ("attempt", "crashes", "checkpoints", "progress_total"),
                    ("wake_at",),
                    ("lease_owner", "lease_until", "lease_epoch"),
                )
            },
        ),
        ("How", {"fields": (("priority", "durability", "dry_run"), ("timeout_s", "budget_usd", "at_budget"))}),
        ("Cost", {"fields": (("prompt_tokens", "completion_tokens", "cost_usd"),)}),
        ("Family", {"fields": (("parent", "parent_key", "forked_from"),)}),
    )
    readonly_fields = ("session_link", "related", "shown_error", "shown_initial_state", "shown_state")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Run]:
        """States may be large, and a list shows none."""
        found = super().get_queryset(request).defer("graph_version__definition")
        in_list = request.resolver_match is not None and (request.resolver_match.url_name or "").endswith("changelist")
        return found.defer("state", "initial_state", "edits", "metadata") if in_list else found

    def has_change_permission(self, request: HttpRequest, obj: Run | None = None) -> bool:
        """The form has no field to change, but the actions need the permission: it is asked for without a run."""
        return obj is None and request.user.has_perm("graphs_app.change_run")

    @admin.display(description="session")
    def session_link(self, run: Run) -> SafeString | str:
        return link_to(run.session)

    @admin.display(description="of this run")
    def related(self, run: Run) -> SafeString:
        """Links to what the run left behind, in this app, in the log below and in the apps above."""
        links = [link_to_list(SessionEvent, "events", run__exact=run.pk)]
        for field in Run._meta.related_objects:
            model = field.related_model
            if admin.site.is_registered(model):
                text = f"{model._meta.verbose_name_plural} ({field.field.verbose_name})" if model is Run else None
                name = text or str(model._meta.verbose_name_plural)
                links.append(link_to_list(model, name, **{f"{field.field.name}__id__exact": run.pk}))
        return format_html(" · ".join("{}" for _ in links), *links)

    @admin.display(description="error")
    def shown_error(self, run: Run) -> SafeString | str:
        return as_json(run.error)

    @admin.display(description="initial state")
    def shown_initial_state(self, run: Run) -> SafeString | str:
        return as_json(run.initial_state)

    @admin.display(description="state")
    def shown_state(self, run: Run) -> SafeString | str:
        return as_json(run.state)

    @admin.action(description="Cancel", permissions=["change"])
    def cancel(self, request: HttpRequest, chosen: QuerySet[Run]) -> None:
        self._act(request, chosen, "cancel")

    @admin.action(description="Requeue: take from its worker and queue again", permissions=["change"])
    def requeue(self, request: HttpRequest, chosen: QuerySet[Run]) -> None:
        self._act(request, chosen, "requeue")

    @admin.action(description="Release the lease of a worker that is gone", permissions=["change"])
    def release_lease(self, request: HttpRequest, chosen: QuerySet[Run]) -> None:
        self._act(request, chosen, "release")

    def _act(self, request: HttpRequest, chosen: QuerySet[Run], name: str) -> None:
        action = operating.ACTIONS[name]
        done, asked = sum(action.act(run) for run in chosen), chosen.count()
        if done:
            self.message_user(request, f"{done} of {counted(asked, 'run')} {action.done}.", messages.SUCCESS)
        if done < asked:
            self.message_user(request, f"{asked - done} left alone: {action.otherwise}.", messages.WARNING)


@admin.register(NodeRun)
class NodeRunAdmin(ReadOnlyAdmin[NodeRun]):
    list_display = ("node_id", "tool", "status", "attempt", "number", "run_link", "started_at", "duration_ms")
    list_filter = ("status", "tool")
    list_select_related = ("run__graph_version__graph",)
    search_fields = ("run__id", "node_id", "tool", "endpoint")
    ordering = ("-pk",)
    fieldsets = (
        (None, {"fields": (("id", "run_link"), ("node_id", "tool", "status"), ("activation", "number", "attempt"))}),
        ("What it did", {"fields": ("shown_error", "shown_writes", "edges_taken", "text")}),
        ("When", {"fields": (("started_at", "finished_at", "duration_ms"),)}),
        ("Cost", {"fields": (("endpoint", "prompt_tokens", "completion_tokens", "cost_usd"),)}),
    )
    readonly_fields = ("run_link", "shown_error", "shown_writes")

    def get_queryset(self, request: HttpRequest) -> QuerySet[NodeRun]:
        return super().get_queryset(request).defer("run__state", "run__initial_state", "run__metadata")

    @admin.display(description="run")
    def run_link(self, node_run: NodeRun) -> SafeString | str:
        return link_to(node_run.run)

    @admin.display(description="error")
    def shown_error(self, node_run: NodeRun) -> SafeString | str:
        return as_json(node_run.error)

    @admin.display(description="writes")
    def shown_writes(self, node_run: NodeRun) -> SafeString | str:
        return as_json(node_run.writes)


@admin.register(NodeAttempt)
class NodeAttemptAdmin(ReadOnlyAdmin[NodeAttempt]):
    """Attempts that failed and were made again."""

    list_display = ("node_id", "tool", "attempt", "run_link", "started_at", "duration_ms")
    list_filter = ("tool",)
    list_select_related = ("run__graph_version__graph",)
    search_fields = ("run__id", "node_id", "tool")
    ordering = ("-pk",)
    readonly_fields = ("run_link", "shown_error")
    exclude = ("error",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[NodeAttempt]:
        return super().get_queryset(request).defer("run__state", "run__initial_state", "run__metadata")

    @admin.display(description="run")
    def run_link(self, attempt: NodeAttempt) -> SafeString | str:
        return link_to(attempt.run)

    @admin.display(description="error")
    def shown_error(self, attempt: NodeAttempt) -> SafeString | str:
        return as_json(attempt.error)


@admin.register(VersionLayout)
class VersionLayoutAdmin(ReadOnlyAdmin[VersionLayout]):
    """Where versions are drawn."""

    list_display = ("version", "created_at")
    list_select_related = ("version__graph",)
    search_fields = ("version__graph__slug",)
    ordering = ("-pk",)


@admin.register(Interrupt)
class InterruptAdmin(ReadOnlyAdmin[Interrupt]):
    list_display = ("question", "status", "node_id", "run_link", "created_at", "expires_at", "answered_by")
    list_filter = ("status",)
    list_select_related = ("run__graph_version__graph", "answered_by")
    search_fields = ("question", "node_id", "run__id")
    ordering = ("-created_at",)

    @admin.display(description="run")
    def run_link(self, interrupt: Interrupt) -> SafeString | str:
        return link_to(interrupt.run)


@admin.register(WorkerHeartbeat)
class WorkerHeartbeatAdmin(ReadOnlyAdmin[WorkerHeartbeat]):
    list_display = ("name", "seen_at", "started_at", "running", "draining")
    list_filter = ("draining",)
    search_fields = ("name",)
    ordering = ("-seen_at",)
