"""REST over a document's history: who wrote what, and when."""

from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from sessions_app import attribution, selectors
from sessions_app.api import serializers as shapes
from sessions_app.api.base import ApiView, counted, member, read
from sessions_app.comparison import hunks_between
from sessions_app.limits import policies


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


class TextTimelineShape(serializers.Serializer[Any]):
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


class BlameAsked(serializers.Serializer[Any]):
    first = serializers.IntegerField(required=False, default=1, min_value=1, max_value=10_000_000)
    limit = serializers.IntegerField(required=False, default=1_000, min_value=1, max_value=1_000)


class BlameShape(serializers.Serializer[Any]):
    revision = serializers.IntegerField()
    lines = LineShape(many=True)
    next = serializers.IntegerField(allow_null=True, help_text="The first line of what follows; null at the end.")


class ComparisonAsked(serializers.Serializer[Any]):
    since = serializers.IntegerField(
        required=False, allow_null=True, default=None, min_value=0, help_text="An earlier number; else the text now."
    )


class PieceShape(serializers.Serializer[Any]):
    n = serializers.IntegerField()
    header = serializers.CharField()
    old_start = serializers.IntegerField()
    old_lines = serializers.IntegerField()
    new_start = serializers.IntegerField()
    new_lines = serializers.IntegerField()
    text = serializers.CharField()


class RevisionComparisonShape(serializers.Serializer[Any]):
    number = serializers.IntegerField()
    revision = serializers.IntegerField(help_text="What it was compared with.")
    hunks = PieceShape(many=True)


@counted(GET=policies.COMPUTING)
class Timeline(ApiView):
    @extend_schema(parameters=[TimelineAsked], responses=TextTimelineShape, summary="Who wrote when, newest first")
    def get(self, request: Request, session_id: UUID) -> Response:
        member(request, session_id)
        asked = read(TimelineAsked, request.query_params)
        found = attribution.timeline(selectors.document_of(session_id), **asked)
        return Response({"results": StretchShape(found, many=True).data})


@counted(GET=policies.COMPUTING)
class Blame(ApiView):
    @extend_schema(parameters=[BlameAsked], responses=BlameShape, summary="Who wrote each line")
    def get(self, request: Request, session_id: UUID) -> Response:
        member(request, session_id)
        asked = read(BlameAsked, request.query_params)
        document = selectors.document_of(session_id)
        found = attribution.blame(document, first=asked["first"], limit=asked["limit"] + 1)
        lines = LineShape(found[: asked["limit"]], many=True).data
        following = found[-1].line if len(found) > asked["limit"] else None
        return Response({"revision": document.revision, "lines": lines, "next": following})


@counted(GET=policies.COMPUTING)
class Comparison(ApiView):
    @extend_schema(
        parameters=[ComparisonAsked],
        responses=RevisionComparisonShape,
        summary="What a restore would change; or, with since, what was changed from there to here",
    )
    def get(self, request: Request, session_id: UUID, number: int) -> Response:
        member(request, session_id)
        asked = read(ComparisonAsked, request.query_params)
        document = selectors.document_of(session_id)
        then = selectors.text_of(document, number)
        if asked["since"] is None:
            revision, before = document.revision, document.text
        else:
            revision, before = asked["since"], selectors.text_of(document, asked["since"])
        hunks = hunks_between(before, then)
        return Response(RevisionComparisonShape({"number": number, "revision": revision, "hunks": hunks}).data)
