"""What people do with runs: start, cancel, answer, fork and retry them. What a worker does is in claims."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models.functions import Now

from graphs_app import (
    aftermath,
    definitions,
    dispatch,
    entry_needs,
    events,
    selectors,
    snapshots,
    time_limits,
    wakeups,
)
from graphs_app.engine.checkpoint import ENTRY_BYTES
from graphs_app.engine.errors import StateTooLarge, WritesInvalid
from graphs_app.engine.schema import CheckTooCostly, SchemaUnusable, mismatches
from graphs_app.engine.values import frozen_object
from graphs_app.errors import (
    CostTrackingOff,
    InterruptAnswered,
    InterruptNotFound,
    InvalidAnswer,
    InvalidState,
    RunFinished,
)
from graphs_app.jsontext import dump, storable
from graphs_app.models import (
    IDLE,
    TERMINAL,
    AtBudget,
    Durability,
    GraphVersion,
    Interrupt,
    InterruptStatus,
    Run,
    RunStatus,
)
from graphs_app.quotas import forget_bytes
from graphs_app.services import claims, graphs, parking
from sessions_app import permissions
from sessions_app.errors import FieldProblem
from sessions_app.events import Event
from sessions_app.limits import quotas
from sessions_app.models import User, new_id
from sessions_app.permissions import Action
from sessions_app.services.events import append
from sessions_app.services.locks import lock_session

PRIORITIES = range(settings.HIGHEST_PRIORITY + 1)
PRIVATE = "private"
"""A key of a run's metadata that its session is not told of, such as the address that it was asked from."""


def start_run(
    *,
    user: User | None,
    graph: str,
    initial_state: Mapping[str, Any],
    version: int | None = None,
    session_id: UUID | None = None,
    priority: int = 0,
    durability: str = Durability.SYNC,
    timeout_s: float | None = None,
    budget_usd: Decimal | None = None,
    at_budget: str = AtBudget.ASK,
    dry_run: bool = False,
    metadata: Mapping[str, Any] | None = None,
    is_followed: bool = False,
    is_permitted: bool = False,
    now: datetime | None = None,
) -> Run:
    """Queues a run of a graph's version and hands it to the broker once it is committed.

    A version that is named runs with the prompts and sub-graphs of its snapshot; so does one that was rolled back to.
    One that is followed wakes who waits for it by waiting.woken_by(). is_permitted says that permissions.require() has
    been asked already, for the same person and session.
    Raises GraphNotFound, InvalidState, RunTimeTooLong, and what permissions.require raises for a session.
    """
    _check_limits(timeout_s, budget_usd)
    if session_id is not None and user is not None and not is_permitted:
        permissions.require(user, session_id, Action.EDIT)
    graph_version = graphs.version_to_run(graph=graph, number=version, user_id=user.pk if user else None)
    state = checked_state(initial_state, "/initial_state")
    entry_needs.require(definitions.load(graph_version.pk), state, "/initial_state")
    run = Run(
        id=new_id(),
        session_id=session_id,
        user=user,
        graph_version=graph_version,
        priority=min(max(priority, 0), settings.HIGHEST_PRIORITY),
        durability=durability,
        initial_state=state,
        timeout_s=timeout_s,
        budget_usd=budget_usd,
        at_budget=at_budget,
        dry_run=dry_run,
        metadata=storable(dict(metadata or {}) | snapshots.goes_by(graph_version, is_named=version is not None)),
        is_followed=is_followed,
    )
    if now is not None:
        run.created_at = run.queued_at = now
    queue_new(run, graph_version)
    return run


def _check_limits(timeout_s: float | None, budget_usd: Decimal | None) -> None:
    """Whether the site lets a run have them."""
    time_limits.check_run(timeout_s)
    if budget_usd is not None and not settings.COST_TRACKING_ENABLED:
        raise CostTrackingOff


def told_of(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """A run's metadata as its session may read it."""
    return {key: value for key, value in metadata.items() if key != PRIVATE}


def queue_new(run: Run, version: GraphVersion) -> None:
    """Queues a run that somebody starts. Raises QuotaExceeded.

    One that goes on from another says in kept_bytes what it copies of it.
    """
    with transaction.atomic():
        if run.user is not None:
            holders = quotas.holders_of(run.user)
            if (too_much := quotas.exceeded("run_bytes", holders, adding=run.kept_bytes)) is not None:
                raise too_much
            if run.kept_bytes:
                forget_bytes(holders)
            quotas.require("runs", holders, before_waiting=lambda: run.session_id and lock_session(run.session_id))
        queue_successor(run, version)


def queue_successor(run: Run, version: GraphVersion) -> None:
    """Queues a run that takes the place of another, which is as good as over."""
    run.progress_total = definitions.load(version.pk, run.only_node).compiled.progress_total
    run.kept_bytes += ENTRY_BYTES + len(dump(run.initial_state))
    with transaction.atomic():
        run.save(force_insert=True)
        dispatch.send_on_commit(run.pk, run.priority)  # before those who watch are woken: it is what they wait for
        _tell_queued(run, version)


def _tell_queued(run: Run, version: GraphVersion) -> None:
    if run.session_id is not None:
        queued = events.RunQueued(
            run=run.pk, graph=version.graph.slug, graph_version=version.number, metadata=told_of(run.metadata)
        )
        append(run.session_id, [queued])


def checked_state(state: Any, pointer: str) -> dict[str, Any]:
    """A state that can be stored; raises InvalidState."""
    if not isinstance(state, Mapping):
        raise invalid_state(pointer, "not_an_object", f"a state is a JSON object, not {type(state).__name__}")
    try:
        text = dump(state)
    except (ValueError, TypeError, RecursionError) as error:
        raise invalid_state(pointer, "not_json", f"a state is plain JSON: {error}") from error
    most = settings.RUN_STATE_MAX_BYTES
    if len(text) > most:
        raise invalid_state(pointer, StateTooLarge.code, f"the state has {len(text):,} bytes; the limit is {most:,}")
    storable_state: dict[str, Any] = storable(state)
    try:
        _, size = frozen_object(storable_state)
    except WritesInvalid as error:
        raise invalid_state(pointer, WritesInvalid.code, f"no run can begin with this: {error}") from error
    if size > most:
        # Its run would find the same, and fail.
        message = f"the state takes {size:,} bytes, 64 of them for each list and object; the limit is {most:,}"
        raise invalid_state(pointer, StateTooLarge.code, message)
    return storable_state


def invalid_state(pointer: str, code: str, message: str) -> InvalidState:
    return InvalidState(f"{pointer}: {message}", errors=[FieldProblem(pointer=pointer, code=code, message=message)])


def cancel_run(*, run: Run) -> Run:
    """Stage one: notes the wish and tells the session. A run that nobody works on ends at once, others by their worker.

    Raises RunFinished when it is over.
    """
    with transaction.atomic():
        locked = Run.objects.select_for_update().get(pk=run.pk)
        if locked.status in TERMINAL:
            raise RunFinished(f"Run {str(run.pk)!r} is {locked.status} already; there is nothing to cancel.")
        told: list[Event] = []
        if locked.cancel_requested_at is None:
            Run.objects.filter(pk=run.pk).update(cancel_requested_at=Now())
            told.append(events.RunCancelRequested(run=run.pk))
        told += _end_idle(locked)
        if told and locked.session_id is not None:
            append(locked.session_id, told)
    run.refresh_from_db()
    return run


def _end_idle(run: Run) -> Sequence[Event]:
    """Ends a run that nobody works on; returns what its session is to be told of that."""
    ended = Run.objects.filter(IDLE, pk=run.pk).update(
        status=RunStatus.CANCELLED, finished_at=Now(), lease_owner="", lease_until=None, wake_at=None
    )
    if not ended:
        return ()
    stopped = aftermath.end_all_of(run.pk)
    wakeups.wake_on_commit(run)
    return [*stopped, events.RunCancelled(run=run.pk)]


def resume_run(*, user: User | None, run: Run, interrupt_id: UUID, value: Any) -> Run:
    """Answers one interrupt of a run or of its sub-runs; the run goes on once it may.

    Raises InterruptNotFound, InterruptAnswered, RunFinished, InvalidAnswer.
    """
    _check_answer(_waiting(run, interrupt_id, _root_of(run)), value)  # here, where nobody waits for a lock
    with transaction.atomic():
        root = _lock_root(run)
        interrupt = _waiting(run, interrupt_id, root)
        _answer(interrupt, InterruptStatus.ANSWERED, value, user)
        _go_on(root)
    run.refresh_from_db()
    return run


def _waiting(run: Run, interrupt_id: UUID, root: Run) -> Interrupt:
    """The interrupt, which has to be one that can be answered."""
    interrupt = Interrupt.objects.filter(pk=interrupt_id, run_id__in=selectors.family(root.pk)).first()
    if interrupt is None:
        raise InterruptNotFound(f"Run {str(run.pk)!r} has no interrupt {str(interrupt_id)!r}.")
    if interrupt.status != InterruptStatus.WAITING:
        raise InterruptAnswered(f"Interrupt {str(interrupt_id)!r} is {interrupt.status} already.")
    if root.status in TERMINAL:
        raise RunFinished(f"Run {str(run.pk)!r} is {root.status}; it asks nothing any more.")
    return interrupt


def _lock_root(run: Run) -> Run:
    """The run at the top, locked: only it is queued and claimed."""
    return Run.objects.select_for_update().get(pk=_root_of(run).pk)


def _root_of(run: Run) -> Run:
    root = Run.objects.get(pk=run.pk)
    while root.parent_id is not None:
        root = Run.objects.get(pk=root.parent_id)
    return root


def _check_answer(interrupt: Interrupt, value: Any) -> None:
    try:
        dump(value)
    except (ValueError, TypeError, RecursionError) as error:
        raise InvalidAnswer(f"The answer is not plain JSON: {error}") from error
    if interrupt.schema is None:
        return
    try:
        found = mismatches(value, interrupt.schema)
    except SchemaUnusable as error:
        # It was asked before schemas were looked at when a graph is saved.
        raise InvalidAnswer(
            f"The question's form cannot be used, so no answer can be checked: {error}. Nothing was answered; cancel "
            "the run, mend the schema of the node that asks, and start it again."
        ) from error
    except CheckTooCostly as error:
        raise InvalidAnswer(f"{error}. Nothing was answered.") from error
    if found:
        errors = [FieldProblem(pointer=f"/value{one.pointer}", code=one.keyword, message=one.message) for one in found]
        raise InvalidAnswer(f"The answer does not fit the question's form: {found[0].message}", errors=errors)


def _answer(interrupt: Interrupt, status: str, value: Any, user: User | None) -> bool:
    return bool(
        Interrupt.objects.filter(pk=interrupt.pk, status=InterruptStatus.WAITING).update(
            status=status, value=storable(value), answered_by=user, answered_at=Now()
        )
    )


def _go_on(root: Run) -> None:
    """Queues a run that waits; one that still works on other branches finds the answer by itself."""
    if parking.wake_early(run_id=root.pk):
        _tell_resumed(root)
        return
    queued = Run.objects.filter(pk=root.pk, status=RunStatus.INTERRUPTED).update(
        status=RunStatus.QUEUED, queued_at=Now()
    )
    _tell_resumed(root)
    if queued:
        dispatch.send_on_commit(root.pk, root.priority)


def _tell_resumed(root: Run) -> None:
    if root.session_id is not None:
        append(root.session_id, [events.RunResumed(run=root.pk)])


def expire_interrupt(*, interrupt: Interrupt) -> bool:
    """Answers an interrupt whose time is over with its default; without one, its run fails."""
    with transaction.atomic():
        root = _lock_root(interrupt.run)
        if root.status in TERMINAL or not _answer(interrupt, InterruptStatus.EXPIRED, interrupt.default, None):
            return False
        if interrupt.has_default:
            _go_on(root)
        elif root.status == RunStatus.INTERRUPTED or root.wake_at is not None:
            _fail_idle(root, interrupt)
    return True


def _fail_idle(root: Run, interrupt: Interrupt) -> None:
    error = {
        "type": "InterruptExpired",
        "code": "interrupt_expired",
        "message": f"Nobody answered {interrupt.question!r} in time, and the node has no default.",
        "node_id": interrupt.node_id,
        "run_id": str(root.pk),
    }
    Run.objects.filter(pk=root.pk).update(
        status=RunStatus.FAILED, error=error, finished_at=Now(), lease_owner="", lease_until=None, wake_at=None
    )
    stopped = aftermath.end_all_of(root.pk)
    if root.session_id is not None:
        append(root.session_id, [*stopped, events.RunFailed(run=root.pk, error=error)])


def release_run(*, run: Run) -> bool:
    """For operators: gives a run back that is held by a worker which is gone. What is part of it comes with it."""
    return run.parent_id is None and claims.release_lease(run=run)


def requeue_run(*, run: Run) -> bool:
    """For operators: takes a run from whoever holds it and queues it again; its worker can write nothing more."""
    with transaction.atomic():
        requeued = (
            Run.objects.filter(pk=run.pk, parent__isnull=True)
            .exclude(status__in=(*TERMINAL, RunStatus.INTERRUPTED))
            .update(status=RunStatus.QUEUED, lease_owner="", lease_until=None, wake_at=None, queued_at=Now(), crashes=0)
        )
        if requeued:
            dispatch.send_on_commit(run.pk, run.priority)
    return bool(requeued)


def cancel_runs_of_session(*, session_id: UUID) -> int:
    """Cancels what still runs in a session whose time is over; returns how many."""
    count = 0
    open_runs = Run.objects.filter(session_id=session_id, parent__isnull=True).exclude(status__in=TERMINAL)
    for run in open_runs:
        try:
            cancel_run(run=run)
            count += 1
        except RunFinished:
            continue
    return count
