"""REST over files: a graph in another form, and a new graph from one."""

from base64 import b64decode

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from graphs_app import selectors
from graphs_app.api import graph_shapes as shapes
from graphs_app.api.serializers import GraphShape
from graphs_app.errors import InvalidImport
from graphs_app.services import exchange
from sessions_app.api.base import KEY, ApiView, caller, counted, read
from sessions_app.api.idempotency import idempotent
from sessions_app.limits import policies

FORMS = {
    "application/json": OpenApiTypes.OBJECT,
    "image/svg+xml": OpenApiTypes.STR,
    "text/plain": OpenApiTypes.STR,
    "text/x-python": OpenApiTypes.STR,
    "image/png": OpenApiTypes.BINARY,
    "application/zip": OpenApiTypes.BINARY,
}
"""What a file can be, and how it reads."""


@counted(GET=policies.COMPUTING)
class Export(ApiView):
    @extend_schema(
        parameters=[shapes.ExportAsked],
        responses={(200, kind): shown for kind, shown in FORMS.items()},
        summary="A version as SVG, PNG, Mermaid, JSON, a Python module, LangGraph's drawing, or a zip of files for git",
    )
    def get(self, request: Request, key: str) -> HttpResponse:
        graph = selectors.graph_for(caller(request), key)
        asked = read(shapes.ExportAsked, request.query_params)
        version = selectors.version_of(graph, asked["version"] or graph.version)
        file = exchange.export_version(version=version, form=asked["as"], theme=asked["theme"])
        # Never shown by a browser as a page of this site: what is in a file is other people's.
        disposition = {
            "Content-Disposition": f'attachment; filename="{file.name}"',
            "X-Content-Type-Options": "nosniff",
        }
        return HttpResponse(file.content, content_type=file.type, headers=disposition)


@counted(POST=policies.IMPORTS)
class Import(ApiView):
    @extend_schema(
        request=shapes.ImportAsked,
        responses={201: GraphShape},
        parameters=[KEY],
        summary="A new graph from a file: JSON, a snapshot, a Python module, LangGraph's drawing, or a zip",
    )
    @idempotent
    def post(self, request: Request) -> Response:
        asked = read(shapes.ImportAsked, request.data)
        if "zip" in asked:
            graph = exchange.import_files(user=caller(request), content=_decoded(asked["zip"]), name=asked["name"])
        else:
            graph = exchange.import_graph(user=caller(request), **asked)
        return Response(GraphShape(graph).data, 201, headers={"Location": f"/v1/graphs/{graph.pk}"})


def _decoded(text: str) -> bytes:
    try:
        return b64decode(text, validate=True)
    except ValueError as error:
        raise InvalidImport("zip is not base64; encode the bytes of the file.") from error
