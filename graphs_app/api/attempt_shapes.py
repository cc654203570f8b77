"""The shapes of attempts that failed and were made again."""

from typing import Any

from rest_framework import serializers

from graphs_app.models import NodeAttempt


class AttemptShape(serializers.ModelSerializer[NodeAttempt]):
    """An attempt that failed and was made again; `error.code` is `attempt_lost` if its worker stopped or died."""

    error = serializers.DictField()
    tokens = serializers.SerializerMethodField()
    cost_usd = serializers.SerializerMethodField()

    class Meta:
        model = NodeAttempt
        fields: tuple[str, ...] = ("attempt", "error", "started_at", "finished_at", "duration_ms", "tokens", "cost_usd")
        read_only_fields = fields

    def get_tokens(self, attempt: NodeAttempt) -> dict[str, int]:
        return {"prompt": attempt.prompt_tokens, "completion": attempt.completion_tokens}

    def get_cost_usd(self, attempt: NodeAttempt) -> str | None:
        return None if attempt.cost_usd is None else str(attempt.cost_usd)


class WholeAttemptShape(AttemptShape):
    """The same with what it saw (null where it would be too much) and what it said."""

    input = serializers.SerializerMethodField()

    class Meta(AttemptShape.Meta):
        fields = (*AttemptShape.Meta.fields, "input", "text")
        read_only_fields = fields

    def get_input(self, attempt: NodeAttempt) -> dict[str, Any] | None:
        saw: dict[int, dict[str, Any]] = self.context.get("saw", {})
        return saw.get(attempt.pk)
