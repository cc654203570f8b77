"""REST for watching a run: its steps as short rows, many at once, and one step with all that it saw and did."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.db.models.fields.json import KT
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from graphs_app import definitions, run_log, selectors
from graphs_app.api.attempt_shapes import AttemptShape
from graphs_app.api.serializers import NodeRunShape, TokensShape
from graphs_app.errors import CheckpointNotFound
from graphs_app.models import NodeAttempt
from sessions_app.api.base import ApiView, caller, counted, read
from sessions_app.limits import policies

MOST_STEPS = 2000


class TimelineAsked(serializers.Serializer[Any]):
    start = serializers.IntegerField(required=False, default=0, min_value=0, max_value=2**31 - 1)
    limit = serializers.IntegerField(required=False, default=MOST_STEPS, min_value=1, max_value=MOST_STEPS)


class StepShape(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    activation = serializers.IntegerField()
    number = serializers.IntegerField(allow_null=True, help_text="Its checkpoint.")
    node_id = serializers.CharField()
    tool = serializers.CharField()
    status = serializers.CharField()
    error_code = serializers.CharField(
        allow_null=True, help_text="What kind of error it failed with; node_cancelled when its run's end stopped it."
    )
    attempt = serializers.IntegerField()
    started_at = serializers.DateTimeField(allow_null=True)
    finished_at = serializers.DateTimeField(allow_null=True)
    duration_ms = serializers.FloatField(allow_null=True)
    edges = serializers.ListField(child=serializers.ListField(child=serializers.CharField()))
    tokens = TokensShape()
    cost_usd = serializers.CharField(allow_null=True)
    earlier_attempts = AttemptShape(many=True)


class RunTimelineShape(serializers.Serializer[Any]):
    steps = StepShape(many=True)
    more = serializers.BooleanField(help_text="Whether there are steps after these.")


class Timeline(ApiView):
    @extend_schema(
        parameters=[TimelineAsked],
        responses=RunTimelineShape,
        summary="Its steps in the order in which they began, from an activation on, without their states",
    )
    def get(self, request: Request, run_id: UUID) -> Response:
        run = selectors.run_for(caller(request), run_id)
        asked = read(TimelineAsked, request.query_params)
        edges = definitions.edges_of(run)
        rows = selectors.node_runs_of(run).filter(activation__gte=asked["start"]).order_by("activation")
        rows = rows.defer("writes", "text", "error").annotate(error_code=KT("error__code"))
        found = list(rows[: asked["limit"] + 1])
        shown = found[: asked["limit"]]
        attempts = run_log.attempts_of(run, shown)
        steps = [_step(row, edges, attempts.get(row.activation, ())) for row in shown]
        return Response({"steps": steps, "more": len(found) > asked["limit"]})


def _step(row: Any, edges: tuple[tuple[str, str], ...], earlier: Sequence[NodeAttempt]) -> dict[str, Any]:
    return {
        "id": row.pk,
        "activation": row.activation,
        "number": row.number,
        "node_id": row.node_id,
        "tool": row.tool,
        "status": row.status,
        "error_code": row.error_code,
        "attempt": row.attempt,
        "started_at": row.started_at,
        "finished_at": row.finished_at,
        "duration_ms": row.duration_ms,
        "edges": [list(edges[index]) for index in row.edges_taken or ()],
        "tokens": {"prompt": row.prompt_tokens, "completion": row.completion_tokens},
        "cost_usd": None if row.cost_usd is None else str(row.cost_usd),
        "earlier_attempts": AttemptShape(earlier, many=True).data if earlier else [],
    }


@counted(GET=policies.COMPUTING)
class StepDetail(ApiView):
    @extend_schema(responses=NodeRunShape, summary="One step, by its activation, with the state that it saw")
    def get(self, request: Request, run_id: UUID, activation: int) -> Response:
        run = selectors.run_for(caller(request), run_id)
        row = selectors.node_runs_of(run).filter(activation=activation).first()
        if row is None:
            raise CheckpointNotFound(f"Run {str(run_id)!r} has no step {activation}.")
        context = run_log.with_inputs(run, [row])
        return Response(NodeRunShape(row, context=context).data)
