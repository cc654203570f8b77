"""REST over redesigns: proposed for a graph, decided change by change, saved as its draft."""

from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from graphs_app import comparison, layout, selectors
from graphs_app.api.graph_shapes import ComparisonShape, DraftShape
from graphs_app.api.version_views import draft_json
from graphs_app.models import GraphProposal
from graphs_app.services import layouts, redesigns
from sessions_app.api.base import KEY, ApiView, caller, counted, read
from sessions_app.api.idempotency import idempotent
from sessions_app.api.pagination import NewestFirst
from sessions_app.limits import policies


class GraphEstimateShape(serializers.Serializer[Any]):
    critical_path_ms = serializers.FloatField(help_text="The time of its longest way.")
    critical_path = serializers.ListField(child=serializers.CharField())
    steps = serializers.IntegerField(help_text="Nodes on its longest way.")
    nodes = serializers.IntegerField()
    cost_usd = serializers.CharField(allow_null=True, help_text="Of one run; null when a price is not known.")
    measured = serializers.IntegerField(help_text="Nodes that past runs have measured; the others count by default.")


class EvidenceShape(serializers.Serializer[Any]):
    valid = serializers.BooleanField(help_text="Whether the graph is valid with this change and all before it.")
    problems = serializers.ListField(child=serializers.DictField())
    before = GraphEstimateShape()
    after = GraphEstimateShape()
    source = serializers.CharField(  # type: ignore[assignment]  # a declared field, no attribute
        help_text="Where the durations come from, in words."
    )


class GraphChangeShape(serializers.Serializer[Any]):
    n = serializers.IntegerField()
    kind = serializers.CharField()
    title = serializers.CharField()
    reason = serializers.CharField()
    nodes = serializers.ListField(child=serializers.CharField())
    drops = serializers.ListField(
        child=serializers.CharField(), help_text="State keys that ways which do not read them no longer write."
    )
    needs = serializers.ListField(child=serializers.IntegerField(), help_text="Changes that must be accepted too.")
    evidence = EvidenceShape()
    by = serializers.CharField(
        help_text="Who suggested it; empty for what the rules found, which computes what the graph computes."
    )
    status = serializers.CharField(help_text="open, accepted or rejected.")


class GraphProposalSummaryShape(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    graph = serializers.CharField()
    status = serializers.CharField(help_text="open or applied.")
    base_version = serializers.IntegerField()
    run = serializers.UUIDField(allow_null=True)
    by = serializers.CharField(allow_null=True)
    created_at = serializers.DateTimeField()
    before = GraphEstimateShape()
    after = GraphEstimateShape(help_text="With every change.")


class LeftOutShape(serializers.Serializer[Any]):
    title = serializers.CharField()
    why = serializers.CharField()


class SuggestedShape(serializers.Serializer[Any]):
    by = serializers.CharField(help_text="The endpoint that was asked, and its model.")
    note = serializers.CharField(help_text="Why it suggested nothing, where that has a reason.")
    left_out = LeftOutShape(many=True, help_text="What it suggested that cannot be made, and why.")


class RedesignedShape(serializers.Serializer[Any]):
    definition = serializers.DictField()
    estimate = GraphEstimateShape()


class GraphProposalShape(GraphProposalSummaryShape):
    changes = GraphChangeShape(many=True)
    suggested = SuggestedShape(allow_null=True, help_text="What a model was asked beyond the rules; null if none was.")
    result = RedesignedShape(help_text="With what is accepted.")
    preview = ComparisonShape(help_text="What all that is not rejected comes to, drawn with what it takes away.")


class DecisionAsked(serializers.Serializer[Any]):
    with_needed = serializers.BooleanField(
        required=False, default=False, help_text="Decide also on the changes that it needs, or that need it."
    )


class DecideAllAsked(serializers.Serializer[Any]):
    decision = serializers.ChoiceField(choices=("accepted", "rejected", "layout_only"))


def summary_json(proposal: GraphProposal) -> dict[str, Any]:
    return {
        "id": str(proposal.pk),
        "graph": proposal.graph.slug,
        "status": proposal.status,
        "base_version": proposal.base_version,
        "run": str(proposal.run_id) if proposal.run_id else None,
        "by": str(proposal.created_by) if proposal.created_by else None,
        "created_at": proposal.created_at,
        "before": proposal.before,
        "after": proposal.after,
    }


def proposal_json(proposal: GraphProposal) -> dict[str, Any]:
    """A proposal with its changes, what is accepted so far, and what it looks like."""
    result = redesigns.accepted_definition(proposal)
    shown = redesigns.preview(proposal)
    found = comparison.compare(proposal.base, shown)
    both = comparison.union(proposal.base, shown)
    before = layouts.layout_after(proposal.graph, proposal.base_version, proposal.base)
    drawn = {**layout.arrange(both, before), "version": proposal.base_version}
    compared = {name: getattr(found, name) for name in found.__slots__}
    return {
        **summary_json(proposal),
        "changes": [
            {
                **{key: one for key, one in {"by": "", **change}.items() if key != "params"},
                "status": redesigns.status_of(proposal, change["n"]),
            }
            for change in proposal.changes
        ],
        "suggested": proposal.suggested or None,
        "result": {"definition": result, "estimate": redesigns.estimate_of(proposal, result)},
        "preview": ComparisonShape(
            {"same": found.same, "bump": found.bump, **compared, "definition": both, "layout": drawn}
        ).data,
    }


@counted(POST=policies.COMPUTING)
class Redesigns(ApiView):
    pagination_class = NewestFirst

    @extend_schema(responses=GraphProposalSummaryShape(many=True), summary="The redesigns that were proposed for it")
    def get(self, request: Request, key: str) -> Response:
        graph = selectors.graph_for(caller(request), key)
        page = self.paginate_queryset(graph.proposals.select_related("graph", "created_by")) or []
        return self.get_paginated_response([summary_json(proposal) for proposal in page])

    @extend_schema(
        request=None,
        responses={201: GraphProposalShape},
        parameters=[KEY],
        summary="Propose a redesign of what is drawn now: single changes, each with its reason and its evidence",
    )
    @idempotent
    def post(self, request: Request, key: str) -> Response:
        graph = selectors.graph_for(caller(request), key)
        proposal = redesigns.propose_redesign(user=caller(request), graph=graph)
        return Response(proposal_json(proposal), 201, headers={"Location": f"/v1/graph-proposals/{proposal.pk}"})


@counted(GET=policies.COMPUTING)
class GraphProposalDetail(ApiView):
    @extend_schema(responses=GraphProposalShape, summary="A redesign, with its changes and what they come to")
    def get(self, request: Request, proposal_id: UUID) -> Response:
        return Response(proposal_json(redesigns.proposal_for(caller(request), proposal_id)))


@counted(POST=policies.COMPUTING)
class _Decide(ApiView):
    decision: redesigns.Decision

    def _decide(self, request: Request, proposal_id: UUID, n: int) -> Response:
        asked = read(DecisionAsked, request.data)
        decided = redesigns.decide(user=caller(request), proposal_id=proposal_id, n=n, decision=self.decision, **asked)
        return Response(proposal_json(decided))


class AcceptChange(_Decide):
    decision = "accepted"

    @extend_schema(
        request=DecisionAsked, responses=GraphProposalShape, summary="Accept one change; 409 names those that it needs"
    )
    def post(self, request: Request, proposal_id: UUID, n: int) -> Response:
        return self._decide(request, proposal_id, n)


class RejectChange(_Decide):
    decision = "rejected"

    @extend_schema(
        request=DecisionAsked, responses=GraphProposalShape, summary="Reject one change; 409 names those that need it"
    )
    def post(self, request: Request, proposal_id: UUID, n: int) -> Response:
        return self._decide(request, proposal_id, n)


@counted(POST=policies.COMPUTING)
class DecideAll(ApiView):
    @extend_schema(
        request=DecideAllAsked,
        responses=GraphProposalShape,
        summary="Accept or reject all of it, or accept only what is about the drawing",
    )
    def post(self, request: Request, proposal_id: UUID) -> Response:
        decision = read(DecideAllAsked, request.data)["decision"]
        decided = redesigns.decide_all(
            user=caller(request),
            proposal_id=proposal_id,
            decision="rejected" if decision == "rejected" else "accepted",
            layout_only=decision == "layout_only",
        )
        return Response(proposal_json(decided))


@counted(POST=policies.COMPUTING)
class ApplyProposal(ApiView):
    @extend_schema(
        request=None,
        responses=DraftShape,
        summary="Make what is accepted the graph's draft; 409 when something else is drawn by now",
    )
    def post(self, request: Request, proposal_id: UUID) -> Response:
        proposal, _ = redesigns.save_accepted(user=caller(request), proposal_id=proposal_id)
        return Response(draft_json(proposal.graph, request))
