"""What a session's requests were and what became of their answers, in a size that a model can be given.

One turn for each request, oldest first:
{"request", "intent", "instruction", "by", "status", "is_parent", "summary", "error",
 "accepted" | "rejected" | "conflicted" | "open": [{"n", "header", "text", "reason"}]}
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import connection

from graphs_app.models import Run
from refine_app.models import Hunk, HunkStatus, Proposal, Request
from refine_app.selectors import with_newest_runs
from sessions_app.models import User

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

HUNK_LISTS = tuple(HunkStatus.values)

ASKED = """
SELECT r.id, r.intent, r.instruction, r.run_id, u.name, u.username,
  n.status AS run_status, n.error AS run_error,
  EXISTS (SELECT 1 FROM graphs_app_run f WHERE f.forked_from_id = r.run_id) AS was_forked,
  (SELECT p.id FROM refine_app_proposal p WHERE p.request_id = r.id ORDER BY p.created_at DESC, p.id DESC LIMIT 1)
    AS proposal_id
FROM refine_app_request r JOIN graphs_app_run n ON n.id = r.run_id LEFT JOIN sessions_app_user u ON u.id = r.user_id
WHERE r.session_id = %s {these} ORDER BY r.created_at DESC, r.id DESC LIMIT %s"""
"""All that most turns are made of in one statement, written out: every request waits for it, and composing the four
queries that it replaces took three times as long as answering them."""


@dataclass(slots=True)
class Asked:
    """A request as the history tells of it."""

    id: UUID
    intent: str
    instruction: str
    by: str
    run_id: UUID
    status: str
    error: dict[str, Any]
    proposal_id: UUID | None


def session_history(*, session_id: UUID, parent_id: UUID | None) -> list[Turn]:
    """The session's requests so far, oldest first; the parent is among them however old it is."""
    newest = _asked(session_id)
    if parent_id is not None and all(asked.id != parent_id for asked in newest):
        newest = [*newest[: TURNS_MAX - 1], *_asked(session_id, only=parent_id)]
    answers = _answers([asked.proposal_id for asked in newest if asked.proposal_id])
    reports = _summaries([asked.run_id for asked in newest if not asked.proposal_id])
    turns = [
        _turn(
            asked,
            answers.get(asked.proposal_id) if asked.proposal_id else None,
            reports.get(asked.run_id, ""),
            is_parent=asked.id == parent_id,
        )
        for asked in reversed(newest)
    ]
    return fit(turns, limit=CHARACTERS_MAX)


def _asked(session_id: UUID, *, only: UUID | None = None) -> list[Asked]:
    """The session's newest requests, newest first; or one of them."""
    key = Request._meta.pk.get_db_prep_value
    parameters = [key(session_id, connection), *([key(only, connection)] if only else []), TURNS_MAX]
    rows: list[Any] = list(Request.objects.raw(ASKED.format(these="AND r.id = %s" if only else ""), parameters))
    current = {row.pk: row.run for row in _followed([row for row in rows if row.was_forked])}
    return [_as_asked(row, current.get(row.pk)) for row in rows]


def _as_asked(row: Any, newest_run: Run | None) -> Asked:
    error = row.run_error if newest_run is None else newest_run.error
    return Asked(
        id=row.pk,
        intent=row.intent,
        instruction=row.instruction,
        by="someone who has left" if row.username is None else str(User(name=row.name, username=row.username)),
        run_id=row.run_id if newest_run is None else newest_run.pk,
        status=row.run_status if newest_run is None else newest_run.status,
        error=(json.loads(error) if isinstance(error, str) else error) or {},
        proposal_id=None if row.proposal_id is None else UUID(str(row.proposal_id)),
    )


def _followed(forked: Sequence[Request]) -> Sequence[Request]:
    """Requests whose run was run again, or is tried with other values, each with the run that counts now."""
    if not forked:
        return []
    told = ("run__status", "run__error")
    found = Request.objects.filter(pk__in=[row.pk for row in forked]).select_related("run").only(*told)
    return with_newest_runs(list(found))


def _answers(proposal_ids: Sequence[UUID]) -> dict[UUID, Proposal]:
    """These proposals with their hunks, without the texts that they were made of."""
    if not proposal_ids:
        return {}
    found = Proposal.objects.filter(pk__in=proposal_ids).only("summary").prefetch_related("hunks")
    return {proposal.pk: proposal for proposal in found}


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
    if not run_ids:
        return {}
    runs = Run.objects.filter(pk__in=run_ids).values_list("pk", "state__summary")
    return {run_id: summary for run_id, summary in runs if isinstance(summary, str)}


def _turn(asked: Asked, proposal: Proposal | None, report: str, *, is_parent: bool) -> Turn:
    turn: Turn = {
        "request": str(asked.id),
        "intent": asked.intent,
        "instruction": clip(asked.instruction, INSTRUCTION_MAX),
        "by": asked.by,
        "status": asked.status,
        "is_parent": is_parent,
        "summary": clip(proposal.summary if proposal else report, SUMMARY_MAX),
        "error": clip(str(asked.error.get("message", "")), SUMMARY_MAX),
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
