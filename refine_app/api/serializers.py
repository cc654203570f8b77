"""The shapes of this app's REST, in and out."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from graphs_app.api.serializers import RunShape, RunSummaryShape
from refine_app.diffs import deceptive
from refine_app.diffs.outline import Loss
from refine_app.models import Hunk, ModelCall, Proposal, Request
from refine_app.services.decisions import REASON_MAX
from refine_app.services.requests import ASKABLE, AUTO, INSTRUCTION_MAX
from sessions_app.api.base import API_VERSION
from sessions_app.api.serializers import UserShape


class RequestAsked(serializers.Serializer[Any]):
    intent = serializers.CharField(
        required=False, default=AUTO, max_length=40, help_text=f"One of {', '.join(ASKABLE)}."
    )
    instruction = serializers.CharField(
        allow_blank=True, help_text=f"What is to be done, in at most {INSTRUCTION_MAX:,} characters."
    )
    parent = serializers.UUIDField(  # type: ignore[assignment]  # a declared field, no attribute
        required=False, allow_null=True, default=None, help_text="The request that this one follows up."
    )
    graph = serializers.CharField(
        required=False, allow_null=True, default=None, max_length=200, help_text="What redesign_graph is to redesign."
    )


class RequestShape(serializers.ModelSerializer[Request]):
    session = serializers.UUIDField(source="session_id", read_only=True)
    parent = serializers.UUIDField(  # type: ignore[assignment]  # a declared field, no attribute
        source="parent_id", read_only=True, allow_null=True
    )
    by = UserShape(source="user", read_only=True, allow_null=True)
    run = RunShape(read_only=True)
    api_version = serializers.SerializerMethodField()

    class Meta:
        model = Request
        fields = (
            "id",
            "session",
            "intent",
            "routing_reason",
            "instruction",
            "parent",
            "by",
            "base_revision",
            "created_at",
            "run",
            "api_version",
        )
        read_only_fields = fields

    def get_api_version(self, request: Request) -> str:
        return API_VERSION


class RequestSummaryShape(RequestShape):
    """A request in a list: its run comes without its states, which hold the document several times over."""

    run = RunSummaryShape(read_only=True)


class CheckShape(serializers.Serializer[Any]):
    name = serializers.CharField()
    verdict = serializers.ChoiceField(choices=["passed", "failed", "skipped"])
    detail = serializers.CharField(allow_blank=True)


class HunkShape(serializers.ModelSerializer[Hunk]):
    decided_by = UserShape(read_only=True, allow_null=True)
    warnings = serializers.SerializerMethodField(
        help_text="What it adds that nobody would see, or that passes for something else."
    )

    class Meta:
        model = Hunk
        fields = (
            "n",
            "header",
            "old_start",
            "old_lines",
            "new_start",
            "new_lines",
            "text",
            "warnings",
            "status",
            "reason",
            "decided_by",
            "decided_at",
        )
        read_only_fields = fields

    def get_warnings(self, hunk: Hunk) -> list[str]:
        return [*_lost_in(hunk), *deceptive.warnings(hunk.text, hunk.new_start)]


def _lost_in(hunk: Hunk) -> list[str]:
    """What this hunk takes away though nobody asked for it, as the proposal's checks found it."""
    lost = [loss for check in hunk.proposal.checks for loss in check.get("losses") or ()]
    old = range(hunk.old_start, hunk.old_start + hunk.old_lines)
    removed = [loss for check in hunk.proposal.checks for loss in check.get("removed") or ()]
    told = [f"takes away {Loss(**loss).words}; nobody asked for that" for loss in lost if loss["line"] in old]
    return told + [f"removes {Loss(**loss).words}" for loss in removed if loss["line"] in old]


class ProposalShape(serializers.ModelSerializer[Proposal]):
    run = serializers.UUIDField(source="run_id", read_only=True)
    request = serializers.UUIDField(source="request_id", read_only=True)
    session = serializers.UUIDField(source="session_id", read_only=True)
    checks = serializers.SerializerMethodField()
    hunks = HunkShape(many=True, read_only=True)
    api_version = serializers.SerializerMethodField()

    class Meta:
        model = Proposal
        fields = (
            "id",
            "run",
            "request",
            "session",
            "base_revision",
            "status",
            "summary",
            "endpoint",
            "diff",
            "checks",
            "hunks",
            "created_at",
            "api_version",
        )
        read_only_fields = fields

    @extend_schema_field(CheckShape(many=True))
    def get_checks(self, proposal: Proposal) -> Any:
        return proposal.checks

    def get_api_version(self, proposal: Proposal) -> str:
        return API_VERSION


class _HunkNumbers(serializers.ListField):
    child = serializers.IntegerField(min_value=1)

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(required=False, allow_null=True, default=None, min_length=1, max_length=10_000, **kwargs)


class AcceptAsked(serializers.Serializer[Any]):
    hunks = _HunkNumbers(help_text="Their numbers; all that are undecided when left out.")


class RejectOneAsked(serializers.Serializer[Any]):
    reason = serializers.CharField(
        required=False,
        allow_blank=True,
        default="",
        help_text=f"Why, in at most {REASON_MAX:,} characters; the next request's agent is told.",
    )


class RejectAsked(RejectOneAsked):
    hunks = _HunkNumbers(help_text="Their numbers; all that are undecided when left out.")


class CallTokensShape(serializers.Serializer[ModelCall]):
    prompt = serializers.IntegerField(source="prompt_tokens")
    completion = serializers.IntegerField(source="completion_tokens")


class ModelCallShape(serializers.ModelSerializer[ModelCall]):
    run = serializers.UUIDField(source="run_id", read_only=True, allow_null=True)
    session = serializers.UUIDField(source="session_id", read_only=True, allow_null=True)
    tokens = CallTokensShape(source="*", read_only=True)

    class Meta:
        model = ModelCall
        fields = (
            "id",
            "run",
            "node_run",
            "node_id",
            "session",
            "endpoint",
            "model",
            "agent",
            "attempt",
            "reason",
            "prompt_version",
            "tokens",
            "tokens_estimated",
            "cost_usd",
            "reserved_usd",
            "latency_ms",
            "discarded",
            "duplicate",
            "outcome",
            "created_at",
        )
        read_only_fields = fields


class SaidShape(serializers.Serializer[Any]):
    role = serializers.CharField()
    content = serializers.CharField(allow_blank=True)


class ModelCallTextShape(ModelCallShape):
    """A call with what was said in it."""

    prompt = serializers.SerializerMethodField()
    reply = serializers.SerializerMethodField()
    truncated = serializers.SerializerMethodField(help_text="Whether there was more than is kept.")
    kept = serializers.SerializerMethodField(help_text="Whether what was said is kept at all.")

    class Meta:
        model = ModelCall
        fields = (*ModelCallShape.Meta.fields, "prompt", "reply", "truncated", "kept")
        read_only_fields = fields

    @extend_schema_field(SaidShape(many=True))
    def get_prompt(self, call: ModelCall) -> Any:
        return call.said.prompt if self.get_kept(call) else []

    def get_reply(self, call: ModelCall) -> str:
        return call.said.reply if self.get_kept(call) else ""

    def get_truncated(self, call: ModelCall) -> bool:
        return self.get_kept(call) and call.said.truncated

    def get_kept(self, call: ModelCall) -> bool:
        return hasattr(call, "said")


class ModelCallTexts(serializers.Serializer[Any]):
    model_calls = ModelCallTextShape(many=True)


class ModelCallFilter(serializers.Serializer[Any]):
    session = serializers.UUIDField(required=False)
    run = serializers.UUIDField(required=False)
