"""REST over runs: start them, read how they went, and act on them."""

from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from graphs_app import definitions, run_log, selectors
from graphs_app.api import serializers as shapes
from graphs_app.errors import CheckpointNotFound
from graphs_app.models import Run
from graphs_app.services import continuing, runs
from sessions_app.api.base import ApiView, caller, counted
from sessions_app.api.idempotency import idempotent
from sessions_app.api.pagination import NewestFirst, OldestFirst
from sessions_app.api.views import KEY, read
from sessions_app.limits import policies
from sessions_app.permissions import Action, require


class ByNumber(OldestFirst):
    ordering = "number"


class ByActivation(OldestFirst):
    ordering = "activation"


def visible(request: Request, run_id: UUID) -> Run:
    """The run, for those who may read it."""
    return selectors.run_for(caller(request), run_id)


def changeable(request: Request, run_id: UUID) -> Run:
    """The run, for those who may act on it."""
    run = visible(request, run_id)
    if run.session_id is not None:
        require(caller(request), run.session_id, Action.EDIT)
    return run


def accepted(run: Run) -> Response:
    """The answer to what starts or changes a run."""
    shown = selectors.runs_with_graph().get(pk=run.pk)
    return Response(shapes.RunShape(shown).data, 202, headers={"Location": f"/v1/runs/{run.pk}"})


@counted(POST=policies.RUNS)
class Runs(ApiView):
    pagination_class = NewestFirst

    @extend_schema(
        parameters=[shapes.RunFilter], responses=shapes.RunSummaryShape(many=True), summary="Runs the caller may see"
    )
    def get(self, request: Request) -> Response:
        asked = read(shapes.RunFilter, request.query_params)
        page = self.paginate_queryset(selectors.filtered_runs(caller(request), **asked)) or []
        context = {"totals": selectors.totals_of(page)}
        return self.get_paginated_response(shapes.RunSummaryShape(page, many=True, context=context).data)

    @extend_schema(request=shapes.RunAsked, responses={202: shapes.RunShape}, parameters=[KEY], summary="Run a graph")
    @idempotent
    def post(self, request: Request) -> Response:
        asked = read(shapes.RunAsked, request.data)
        run = runs.start_run(user=caller(request), session_id=asked.pop("session"), **asked)
        return accepted(run)


class RunDetail(ApiView):
    @extend_schema(responses=shapes.RunShape, summary="One run")
    def get(self, request: Request, run_id: UUID) -> Response:
        return Response(shapes.RunShape(visible(request, run_id)).data)


class NodeRuns(ApiView):
    pagination_class = ByActivation

    @extend_schema(responses=shapes.NodeRunShape(many=True), summary="What its nodes did, in order")
    def get(self, request: Request, run_id: UUID) -> Response:
        run = visible(request, run_id)
        page = self.paginate_queryset(selectors.node_runs_of(run)) or []
        context = run_log.with_inputs(run, page, most_bytes=selectors.SHOWN_BYTES)
        return self.get_paginated_response(shapes.NodeRunShape(page, many=True, context=context).data)


class Checkpoints(ApiView):
    pagination_class = ByNumber

    @extend_schema(responses=shapes.CheckpointShape(many=True), summary="Its checkpoints, in order")
    def get(self, request: Request, run_id: UUID) -> Response:
        run = visible(request, run_id)
        page = self.paginate_queryset(selectors.checkpoints_of(run)) or []
        shown = shapes.CheckpointShape(page, many=True, context=_edges(run))
        return self.get_paginated_response(shown.data)


@counted(GET=policies.COMPUTING)
class CheckpointDetail(ApiView):
    @extend_schema(responses=shapes.CheckpointStateShape, summary="One checkpoint, with the whole state there")
    def get(self, request: Request, run_id: UUID, number: int) -> Response:
        run = visible(request, run_id)
        checkpoint = selectors.checkpoints_of(run).filter(number=number).first()
        if checkpoint is None:
            raise CheckpointNotFound(f"Run {str(run_id)!r} has checkpoints 1 to {run.checkpoints}, not {number}.")
        context = {**_edges(run), "state": selectors.state_at(run, number)}
        return Response(shapes.CheckpointStateShape(checkpoint, context=context).data)


def _edges(run: Run) -> dict[str, Any]:
    return {"edges": definitions.edges_of(run)}


class Cancel(ApiView):
    @extend_schema(request=None, responses={202: shapes.RunShape}, parameters=[KEY], summary="Ask for its end")
    @idempotent
    def post(self, request: Request, run_id: UUID) -> Response:
        return accepted(runs.cancel_run(run=changeable(request, run_id)))


@counted(POST=policies.RUNS)
class Resume(ApiView):
    @extend_schema(
        request=shapes.AnswerAsked, responses={202: shapes.RunShape}, parameters=[KEY], summary="Answer an interrupt"
    )
    @idempotent
    def post(self, request: Request, run_id: UUID) -> Response:
        run = changeable(request, run_id)
        asked = read(shapes.AnswerAsked, request.data)
        answered = runs.resume_run(user=caller(request), run=run, interrupt_id=asked["interrupt"], value=asked["value"])
        return accepted(answered)


@counted(POST=policies.RUNS)
class Fork(ApiView):
    @extend_schema(
        request=shapes.ForkAsked,
        responses={202: shapes.RunShape},
        parameters=[KEY],
        summary="A new run from one of its checkpoints",
    )
    @idempotent
    def post(self, request: Request, run_id: UUID) -> Response:
        run = changeable(request, run_id)
        asked = read(shapes.ForkAsked, request.data)
        return accepted(continuing.fork_run(user=caller(request), run=run, **asked))


@counted(POST=policies.RUNS)
class Alone(ApiView):
    @extend_schema(
        request=shapes.AloneAsked,
        responses={202: shapes.RunShape},
        parameters=[KEY],
        summary="A new run of one node by itself, on the input that this step saw",
    )
    @idempotent
    def post(self, request: Request, run_id: UUID, activation: int) -> Response:
        run = changeable(request, run_id)
        asked = read(shapes.AloneAsked, request.data)
        return accepted(continuing.run_node_alone(user=caller(request), run=run, activation=activation, **asked))


@counted(GET=policies.COMPUTING, POST=policies.RUNS)
class Retry(ApiView):
    @extend_schema(
        parameters=[shapes.RetryAsked],
        responses=shapes.RetryPlanShape,
        summary="What a retry would reuse, and what not, and why",
    )
    def get(self, request: Request, run_id: UUID) -> Response:
        run = visible(request, run_id)
        asked = read(shapes.RetryAsked, request.query_params)
        plan, version = continuing.retry_plan(run=run, **asked)
        shown = {"version": version.number, "blocked": plan.blocked, "nodes": plan.nodes, "starts": plan.starts}
        return Response(shapes.RetryPlanShape(shown).data)

    @extend_schema(
        request=shapes.RetryAsked,
        responses={202: shapes.RunShape},
        parameters=[KEY],
        summary="A new run from the last good checkpoint of a failed one",
    )
    @idempotent
    def post(self, request: Request, run_id: UUID) -> Response:
        run = changeable(request, run_id)
        asked = read(shapes.RetryAsked, request.data)
        return accepted(continuing.retry_run(user=caller(request), run=run, **asked))
