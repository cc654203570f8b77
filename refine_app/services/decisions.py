"""Decisions: people accept or reject hunks. Accepting merges them into the document as it is now, and never by force.

Rows are locked in one order, session, proposal, hunks, document, so that two people who decide at once wait for each
other, and the second is told what the first decided.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from graphs_app.models import NodeRun
from refine_app.diffs.merge import Merged, merge_hunks
from refine_app.diffs.unified import Hunk as DiffHunk
from refine_app.errors import HunkDecided, HunkNotFound, ProposalDecided, ProposalSuperseded, ReasonTooLong
from refine_app.events import HunkAccepted, HunkConflicted, HunkRejected, HunksDecided
from refine_app.models import Hunk, HunkStatus, Proposal, ProposalStatus
from refine_app.selectors import find_proposal, session_of_proposal
from sessions_app.models import User
from sessions_app.permissions import Action, require, require_active
from sessions_app.selectors import revision_of
from sessions_app.services import documents, events, sessions, texts
from sessions_app.services.locks import lock_session

REASON_MAX = 2_000
AGENT = "run__graph_version__graph"
"""The agent is known by the name of its graph."""
UNDECIDED = frozenset({HunkStatus.OPEN, HunkStatus.CONFLICTED})
"""A hunk that did not fit can be tried again, or rejected."""


@dataclass(frozen=True, slots=True)
class Deciding:
    """A proposal whose rows are locked, and the hunks of it that somebody decides on."""

    user: User
    proposal: Proposal
    hunks: Sequence[Hunk]
    """All of them, by number."""
    chosen: Sequence[Hunk]
    now: datetime


def accept_hunks(*, user: User, proposal_id: UUID, numbers: Sequence[int] | None = None, now: datetime) -> Proposal:
    """Merges hunks (all that are undecided when no numbers are given) into the document, as one change of it.

    Those that no longer fit become conflicted, with the reason; the others go in all the same. Raises NotFound,
    NotAllowed, SessionExpired, HunkNotFound, HunkDecided, ProposalDecided, ProposalSuperseded or TooLarge; nothing
    has changed then.
    """
    with transaction.atomic():
        deciding = _lock(user, proposal_id, numbers, now)
        merged, revision = _merge_into_document(deciding)
        fits = [hunk for hunk in deciding.chosen if hunk.n not in merged.conflicts]
        unfit = [hunk for hunk in deciding.chosen if hunk.n in merged.conflicts]
        _mark(fits, HunkStatus.ACCEPTED, {}, deciding)
        _mark(unfit, HunkStatus.CONFLICTED, merged.conflicts, deciding)
        _settle(deciding)
        told: list[HunksDecided] = []
        if fits:
            told.append(HunkAccepted(**_told(fits, deciding), revision=revision))
        if unfit:
            reasons = {str(n): why for n, why in merged.conflicts.items()}
            told.append(HunkConflicted(**_told(unfit, deciding), reasons=reasons))
        events.append(deciding.proposal.session_id, told)
    return find_proposal(user=user, proposal_id=proposal_id)


def reject_hunks(
    *, user: User, proposal_id: UUID, numbers: Sequence[int] | None = None, reason: str = "", now: datetime
) -> Proposal:
    """Rejects hunks (all that are undecided when no numbers are given); the reason is told to the next request's agent.

    Raises what accept_hunks() raises, and ReasonTooLong or InvalidText.
    """
    reason = reason.strip()
    if len(reason) > REASON_MAX:
        raise ReasonTooLong(length=len(reason), limit=REASON_MAX)
    texts.check(reason, pointer="/reason")
    with transaction.atomic():
        deciding = _lock(user, proposal_id, numbers, now)
        _mark(deciding.chosen, HunkStatus.REJECTED, {hunk.n: reason for hunk in deciding.chosen}, deciding)
        _settle(deciding)
        rejected = HunkRejected(**_told(deciding.chosen, deciding), reason=reason)
        events.append(deciding.proposal.session_id, [rejected])
    return find_proposal(user=user, proposal_id=proposal_id)


def _lock(user: User, proposal_id: UUID, numbers: Sequence[int] | None, now: datetime) -> Deciding:
    """Locks what a decision touches, and refuses it if it may not or need not be made."""
    session_id = session_of_proposal(user=user, proposal_id=proposal_id)
    require(user, session_id, Action.EDIT)
    session = lock_session(session_id)
    require_active(session, Action.EDIT)
    sessions.touch(session=session, now=now)
    proposal = Proposal.objects.select_for_update(of=("self",)).select_related(AGENT).get(pk=proposal_id)
    if proposal.status == ProposalStatus.SUPERSEDED:
        raise ProposalSuperseded(proposal_id)
    hunks = list(proposal.hunks.select_for_update().order_by("n"))
    chosen = _choose(proposal, hunks, numbers)
    return Deciding(user=user, proposal=proposal, hunks=hunks, chosen=chosen, now=now)


def _choose(proposal: Proposal, hunks: Sequence[Hunk], numbers: Sequence[int] | None) -> list[Hunk]:
    if numbers is None:
        chosen = [hunk for hunk in hunks if hunk.status in UNDECIDED]
        if not chosen:
            raise ProposalDecided(proposal.pk, hunks=len(hunks))
        return chosen
    by_number = {hunk.n: hunk for hunk in hunks}
    for n in numbers:
        if n not in by_number:
            raise HunkNotFound(proposal=proposal.pk, n=n, count=len(hunks))
        if by_number[n].status not in UNDECIDED:
            raise HunkDecided(proposal=proposal.pk, n=n, status=by_number[n].status)
    return [by_number[n] for n in sorted(set(numbers))]


def _merge_into_document(deciding: Deciding) -> tuple[Merged, int | None]:
    """Changes the document by the chosen hunks that fit; says what fitted, and the new revision if the text changed."""
    proposal = deciding.proposal
    base = revision_of(proposal.document, proposal.base_revision).text
    agent = proposal.run.graph_version.graph.slug
    origin: dict[str, Any] = {
        "kind": "proposal",
        "proposal": str(proposal.pk),
        "run": str(proposal.run_id),
        **_node_of(proposal),
        "hunks": [],
        "endpoint": proposal.endpoint,
        "agent": agent,
    }
    merges: list[Merged] = []

    def merge(text: str) -> str:
        merged = merge_hunks(
            base=base,
            current=text,
            hunks=[_as_diff_hunk(hunk) for hunk in deciding.chosen],
            accepted=[_as_diff_hunk(hunk) for hunk in deciding.hunks if hunk.status == HunkStatus.ACCEPTED],
        )
        merges.append(merged)
        # Which hunks fit is known only here, while the document is locked; the revision is to name just those.
        origin["hunks"] = list(merged.applied)
        return merged.text

    document = documents.change_text(
        user=deciding.user,
        document_id=proposal.document_id,
        transform=merge,
        origin=origin,
        by=f"{agent} via {deciding.user}",
        now=deciding.now,
    )
    return merges[-1], document.revision if merges[-1].edits else None


def _node_of(proposal: Proposal) -> dict[str, str]:
    """Which node of the graph made it, and in which of its runs; empty for proposals from before that was kept."""
    if proposal.node_run is None:
        return {}
    made = NodeRun.objects.filter(pk=proposal.node_run).values_list("node_id", flat=True).first()
    return {} if made is None else {"node": made, "node_run": str(proposal.node_run)}


def _as_diff_hunk(hunk: Hunk) -> DiffHunk:
    return DiffHunk(hunk.n, hunk.header, hunk.old_start, hunk.old_lines, hunk.new_start, hunk.new_lines, hunk.text)


def _mark(hunks: Sequence[Hunk], status: HunkStatus, reasons: Mapping[int, str], deciding: Deciding) -> None:
    """One UPDATE for each reason, of which there are few; one for each of hundreds of hunks would take seconds."""
    alike: dict[str, list[Hunk]] = defaultdict(list)
    for hunk in hunks:
        hunk.status = status
        alike[reasons.get(hunk.n, "")].append(hunk)
    for reason, same in alike.items():
        Hunk.objects.filter(pk__in=[hunk.pk for hunk in same]).update(
            status=status, reason=reason, decided_by=deciding.user, decided_at=deciding.now
        )


def _settle(deciding: Deciding) -> None:
    """A proposal is decided when none of its hunks is open; one that conflicted can still be tried again."""
    proposal = deciding.proposal
    if all(hunk.status != HunkStatus.OPEN for hunk in deciding.hunks):
        proposal.status = ProposalStatus.DECIDED
        proposal.save(update_fields=["status"])


def _told(hunks: Sequence[Hunk], deciding: Deciding) -> dict[str, Any]:
    return {
        "run": deciding.proposal.run_id,
        "proposal": deciding.proposal.pk,
        "hunks": [hunk.n for hunk in hunks],
        "by": str(deciding.user),
        "by_id": deciding.user.pk,
        "status": str(deciding.proposal.status),
    }
