"""REST over graphs: definitions, their immutable versions, their drawing."""

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from graphs_app import layout, selectors
from graphs_app.api import graph_shapes
from graphs_app.api import serializers as shapes
from graphs_app.engine.registry import REGISTRY
from graphs_app.services import graphs, layouts
from sessions_app.api.base import KEY, ApiView, caller, counted, read
from sessions_app.api.idempotency import idempotent
from sessions_app.api.pagination import NewestFirst
from sessions_app.limits import policies


class Graphs(ApiView):
    pagination_class = NewestFirst

    @extend_schema(responses=shapes.GraphShape(many=True), summary="The caller's graphs, and those of the site")
    def get(self, request: Request) -> Response:
        page = self.paginate_queryset(selectors.graphs_for(caller(request))) or []
        return self.get_paginated_response(shapes.GraphShape(page, many=True).data)

    @extend_schema(
        request=OpenApiTypes.OBJECT,
        responses={201: shapes.GraphShape},
        parameters=[KEY],
        summary="Keep a definition as a new graph",
    )
    @idempotent
    def post(self, request: Request) -> Response:
        graph = graphs.create_graph(user=caller(request), definition=request.data)
        return Response(shapes.GraphShape(graph).data, 201, headers={"Location": f"/v1/graphs/{graph.pk}"})


class GraphDetail(ApiView):
    @extend_schema(responses=shapes.GraphShape, summary="One graph, by id or slug")
    def get(self, request: Request, key: str) -> Response:
        return Response(shapes.GraphShape(selectors.graph_for(caller(request), key)).data)

    @extend_schema(responses={204: None}, summary="Delete it; its runs stay")
    def delete(self, request: Request, key: str) -> Response:
        graphs.delete_graph(user=caller(request), graph=selectors.graph_for(caller(request), key))
        return Response(status=204)


class Versions(ApiView):
    class Pages(NewestFirst):
        ordering = "-number"

    pagination_class = Pages

    @extend_schema(responses=shapes.VersionShape(many=True), summary="Its versions")
    def get(self, request: Request, key: str) -> Response:
        graph = selectors.graph_for(caller(request), key)
        page = self.paginate_queryset(graph.graph_versions.all()) or []
        return self.get_paginated_response(shapes.VersionShape(page, many=True).data)

    @extend_schema(
        request=OpenApiTypes.OBJECT,
        responses={201: shapes.VersionShape},
        parameters=[KEY],
        summary="Make a definition its current version",
    )
    @idempotent
    def post(self, request: Request, key: str) -> Response:
        graph = selectors.graph_for(caller(request), key)
        version = graphs.add_version(user=caller(request), graph=graph, definition=request.data)
        location = f"/v1/graphs/{graph.pk}/versions/{version.number}"
        return Response(shapes.VersionShape(version).data, 201, headers={"Location": location})


@counted(POST=policies.COMPUTING)
class Validate(ApiView):
    @extend_schema(
        request=OpenApiTypes.OBJECT, responses=shapes.ValidationShape, summary="Everything wrong with a definition"
    )
    def post(self, request: Request) -> Response:
        problems = graphs.problems_of(definition=request.data, user=caller(request))
        return Response({"valid": not problems, "problems": problems})


@counted(GET=policies.COMPUTING)
class Layout(ApiView):
    @extend_schema(
        parameters=[graph_shapes.VersionFilter],
        responses=shapes.LayoutShape,
        summary="Where its nodes and edges are drawn",
    )
    def get(self, request: Request, key: str) -> Response:
        graph = selectors.graph_for(caller(request), key)
        asked = read(graph_shapes.VersionFilter, request.query_params)
        number = asked["version"] or graph.version
        return Response({**layouts.layout_of(selectors.version_of(graph, number)), "version": number})


@counted(POST=policies.COMPUTING)
class PlannedLayout(ApiView):
    @extend_schema(
        request=graph_shapes.LayoutAsked,
        responses=graph_shapes.PlannedLayoutShape,
        summary="Where a definition would be drawn, calmly if a previous layout is given, and what changes by it",
    )
    def post(self, request: Request) -> Response:
        asked = read(graph_shapes.LayoutAsked, request.data)
        definition, previous = asked["definition"], asked["previous"]
        planned = layout.arrange(definition, previous)
        changed = None if previous is None else layout.changes(previous, planned)
        return Response({**planned, "version": None, "changes": changed})


class Tools(ApiView):
    @extend_schema(
        operation_id="v1_tools_list",
        responses=graph_shapes.ToolListShape,
        summary="The tools that nodes can use, with their JSON Schemas",
    )
    def get(self, request: Request) -> Response:
        shown = [graph_shapes.ToolShape(tool).data for tool in REGISTRY]
        return Response({"results": shown, "next": None, "previous": None})
