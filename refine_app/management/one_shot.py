"""One request on one text, without a browser: a session of its own, a run in this process, and nothing left behind."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.contrib.auth.hashers import make_password
from django.utils import timezone

from graphs_app import worker
from graphs_app.ending import Ending, look_again
from graphs_app.errors import RunFinished
from graphs_app.models import TERMINAL, Run, RunStatus
from graphs_app.services import execution, runs
from refine_app.models import ModelCall, Proposal, Request
from refine_app.selectors import with_newest_runs
from refine_app.services.endpoints import known_endpoints, place_of
from refine_app.services.requests import make_request
from sessions_app.models import Session, User
from sessions_app.selectors import events_of
from sessions_app.services import sessions
from sessions_app.stopping import Stop

USERNAME = "command-line"
OVER = (*TERMINAL, RunStatus.INTERRUPTED)
LOOK_AGAIN_S = 0.2

OnEvent = Callable[[dict[str, Any]], None]


def operator() -> User:
    """The user that commands act as; nobody can sign in as it."""
    user, _ = User.objects.get_or_create(
        username=USERNAME, defaults={"name": "Command line", "is_guest": True, "password": make_password(None)}
    )
    return user


@contextmanager
def temporary_session(*, title: str, language: str, text: str) -> Iterator[Session]:
    """A session with a text in it, gone when it is left; the ledger keeps what its model calls cost."""
    user = operator()
    session = sessions.create(user=user, title=title, language=language, text=text)
    try:
        yield session
    finally:
        worker.stop(grace_s=0)
        sessions.delete(user=user, session_id=session.pk)


@dataclass
class Asked:
    """A request that is being worked on."""

    session: Session
    request: Request
    on_event: OnEvent
    stop: Stop
    seen: int = 0
    work: Ending | None = field(default=None, init=False)

    @property
    def run_id(self) -> UUID:
        return self.request.run.pk

    def run_to_its_end(self) -> Run:
        """Executes the run here, unless a worker elsewhere was quicker; tells of every event on the way.

        Once told to stop it cancels the run, and waits for its end."""
        is_cancelled = False
        while True:
            if self.stop.is_told() and not is_cancelled:
                is_cancelled = True
                self._cancel()
            if self.work is None or self.work.done():
                self.work = execution.execute(run_id=self.run_id)
            look_again(self.work, LOOK_AGAIN_S)
            run = Run.objects.get(pk=self.run_id)
            self._tell()
            if run.status in OVER and not self._is_handed_over():
                return run

    def _is_handed_over(self) -> bool:
        """Whether another run goes on with the request: the one that was chosen for it."""
        before = self.run_id
        [self.request] = with_newest_runs([Request.objects.select_related("run", "session").get(pk=self.request.pk)])
        return self.request.run.pk != before

    def _cancel(self) -> None:
        with suppress(RunFinished):
            runs.cancel_run(run=Run.objects.get(pk=self.run_id))
        if (here := worker.known()) is not None:
            here.cancel(self.run_id)

    def proposal(self) -> Proposal | None:
        return Proposal.objects.filter(request=self.request).prefetch_related("hunks").first()

    def _tell(self) -> None:
        while rows := events_of(self.session.pk, after=self.seen, limit=500):
            for row in rows:
                self.on_event(row.frame())
            self.seen = rows[-1].seq


def endpoints_asked(run: Run) -> Iterator[str]:
    """What the names of the endpoints stand for that a run has called: errors tell names alone, since members read
    them, and where an endpoint is is the operators' matter. Neither tokens nor what else a URL may hold."""
    slugs = set(ModelCall.objects.filter(root_run=run.pk).values_list("endpoint", flat=True))
    for known in known_endpoints():
        one = known.endpoint
        if one.slug in slugs:
            by = f", as {one.name} says" if known.is_given and one.name else ""
            yield f"{one.slug!r} is {one.model or 'the model'} at {place_of(one.url) or 'the Hugging Face router'}{by}."


def ask(*, session: Session, intent: str, instruction: str, on_event: OnEvent, stop: Stop) -> Asked:
    """Makes the request; its run starts with run_to_its_end()."""
    request = make_request(
        user=operator(), session_id=session.pk, intent=intent, instruction=instruction, now=timezone.now()
    )
    return Asked(session=session, request=request, on_event=on_event, stop=stop)
