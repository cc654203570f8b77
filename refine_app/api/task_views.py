"""REST over tasks in natural language, with the paths and words of their own interface."""

from typing import Any
from uuid import UUID

from django.conf import settings
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from refine_app.services import tasks
from sessions_app.api.base import API_VERSION, ApiView, caller, counted
from sessions_app.api.idempotency import idempotent
from sessions_app.api.pagination import NewestFirst
from sessions_app.api.views import KEY, read
from sessions_app.limits import addresses, policies


class TaskAsked(serializers.Serializer[Any]):
    task = serializers.CharField(allow_blank=True, help_text="What is to be done, in your own words.")
    session_id = serializers.UUIDField(required=False, allow_null=True, default=None)


class AcceptedShape(serializers.Serializer[Any]):
    task_id = serializers.UUIDField()
    session_id = serializers.UUIDField()
    status = serializers.CharField()
    queued_at = serializers.DateTimeField()
    message = serializers.CharField()


class TaskResultShape(serializers.Serializer[Any]):
    summary = serializers.CharField()
    raw_output = serializers.CharField()
    code_language = serializers.CharField(allow_null=True)
    citations = serializers.ListField(child=serializers.DictField())


class TaskErrorShape(serializers.Serializer[Any]):
    type = serializers.CharField()
    message = serializers.CharField()


class TaskTokensShape(serializers.Serializer[Any]):
    prompt = serializers.IntegerField()
    completion = serializers.IntegerField()


class TaskMetadataShape(serializers.Serializer[Any]):
    ip = serializers.CharField(help_text="The network that the task was sent from.")
    user_agent = serializers.CharField(allow_blank=True)
    request_id = serializers.CharField()
    environment = serializers.CharField()


class TaskShape(serializers.Serializer[Any]):
    task_id = serializers.UUIDField()
    session_id = serializers.UUIDField(allow_null=True)
    task = serializers.CharField()
    status = serializers.ChoiceField(choices=["queued", "processing", "completed", "failed"])
    agent_type = serializers.CharField(allow_null=True)
    selected_agent = serializers.CharField(allow_null=True)
    peer_routing_reason = serializers.CharField(allow_null=True)
    confidence = serializers.FloatField(allow_null=True)
    created_at = serializers.DateTimeField()
    queued_at = serializers.DateTimeField()
    started_at = serializers.DateTimeField(allow_null=True)
    completed_at = serializers.DateTimeField(allow_null=True)
    updated_at = serializers.DateTimeField()
    result = TaskResultShape(allow_null=True)
    error = TaskErrorShape(allow_null=True)
    tokens = TaskTokensShape()
    cost_usd = serializers.CharField(allow_null=True)
    metadata = TaskMetadataShape(allow_null=True, help_text="For who asked, and for staff.")


class TaskFilter(serializers.Serializer[Any]):
    status = serializers.ChoiceField(choices=["queued", "processing", "completed", "failed"], default="")
    agent_type = serializers.CharField(required=False, default="", max_length=100)
    since = serializers.DateTimeField(required=False, allow_null=True, default=None)
    until = serializers.DateTimeField(required=False, allow_null=True, default=None)


class QueryAsked(serializers.Serializer[Any]):
    query = serializers.CharField(allow_blank=True)


class RunIdAnswer(serializers.Serializer[Any]):
    run_id = serializers.UUIDField()


@counted(POST=(policies.TASKS, policies.RUNS))
class Execute(ApiView):
    @extend_schema(
        request=TaskAsked, responses={202: AcceptedShape}, parameters=[KEY], summary="Have a task done by an agent"
    )
    @idempotent
    def post(self, request: Request) -> Response:
        asked = read(TaskAsked, request.data)
        run = tasks.execute_task(
            user=caller(request),
            task=asked["task"],
            session_id=asked["session_id"],
            metadata=_about(request),
            now=timezone.now(),
        )
        accepted = {
            "task_id": run.pk,
            "session_id": run.session_id,
            "status": "queued",
            "queued_at": run.queued_at,
            "message": "Task accepted and queued.",
        }
        shown = dict(AcceptedShape(accepted).data) | {"api_version": API_VERSION}
        return Response(shown, 202, headers={"Location": f"/v1/tasks/{run.pk}"})


@counted(POST=(policies.TASKS, policies.RUNS))
class SubmitQuery(ApiView):
    @extend_schema(
        request=QueryAsked,
        responses={202: RunIdAnswer},
        parameters=[KEY],
        summary="Research, plan, check, code and finish",
    )
    @idempotent
    def post(self, request: Request) -> Response:
        query = read(QueryAsked, request.data)["query"]
        run = tasks.submit_query(user=caller(request), query=query, metadata=_about(request), now=timezone.now())
        return Response({"run_id": str(run.pk)}, 202, headers={"Location": f"/v1/runs/{run.pk}"})


class Tasks(ApiView):
    pagination_class = NewestFirst

    @extend_schema(parameters=[TaskFilter], responses=TaskShape(many=True), summary="The caller's tasks, newest first")
    def get(self, request: Request) -> Response:
        asked = read(TaskFilter, request.query_params)
        agent = asked.pop("agent_type")
        user = caller(request)
        page = self.paginate_queryset(tasks.tasks_of(user=user, agent=agent, **asked)) or []
        return self.get_paginated_response(TaskShape([tasks.described(run, user) for run in page], many=True).data)


class TaskDetail(ApiView):
    @extend_schema(responses=TaskShape, summary="One task with its result or its error")
    def get(self, request: Request, task_id: UUID) -> Response:
        user = caller(request)
        return Response(TaskShape(tasks.described(tasks.find_task(user=user, task_id=task_id), user)).data)


class AgentToolShape(serializers.Serializer[Any]):
    name = serializers.CharField()
    description = serializers.CharField()


class AgentShape(serializers.Serializer[Any]):
    name = serializers.CharField()
    responsibilities = serializers.CharField()
    graph = serializers.CharField(help_text="The graph that it works in.")
    tools = AgentToolShape(many=True, help_text="All that it may use beside its model.")


class AgentsShape(serializers.Serializer[Any]):
    results = AgentShape(many=True)


class Agents(ApiView):
    @extend_schema(responses=AgentsShape, summary="The agents, what they are for, and the tools that they may use")
    def get(self, request: Request) -> Response:
        return Response(AgentsShape({"results": tasks.described_agents()}).data)


def _about(request: Request) -> dict[str, Any]:
    """What is kept of how a task came."""
    return {
        "ip": addresses.of_request(request._request)[:60],
        "user_agent": str(request.headers.get("User-Agent", ""))[:300],
        "request_id": getattr(request._request, "request_id", ""),  # by middleware.RequestId
        "environment": settings.ENVIRONMENT,
    }
