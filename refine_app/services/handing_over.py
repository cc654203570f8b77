"""Handing a request over: what the effect request.hand_over of the graph intent does, exactly once."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from graphs_app import time_limits
from graphs_app.models import Run
from graphs_app.services import graphs, runs
from refine_app.errors import EffectRefused
from refine_app.models import Intent
from refine_app.services.proposals import request_of
from refine_app.services.requests import AUTO, GRAPHS
from sessions_app.events import Event
from sessions_app.models import new_id
from sessions_app.services.locks import lock_session

EFFECT = "request.hand_over"


def hand_over(run: Run, node_run_id: UUID, payload: Mapping[str, Any]) -> Sequence[Event]:
    """Queues the run of the chosen graph in the place of the one that chose: {intent, reason}.

    A run that serves no request, and a request that is handed over already, are left alone.
    """
    intent = payload.get("intent")
    if intent not in Intent.values:
        raise EffectRefused(
            effect=EFFECT, problem=f"intent must be one of {', '.join(Intent.values)}, found {intent!r}"
        )
    request = request_of(run)
    if request is None or request.intent != AUTO:
        return []
    lock_session(request.session_id)
    request.intent = Intent(intent)
    request.routing_reason = str(payload.get("reason") or "")
    request.save(update_fields=["intent", "routing_reason"])
    version = graphs.version_to_run(graph=GRAPHS[Intent(intent)], user_id=run.user_id)
    successor = Run(
        id=new_id(),
        session_id=run.session_id,
        user_id=run.user_id,
        graph_version=version,
        forked_from_id=run.pk,
        priority=run.priority,
        durability=run.durability,
        initial_state=run.initial_state,
        timeout_s=time_limits.inherited(run.timeout_s),
        budget_usd=run.budget_usd,
        at_budget=run.at_budget,
        metadata=run.metadata | {"intent": str(request.intent), "routing_reason": request.routing_reason},
    )
    runs.queue_successor(successor, version)
    return []
