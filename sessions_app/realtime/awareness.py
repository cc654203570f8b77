"""Who is where in a document, and never stored: the server's side of the awareness protocol.

A client's id belongs to the socket that first brought it, for as long as that is open; what others say of it is left
out (stock clients repeat what they hear). Whatever a state claims, its "user" is the one that the server knows.
"""

import json
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sessions_app import strict_json
from sessions_app.crdt import lib0
from sessions_app.crdt.lib0 import Reader, Truncated

STATE_BYTES = 4096
MESSAGE_BYTES = 256 * 1024
CLIENTS_PER_HOLDER = 4
ENTRIES = 200
"""So many clients a socket's message may name beside those that are here: stock clients repeat what they hear."""
GONE_AFTER_S = 30.0
"""A client says that it is there every 15 seconds."""
FORGET_AFTER_S = 120.0
GONE_REMEMBERED = 2_000
"""So many that left are remembered: who comes and goes in one message, again and again, takes no memory by it."""


class BadAwareness(ValueError):
    """Raised for a message that cannot be read, or a state that is too large."""


@dataclass(slots=True)
class Presence:
    """One client's state."""

    clock: int
    state: str
    holder: object
    user: UUID | None
    heard: tuple[int, str]
    """The clock and state as its client sent them, so that a repetition is known for one."""
    seen_at: float


@dataclass(frozen=True, slots=True)
class Gone:
    """What is remembered of a client that left."""

    clock: int
    user: UUID | None
    at: float


NEVER = Gone(0, None, 0.0)


class Awareness:
    """The states of everybody in one document."""

    def __init__(self) -> None:
        self.here: dict[int, Presence] = {}
        self._gone: dict[int, Gone] = {}
        """Those who left: an echo of what they were must not bring them back."""

    def take(
        self, data: bytes, *, holder: object, user: Mapping[str, Any], now: float, is_free: Callable[[int], bool]
    ) -> set[int]:
        """Takes what a socket says of the clients that may be its own; returns those that changed.

        Each client is named once, and not many more than are here: each costs, and a message has room for thousands.
        """
        return {
            client
            for client, clock, state in _read(data, most=ENTRIES + len(self.here))
            if is_free(client) and self._take_own(client, clock, state, holder, user, now)
        }

    def take_remote(self, data: bytes, *, holder: object, now: float) -> set[int]:
        """Takes what another process of ours has checked and stamped; returns the clients that changed."""
        return {client for client, clock, state in _read(data) if self._take_remote(client, clock, state, holder, now)}

    def put(self, client: int, clock: int, state: str, *, holder: object, now: float) -> bool:
        """Shows a client of the server's own; False when its id is somebody else's."""
        present = self.here.get(client)
        if present is not None and present.holder is not holder:
            return False
        last = max(present.clock if present else 0, self._gone.pop(client, NEVER).clock)
        clock = max(clock, last + 1)
        self.here[client] = Presence(clock, state, holder, None, (clock, state), now)
        return True

    def drop(self, client: int, *, holder: object, now: float) -> bool:
        """A client of the server's own is gone; False when it was not here."""
        present = self.here.get(client)
        if present is None or present.holder is not holder:
            return False
        self._remove(client, now)
        return True

    def leave(self, holder: object, now: float) -> set[int]:
        """A socket has closed: its clients are gone."""
        left = {client for client, presence in self.here.items() if presence.holder is holder}
        for client in left:
            self._remove(client, now)
        return left

    def expire(self, now: float) -> set[int]:
        """Those that were not heard of for half a minute are gone."""
        silent = {client for client, presence in self.here.items() if now - presence.seen_at > GONE_AFTER_S}
        for client in silent:
            self._remove(client, now)
        for client in [client for client, gone in self._gone.items() if now - gone.at > FORGET_AFTER_S]:
            del self._gone[client]
        return silent

    def encode(self, clients: Iterable[int] | None = None) -> bytes:
        """The states of these clients, or of all that are here."""
        chosen = list(self.here if clients is None else clients)
        out = [lib0.uint(len(chosen))]
        for client in chosen:
            presence = self.here.get(client)
            clock = presence.clock if presence else self._gone.get(client, NEVER).clock
            out += (lib0.uint(client), lib0.uint(clock), lib0.text(presence.state if presence else "null"))
        return b"".join(out)

    def holds(self, client: int, user: UUID) -> bool:
        """Whether a client's id is free for somebody: nobody's, or their own."""
        presence = self.here.get(client)
        return presence is None or presence.user == user

    def _take_own(
        self, client: int, clock: int, state: str, holder: object, user: Mapping[str, Any], now: float
    ) -> bool:
        present = self.here.get(client)
        user_id = UUID(user["id"])
        if present is not None and present.holder is not holder and present.user != user_id:
            return False
        if state == "null":
            if present is None or present.holder is not holder:
                return False
            self._remove(client, now)
            return True
        if present is None or present.holder is not holder:
            if not self._may_claim(client, clock, holder, user_id):
                return False
        elif present.heard == (clock, state):
            present.seen_at = now
            return False
        stamped = _stamped(state, user)
        if stamped is None:
            return False
        last = max(present.clock if present else 0, self._gone.pop(client, NEVER).clock)
        self.here[client] = Presence(max(clock, last + 1), stamped, holder, user_id, (clock, state), now)
        return True

    def _may_claim(self, client: int, clock: int, holder: object, user: UUID) -> bool:
        """Whether a socket may have a client's id that it does not have yet, and nobody else's does.

        What it says of an id that another tab of the same person has, or that has left, is an echo when the socket has
        an id of its own; when it has none, the client has connected again before its old socket was given up.
        """
        held = self._held_by(holder)
        gone = self._gone.get(client)
        if client in self.here:
            return not held
        if gone is not None and clock < gone.clock:
            return gone.user == user and not held
        return len(held) < CLIENTS_PER_HOLDER

    def _held_by(self, holder: object) -> list[int]:
        return [client for client, presence in self.here.items() if presence.holder is holder]

    def _take_remote(self, client: int, clock: int, state: str, holder: object, now: float) -> bool:
        present = self.here.get(client)
        if present is not None and (present.holder is not holder or clock <= present.clock):
            return False
        if state == "null":
            if present is None:
                return False
            self._remove(client, now, clock=clock)
            return True
        if clock <= self._gone.get(client, NEVER).clock:
            return False
        self.here[client] = Presence(clock, state, holder, _user_of(state), (clock, state), now)
        return True

    def _remove(self, client: int, now: float, *, clock: int | None = None) -> None:
        presence = self.here.pop(client)
        if len(self._gone) >= GONE_REMEMBERED:
            del self._gone[next(iter(self._gone))]
        self._gone[client] = Gone(clock or presence.clock + 1, presence.user, now)


def people(awareness: Awareness) -> Collection[UUID]:
    """Who is here, each once, however many tabs they have open."""
    return {presence.user for presence in awareness.here.values() if presence.user is not None}


def _read(data: bytes, *, most: int | None = None) -> list[tuple[int, int, str]]:
    """The clients, clocks and states that a message tells; of one that names more than `most`, nothing is read."""
    if len(data) > MESSAGE_BYTES:
        raise BadAwareness(f"the message has {len(data)} bytes; at most {MESSAGE_BYTES} are read")
    reader = Reader(data)
    found = []
    named: set[int] = set()
    try:
        count = reader.uint()
        if most is not None and count > most:
            raise BadAwareness(f"the message tells of {count} clients; at most {most} are read")
        for _ in range(count):
            client, clock, state = reader.uint(), reader.uint(), reader.text()
            if (size := len(state.encode())) > STATE_BYTES:
                raise BadAwareness(f"the state of client {client} has {size} bytes; at most {STATE_BYTES} are taken")
            if client in named:
                raise BadAwareness(f"the message tells of client {client} twice")
            named.add(client)
            found.append((client, clock, state))
    except Truncated as error:
        raise BadAwareness(f"the awareness message is malformed: {error}") from None
    return found


def _stamped(state: str, user: Mapping[str, Any]) -> str | None:
    """The state with the user whom the server knows; None when it is no JSON object."""
    try:
        told = strict_json.loads(state)
    except strict_json.JsonRefused:
        return None
    if not isinstance(told, dict):
        return None
    return json.dumps({**told, "user": dict(user)}, separators=(",", ":"))


def _user_of(state: str) -> UUID | None:
    try:
        return UUID(json.loads(state)["user"]["id"])
    except (ValueError, KeyError, TypeError):
        return None
