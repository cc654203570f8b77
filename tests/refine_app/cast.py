"""The people of these tests: Ana owns a session, Ben edits in it, Vera only looks, and Sam is elsewhere."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from graphs_app.models import Graph, GraphVersion, NodeRun, Run, RunStatus, node_run_id
from refine_app.diffs.unified import make_diff
from refine_app.models import Intent, Proposal, Request
from refine_app.services.proposals import create_proposal
from sessions_app.models import Document, Member, Role, Session, SessionEvent, User, new_id
from sessions_app.selectors import revision_of
from sessions_app.services import documents, events, sessions

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)

TWENTY_LINES = "".join(f"line {n}\n" for n in range(1, 21))
"""Far enough apart for changes at both ends to be hunks of their own."""


def replaced(text: str, *pairs: tuple[str, str]) -> str:
    """The text with some of its lines replaced; each must be there."""
    for old, new in pairs:
        assert f"{old}\n" in text
        text = text.replace(f"{old}\n", f"{new}\n" if new else "")
    return text


BOTH_ENDS_CHANGED = replaced(TWENTY_LINES, ("line 2", "line two"), ("line 19", "line nineteen"))


@dataclass
class Cast:
    """A session with its people."""

    ana: User
    ben: User
    vera: User
    sam: User
    session: Session
    clock: datetime = NOON
    graphs: dict[str, GraphVersion] = field(default_factory=dict)

    def later(self, seconds: float = 1) -> datetime:
        """The next moment; time goes on each time it is asked for."""
        self.clock += timedelta(seconds=seconds)
        return self.clock

    @property
    def document(self) -> Document:
        return Document.objects.get(session=self.session)

    def write(self, text: str, user: User | None = None) -> Document:
        """Somebody types."""
        return documents.replace_text(user=user or self.ana, session_id=self.session.pk, text=text, now=self.later())

    def told(self, *types: str) -> list[dict[str, Any]]:
        """The session's events of these types, in order, as {type, run, **data}."""
        found = SessionEvent.objects.filter(session=self.session).order_by("seq")
        return [
            {"type": event.type, "run": event.run, **event.data} for event in found if not types or event.type in types
        ]

    def asked(
        self, instruction: str = "tidy it", *, user: User | None = None, parent: Request | None = None, **run: Any
    ) -> Request:
        """A request whose run is there but was never given to a worker."""
        document = self.document
        request_id = new_id()
        revision = documents.keep_revision(document)
        now = self.later()
        row = Run.objects.create(
            session=self.session,
            user=user or self.ana,
            graph_version=self._graph_version("refine_code"),
            metadata={"request": str(request_id)},
            created_at=now,
            **({"status": RunStatus.RUNNING} | run),
        )
        return Request.objects.create(
            id=request_id,
            session=self.session,
            user=user or self.ana,
            intent=Intent.REFINE_CODE,
            instruction=instruction,
            parent=parent,
            run=row,
            document=document,
            base_revision=revision.number,
            created_at=now,
        )

    def answered(self, request: Request, new_text: str, *, summary: str = "Tidied.") -> Proposal:
        """The agent's answer, written as the journal writes it."""
        base = revision_of(request.document, request.base_revision).text
        hunks = [hunk.as_json() for hunk in make_diff(base, new_text).hunks]
        payload = {"new_text": new_text, "hunks": hunks, "summary": summary, "checks": CHECKS, "endpoint": "builtin"}
        node_run = node_run_id(request.run_id, 5)
        NodeRun.objects.get_or_create(
            pk=node_run, defaults={"run_id": request.run_id, "activation": 5, "node_id": "propose", "tool": "propose"}
        )
        told = create_proposal(request.run, node_run, payload)
        events.append(self.session.pk, told)
        return Proposal.objects.get(run=request.run)

    def _graph_version(self, slug: str) -> GraphVersion:
        if slug not in self.graphs:
            graph, _ = Graph.objects.get_or_create(slug=slug, defaults={"name": slug, "version": 1})
            self.graphs[slug], _ = GraphVersion.objects.get_or_create(
                graph=graph, number=1, defaults={"definition": {}, "digest": ""}
            )
        return self.graphs[slug]


CHECKS = [{"name": "syntax", "verdict": "passed", "detail": "ast.parse"}]


def make_cast(text: str = TWENTY_LINES) -> Cast:
    """Everyone, and a session of Ana's with a text."""
    ana, ben, vera, sam = (
        User.objects.create_user(username=name.lower(), name=name) for name in ("Ana", "Ben", "Vera", "Sam")
    )
    session = sessions.create(user=ana, title="Lines", language="python", text=text, now=NOON)
    Member.objects.create(session=session, user=ben, role=Role.EDITOR)
    Member.objects.create(session=session, user=vera, role=Role.VIEWER)
    return Cast(ana=ana, ben=ben, vera=vera, sam=sam, session=session)
