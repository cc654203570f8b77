"""REST over requests, proposals and model calls: each view reads what was asked, and calls one service or selector."""

from typing import Any
from urllib.parse import quote
from uuid import UUID

from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from graphs_app.selectors import totals_of
from refine_app import selectors
from refine_app.api import serializers as shapes
from refine_app.api.renderers import PatchRenderer
from refine_app.filenames import filename_of
from refine_app.models import Proposal
from refine_app.services import decisions, requests
from sessions_app.api.base import ApiView, caller, counted, member
from sessions_app.api.idempotency import idempotent
from sessions_app.api.pagination import NewestFirst
from sessions_app.api.views import KEY, read
from sessions_app.limits import policies

LOCATION = OpenApiParameter(
    "Location", str, OpenApiParameter.HEADER, response=[202], description="Where the request can be read."
)


@counted(POST=policies.RUNS)
class Requests(ApiView):
    pagination_class = NewestFirst

    @extend_schema(
        responses=shapes.RequestSummaryShape(many=True), summary="What was asked in the session, newest first"
    )
    def get(self, request: Request, session_id: UUID) -> Response:
        member(request, session_id)
        found = selectors.requests_of_session(user=caller(request), session_id=session_id)
        page = self.paginate_queryset(found) or []
        asked = list(selectors.with_newest_runs(page))
        context = {"totals": totals_of(one.run for one in asked)}
        shown = shapes.RequestSummaryShape(asked, many=True, context=context)
        return self.get_paginated_response(shown.data)

    @extend_schema(
        request=shapes.RequestAsked,
        responses={202: shapes.RequestShape},
        parameters=[KEY, LOCATION],
        summary="Ask for something; a run starts on the document as it is now",
    )
    @idempotent
    def post(self, request: Request, session_id: UUID) -> Response:
        asked = read(shapes.RequestAsked, request.data)
        made = requests.make_request(
            user=caller(request),
            session_id=session_id,
            intent=asked["intent"],
            instruction=asked["instruction"],
            parent_id=asked["parent"],
            graph=asked["graph"],
            now=timezone.now(),
        )
        return Response(shapes.RequestShape(made).data, 202, headers={"Location": f"/v1/requests/{made.pk}"})


class RequestDetail(ApiView):
    @extend_schema(responses=shapes.RequestShape, summary="One request with its run")
    def get(self, request: Request, request_id: UUID) -> Response:
        found = selectors.find_request(user=caller(request), request_id=request_id)
        return Response(shapes.RequestShape(found).data)


class Proposals(ApiView):
    pagination_class = NewestFirst

    @extend_schema(responses=shapes.ProposalShape(many=True), summary="What agents proposed in the session")
    def get(self, request: Request, session_id: UUID) -> Response:
        member(request, session_id)
        found = selectors.proposals_of_session(user=caller(request), session_id=session_id)
        page = self.paginate_queryset(found) or []
        return self.get_paginated_response(shapes.ProposalShape(page, many=True).data)


class ProposalDetail(ApiView):
    @extend_schema(responses=shapes.ProposalShape, summary="One proposal with its hunks")
    def get(self, request: Request, proposal_id: UUID) -> Response:
        return _shown(selectors.find_proposal(user=caller(request), proposal_id=proposal_id))


class AcceptHunk(ApiView):
    @extend_schema(
        request=None, responses=shapes.ProposalShape, parameters=[KEY], summary="Merge one hunk into the document"
    )
    @idempotent
    def post(self, request: Request, proposal_id: UUID, n: int) -> Response:
        return _accept(request, proposal_id, [n])


class RejectHunk(ApiView):
    @extend_schema(
        request=shapes.RejectOneAsked, responses=shapes.ProposalShape, parameters=[KEY], summary="Turn one hunk down"
    )
    @idempotent
    def post(self, request: Request, proposal_id: UUID, n: int) -> Response:
        return _reject(request, proposal_id, [n], read(shapes.RejectOneAsked, request.data)["reason"])


class Accept(ApiView):
    @extend_schema(
        request=shapes.AcceptAsked,
        responses=shapes.ProposalShape,
        parameters=[KEY],
        summary="Merge several hunks, or all that are undecided, as one change",
    )
    @idempotent
    def post(self, request: Request, proposal_id: UUID) -> Response:
        return _accept(request, proposal_id, read(shapes.AcceptAsked, request.data)["hunks"])


class Reject(ApiView):
    @extend_schema(
        request=shapes.RejectAsked,
        responses=shapes.ProposalShape,
        parameters=[KEY],
        summary="Turn several hunks down, or all that are undecided",
    )
    @idempotent
    def post(self, request: Request, proposal_id: UUID) -> Response:
        asked = read(shapes.RejectAsked, request.data)
        return _reject(request, proposal_id, asked["hunks"], asked["reason"])


class Patch(ApiView):
    renderer_classes = (PatchRenderer, JSONRenderer)

    @extend_schema(
        responses={(200, "text/x-patch"): OpenApiTypes.STR}, summary="The whole proposal as a file for git apply"
    )
    def get(self, request: Request, proposal_id: UUID) -> Response:
        proposal = selectors.find_proposal(user=caller(request), proposal_id=proposal_id)
        name = quote(f"{filename_of(proposal.session)}.patch")
        return Response(
            proposal.diff,
            content_type="text/x-patch; charset=utf-8",
            headers={"Content-Disposition": f"attachment; filename*=UTF-8''{name}"},
        )


class ModelCalls(ApiView):
    pagination_class = NewestFirst

    @extend_schema(
        parameters=[shapes.ModelCallFilter],
        responses=shapes.ModelCallShape(many=True),
        summary="The caller's own calls to models",
    )
    def get(self, request: Request) -> Response:
        asked = read(shapes.ModelCallFilter, request.query_params)
        found = selectors.model_calls_of(user=caller(request), session_id=asked.get("session"), run_id=asked.get("run"))
        page = self.paginate_queryset(found) or []
        return self.get_paginated_response(shapes.ModelCallShape(page, many=True).data)


class NodeRunModelCalls(ApiView):
    @extend_schema(
        responses=shapes.ModelCallTexts,
        summary="A node run's calls to models, with the prompt that was sent and the raw reply",
    )
    def get(self, request: Request, run_id: UUID, node_run_id: UUID) -> Response:
        found = selectors.model_calls_of_node_run(user=caller(request), run_id=run_id, node_run_id=node_run_id)
        return Response({"model_calls": shapes.ModelCallTextShape(found, many=True).data})


def _accept(request: Request, proposal_id: UUID, numbers: list[int] | None) -> Response:
    user = caller(request)
    return _shown(decisions.accept_hunks(user=user, proposal_id=proposal_id, numbers=numbers, now=timezone.now()))


def _reject(request: Request, proposal_id: UUID, numbers: list[int] | None, reason: str) -> Response:
    user = caller(request)
    return _shown(
        decisions.reject_hunks(user=user, proposal_id=proposal_id, numbers=numbers, reason=reason, now=timezone.now())
    )


def _shown(proposal: Proposal) -> Response:
    shown: dict[str, Any] = shapes.ProposalShape(proposal).data
    return Response(shown)
