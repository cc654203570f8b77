"""Runs that turn in circles: recognised by what they do, and taken back to before their loop, once.

A pass through a node repeats another when it asks a model the very same. Where it also found the very same state, two
passes are enough: nothing that the loop does changes anything. The run then ends, and another goes on from before the
loop; asked there, models are given more freedom. One that turns in circles again is left as it is.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from graphs_app import definitions, selectors
from graphs_app.models import NodeRun, Run
from graphs_app.services import continuing
from refine_app.errors import EffectRefused
from refine_app.events import RunRolledBack
from refine_app.ledger_rows import Earlier
from refine_app.model_clients.desk import Caller, Planned
from refine_app.model_clients.errors import RunStuck
from sessions_app.errors import DomainError
from sessions_app.events import Event

EFFECT = "run.roll_back"
MARK = "rolled_back"
"""The key of a run's metadata that says where it was taken back from."""
SAME_CALLS = 3
"""So many passes may ask the very same and be answered, while the state goes on changing."""
SAME_STATE = 2
"""So many may where the state was the same as well."""


def raise_if_stuck(planned: Planned, the_same: Sequence[Earlier]) -> None:
    """Raises RunStuck when asking once more would only repeat what was done: what was asked before is the same."""
    passes = _passes(planned.caller, the_same)
    if len(passes) < SAME_STATE:
        return
    caller = planned.caller
    if len(passes) >= SAME_CALLS:
        why = "and was answered each time; asking again would change nothing"
    elif _is_state_the_same(caller.run_id, passes):
        why = "in the very same state, so the loop changes nothing"
    else:
        return
    raise RunStuck(
        f"Node {caller.node_id!r} has asked {planned.endpoint.slug!r} the very same {len(passes)} times, {why}. Change "
        "what the loop writes into the state, or the condition that leads out of it."
    )


def _passes(caller: Caller, the_same: Sequence[Earlier]) -> list[UUID]:
    """The node runs that have asked the very same; items of one map, and a node run's own calls, are no passes."""
    rows = [(one.run, one.node_run) for one in the_same if one.node_run != caller.node_run_id]
    if len(rows) < SAME_STATE:  # nearly always; and what the runs are parts of is not asked for then
        return []
    parts = Run.objects.filter(pk__in={caller.run_id, *(run for run, _ in rows if run is not None)})
    parents = {run: (parent, key) for run, parent, key in parts.values_list("pk", "parent_id", "parent_key")}
    found = {_place(run, node_run, parents): node_run for run, node_run in rows if node_run is not None}
    found.pop(_place(caller.run_id, caller.node_run_id, parents), None)
    return list(found.values())


def _place(run: UUID | None, node_run: UUID, parents: Mapping[UUID, tuple[UUID | None, str]]) -> tuple[Any, ...]:
    """Where in the loop's passes a call belongs: a sub-run to the activation that it is part of."""
    parent, key = parents.get(run, (None, "")) if run is not None else (None, "")
    return (run, node_run) if parent is None else (parent, key.partition(":")[0])


def _is_state_the_same(run_id: UUID, passes: Sequence[UUID]) -> bool:
    """Whether the run's state is now what one of these passes saw."""
    run = Run.objects.get(pk=run_id)
    node_runs = list(NodeRun.objects.filter(run=run, pk__in=passes))
    seen = {hash_of(state) for state in selectors.inputs_of(run, node_runs).values()}
    return bool(seen) and hash_of(selectors.state_at(run, selectors.checkpoint_count(run))) in seen


def hash_of(state: Mapping[str, Any]) -> str:
    """The same for the same values, whatever their order."""
    return hashlib.sha256(json.dumps(state, sort_keys=True, default=str).encode("utf-8", "replace")).hexdigest()


# Back to before the loop --------------------------------------------------------------------------


def roll_back(run: Run, node_run_id: UUID, payload: Mapping[str, Any]) -> Sequence[Event]:
    """The effect run.roll_back, {node_id, reason}: queues a run that goes on from before the loop, and tells of it.

    Nothing is done where the graph has its own way on from the failure, for a part of another run, and the second time.
    """
    node_id = payload.get("node_id")
    if not isinstance(node_id, str):
        raise EffectRefused(effect=EFFECT, problem=f"node_id must name a node, found {node_id!r}")
    row = Run.objects.select_related("user", "graph_version").get(pk=run.pk)
    if row.parent_id is not None or row.user is None or MARK in row.metadata:
        return []
    definition = definitions.load_for(row).compiled.definition
    if any(node.node_id == node_id and node.on_error != "fail_fast" for node in definition.nodes):
        return []
    loop = loop_of(node_id, [(edge.from_node, edge.to_node) for edge in definition.edges])
    done = NodeRun.objects.filter(run=row, node_id__in=loop, number__isnull=False).order_by("number").first()
    if done is None or done.number is None:
        return []
    reason = str(payload.get("reason") or "")[:2000]
    checkpoint = done.number - 1
    mark = {"run": str(run.pk), "node_id": node_id, "checkpoint": checkpoint, "reason": reason}
    try:
        successor = continuing.fork_run(user=row.user, run=row, checkpoint=checkpoint, metadata={MARK: mark})
    except DomainError:
        return []  # who started it may no longer go on with it
    return [
        RunRolledBack(
            run=run.pk,
            node_run=node_run_id,
            node_id=node_id,
            checkpoint=checkpoint,
            successor=successor.pk,
            reason=reason,
        )
    ]


def loop_of(node: str, edges: Iterable[tuple[str, str]]) -> set[str]:
    """The nodes that lead to a node and that it leads to: those that it turns in circles with, and itself."""
    ahead: dict[str, list[str]] = {}
    back: dict[str, list[str]] = {}
    for start, end in edges:
        ahead.setdefault(start, []).append(end)
        back.setdefault(end, []).append(start)
    return {node} | (_reached(node, ahead) & _reached(node, back))


def _reached(node: str, ways: Mapping[str, Sequence[str]]) -> set[str]:
    found: set[str] = set()
    waiting = list(ways.get(node, ()))
    while waiting:
        one = waiting.pop()
        if one not in found:
            found.add(one)
            waiting.extend(ways.get(one, ()))
    return found
