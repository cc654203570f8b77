"""What people may read of requests, proposals and the ledger: only what lies in their sessions, or is theirs."""

from collections.abc import Sequence
from uuid import UUID

from django.db.models import QuerySet

from graphs_app.models import Run
from refine_app.models import ModelCall, Proposal, Request
from sessions_app.errors import NotFound
from sessions_app.models import User
from sessions_app.permissions import Action, require


def requests_of_session(*, user: User, session_id: UUID) -> QuerySet[Request]:
    """The session's requests, newest first, each with its first run; pass a page of them to with_newest_runs()."""
    require(user, session_id, Action.READ)
    found = _requests().defer("run__initial_state", "run__state")
    return found.filter(session_id=session_id).order_by("-created_at", "-id")


def find_request(*, user: User, request_id: UUID) -> Request:
    """A request of one of the person's sessions; raises NotFound, which does not tell a stranger that it exists."""
    request = _requests().filter(pk=request_id, session__members__user=user).first()
    if request is None:
        raise NotFound("request", request_id)
    return with_newest_runs([request])[0]


def with_newest_runs(requests: Sequence[Request]) -> Sequence[Request]:
    """The requests, each with the run that counts now: a run that was retried or forked serves the same request on."""
    newest = {request.run_id: request for request in requests}
    while newest:
        forked = Run.objects.filter(forked_from__in=newest, parent__isnull=True, only_node="")
        if not forked.exists():  # nearly always; and it costs a tenth of reading them
            break
        forks = _runs().filter(pk__in=forked).order_by("created_at", "id")
        following: dict[UUID, Request] = {}
        for run in forks:
            request = newest.get(run.forked_from_id) if run.forked_from_id else None
            if request and run.metadata.get("request") == str(request.pk):
                request.run = run
                following = {key: value for key, value in following.items() if value is not request}
                following[run.pk] = request
        newest = following
    return requests


def proposals_of_session(*, user: User, session_id: UUID) -> QuerySet[Proposal]:
    """The session's proposals, newest first, each with its hunks."""
    require(user, session_id, Action.READ)
    return _proposals().filter(session_id=session_id).order_by("-created_at", "-id")


def find_proposal(*, user: User, proposal_id: UUID) -> Proposal:
    """A proposal of one of the person's sessions; raises NotFound."""
    proposal = _proposals().filter(pk=proposal_id, session__members__user=user).first()
    if proposal is None:
        raise NotFound("proposal", proposal_id)
    return proposal


def session_of_proposal(*, user: User, proposal_id: UUID) -> UUID:
    """The session that a proposal is in, without reading the proposal; raises NotFound."""
    session_ids = Proposal.objects.filter(pk=proposal_id, session__members__user=user)
    session_id = session_ids.values_list("session_id", flat=True).first()
    if session_id is None:
        raise NotFound("proposal", proposal_id)
    return session_id


def model_calls_of(*, user: User, session_id: UUID | None = None, run_id: UUID | None = None) -> QuerySet[ModelCall]:
    """The person's own calls to models, newest first; of one session or one run when that is asked for."""
    calls = ModelCall.objects.filter(user=user)
    if session_id is not None:
        calls = calls.filter(session_id=session_id)
    if run_id is not None:
        calls = calls.filter(run_id=run_id)
    return calls.order_by("-created_at", "-id")


def model_calls_of_node_run(*, user: User, run_id: UUID, node_run_id: UUID) -> QuerySet[ModelCall]:
    """The calls of one node run with what was said in them, oldest first: for members of its session, and nobody else.

    A run without a session is its own person's. Raises NotFound, which tells a stranger nothing.
    """
    run = Run.objects.filter(pk=run_id).only("session_id", "user_id").first()
    if run is None:
        raise NotFound("run", run_id)
    if run.session_id is not None:
        require(user, run.session_id, Action.READ)
    elif run.user_id != user.pk:
        raise NotFound("run", run_id)
    return ModelCall.objects.filter(run=run, node_run=node_run_id).select_related("said").order_by("created_at", "id")


def _requests() -> QuerySet[Request]:
    return Request.objects.select_related("run__graph_version__graph", "user")


def _runs() -> QuerySet[Run]:
    return Run.objects.select_related("graph_version__graph")


def _proposals() -> QuerySet[Proposal]:
    return Proposal.objects.select_related("run", "session").defer("new_text").prefetch_related("hunks__decided_by")
