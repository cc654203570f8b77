"""The shapes of endpoints, budgets and sums of the ledger, in and out."""

from typing import Any

from rest_framework import serializers

from refine_app.models import Budget, BudgetPeriod, BudgetScope, Kind, ReasoningEffort, Tier
from refine_app.services.sums import KEYS

_WHOLE = {"required": False, "allow_null": True, "min_value": 1, "max_value": 100_000_000}
_PRICE = {"required": False, "allow_null": True, "max_digits": 12, "decimal_places": 6, "min_value": 0}


class EndpointChange(serializers.Serializer[Any]):
    name = serializers.CharField(required=False, allow_blank=True, max_length=200)
    kind = serializers.ChoiceField(required=False, choices=Kind.choices)
    model = serializers.CharField(required=False, allow_blank=True, max_length=200)
    url = serializers.CharField(required=False, allow_blank=True, max_length=500)
    tier = serializers.ChoiceField(required=False, choices=Tier.choices)
    context_tokens = serializers.IntegerField(required=False, min_value=100, max_value=100_000_000)
    input_usd = serializers.DecimalField(**_PRICE, help_text="For a million tokens read; null when not known.")  # type: ignore[arg-type]
    output_usd = serializers.DecimalField(**_PRICE, help_text="For a million tokens written.")  # type: ignore[arg-type]
    max_concurrency = serializers.IntegerField(**_WHOLE)  # type: ignore[arg-type]
    requests_per_minute = serializers.IntegerField(**_WHOLE)  # type: ignore[arg-type]
    tokens_per_minute = serializers.IntegerField(**_WHOLE)  # type: ignore[arg-type]
    timeout_s = serializers.FloatField(required=False, min_value=1, max_value=3600)
    idle_timeout_s = serializers.FloatField(required=False, min_value=0.1, max_value=3600)
    thinking_tokens = serializers.IntegerField(
        required=False, allow_null=True, min_value=0, max_value=1_000_000,
        help_text="Room for thoughts beyond the answer; null: as much as is learnt.",
    )  # fmt: skip
    reasoning_effort = serializers.ChoiceField(required=False, allow_blank=True, choices=ReasoningEffort.choices)
    secret = serializers.CharField(
        required=False, allow_blank=True, max_length=100, help_text="The name of an environment variable."
    )
    enabled = serializers.BooleanField(required=False)


class EndpointAsked(EndpointChange):
    slug = serializers.SlugField(max_length=80)


class HealthShape(serializers.Serializer[Any]):
    breaker = serializers.ChoiceField(choices=["closed", "open", "half_open"])
    forced = serializers.CharField(allow_blank=True)
    failures = serializers.IntegerField()
    rests_until = serializers.DateTimeField(allow_null=True, help_text="It has asked not to be called before.")
    latency_ms = serializers.FloatField(allow_null=True)
    last_error = serializers.CharField(allow_blank=True)
    last_failed_at = serializers.DateTimeField(allow_null=True)
    last_completed_at = serializers.DateTimeField(allow_null=True)


class EndpointShape(EndpointAsked):
    built_in = serializers.BooleanField()
    given = serializers.BooleanField(help_text="By the environment: it can be changed only there.")
    available = serializers.BooleanField()
    why_off = serializers.CharField(allow_blank=True)
    quirks = serializers.CharField(allow_blank=True, help_text="How its server differs from the chat protocol.")
    health = HealthShape()


class EndpointList(serializers.Serializer[Any]):
    results = EndpointShape(many=True)
    next = serializers.CharField(allow_null=True)
    previous = serializers.CharField(allow_null=True)


class BreakerAsked(serializers.Serializer[Any]):
    state = serializers.ChoiceField(choices=["open", "closed", "auto"])


class ProbeShape(serializers.Serializer[Any]):
    endpoint = serializers.CharField(source="slug")
    model = serializers.CharField()
    ok = serializers.BooleanField()
    status = serializers.CharField(help_text="completed, or the code of what went wrong.")
    reason = serializers.CharField()
    answer = serializers.CharField()
    latency_ms = serializers.FloatField()
    first_words_ms = serializers.FloatField(allow_null=True)


class BudgetAsked(serializers.Serializer[Any]):
    scope = serializers.ChoiceField(choices=BudgetScope.choices)
    subject = serializers.UUIDField(
        required=False,
        allow_null=True,
        default=None,
        help_text="Session, user or graph; null: each, or the site.",
    )
    period = serializers.ChoiceField(choices=BudgetPeriod.choices, default=BudgetPeriod.TOTAL)
    limit_usd = serializers.DecimalField(max_digits=12, decimal_places=6, min_value=0)


class BudgetShape(serializers.ModelSerializer[Budget]):
    class Meta:
        model = Budget
        fields = ("id", "scope", "subject", "period", "limit_usd", "updated_at")
        read_only_fields = fields


class InForceShape(serializers.Serializer[Any]):
    name = serializers.CharField(help_text="run, session, user, graph or site.")
    period = serializers.CharField()
    limit_usd = serializers.DecimalField(max_digits=12, decimal_places=6)
    spent_usd = serializers.DecimalField(max_digits=14, decimal_places=8)
    left_usd = serializers.DecimalField(max_digits=14, decimal_places=8)


class RunBudgetShape(serializers.Serializer[Any]):
    run = serializers.UUIDField()
    budget_usd = serializers.DecimalField(max_digits=12, decimal_places=6, allow_null=True)
    budgets = InForceShape(many=True)


class RunBudgetAsked(serializers.Serializer[Any]):
    budget_usd = serializers.DecimalField(max_digits=12, decimal_places=6, min_value=0)


class SumsAsked(serializers.Serializer[Any]):
    by = serializers.ChoiceField(choices=["", *KEYS], default="", allow_blank=True)
    session = serializers.UUIDField(required=False)
    run = serializers.UUIDField(required=False)
    user = serializers.UUIDField(required=False)
    since = serializers.DateTimeField(required=False)
    until = serializers.DateTimeField(required=False)


class SumShape(serializers.Serializer[Any]):
    key = serializers.CharField(allow_null=True)
    calls = serializers.IntegerField()
    completed = serializers.IntegerField()
    prompt_tokens = serializers.IntegerField()
    completion_tokens = serializers.IntegerField()
    estimated_calls = serializers.IntegerField(help_text="Calls whose tokens were counted by us.")
    cost_usd = serializers.CharField(allow_null=True, help_text="Null when no price is known.")
    unpriced_calls = serializers.IntegerField(help_text="Calls that cost_usd lacks.")
    last_at = serializers.DateTimeField(allow_null=True)


class SumsShape(serializers.Serializer[Any]):
    by = serializers.CharField(allow_blank=True)
    results = SumShape(many=True)


class SpreadShape(serializers.Serializer[Any]):
    low = serializers.CharField()
    middle = serializers.CharField()
    high = serializers.CharField()


class EstimateShape(serializers.Serializer[Any]):
    graph = serializers.CharField()
    basis = serializers.ChoiceField(choices=["history", "text", "rules"])
    runs = serializers.IntegerField(help_text="How many runs of the past it is drawn from.")
    prompt_tokens = SpreadShape()
    completion_tokens = SpreadShape()
    cost_usd = SpreadShape(allow_null=True)
