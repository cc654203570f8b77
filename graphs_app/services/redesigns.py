"""Redesigns of graphs: proposed as single changes, accepted or rejected one by one, saved as a draft."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from graphs_app import selectors, snapshots
from graphs_app.engine.registry import REGISTRY
from graphs_app.errors import (
    ChangeBlocked,
    ChangeNotFound,
    GraphChanged,
    GraphProposalNotFound,
    GraphProposalOver,
    GraphTooLarge,
    InvalidGraph,
)
from graphs_app.models import Graph, GraphDraft, GraphProposal, GraphProposalStatus, Run
from graphs_app.quotas import hold_graph_bytes, size_of
from graphs_app.redesign import Change, ChangeDoesNotApply, apply_all, estimate, plan, suggest
from graphs_app.redesign.changes import from_json
from graphs_app.redesign.planning import BY_KIND, MENDED
from graphs_app.services import graphs, versions
from graphs_app.services.past_runs import past_from, past_json, past_of
from sessions_app.models import User
from sessions_app.plurals import counted

MOST_NODES = 1000
LAYOUT_KINDS = frozenset({"tidy"})
ACCEPTED, REJECTED = "accepted", "rejected"
Decision = Literal["accepted", "rejected"]


@dataclass(frozen=True, slots=True)
class Suggestions:
    """What a model suggests beyond what the rules find."""

    by: str
    """Who: an endpoint, and its model."""
    changes: Sequence[Any] = ()
    note: str = ""
    """Why there is nothing, where that has a reason."""


def planned(*, user: User | None, graph: Graph, suggestions: Suggestions | None = None) -> dict[str, Any]:
    """Everything that a proposal for a graph consists of, as it is drawn now. Raises InvalidGraph, GraphTooLarge."""
    definition = selectors.draft_or_current(graph)
    problems = [one for one in graphs.problems_of(definition=definition, user=user) if one["code"] not in MENDED]
    if problems:
        raise InvalidGraph(
            f"Graph {graph.slug!r} has {counted(len(problems), 'problem')}, and is redesigned when nothing is "
            "wrong with it; the first: "
            f"{problems[0]['message']}",
            errors=problems,
        )
    count = len(definition["nodes"])
    if count > MOST_NODES:
        raise GraphTooLarge(f"Graph {graph.slug!r} has {count} nodes; graphs of up to {MOST_NODES} are redesigned.")
    past = past_of(graph)
    found = plan(definition, REGISTRY, past)
    suggested: dict[str, Any] = {}
    if suggestions is not None:
        known = {one["message"] for one in graphs.problems_of(definition=definition, user=user)}

        def unfit(changed: dict[str, Any]) -> str | None:
            problems = [one["message"] for one in graphs.problems_of(definition=changed, user=user)]
            return next((message for message in problems if message not in known), None)

        found, left = suggest(
            definition, found, suggestions.changes, by=suggestions.by, registry=REGISTRY, past=past, unfit=unfit
        )
        left_out = [one.as_json() for one in left]
        suggested = {"by": suggestions.by, "note": suggestions.note, "left_out": left_out}
    return {
        "base": definition,
        "base_version": graph.version,
        "past": past_json(past),
        "changes": [change.as_json() for change in found.changes],
        "before": found.before.as_json(),
        "after": found.after.as_json(),
        "suggested": suggested,
    }


def redesigned(parts: dict[str, Any]) -> dict[str, Any]:
    """The base of what was planned with every change."""
    changes = [from_json(one) for one in parts["changes"]]
    return apply_all(parts["base"], changes, rules=BY_KIND, registry=REGISTRY, past=past_from(parts["past"]))


def propose_redesign(*, user: User, graph: Graph) -> GraphProposal:
    """A proposal for a graph that the person can change, as it is drawn now."""
    graphs.require_editor(user, graph)
    return keep_proposal(graph=graph, user=user, parts=planned(user=user, graph=graph))


def keep_proposal(*, graph: Graph, user: User | None, parts: dict[str, Any], run: Run | None = None) -> GraphProposal:
    """Stores what was planned."""
    with transaction.atomic():
        # What a run has found is counted and not refused: the run is over, and its own bytes have a quota.
        size = size_of(*(value for name, value in parts.items() if name != "id"))
        hold_graph_bytes(graph, size, refuses=run is None)
        return GraphProposal.objects.create(graph=graph, created_by=user, run=run, **parts)


def proposal_for(user: User, proposal_id: UUID) -> GraphProposal:
    """A proposal for a graph that the person can see."""
    proposal = GraphProposal.objects.select_related("graph", "created_by").filter(pk=proposal_id).first()
    if proposal is None or not selectors.graphs_for(user).filter(pk=proposal.graph_id).exists():
        raise GraphProposalNotFound(f"There is no graph proposal {str(proposal_id)!r} that you can see.")
    return proposal


def changes_of(proposal: GraphProposal) -> list[Change]:
    return [from_json(one) for one in proposal.changes]


def status_of(proposal: GraphProposal, n: int) -> str:
    status: str = proposal.decisions.get(str(n), "open")
    return status


def definition_with(proposal: GraphProposal, changes: Iterable[Change]) -> dict[str, Any]:
    """The base with some of the changes. Raises ChangeDoesNotApply."""
    past = past_from(proposal.past)
    return apply_all(proposal.base, changes, rules=BY_KIND, registry=REGISTRY, past=past)


def accepted_definition(proposal: GraphProposal) -> dict[str, Any]:
    """The base with what is accepted: what would be saved now."""
    return definition_with(proposal, _having(proposal, ACCEPTED))


def preview(proposal: GraphProposal) -> dict[str, Any]:
    """The base with all that is not rejected, and can be made without what is."""
    past = past_from(proposal.past)
    result: dict[str, Any] = dict(proposal.base)
    for change in changes_of(proposal):
        if status_of(proposal, change.n) == REJECTED:
            continue
        try:
            result = apply_all(result, [change], rules=BY_KIND, registry=REGISTRY, past=past)
        except ChangeDoesNotApply:
            continue
    return result


def estimate_of(proposal: GraphProposal, definition: dict[str, Any]) -> dict[str, Any]:
    past = past_from(proposal.past).still_of(proposal.base, definition)
    return estimate(definition, REGISTRY, past).as_json()


def decide(*, user: User, proposal_id: UUID, n: int, decision: Decision, with_needed: bool = False) -> GraphProposal:
    """Accepts or rejects one change; with_needed: also those it needs (accepting) or that need it (rejecting).

    Raises ChangeBlocked without them: what is accepted always makes a valid graph.
    """
    with transaction.atomic():
        proposal = _open_proposal(user, proposal_id)
        changes = {change.n: change for change in changes_of(proposal)}
        if n not in changes:
            raise ChangeNotFound(f"The proposal has no change {n}; it has {len(changes)}.")
        also = _needed(changes, n) if decision == ACCEPTED else _needing(changes, n)
        missing = sorted(
            one
            for one in also
            if (status_of(proposal, one) != ACCEPTED if decision == ACCEPTED else status_of(proposal, one) == ACCEPTED)
        )
        if missing and not with_needed:
            named = ", ".join(map(str, missing))
            what = "needs" if decision == ACCEPTED else "is needed by"
            raise ChangeBlocked(
                f"Change {n} {what} {'change' if len(missing) == 1 else 'changes'} {named}: decide on all of them "
                "together, with_needed.",
                extra={"needed": missing},
            )
        proposal.decisions = {**proposal.decisions, **{str(one): decision for one in (n, *missing)}}
        return _checked(proposal, changes[n])


def decide_all(*, user: User, proposal_id: UUID, decision: Decision, layout_only: bool = False) -> GraphProposal:
    """Accepts or rejects every change that can be; layout_only: accepts what is about the drawing, rejects the rest."""
    with transaction.atomic():
        proposal = _open_proposal(user, proposal_id)
        proposal.decisions = {
            str(change.n): decision if not layout_only or change.kind in LAYOUT_KINDS else REJECTED
            for change in changes_of(proposal)
        }
        return _checked(proposal, None)


def save_accepted(*, user: User, proposal_id: UUID) -> tuple[GraphProposal, GraphDraft]:
    """Makes the base with what is accepted the graph's draft. Raises GraphChanged when something else is drawn now."""
    with transaction.atomic():
        proposal = _open_proposal(user, proposal_id)
        graph = Graph.objects.select_for_update().get(pk=proposal.graph_id)
        drawn = selectors.draft_or_current(graph)
        if snapshots.digest(drawn) != snapshots.digest(proposal.base):
            raise GraphChanged(
                f"Graph {graph.slug!r} was changed since this redesign was made; redesign it again as it is now."
            )
        draft = versions.save_draft(user=user, graph=graph, definition=accepted_definition(proposal))
        proposal.status = GraphProposalStatus.APPLIED
        proposal.updated_at = timezone.now()
        proposal.save(update_fields=["status", "updated_at"])
        return proposal, draft


def _open_proposal(user: User, proposal_id: UUID) -> GraphProposal:
    proposal_for(user, proposal_id)
    proposal = GraphProposal.objects.select_for_update().get(pk=proposal_id)
    graphs.require_editor(user, proposal.graph)
    if proposal.status != GraphProposalStatus.OPEN:
        raise GraphProposalOver("What was accepted of this redesign is saved; redesign the graph again for more.")
    return proposal


def _checked(proposal: GraphProposal, about: Change | None) -> GraphProposal:
    try:
        accepted_definition(proposal)
    except ChangeDoesNotApply as error:
        what = "These changes" if about is None else f"Change {about.n} ({about.title})"
        raise ChangeBlocked(f"{what} cannot be made with what is accepted and rejected so far: {error}.") from error
    proposal.updated_at = timezone.now()
    proposal.save(update_fields=["decisions", "updated_at"])
    return proposal


def _having(proposal: GraphProposal, status: str) -> list[Change]:
    return [change for change in changes_of(proposal) if status_of(proposal, change.n) == status]


def _needed(changes: dict[int, Change], n: int) -> set[int]:
    """The changes that one needs, and that those need."""
    found: set[int] = set()
    work = list(changes[n].needs)
    while work:
        one = work.pop()
        if one not in found:
            found.add(one)
            work += changes[one].needs
    return found


def _needing(changes: dict[int, Change], n: int) -> set[int]:
    """The changes that need one, and that need those."""
    return {one for one in changes if n in _needed(changes, one)}
