"""The documents' own paths, as thin routes over the same services."""

from uuid import UUID

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from graphs_app import run_log, selectors
from graphs_app.api import alias_shapes as shapes
from graphs_app.services import graphs, runs
from sessions_app.api.base import ApiView, caller, counted
from sessions_app.api.idempotency import idempotent
from sessions_app.api.views import KEY, read
from sessions_app.limits import policies


class CreateGraph(ApiView):
    @extend_schema(
        request=OpenApiTypes.OBJECT, responses={201: shapes.GraphIdShape}, parameters=[KEY], summary="Create a graph"
    )
    @idempotent
    def post(self, request: Request) -> Response:
        graph = graphs.create_graph(user=caller(request), definition=request.data)
        return Response({"id": str(graph.pk)}, 201, headers={"Location": f"/v1/graphs/{graph.pk}"})


@counted(POST=policies.RUNS)
class RunGraph(ApiView):
    @extend_schema(
        request=shapes.ExecutionAsked, responses={202: shapes.RunIdShape}, parameters=[KEY], summary="Run a graph"
    )
    @idempotent
    def post(self, request: Request) -> Response:
        asked = read(shapes.ExecutionAsked, request.data)
        run = runs.start_run(user=caller(request), graph=asked["graph_id"], initial_state=asked["initial_state"])
        return Response({"run_id": str(run.pk)}, 202, headers={"Location": f"/v1/runs/{run.pk}"})


class Result(ApiView):
    @extend_schema(responses=shapes.ExecutionShape, summary="How a run stands, with its log")
    def get(self, request: Request, run_id: UUID) -> Response:
        run = selectors.run_for(caller(request), run_id)
        return Response({"run_id": str(run.pk), "status": run.status, "result": run_log.result_of(run)})
