"""REST over what becomes of a graph: its draft, publishing, comparing, restoring, rolling back, its snapshots."""

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from graphs_app import comparison, selectors
from graphs_app.api import graph_shapes as shapes
from graphs_app.api.serializers import VersionShape
from graphs_app.models import Graph, GraphVersion
from graphs_app.services import graphs, layouts, versions
from sessions_app.api.base import KEY, ApiView, caller, counted, read
from sessions_app.api.idempotency import idempotent
from sessions_app.limits import policies


def draft_json(graph: Graph, request: Request) -> dict[str, Any]:
    """What is drawn now, with everything that is wrong with it."""
    user = caller(request)
    draft, definition = selectors.drawn_now(graph)
    problems = graphs.problems_of(definition=definition, user=user)
    return {
        "definition": definition,
        "is_draft": draft is not None,
        "revision": selectors.draft_revision(graph),
        "base_version": draft.base_version if draft else graph.version,
        "suggested_semver": None if problems else versions.suggested_semver(graph, definition),
        "problems": problems,
        "updated_at": draft.updated_at if draft else None,
        "updated_by": str(draft.updated_by) if draft and draft.updated_by else None,
    }


class Draft(ApiView):
    @extend_schema(responses=shapes.DraftShape, summary="What is drawn and not yet published")
    def get(self, request: Request, key: str) -> Response:
        return Response(draft_json(selectors.graph_for(caller(request), key), request))

    @extend_schema(
        request=shapes.DraftAsked,
        responses=shapes.DraftShape,
        summary="Keep what is drawn, right or not; 409 when another has changed it since",
    )
    def put(self, request: Request, key: str) -> Response:
        graph = _editable(request, key)
        asked = read(shapes.DraftAsked, request.data)
        versions.save_draft(user=caller(request), graph=graph, **asked)
        return Response(draft_json(graph, request))

    @extend_schema(responses={204: None}, summary="Forget what was drawn since the current version")
    def delete(self, request: Request, key: str) -> Response:
        versions.discard_draft(user=caller(request), graph=selectors.graph_for(caller(request), key))
        return Response(status=204)


class Together(ApiView):
    @extend_schema(
        request=None,
        responses=shapes.TogetherShape,
        summary="The session in which people draw it together; made when there is none",
    )
    def post(self, request: Request, key: str) -> Response:
        graph = selectors.graph_for(caller(request), key)
        return Response({"session": str(versions.open_session(user=caller(request), graph=graph).pk)})


class Publish(ApiView):
    @extend_schema(
        request=shapes.PublishAsked,
        responses={201: VersionShape},
        parameters=[KEY],
        summary="Make the draft an immutable version, and the current one",
    )
    @idempotent
    def post(self, request: Request, key: str) -> Response:
        graph = _editable(request, key)
        asked = read(shapes.PublishAsked, request.data)
        return _made(versions.publish_draft(user=caller(request), graph=graph, **asked))


class Rollback(ApiView):
    @extend_schema(
        request=shapes.RollbackAsked,
        responses={201: VersionShape},
        parameters=[KEY],
        summary="Make an old version current again, at once; the one before the current if none is named",
    )
    @idempotent
    def post(self, request: Request, key: str) -> Response:
        graph = _editable(request, key)
        asked = read(shapes.RollbackAsked, request.data)
        number, snapshot_id = asked["version"], asked["snapshot_id"]
        made = versions.roll_back(
            user=caller(request), graph=graph, number=number, snapshot_id=snapshot_id, note=asked["note"]
        )
        return _made(made)


class Restore(ApiView):
    @extend_schema(
        request=shapes.VersionAsked, responses=shapes.DraftShape, summary="Make an old version the draft, to go on from"
    )
    def post(self, request: Request, key: str) -> Response:
        graph = _editable(request, key)
        asked = read(shapes.VersionAsked, request.data)
        versions.restore_version(user=caller(request), graph=graph, number=asked["version"])
        return Response(draft_json(graph, request))


@counted(GET=policies.COMPUTING)
class Compare(ApiView):
    @extend_schema(
        parameters=[shapes.CompareAsked],
        responses=shapes.ComparisonShape,
        summary="What differs between two versions, or between one and the draft",
    )
    def get(self, request: Request, key: str) -> Response:
        graph = selectors.graph_for(caller(request), key)
        asked = read(shapes.CompareAsked, request.query_params)
        old, new = versions.compare_with(graph=graph, **asked)
        both = comparison.union(old, new)
        found = comparison.compare(old, new)
        shown = shapes.ComparisonShape(
            {
                "same": found.same,
                "bump": found.bump,
                **{name: getattr(found, name) for name in found.__slots__},
                "definition": both,
                "layout": {
                    **layouts.layout_after(graph, asked["old"], both),
                    "version": asked["new"] or graph.version,
                },
            }
        )
        return Response(shown.data)


class VersionDetail(ApiView):
    @extend_schema(responses=VersionShape, summary="One version")
    def get(self, request: Request, key: str, number: int) -> Response:
        return Response(VersionShape(_version(request, key, number)).data)

    @extend_schema(request=shapes.NamingAsked, responses=VersionShape, summary="Change what it is called, or its note")
    def patch(self, request: Request, key: str, number: int) -> Response:
        graph = _editable(request, key)
        asked = read(shapes.NamingAsked, request.data)
        named = versions.name_version(user=caller(request), graph=graph, number=number, **asked)
        return Response(VersionShape(named).data)


@counted(GET=policies.COMPUTING)
class Snapshot(ApiView):
    @extend_schema(
        responses=OpenApiTypes.OBJECT,
        summary="What it was made of when it was published: definition, tools' fingerprints, prompts, sub-graphs",
    )
    def get(self, request: Request, key: str, number: int) -> Response:
        version = _version(request, key, number)
        name = f"{version.graph.slug}-{version.semver or version.number}.snapshot.json"
        headers = {"Content-Disposition": f'attachment; filename="{name}"'}
        return Response(versions.snapshot_file(version), headers=headers)


def _editable(request: Request, key: str) -> Graph:
    """The graph, for those who may change it: who may not is told so whatever the body is."""
    graph = selectors.graph_for(caller(request), key)
    graphs.require_editor(caller(request), graph)
    return graph


def _version(request: Request, key: str, number: int) -> GraphVersion:
    return selectors.version_of(selectors.graph_for(caller(request), key), number)


def _made(version: GraphVersion) -> Response:
    location = f"/v1/graphs/{version.graph_id}/versions/{version.number}"
    return Response(VersionShape(version).data, 201, headers={"Location": location})
