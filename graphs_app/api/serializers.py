"""The shapes of graphs and runs over HTTP, in and out."""

from typing import Any
from uuid import UUID

from django.conf import settings
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from graphs_app import selectors
from graphs_app.api.attempt_shapes import WholeAttemptShape
from graphs_app.models import TERMINAL, AtBudget, Durability, Graph, GraphVersion, NodeRun, Run, RunStatus
from graphs_app.services.runs import told_of
from sessions_app.api.base import API_VERSION


class GraphShape(serializers.ModelSerializer[Graph]):
    definition = serializers.SerializerMethodField()
    versions = serializers.SerializerMethodField()

    class Meta:
        model = Graph
        fields = ("id", "slug", "name", "definition", "version", "versions", "created_at", "updated_at", "built_in")
        read_only_fields = fields

    def get_definition(self, graph: Graph) -> dict[str, Any]:
        return selectors.current_definition(graph)

    def get_versions(self, graph: Graph) -> list[int]:
        """The numbers of all versions; they count from 1 without holes."""
        return list(range(1, graph.version + 1))


class VersionShape(serializers.ModelSerializer[GraphVersion]):
    version = serializers.IntegerField(source="number", read_only=True)
    definition = serializers.DictField(read_only=True)
    snapshot_id = serializers.SerializerMethodField()

    class Meta:
        model = GraphVersion
        fields = (
            "id", "version", "semver", "title", "note", "definition", "digest", "snapshot_id", "restored_from",
            "created_at",
        )  # fmt: skip
        read_only_fields = fields

    def get_snapshot_id(self, version: GraphVersion) -> str | None:
        """What a rollback may name in the place of a number; null for a version from before there were snapshots."""
        found: str | None = version.snapshot.get("sha256")
        return found


class FaultShape(serializers.Serializer[Any]):
    pointer = serializers.CharField()
    code = serializers.CharField()
    message = serializers.CharField()


class ValidationShape(serializers.Serializer[Any]):
    valid = serializers.BooleanField()
    problems = FaultShape(many=True)


class PlacedNode(serializers.Serializer[Any]):
    node_id = serializers.CharField()
    x = serializers.FloatField()
    y = serializers.FloatField()
    width = serializers.FloatField()
    height = serializers.FloatField()


class DrawnEdge(serializers.Serializer[Any]):
    from_node = serializers.CharField()
    to_node = serializers.CharField()
    points = serializers.ListField(child=serializers.ListField(child=serializers.FloatField()))
    type = serializers.ChoiceField(choices=("normal", "conditional", "fallback"))
    label = serializers.CharField(  # type: ignore[assignment]  # a declared field
        allow_null=True, help_text="Its condition, or what it is called; shortened."
    )
    label_at = serializers.ListField(child=serializers.FloatField(), allow_null=True, help_text="The label's middle.")


class LayoutShape(serializers.Serializer[Any]):
    nodes = PlacedNode(many=True)
    edges = DrawnEdge(many=True)
    version = serializers.IntegerField()


class RunErrorShape(serializers.Serializer[Any]):
    type = serializers.CharField()
    message = serializers.CharField()
    code = serializers.CharField(required=False)
    node_id = serializers.CharField(required=False)
    attempt = serializers.IntegerField(required=False)
    run_id = serializers.CharField(required=False)


class ProgressShape(serializers.Serializer[Any]):
    done = serializers.IntegerField()
    total = serializers.IntegerField(allow_null=True)


class InterruptShape(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    node_id = serializers.CharField()
    question = serializers.CharField()
    schema = serializers.DictField(allow_null=True)
    default = serializers.JSONField(allow_null=True)
    expires_at = serializers.DateTimeField(allow_null=True)


class TokensShape(serializers.Serializer[Any]):
    prompt = serializers.IntegerField()
    completion = serializers.IntegerField()


class RunShape(serializers.ModelSerializer[Run]):
    """A run. `state` is null until it has ended or waits for a person."""

    session = serializers.UUIDField(source="session_id", allow_null=True)
    graph = serializers.CharField(source="graph_version.graph.slug")
    graph_version = serializers.IntegerField(source="graph_version.number")
    initial_state = serializers.DictField()
    state = serializers.SerializerMethodField()
    error = RunErrorShape(allow_null=True)
    duration_ms = serializers.SerializerMethodField()
    sleeps_until = serializers.DateTimeField(
        source="wake_at",
        allow_null=True,
        help_text="Of a running run that only waits, and that no worker holds until then; null for all others.",
    )
    waits_for = serializers.SerializerMethodField(
        help_text="What it waits for meanwhile, and goes on with as soon as it is free, such as 'endpoint:fast'."
    )
    progress = serializers.SerializerMethodField()
    forked_from = serializers.UUIDField(source="forked_from_id", allow_null=True)
    only_node = serializers.SerializerMethodField(help_text="The node that it runs by itself; null for a whole graph.")
    parent = serializers.UUIDField(source="parent_id", allow_null=True)  # type: ignore[assignment]  # a declared field
    interrupts = serializers.SerializerMethodField()
    cost_usd = serializers.SerializerMethodField()
    tokens = serializers.SerializerMethodField()
    api_version = serializers.SerializerMethodField()

    class Meta:
        model = Run
        fields: tuple[str, ...] = (
            "id",
            "session",
            "graph",
            "graph_version",
            "status",
            "priority",
            "durability",
            "dry_run",
            "budget_usd",
            "at_budget",
            "initial_state",
            "state",
            "error",
            "created_at",
            "started_at",
            "finished_at",
            "duration_ms",
            "worked_ms",
            "cancel_requested_at",
            "sleeps_until",
            "waits_for",
            "progress",
            "attempt",
            "forked_from",
            "only_node",
            "from_node_run",
            "parent",
            "interrupts",
            "cost_usd",
            "tokens",
            "metadata",
            "api_version",
        )
        read_only_fields: tuple[str, ...] = fields

    def get_state(self, run: Run) -> dict[str, Any] | None:
        return run.state if run.status in (*TERMINAL, RunStatus.INTERRUPTED) else None

    def get_waits_for(self, run: Run) -> list[str]:
        return run.awaits.split() if run.wake_at is not None else []

    def get_only_node(self, run: Run) -> str | None:
        return run.only_node or None

    def get_duration_ms(self, run: Run) -> int | None:
        if run.started_at is None or run.finished_at is None:
            return None
        return max(0, round((run.finished_at - run.started_at).total_seconds() * 1000))

    def get_progress(self, run: Run) -> dict[str, int | None]:
        return {"done": run.checkpoints, "total": run.progress_total}

    def get_interrupts(self, run: Run) -> list[dict[str, Any]]:
        """Also while it is queued because another of its questions was answered."""
        is_new = run.status == RunStatus.QUEUED and run.started_at is None
        return [] if is_new or run.status in TERMINAL else selectors.waiting_interrupts(run.pk)

    def to_representation(self, instance: Run) -> dict[str, Any]:
        known: dict[UUID, selectors.Totals] = self.context.get("totals", {})
        self._totals = known.get(instance.pk) or selectors.totals_of([instance])[instance.pk]
        shown: dict[str, Any] = super().to_representation(instance)
        return shown | {"metadata": told_of(shown["metadata"])}

    def get_cost_usd(self, run: Run) -> str | None:
        """Of the run and its sub-runs."""
        cost = self._totals.cost_usd
        return None if cost is None else str(cost)

    def get_tokens(self, run: Run) -> dict[str, int]:
        """Of the run and its sub-runs."""
        return {"prompt": self._totals.prompt_tokens, "completion": self._totals.completion_tokens}

    def get_api_version(self, run: Run) -> str:
        return API_VERSION


class RunSummaryShape(RunShape):
    """A run in a list: without its states."""

    class Meta(RunShape.Meta):
        fields = tuple(name for name in RunShape.Meta.fields if name not in ("initial_state", "state"))
        read_only_fields = fields


class NodeRunShape(serializers.ModelSerializer[NodeRun]):
    """A node run. `input` is the state that it saw; null for those that would make an
    answer too large, which their own path gives."""

    input = serializers.SerializerMethodField()
    output = serializers.DictField(source="writes", allow_null=True)
    error = serializers.DictField(allow_null=True)
    endpoint = serializers.SerializerMethodField()
    tokens = serializers.SerializerMethodField()
    cost_usd = serializers.SerializerMethodField()
    earlier_attempts = serializers.SerializerMethodField()

    class Meta:
        model = NodeRun
        fields = (
            "id",
            "node_id",
            "tool",
            "status",
            "activation",
            "number",
            "attempt",
            "input",
            "output",
            "error",
            "text",
            "started_at",
            "finished_at",
            "duration_ms",
            "endpoint",
            "tokens",
            "cost_usd",
            "earlier_attempts",
        )
        read_only_fields = fields

    @extend_schema_field(WholeAttemptShape(many=True))
    def get_earlier_attempts(self, node_run: NodeRun) -> list[dict[str, Any]]:
        attempts = self.context.get("attempts", {}).get(node_run.activation, ())
        return list(WholeAttemptShape(attempts, many=True, context=self.context).data)

    def get_input(self, node_run: NodeRun) -> dict[str, Any] | None:
        inputs: dict[int, dict[str, Any]] = self.context.get("inputs", {})
        return inputs.get(node_run.activation)

    def get_endpoint(self, node_run: NodeRun) -> str | None:
        return node_run.endpoint or None

    def get_tokens(self, node_run: NodeRun) -> dict[str, int]:
        return {"prompt": node_run.prompt_tokens, "completion": node_run.completion_tokens}

    def get_cost_usd(self, node_run: NodeRun) -> str | None:
        return None if node_run.cost_usd is None else str(node_run.cost_usd)


class CheckpointShape(serializers.ModelSerializer[NodeRun]):
    run = serializers.UUIDField(source="run_id")
    writes = serializers.DictField()
    edges_taken = serializers.SerializerMethodField()
    created_at = serializers.DateTimeField(source="finished_at")

    class Meta:
        model = NodeRun
        fields: tuple[str, ...] = ("id", "run", "number", "node_id", "writes", "edges_taken", "created_at")
        read_only_fields = fields

    def get_edges_taken(self, node_run: NodeRun) -> list[list[str]]:
        """Each as [from, to], in the order taken."""
        edges: tuple[tuple[str, str], ...] = self.context["edges"]
        return [list(edges[index]) for index in node_run.edges_taken or ()]


class CheckpointStateShape(CheckpointShape):
    state = serializers.SerializerMethodField()

    class Meta(CheckpointShape.Meta):
        fields = (*CheckpointShape.Meta.fields, "state")
        read_only_fields = fields

    def get_state(self, node_run: NodeRun) -> dict[str, Any]:
        state: dict[str, Any] = self.context["state"]
        return state


# What is asked -------------------------------------------------------------------------------------


@extend_schema_field(OpenApiTypes.OBJECT)
class StateField(serializers.JSONField):
    """The values of a state, by their keys; the engine says of each what is wrong with it."""


class StateAsked(serializers.Serializer[Any]):
    initial_state = StateField(required=False, default=dict)


class RunAsked(StateAsked):
    graph = serializers.CharField(max_length=80)
    version = serializers.IntegerField(required=False, allow_null=True, default=None, min_value=1, max_value=2**31 - 1)
    session = serializers.UUIDField(required=False, allow_null=True, default=None)
    priority = serializers.IntegerField(required=False, default=0, min_value=0, max_value=settings.HIGHEST_PRIORITY)
    durability = serializers.ChoiceField(choices=Durability.choices, required=False, default=Durability.SYNC)
    timeout_s = serializers.FloatField(
        required=False,
        allow_null=True,
        default=None,
        min_value=0.001,
        help_text="Seconds; at most RUN_TIMEOUT_MAX_S of the site. What the run sleeps counts.",
    )
    budget_usd = serializers.DecimalField(
        required=False, allow_null=True, default=None, max_digits=12, decimal_places=6, min_value=0
    )
    at_budget = serializers.ChoiceField(
        choices=AtBudget.choices,
        required=False,
        default=AtBudget.ASK,
        help_text="At the end of a budget: ask a person (for BUDGET_QUESTION_S, then stop), or stop at once.",
    )
    dry_run = serializers.BooleanField(required=False, default=False)


class RunFilter(serializers.Serializer[Any]):
    session = serializers.UUIDField(required=False)
    graph = serializers.CharField(required=False, max_length=80)
    status = serializers.ChoiceField(choices=RunStatus.choices, required=False)
    parent = serializers.UUIDField(required=False)  # type: ignore[assignment]  # a declared field


class AnswerAsked(serializers.Serializer[Any]):
    interrupt = serializers.UUIDField()
    value = serializers.JSONField(allow_null=True)


class ForkAsked(serializers.Serializer[Any]):
    checkpoint = serializers.IntegerField(min_value=0, max_value=2**31 - 1)
    state = StateField(required=False, default=dict)


class AloneAsked(serializers.Serializer[Any]):
    state = StateField(required=False, default=dict, help_text="Values of the saved input to set anew.")
    version = serializers.IntegerField(
        required=False,
        allow_null=True,
        default=None,
        min_value=1,
        max_value=2**31 - 1,
        help_text="Of the graph; the run's own when left out.",
    )
    dry_run = serializers.BooleanField(
        required=False, allow_null=True, default=None, help_text="As the run was when left out."
    )


class RetryAsked(serializers.Serializer[Any]):
    version = serializers.IntegerField(required=False, allow_null=True, default=None, min_value=1, max_value=2**31 - 1)


class PlannedNodeShape(serializers.Serializer[Any]):
    node_id = serializers.CharField()
    action = serializers.ChoiceField(choices=("reuse", "run_again", "drop", "blocked"))
    why = serializers.CharField()


class RetryPlanShape(serializers.Serializer[Any]):
    version = serializers.IntegerField()
    blocked = serializers.BooleanField()
    nodes = PlannedNodeShape(many=True)
    starts = serializers.ListField(child=serializers.CharField(), help_text="The nodes that start next.")
