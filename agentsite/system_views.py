"""How the whole site does, for programs: the queue, tasks, and every part that it is made of."""

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from agentsite import health
from refine_app.services import tasks
from refine_app.services.endpoints import known_endpoints
from sessions_app.api.base import ApiView, counted
from sessions_app.limits import policies


class CountsShape(serializers.DictField):
    child = serializers.IntegerField()


class SystemPartShape(serializers.Serializer[Any]):
    name = serializers.CharField()
    ok = serializers.BooleanField()
    ms = serializers.FloatField()
    detail = serializers.CharField()


class SystemHealthShape(serializers.Serializer[Any]):
    database = serializers.CharField(help_text='"ok" or "failed", as all parts; `checks` says more.')
    broker = serializers.CharField()
    channel_layer = serializers.CharField()
    worker = serializers.CharField()
    cache = serializers.CharField()
    model_endpoints = serializers.IntegerField(help_text="How many can be called.")
    model_endpoints_resting = serializers.IntegerField(help_text="And of these, how many rest after failures.")


class SystemMetricsShape(serializers.Serializer[Any]):
    queue_length = serializers.IntegerField(help_text="Runs that wait for a worker.")
    queue_by_priority = CountsShape(help_text="The same by priority; 9 is the most urgent.")
    tasks_today = CountsShape()
    tasks_total = CountsShape()
    agent_distribution = CountsShape(help_text="Of all tasks for which an agent was chosen.")
    agent_distribution_today = CountsShape()
    average_duration_ms = serializers.IntegerField(allow_null=True, help_text="Of the tasks completed today.")
    health = SystemHealthShape()
    checks = SystemPartShape(many=True)


@counted(GET=policies.COMPUTING)
class SystemMetrics(ApiView):
    @extend_schema(responses=SystemMetricsShape, summary="The queue, tasks, and how the parts are")
    def get(self, request: Request) -> Response:
        now = timezone.now()
        known = [one for one in known_endpoints() if not one.why_off]
        found = health.all_findings()
        parts = {one.name: "ok" if one.ok else "failed" for one in found}
        models = {
            "model_endpoints": len(known),
            "model_endpoints_resting": sum(one.breaker(now) == "open" for one in known),
        }
        told = {
            **tasks.metrics(now=now),
            "health": {**parts, **models},
            "checks": [one.as_json() for one in found],
        }
        return Response(SystemMetricsShape(told).data)
