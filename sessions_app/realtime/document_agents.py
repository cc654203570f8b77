"""The agents of one document in its awareness, so that every client sees them: with a name, a colour, and a cursor.

Each process that has the document open shows them by itself, as the database tells of them, and under the same ids:
so nothing about them goes between processes, and nobody sees one twice.
"""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sessions_app.crdt.replica import Replica
from sessions_app.realtime.agents import Agent, Place
from sessions_app.realtime.awareness import Awareness

AGENTS = object()
"""Holds the presence of agents."""
ROLE = "agent"
RENEW_AFTER_S = 12.0
"""Clients forget whom they have not heard of for 30 seconds."""
COLOURS = ("#6d28d9", "#0e7490", "#9d174d", "#166534")
"""As our own page shows agents (static/js/collab/proposals.js): one has the same colour everywhere."""
LOOKED_THROUGH = 2_000
"""So many lines around where they were an agent's lines are looked for."""


@dataclass(frozen=True, slots=True)
class Shown:
    """An agent as it was shown last."""

    agent: Agent
    client: int
    state: str
    at: float


class Agents:
    """Which agents a document's clients are shown."""

    def __init__(self, awareness: Awareness, *, show: Callable[[set[int]], None]) -> None:
        self._awareness = awareness
        self._show = show
        self._shown: dict[UUID, Shown] = {}

    def are_shown(self, agents: Sequence[Agent], now: float) -> bool:
        """Whether these agents, where they work now, are what clients have heard lately."""
        if len(agents) != len(self._shown):
            return False
        return all(
            (shown := self._shown.get(agent.run)) and shown.agent == agent and now - shown.at < RENEW_AFTER_S
            for agent in agents
        )

    def show(self, agents: Sequence[Agent], replica: Replica, now: float, moment: datetime) -> None:
        """Shows these agents and no others."""
        changed: set[int] = set()
        here = {agent.run for agent in agents}
        for run in [run for run in self._shown if run not in here]:
            gone = self._shown.pop(run)
            if self._awareness.drop(gone.client, holder=AGENTS, now=now):
                changed.add(gone.client)
        for agent in agents:
            client, before = client_of(agent.run), self._shown.get(agent.run)
            # A cursor that was given moves with the text by itself; it is given anew only when the agent moves.
            state = before.state if before is not None and before.agent == agent else _state(agent, replica)
            clock = max(1, int((moment - agent.since).total_seconds() * 1000))
            if self._awareness.put(client, clock, state, holder=AGENTS, now=now):
                self._shown[agent.run] = Shown(agent, client, state, now)
                changed.add(client)
        self._show(changed)


def client_of(run: UUID) -> int:
    """The client id of a run's agent: the same in every process."""
    return int.from_bytes(hashlib.sha256(b"agent" + run.bytes).digest()[:4])


def colour_of(name: str) -> str:
    """An agent keeps its colour everywhere."""
    total = 0
    for letter in name:
        total = (total * 31 + ord(letter)) & 0xFFFFFFFF
    return COLOURS[total % len(COLOURS)]


def index_of(place: Place, text: str) -> int:
    """Where a place is in the text as it is now, in UTF-16 units: its lines nearest to where they were, or there."""
    lines = text.split("\n")
    first = _nearest([line.removesuffix("\r") for line in lines], place)
    line = min((place.line if first is None else first) + place.at, len(lines) - 1)
    before = sum(len(each) + 1 for each in lines[:line])
    return len(text[:before].encode("utf-16-le")) // 2


def _nearest(lines: Sequence[str], place: Place) -> int | None:
    wanted = list(place.lines)
    last = len(lines) - len(wanted)
    if not wanted:
        return None
    for away in range(min(len(lines), LOOKED_THROUGH) + 1):
        for at in (place.line - away, place.line + away):
            if 0 <= at <= last and lines[at] == wanted[0] and lines[at : at + len(wanted)] == wanted:
                return at
    return None


def _state(agent: Agent, replica: Replica) -> str:
    position = replica.position(0 if agent.place is None else index_of(agent.place, replica.text()))
    colour = colour_of(agent.name)
    user = {
        "id": str(agent.run),
        "name": agent.name,
        "color": colour,
        "colorLight": f"{colour}33",
        "role": ROLE,
        "via": agent.via,
    }
    told: dict[str, object] = {"user": user, "run": str(agent.run)}
    if position is not None:
        told["cursor"] = {"anchor": position, "head": position}
    return json.dumps(told, separators=(",", ":"))
