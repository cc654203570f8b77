"""REST over groups: some nodes of a definition become a graph of their own, and come back."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from graphs_app.services import groups
from sessions_app.api.base import KEY, ApiView, caller, counted, read
from sessions_app.api.idempotency import idempotent
from sessions_app.limits import policies


class GroupAsked(serializers.Serializer[Any]):
    definition = serializers.DictField()
    nodes = serializers.ListField(child=serializers.CharField(max_length=200), max_length=10_000)
    name = serializers.CharField(max_length=200)


class UngroupAsked(serializers.Serializer[Any]):
    definition = serializers.DictField()
    node = serializers.CharField(max_length=200)


class GroupedShape(serializers.Serializer[Any]):
    definition = serializers.DictField()
    graph = serializers.CharField(allow_null=True, help_text="The slug of the graph that was made.")


@counted(POST=policies.COMPUTING)
class Group(ApiView):
    @extend_schema(
        request=GroupAsked,
        responses={201: GroupedShape},
        parameters=[KEY],
        summary="Make some nodes a graph of their own, which one node runs in their place",
    )
    @idempotent
    def post(self, request: Request) -> Response:
        asked = read(GroupAsked, request.data)
        definition, graph = groups.group_nodes(user=caller(request), **asked)
        return Response(
            {"definition": definition, "graph": graph.slug}, 201, headers={"Location": f"/v1/graphs/{graph.pk}"}
        )


@counted(POST=policies.COMPUTING)
class Ungroup(ApiView):
    @extend_schema(
        request=UngroupAsked,
        responses=GroupedShape,
        summary="Put the nodes of a sub-graph in the place of the node that runs it",
    )
    def post(self, request: Request) -> Response:
        asked = read(UngroupAsked, request.data)
        return Response({"definition": groups.ungroup_node(user=caller(request), **asked), "graph": None})
