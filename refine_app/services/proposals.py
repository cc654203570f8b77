"""Proposals as the journal makes them: what the effect proposal.create of an agent's tool writes, exactly once."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from django.utils import timezone

from graphs_app.models import Run
from graphs_app.services.continuing import EDITED_BY
from refine_app.diffs import deceptive
from refine_app.diffs.errors import GivenDiffWrong
from refine_app.diffs.given import given_diff
from refine_app.diffs.unified import Diff
from refine_app.errors import EffectRefused
from refine_app.events import ProposalCreated
from refine_app.filenames import filename_of
from refine_app.models import Hunk, Proposal, ProposalStatus, Request
from sessions_app.events import Event
from sessions_app.selectors import revision_of
from sessions_app.services.locks import lock_session

EFFECT = "proposal.create"
NOT_CHECKED: dict[str, Any] = {
    "name": "edited",
    "verdict": "skipped",
    "detail": "Somebody has set values of this run's state, so what its steps say of the change is not sure.",
}
"""In the place of all checks: who sets a state sets their verdicts too, and the model that is named."""

log = logging.getLogger(__name__)


def create_proposal(run: Run, node_run_id: UUID, payload: Mapping[str, Any]) -> Sequence[Event]:
    """Stores an answer against the revision that its request kept: {new_text, hunks, summary, checks, endpoint}.

    The hunks are those that the tool made, outside of any transaction; here it is only seen that they turn the revision
    into the new text. A run has one proposal: asked for again, nothing happens. A run that no request started has
    nobody to propose to.
    Open proposals of the session's earlier requests are superseded by it, and only now: until there is a new answer,
    the old one can be decided.
    """
    request = request_of(run)
    if request is None:
        log.info("run %s serves no request; its proposal is kept in its state only", run.pk)
        return []
    lock_session(request.session_id)
    if Proposal.objects.filter(run=run).exists():
        return []
    new_text, summary, checks = _read(payload)
    base = revision_of(request.document, request.base_revision).text
    diff = _given(payload, base, request)
    is_edited = EDITED_BY in run.metadata
    checks = _with_deceptive([NOT_CHECKED] if is_edited else checks, diff)
    proposal = Proposal.objects.create(
        session_id=request.session_id,
        request=request,
        run=run,
        node_run=node_run_id,
        document_id=request.document_id,
        base_revision=request.base_revision,
        new_text=new_text,
        diff=diff.patch,
        summary=summary,
        checks=checks,
        endpoint="" if is_edited else str(payload.get("endpoint") or "")[:200],
        status=ProposalStatus.OPEN if diff.hunks else ProposalStatus.DECIDED,
        created_at=timezone.now(),
    )
    _create_hunks(proposal, diff)
    return [
        ProposalCreated(
            run=run.pk,
            proposal=proposal.pk,
            request=request.pk,
            base_revision=proposal.base_revision,
            hunks=len(diff.hunks),
            summary=summary,
            checks=checks,
            status=str(proposal.status),
            superseded=_supersede_earlier(request, proposal),
        )
    ]


def request_of(run: Run) -> Request | None:
    """The request that the run serves: its own, or that of the failed run which it retries."""
    request_id = run.metadata.get("request") if isinstance(run.metadata, dict) else None
    if request_id is None or run.session_id is None:
        return None
    return (
        Request.objects.filter(pk=request_id, session_id=run.session_id).select_related("session", "document").first()
    )


def _read(payload: Mapping[str, Any]) -> tuple[str, str, list[dict[str, Any]]]:
    new_text, summary, checks = payload.get("new_text"), payload.get("summary", ""), payload.get("checks", [])
    if not isinstance(new_text, str):
        raise EffectRefused(effect=EFFECT, problem=f"new_text must be a string, found {type(new_text).__name__}")
    if not isinstance(summary, str):
        raise EffectRefused(effect=EFFECT, problem=f"summary must be a string, found {type(summary).__name__}")
    if not isinstance(checks, list) or not all(isinstance(check, dict) for check in checks):
        raise EffectRefused(effect=EFFECT, problem="checks must be a list of {name, verdict, detail}")
    return new_text, summary, checks


def _given(payload: Mapping[str, Any], base: str, request: Request) -> Diff:
    """What the tool made, as a patch of the session's file."""
    filename = filename_of(request.session)
    try:
        return given_diff(payload.get("hunks"), old=base, new=payload["new_text"], filename=filename)
    except GivenDiffWrong as error:
        problem = f"of revision {request.base_revision}: {error}"
        raise EffectRefused(effect=EFFECT, problem=problem) from error


def _with_deceptive(checks: list[dict[str, Any]], diff: Diff) -> list[dict[str, Any]]:
    """What the change adds that nobody would see is said here, whatever tools of a graph made the proposal."""
    found = deceptive.check(diff.hunks)
    others = [check for check in checks if check.get("name") != deceptive.CHECK]
    return [*others, found] if found else others


def _create_hunks(proposal: Proposal, diff: Diff) -> None:
    Hunk.objects.bulk_create(
        Hunk(
            proposal=proposal,
            n=hunk.n,
            header=hunk.header,
            old_start=hunk.old_start,
            old_lines=hunk.old_lines,
            new_start=hunk.new_start,
            new_lines=hunk.new_lines,
            text=hunk.text,
        )
        for hunk in diff.hunks
    )


def _supersede_earlier(request: Request, proposal: Proposal) -> list[str]:
    """Closes the open proposals of this request and of earlier ones; an answer that comes late closes no newer one."""
    earlier = Proposal.objects.filter(
        document_id=request.document_id, status=ProposalStatus.OPEN, request__created_at__lte=request.created_at
    ).exclude(pk=proposal.pk)
    closed = list(earlier.select_for_update(of=("self",)).order_by("pk").values_list("pk", flat=True))
    Proposal.objects.filter(pk__in=closed).update(status=ProposalStatus.SUPERSEDED)
    return [str(pk) for pk in closed]
