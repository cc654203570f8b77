"""The sockets of a document in this process, and who is where, here and in other processes."""

import logging
from collections.abc import Callable, Mapping
from uuid import UUID

from sessions_app.crdt.store import Owner
from sessions_app.realtime import yprotocol
from sessions_app.realtime.awareness import Awareness, BadAwareness
from sessions_app.realtime.close_codes import CloseCode
from sessions_app.realtime.document_agents import AGENTS, Agents
from sessions_app.realtime.document_socket import DocumentSocket

log = logging.getLogger(__name__)

REMOTE = object()
"""Holds the presence of people whose sockets are in other processes."""


class Audience:
    """Everybody who has a document open here."""

    def __init__(self, document: UUID, *, tell: Callable[[bytes], None]) -> None:
        self.sockets: set[DocumentSocket] = set()
        self.awareness = Awareness()
        self.agents = Agents(self.awareness, show=self._show_here)
        self._document = document
        self._tell = tell
        """Tells other processes who is where."""

    def push_all(self, frame: bytes) -> None:
        for socket in self.sockets:
            socket.push(frame)

    def push_others(self, sender: DocumentSocket, frame: bytes) -> None:
        for socket in self.sockets:
            if socket is not sender:
                socket.push(frame)

    def end_all(self, code: CloseCode, reason: str) -> None:
        for socket in self.sockets:
            socket.abort(code, reason)

    def introduce(self, socket: DocumentSocket) -> None:
        """Shows a socket who is here."""
        if self.awareness.here:
            socket.push(yprotocol.presence(self.awareness.encode()))

    def hear(self, socket: DocumentSocket, data: bytes, now: float, owners: Mapping[int, Owner]) -> None:
        """A socket says where it is; under the id of a client that somebody else writes under, it is not heard."""

        def is_free(client: int) -> bool:
            owner = owners.get(client)
            return owner is None or owner.user == socket.user_id

        try:
            changed = self.awareness.take(data, holder=socket, user=socket.user, now=now, is_free=is_free)
        except BadAwareness as error:
            socket.abort(CloseCode.MALFORMED, str(error))
            return
        self._show(changed)

    def hear_of_others(self, data: bytes, now: float) -> None:
        """Another process says who is where."""
        try:
            changed = self.awareness.take_remote(data, holder=REMOTE, now=now)
        except BadAwareness:
            log.exception("awareness of document %s from another process cannot be read", self._document)
            return
        self._show_here(changed)

    def leave(self, socket: DocumentSocket, now: float) -> None:
        """A socket has closed."""
        self.sockets.discard(socket)
        self._show(self.awareness.leave(socket, now))

    def tick(self, now: float) -> None:
        """Every few seconds: who was silent for long is gone, and who was sent nothing for long gets a sign of life."""
        self._show(self.awareness.expire(now))
        for socket in self.sockets:
            socket.push_when_quiet(yprotocol.KEEP_ALIVE, now)

    def tell_who_is_here(self) -> None:
        """Answers another process that has just opened the document."""
        elsewhere = (REMOTE, AGENTS)  # agents are shown by each process itself
        local = {client for client, presence in self.awareness.here.items() if presence.holder not in elsewhere}
        if local:
            self._tell(self.awareness.encode(local))

    def _show(self, clients: set[int]) -> None:
        if not clients:
            return
        data = self.awareness.encode(clients)
        self.push_all(yprotocol.presence(data))
        self._tell(data)

    def _show_here(self, clients: set[int]) -> None:
        if clients:
            self.push_all(yprotocol.presence(self.awareness.encode(clients)))
