"""REST over a document's history: who wrote what, and when."""

from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from sessions_app import attribution, selectors
from sessions_app.api import serializers as shapes
from sessions_app.api.base import ApiView, member, read


class TimelineAsked(serializers.Serializer[Any]):
    before = serializers.IntegerField(required=False, allow_null=True, default=None, min_value=0)
    limit = serializers.IntegerField(required=False, default=100, min_value=1, max_value=500)


class StretchShape(serializers.Serializer[Any]):
    first = serializers.IntegerField()
    last = serializers.IntegerField()
    user = shapes.UserShape(allow_null=True)
    origin = serializers.DictField()
    started_at = serializers.DateTimeField()
    ended_at = serializers.DateTimeField()


class TimelineShape(serializers.Serializer[Any]):
    results = StretchShape(many=True)


class AuthorShape(serializers.Serializer[Any]):
    number = serializers.IntegerField()
    user = shapes.UserShape(allow_null=True)
    origin = serializers.DictField()
    at = serializers.DateTimeField(allow_null=True)


class LineShape(serializers.Serializer[Any]):
    line = serializers.IntegerField()
    text = serializers.CharField()
    authors = AuthorShape(many=True)


class BlameShape(serializers.Serializer[Any]):
    revision = serializers.IntegerField()
    lines = LineShape(many=True)


class Timeline(ApiView):
    @extend_schema(parameters=[TimelineAsked], responses=TimelineShape, summary="Who wrote when, newest first")
    def get(self, request: Request, session_id: UUID) -> Response:
        member(request, session_id)
        asked = read(TimelineAsked, request.query_params)
        found = attribution.timeline(selectors.document_of(session_id), **asked)
        return Response({"results": StretchShape(found, many=True).data})


class Blame(ApiView):
    @extend_schema(responses=BlameShape, summary="Who wrote each line")
    def get(self, request: Request, session_id: UUID) -> Response:
        member(request, session_id)
        document = selectors.document_of(session_id)
        lines = LineShape(attribution.blame(document), many=True).data
        return Response({"revision": document.revision, "lines": lines})
