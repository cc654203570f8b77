"""What is said in a session outside its document, as events of its log: a person's task, an agent's answer."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from graphs_app.models import Run
from refine_app.errors import EffectRefused
from refine_app.events import MessageCreated
from sessions_app.events import Event
from sessions_app.models import User

EFFECT = "message.create"
TEXT_MAX = 20_000
"""Of one message; a task has at most half of it."""


def person_says(*, user: User, text: str, run: UUID) -> MessageCreated:
    return MessageCreated(
        run=run, role="user", by=str(user), by_id=user.pk, text=text[:TEXT_MAX], cut=len(text) > TEXT_MAX
    )


def agent_says(run: Run, node_run_id: UUID, payload: Mapping[str, Any]) -> Sequence[Event]:
    """What the effect message.create of an agent's tool writes: {agent, text}."""
    agent, text = payload.get("agent"), payload.get("text")
    if not isinstance(agent, str) or not isinstance(text, str):
        raise EffectRefused(effect=EFFECT, problem="agent and text must be strings")
    if run.session_id is None:
        return []
    return [MessageCreated(run=run.pk, role="agent", by=agent, text=text[:TEXT_MAX], cut=len(text) > TEXT_MAX)]
