"""Every read of graphs, runs and what they left behind."""

import sys
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Any
from uuid import UUID

from django.db.models import Exists, Max, OuterRef, Q, QuerySet

from graphs_app import definitions
from graphs_app.engine import replan
from graphs_app.engine.checkpoint import Done, History
from graphs_app.errors import GraphNotFound, RunNotFound
from graphs_app.models import TERMINAL, Graph, GraphDraft, GraphVersion, Interrupt, InterruptStatus, NodeRun, Run
from sessions_app.models import Member, User

SHOWN_BYTES = 8_000_000
"""Of states and outputs in one answer."""
READ_AT_ONCE = 50
"""Node runs: each may have written megabytes."""
MOST_ASKED = 200
ANSWERED = (InterruptStatus.ANSWERED, InterruptStatus.EXPIRED)
"""An interrupt that expires is answered with its default."""


def family(run_id: UUID) -> list[UUID]:
    """The run and all its sub-runs, at any depth."""
    found, level = [run_id], [run_id]
    while level:
        level = list(Run.objects.filter(parent_id__in=level).values_list("pk", flat=True))
        found += level
    return found


def waiting_interrupts(run_id: UUID) -> list[dict[str, Any]]:
    """What the run, or a sub-run of it, asks people now; the oldest, where that is much: the others follow these."""
    waiting = Interrupt.objects.filter(run_id__in=family(run_id), status=InterruptStatus.WAITING)
    return [interrupt_json(interrupt) for interrupt in waiting.order_by("created_at", "activation")[:MOST_ASKED]]


def unused_answers(run_id: UUID) -> QuerySet[Interrupt]:
    """Interrupts of the run and its sub-runs that are answered, and whose node runs have not yet gone on with it."""
    return unused_answers_of(family(run_id))


def unused_answers_of(run_ids: Iterable[UUID]) -> QuerySet[Interrupt]:
    """The same, of these runs only. A run that is over goes on with nothing."""
    done = NodeRun.objects.filter(run=OuterRef("run"), activation=OuterRef("activation"), number__isnull=False)
    answered = Interrupt.objects.filter(~Exists(done), run_id__in=list(run_ids), status__in=ANSWERED)
    return answered.exclude(run__status__in=TERMINAL)


def interrupt_json(interrupt: Interrupt) -> dict[str, Any]:
    """An interrupt as programs see it."""
    expires_at = interrupt.expires_at
    return {
        "id": str(interrupt.pk),
        "node_id": interrupt.node_id,
        "question": interrupt.question,
        "schema": interrupt.schema,
        "default": interrupt.default,
        "expires_at": None if expires_at is None else expires_at.isoformat().replace("+00:00", "Z"),
    }


def graphs_for(user: User | UUID | None) -> QuerySet[Graph]:
    """The graphs that a person can see and run: their own, those that they draw with others, and those of the site."""
    graphs = Graph.objects.filter(deleted_at__isnull=True)
    user_id = user.pk if isinstance(user, User) else user
    if not user_id:
        return graphs.filter(built_in=True)
    drawn_together = Exists(Member.objects.filter(session=OuterRef("draft__session"), user=user_id))
    return graphs.filter(Q(built_in=True) | Q(created_by_id=user_id) | drawn_together)


def graph_for(user: User | UUID | None, key: str) -> Graph:
    """A graph by its slug or id; raises GraphNotFound."""
    graph = graphs_for(user).filter(_by_key(key)).first()
    if graph is None:
        raise GraphNotFound(f"There is no graph {key!r} that you can see.")
    return graph


def drawn_in(session_id: UUID) -> str | None:
    """The slug of the graph that is drawn together in a session."""
    found = GraphDraft.objects.filter(session=session_id, graph__deleted_at__isnull=True)
    return found.values_list("graph__slug", flat=True).first()


def only_graph_of(user: User) -> str | None:
    """The slug of the one graph that the person has made; None where there is none, or one of several."""
    own = Graph.objects.filter(created_by=user, built_in=False, deleted_at=None)
    found = list(own.values_list("slug", flat=True)[:2])
    return found[0] if len(found) == 1 else None


def version_for(user: User | UUID | None, key: str, number: int | None) -> GraphVersion | None:
    """A version of a graph that the person can see, the current one without a number; without its definition.

    Nearly always one short query, because every run begins with it: most are of a graph that everybody sees, and a
    version never changes, so a process reads it once.
    """
    built_in = Graph.objects.filter(slug=key, built_in=True, deleted_at=None).order_by().values_list("pk", "version")
    found = next(iter(built_in), None) or graphs_for(user).filter(_by_key(key)).values_list("pk", "version").first()
    if found is None:
        return None
    with suppress(GraphVersion.DoesNotExist):
        return _version(found[0], found[1] if number is None else number)
    return None


@lru_cache(maxsize=500)
def _version(graph_id: UUID, number: int) -> GraphVersion:
    return GraphVersion.objects.select_related("graph").defer("definition").get(graph=graph_id, number=number)


def _by_key(key: str) -> Q:
    by_key = Q(slug=key)
    with suppress(ValueError):
        by_key |= Q(pk=UUID(key))
    return by_key


def version_of(graph: Graph, number: int) -> GraphVersion:
    """A version by its number; raises GraphNotFound."""
    version = GraphVersion.objects.filter(graph=graph, number=number).select_related("graph").first()
    if version is None:
        raise GraphNotFound(f"Graph {graph.slug!r} has no version {number}; its current version is {graph.version}.")
    return version


def runs_for(user: User) -> QuerySet[Run]:
    """The runs that a person can see: their own, and those of sessions that they are a member of."""
    in_session = Member.objects.filter(user=user, session=OuterRef("session"))
    visible = Q(session__isnull=True, user=user) | Exists(in_session)
    return Run.objects.filter(visible).select_related("graph_version__graph")


def run_for(user: User, run_id: UUID) -> Run:
    """One run that a person can see; raises RunNotFound."""
    run = runs_for(user).filter(pk=run_id).first()
    if run is None:
        raise RunNotFound(f"There is no run {str(run_id)!r} that you can see.")
    return run


def current_definition(graph: Graph) -> dict[str, Any]:
    """The JSON of a graph's current version."""
    definition: dict[str, Any] = version_of(graph, graph.version).definition
    return definition


def draft_of(graph: Graph) -> GraphDraft | None:
    """What is drawn of a graph and not yet published."""
    return GraphDraft.objects.filter(graph=graph, definition__isnull=False).select_related("updated_by").first()


def draft_revision(graph: Graph) -> int:
    """Rises with every saving, also over publishing and discarding; 0 where nothing was ever drawn."""
    return GraphDraft.objects.filter(graph=graph).values_list("revision", flat=True).first() or 0


def drawn_now(graph: Graph) -> tuple[GraphDraft | None, dict[str, Any]]:
    """The draft, if there is one, and what is drawn: its definition, else that of the current version."""
    draft = draft_of(graph)
    return draft, current_definition(graph) if draft is None else draft.definition or {}


def draft_or_current(graph: Graph) -> dict[str, Any]:
    """What is drawn now: the draft, else the current version."""
    return drawn_now(graph)[1]


def runs_with_graph() -> QuerySet[Run]:
    """Runs, with what their shape needs of the graph."""
    return Run.objects.select_related("graph_version__graph")


def filtered_runs(
    user: User,
    *,
    session: UUID | None = None,
    graph: str | None = None,
    status: str | None = None,
    parent: UUID | None = None,
) -> QuerySet[Run]:
    """The runs that a person can see, narrowed down; sub-runs only when their parent is named."""
    runs = runs_for(user).filter(parent=parent) if parent else runs_for(user).filter(parent__isnull=True)
    if session is not None:
        runs = runs.filter(session=session)
    if graph is not None:
        runs = runs.filter(graph_version__graph=graph_for(user, graph))
    if status is not None:
        runs = runs.filter(status=status)
    return runs.defer("initial_state", "state")


@dataclass(slots=True)
class Totals:
    """What runs have spent on models."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost_usd: Decimal | None = None
    """None as long as no price is known."""

    def add(self, prompt_tokens: int, completion_tokens: int, cost_usd: Decimal | None) -> None:
        self.prompt_tokens += prompt_tokens
        self.completion_tokens += completion_tokens
        if cost_usd is not None:
            self.cost_usd = (self.cost_usd or Decimal(0)) + cost_usd


def totals_of(runs: Iterable[Run]) -> dict[UUID, Totals]:
    """What each of these runs has spent, its sub-runs at any depth included; a query for each level of them."""
    totals: dict[UUID, Totals] = {}
    for run in runs:
        totals[run.pk] = Totals(run.prompt_tokens, run.completion_tokens, run.cost_usd)
    parents: dict[UUID, UUID] = {}
    spent: dict[UUID, tuple[int, int, Decimal | None]] = {}
    level = list(totals)
    while level:
        below = Run.objects.filter(parent_id__in=level).values_list(
            "pk", "parent_id", "prompt_tokens", "completion_tokens", "cost_usd"
        )
        level = []
        for run_id, parent_id, prompt_tokens, completion_tokens, cost_usd in below:
            if parent_id is not None:
                parents[run_id] = parent_id
                spent[run_id] = prompt_tokens, completion_tokens, cost_usd
                if run_id not in totals:
                    level.append(run_id)
    for run_id in spent:
        above: UUID | None = parents[run_id]
        while above is not None:
            if above in totals:
                totals[above].add(*spent[run_id])
            above = parents.get(above)
    return totals


def node_runs_of(run: Run) -> QuerySet[NodeRun]:
    """The run's node runs, in the order in which they began."""
    return NodeRun.objects.filter(run=run)


def checkpoints_of(run: Run) -> QuerySet[NodeRun]:
    """The node runs that are checkpoints, in order."""
    return NodeRun.objects.filter(run=run, number__isnull=False).order_by("number")


def checkpoint_count(run: Run) -> int:
    """How many checkpoints there are now; the run's own row may be a moment behind."""
    return checkpoints_of(run).aggregate(last=Max("number"))["last"] or 0


def state_at(run: Run, number: int) -> dict[str, Any]:
    """The whole state after a checkpoint, rebuilt from the journal; 0 is the start."""
    return states_at(run, {number})[number]


def inputs_of(run: Run, node_runs: Sequence[NodeRun], *, most_bytes: int = sys.maxsize) -> dict[int, dict[str, Any]]:
    """What each of these node runs saw, by activation: the state as of the checkpoints that there were.

    What would make it more than most_bytes in all is left out; the first that there was never is.
    """
    states = states_at(run, {node_run.seen for node_run in node_runs}, most_bytes=most_bytes)
    return {node_run.activation: states[node_run.seen] for node_run in node_runs if node_run.seen in states}


def states_at(run: Run, numbers: Collection[int], *, most_bytes: int = sys.maxsize) -> dict[int, dict[str, Any]]:
    """The states after these checkpoints; the journal is read once, and never held as a whole."""
    if not numbers:
        return {}
    last = max(numbers)
    return replan.states_of(
        compiled=definitions.load_for(run).compiled,
        initial_state=run.initial_state,
        checkpoints=_done(checkpoints_of(run).filter(number__lte=last)),
        edits={int(number): edit for number, edit in run.edits.items() if int(number) <= last},
        numbers=numbers,
        most_bytes=most_bytes,
    )


def _done(checkpoints: QuerySet[NodeRun]) -> Iterator[Done]:
    """One by one, in order."""
    number = 0
    while True:
        # By the number, not by a cursor: that would be one of the server's, which needs a transaction.
        rows = list(
            checkpoints.filter(number__gt=number).values_list(
                "number", "activation", "node_id", "writes", "edges_taken"
            )[:READ_AT_ONCE]
        )
        for found, activation, node_id, writes, edges_taken in rows:
            number = found or 0
            yield Done(number, activation, node_id, writes or {}, edges_taken or ())
        if len(rows) < READ_AT_ONCE:
            return


def replayable(run: Run) -> History:
    """The run's checkpoints and edits, as the engine replays them."""
    edits = {int(number): edit for number, edit in run.edits.items()}
    return History(done=list(_done(checkpoints_of(run))), edits=edits)
