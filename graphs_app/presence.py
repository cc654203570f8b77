"""Runs as the agents that people see in a document, at the hunk that they work on.

They are seen while a worker holds their lease, and while they are parked: to everybody who asks those run as well.
"""

from collections.abc import Collection, Iterator, Mapping
from typing import Any
from uuid import UUID

from django.db.models import OuterRef, Q, Subquery
from django.db.models.functions import Now

from graphs_app.diff_pace import PACED_TYPE
from graphs_app.models import PARKED, Run, RunStatus
from sessions_app.models import SessionEvent
from sessions_app.realtime.agents import Agent, Place


def at_work(session_ids: Collection[UUID]) -> Iterator[Agent]:
    """The runs that are under way in these sessions; one whose worker died is gone when its lease is out."""
    working = Run.objects.filter(
        PARKED | Q(status=RunStatus.RUNNING, lease_until__gt=Now()), session_id__in=session_ids, parent__isnull=True
    )
    said = SessionEvent.objects.filter(run=OuterRef("pk"), type=PACED_TYPE).order_by("-seq").values("data")[:1]
    rows = working.order_by("created_at").values_list(
        "pk", "session_id", "metadata", "graph_version__graph__slug", "user__name", "user__username", "created_at",
        Subquery(said),
    )  # fmt: skip
    for pk, session, metadata, slug, name, username, created_at, last_said in rows:
        yield Agent(
            run=pk,
            session=session,
            document=_document(metadata),
            name=slug.replace("_", " "),
            via=name or username or "",
            since=created_at,
            place=_place(last_said),
        )


def _document(metadata: Any) -> UUID | None:
    try:
        return UUID(metadata["document"])
    except (KeyError, TypeError, ValueError, AttributeError):
        return None


def _place(last_said: Mapping[str, Any] | None) -> Place | None:
    """The last change of the hunk that it spoke of last."""
    hunks = last_said.get("hunks") if last_said is not None else None
    return place_of(hunks[-1]) if hunks else None


def place_of(hunk: Mapping[str, Any]) -> Place:
    """Where a hunk's last change begins, among the lines that the agent read."""
    rows = [row for row in hunk["text"].split("\n") if row and not row.startswith("\\")]
    lines = tuple(row[1:].removesuffix("\r") for row in rows if not row.startswith("+"))
    at, passed, changing = 0, 0, False
    for row in rows:
        if row.startswith(" "):
            changing = False
        elif not changing:
            at, changing = passed, True
        passed += not row.startswith("+")
    return Place(lines=lines, line=max(0, int(hunk["old_start"]) - (1 if lines else 0)), at=at)
