"""What part an agent plays: settings choose a model for each role, whatever else a graph says of tiers."""

from typing import Literal

Role = Literal["peer", "content", "code"]
_ROLE_OF: dict[str, Role] = {
    "PeerAgent": "peer", "intent": "peer",
    "ContentAgent": "content", "answerer": "content", "Researcher": "content", "Planner": "content",
    "Finalizer": "content",
    "CodeAgent": "code", "RefactorAgent": "code", "TestAgent": "code", "Executor": "code", "Coder": "code",
    "refiner": "code",
}  # fmt: skip


def role_of(agent: str) -> Role | None:
    """peer chooses who does what, content writes for people, code writes programs; None for all others."""
    return _ROLE_OF.get(agent)
