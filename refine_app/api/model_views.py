"""REST over endpoints, budgets and the sums of the ledger."""

from typing import Any
from uuid import UUID

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from graphs_app import selectors as graph_selectors
from refine_app.api import model_shapes as shapes
from refine_app.api.serializers import RequestAsked
from refine_app.services import budgets, endpoints, probes, requests, sums
from refine_app.services.endpoints import Known
from sessions_app import selectors as session_selectors
from sessions_app.api.base import ApiView, caller, counted, member
from sessions_app.api.views import read
from sessions_app.limits import policies
from sessions_app.permissions import Action


class Endpoints(ApiView):
    @extend_schema(
        operation_id="v1_endpoints_list", responses=shapes.EndpointList, summary="The model endpoints, and how they do"
    )
    def get(self, request: Request) -> Response:
        staff = caller(request).is_staff
        shown = [described(known, staff=staff) for known in endpoints.known_endpoints()]
        return Response({"results": shown, "next": None, "previous": None})

    @extend_schema(request=shapes.EndpointAsked, responses={201: shapes.EndpointShape}, summary="Add an endpoint")
    def post(self, request: Request) -> Response:
        fields = read(shapes.EndpointAsked, request.data)
        known = endpoints.create_endpoint(user=caller(request), fields=fields)
        slug = known.endpoint.slug
        return Response(described(known, staff=True), 201, headers={"Location": f"/v1/endpoints/{slug}"})


class EndpointDetail(ApiView):
    @extend_schema(responses=shapes.EndpointShape, summary="One endpoint")
    def get(self, request: Request, slug: str) -> Response:
        return Response(described(endpoints.find_endpoint(slug), staff=caller(request).is_staff))

    @extend_schema(request=shapes.EndpointChange, responses=shapes.EndpointShape, summary="Change an endpoint")
    def patch(self, request: Request, slug: str) -> Response:
        fields = read(shapes.EndpointChange, request.data)
        return Response(
            described(endpoints.update_endpoint(user=caller(request), slug=slug, fields=fields), staff=True)
        )

    @extend_schema(responses={204: None}, summary="Take an endpoint away; the ledger keeps its calls")
    def delete(self, request: Request, slug: str) -> Response:
        endpoints.delete_endpoint(user=caller(request), slug=slug)
        return Response(status=204)


@counted(POST=policies.PROBES)
class EndpointTest(ApiView):
    @extend_schema(request=None, responses=shapes.ProbeShape, summary="Ask an endpoint one small question")
    def post(self, request: Request, slug: str) -> Response:
        return Response(shapes.ProbeShape(probes.probe_endpoint(user=caller(request), slug=slug)).data)


class EndpointBreaker(ApiView):
    @extend_schema(
        request=shapes.BreakerAsked, responses=shapes.EndpointShape, summary="Open or close an endpoint's breaker"
    )
    def post(self, request: Request, slug: str) -> Response:
        state = read(shapes.BreakerAsked, request.data)["state"]
        return Response(described(endpoints.set_breaker(user=caller(request), slug=slug, state=state), staff=True))


def described(known: Known, *, staff: bool) -> dict[str, Any]:
    """An endpoint as programs see it; where it is and what it is called with is staff's matter."""
    one, state = known.endpoint, known.state
    shown: dict[str, Any] = {name: getattr(one, name) for name in endpoints.FIELDS}
    if not staff:
        shown |= {"url": "", "secret": ""}
    shown |= {
        "built_in": one.built_in,
        "given": known.is_given,
        "available": not known.why_off,
        "quirks": known.quirks.in_words(),
        "why_off": known.why_off if staff or not one.secret else "it is off" if known.why_off else "",
        "health": {
            "breaker": known.breaker(timezone.now()),
            "forced": state.forced,
            "failures": state.failures,
            "rests_until": state.rests_until,
            "latency_ms": state.latency_ms,
            "last_error": state.last_error if staff else "",
            "last_failed_at": state.last_failed_at,
            "last_completed_at": state.last_completed_at,
        },
    }
    return dict(shapes.EndpointShape(shown).data)


class Budgets(ApiView):
    @extend_schema(responses=shapes.BudgetShape(many=True), summary="The budgets; staff sees all, others their own")
    def get(self, request: Request) -> Response:
        page = self.paginate_queryset(budgets.seen_by(caller(request))) or []
        return self.get_paginated_response(shapes.BudgetShape(page, many=True).data)

    @extend_schema(
        request=shapes.BudgetAsked,
        responses=shapes.BudgetShape,
        summary="Set or change what may be spent",
    )
    def post(self, request: Request) -> Response:
        asked = read(shapes.BudgetAsked, request.data)
        return Response(shapes.BudgetShape(budgets.set_budget(user=caller(request), **asked)).data)


class BudgetDetail(ApiView):
    @extend_schema(responses={204: None}, summary="Lift a budget")
    def delete(self, request: Request, budget_id: UUID) -> Response:
        budgets.delete_budget(user=caller(request), budget_id=budget_id)
        return Response(status=204)


@counted(POST=policies.RUNS)
class RunBudget(ApiView):
    @extend_schema(responses=shapes.RunBudgetShape, summary="The budgets that hold for a run, and what is left of them")
    def get(self, request: Request, run_id: UUID) -> Response:
        run = graph_selectors.run_for(caller(request), run_id)
        return self._shown(run.pk)

    @extend_schema(request=shapes.RunBudgetAsked, responses=shapes.RunBudgetShape, summary="Give a run a larger budget")
    def post(self, request: Request, run_id: UUID) -> Response:
        amount = read(shapes.RunBudgetAsked, request.data)["budget_usd"]
        budgets.raise_budget_of(user=caller(request), run_id=run_id, budget_usd=amount)
        return self._shown(run_id)

    def _shown(self, run_id: UUID) -> Response:
        held = budgets.of_run(run_id=run_id, now=timezone.now())
        return Response(shapes.RunBudgetShape(held).data)


@counted(GET=policies.COMPUTING)
class Sums(ApiView):
    @extend_schema(parameters=[shapes.SumsAsked], responses=shapes.SumsShape, summary="What model calls come to")
    def get(self, request: Request) -> Response:
        asked = read(shapes.SumsAsked, request.query_params)
        by = asked.pop("by")
        rows = sums.sums_of(user=caller(request), by=by, only=sums.Filter(**asked))
        return Response(shapes.SumsShape({"by": by, "results": rows}).data)


@counted(POST=policies.COMPUTING)
class Estimate(ApiView):
    @extend_schema(
        request=RequestAsked, responses=shapes.EstimateShape, summary="What a request would take, before it is made"
    )
    def post(self, request: Request, session_id: UUID) -> Response:
        session = member(request, session_id, Action.EDIT).session
        asked = read(RequestAsked, request.data)
        text = session_selectors.document_of(session_id).text
        graph = requests.graph_for(
            intent=asked["intent"],
            instruction=asked["instruction"],
            language=requests.routing_language(session, text),
            is_empty=not text.strip(),
        )
        return Response(shapes.EstimateShape({"graph": graph, **sums.estimate_of(graph=graph, text=text)}).data)
