"""What a session's requests were and what became of their answers, in a size that a model can be given.

One turn for each request, oldest first:
{"request", "intent", "instruction", "by", "status", "is_parent", "summary", "error",
 "accepted" | "rejected" | "conflicted" | "open": [{"n", "header", "text", "reason"}]}
"""

import json
from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from graphs_app.models import Run
from refine_app.models import Hunk, HunkStatus, Proposal, Request
from refine_app.selectors import with_newest_runs

Turn = dict[str, Any]

TURNS_MAX = 20
CHARACTERS_MAX = 24_000
"""Of all turns together, as JSON."""
INSTRUCTION_MAX = 2_000
SUMMARY_MAX = 1_000
REASON_MAX = 500
HUNK_TEXT_MAX = 1_000
HUNKS_MAX = 30
"""Of one turn and one status; how many more there were is told."""

TOLD = (
    *("intent", "instruction", "created_at", "user__name", "user__username", "user__is_guest"),
    *("run__status", "run__error"),
)
"""What a turn is made of; a run's states are large, and every request waits for this."""
HUNK_LISTS = tuple(HunkStatus.values)


def session_history(*, session_id: UUID, parent_id: UUID | None) -> list[Turn]:
    """The session's requests so far, oldest first; the parent is among them however old it is."""
    requests = Request.objects.filter(session_id=session_id).select_related("run", "user").only(*TOLD)
    newest = list(requests.order_by("-created_at", "-id")[:TURNS_MAX])
    if parent_id is not None and all(request.id != parent_id for request in newest):
        newest = [*newest[: TURNS_MAX - 1], requests.get(pk=parent_id)]
    with_newest_runs(newest)
    answers = Proposal.objects.filter(request__in=newest).defer("new_text", "diff").prefetch_related("hunks")
    latest = {proposal.request_id: proposal for proposal in answers.order_by("created_at", "id")}
    reports = _summaries([request.run_id for request in newest if request.pk not in latest])
    turns = [
        _turn(request, latest.get(request.pk), reports.get(request.run_id, ""), is_parent=request.pk == parent_id)
        for request in reversed(newest)
    ]
    return fit(turns, limit=CHARACTERS_MAX)


def fit(turns: Sequence[Turn], *, limit: int) -> list[Turn]:
    """The turns, made small enough: first the oldest lose their hunks' text, then the oldest go. The parent stays."""
    kept = [dict(turn) for turn in turns]
    sizes = [_size(turn) for turn in kept]
    for lessen in (_without_hunk_text, None):
        for i in _oldest_first_but_parent_last(kept):
            if sum(sizes) <= limit:
                break
            if lessen is not None:
                kept[i] = lessen(kept[i])
                sizes[i] = _size(kept[i])
            elif not kept[i]["is_parent"]:
                sizes[i] = 0
    return [turn for turn, size in zip(kept, sizes, strict=True) if size]


def _summaries(run_ids: list[UUID]) -> dict[UUID, str]:
    """What these runs say of themselves, without the rest of their states, which hold the document several times."""
    runs = Run.objects.filter(pk__in=run_ids).values_list("pk", "state__summary")
    return {run_id: summary for run_id, summary in runs if isinstance(summary, str)}


def _turn(request: Request, proposal: Proposal | None, report: str, *, is_parent: bool) -> Turn:
    turn: Turn = {
        "request": str(request.id),
        "intent": request.intent,
        "instruction": clip(request.instruction, INSTRUCTION_MAX),
        "by": str(request.user) if request.user else "someone who has left",
        "status": request.run.status,
        "is_parent": is_parent,
        "summary": clip(proposal.summary if proposal else report, SUMMARY_MAX),
        "error": clip(str((request.run.error or {}).get("message", "")), SUMMARY_MAX),
    }
    hunks = list(proposal.hunks.all()) if proposal else []
    for status in HUNK_LISTS:
        turn[status] = _pieces(hunk for hunk in hunks if hunk.status == status)
    return turn


def _pieces(hunks: Iterable[Hunk]) -> list[dict[str, Any]]:
    found = list(hunks)
    pieces: list[dict[str, Any]] = [
        {
            "n": hunk.n,
            "header": hunk.header,
            "text": clip(hunk.text, HUNK_TEXT_MAX),
            "reason": clip(hunk.reason, REASON_MAX),
        }
        for hunk in found[:HUNKS_MAX]
    ]
    if len(found) > HUNKS_MAX:
        pieces.append({"n": 0, "header": f"and {len(found) - HUNKS_MAX} more", "text": "", "reason": ""})
    return pieces


def _without_hunk_text(turn: Turn) -> Turn:
    return turn | {status: [piece | {"text": ""} for piece in turn[status]] for status in HUNK_LISTS}


def _oldest_first_but_parent_last(turns: Sequence[Turn]) -> list[int]:
    return sorted(range(len(turns)), key=lambda i: (turns[i]["is_parent"], i))


def _size(turn: Turn) -> int:
    return len(json.dumps(turn, ensure_ascii=False))


def clip(text: str, limit: int) -> str:
    """The text, or its beginning with a mark that there was more."""
    return text if len(text) <= limit else text[: limit - 1] + "…"
