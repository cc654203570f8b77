"""What rooms read: the log, and whether the people in it may still be there. Sync inside, awaited from the loop."""

import asyncio
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, TypeVar
from uuid import UUID

from django.db import close_old_connections

from sessions_app import selectors
from sessions_app.clock import database_now
from sessions_app.conflicts import retried
from sessions_app.models import Member, Session
from sessions_app.realtime.close_codes import CloseCode
from sessions_app.realtime.frame_queue import Ending, FrameQueue
from sessions_app.realtime.protocol import Row, encode
from sessions_app.services import auth, connections

CHUNK = 500
_threads = ThreadPoolExecutor(max_workers=4, thread_name_prefix="realtime")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class People:
    """Who may be in some sessions."""

    roles: dict[tuple[UUID, UUID], str]
    """The role of each (session, user) that is active and a member."""
    logins: set[str]
    """The logins that still stand."""

    def who_must_go(self, session: UUID, socket: FrameQueue[Any], now: datetime) -> Ending | None:
        """Why somebody may not stay in a session, if so."""
        if (session, socket.user_id) not in self.roles:
            return Ending(CloseCode.NOT_ALLOWED, "you are no longer a member of this session")
        if (socket.login and socket.login not in self.logins) or (socket.ends_at and socket.ends_at <= now):
            return Ending(CloseCode.NOT_SIGNED_IN, "your login has ended")
        return None


@dataclass(frozen=True, slots=True)
class Look:
    """How things are for some rooms and the people in them."""

    sessions: dict[UUID, tuple[int, str]]
    """Each session that exists: the number of its newest event, and its status."""
    people: People


async def call(function: Callable[..., T], *args: object) -> T:
    """Runs a blocking function that uses the database in one of this module's threads."""
    return await asyncio.get_running_loop().run_in_executor(_threads, _with_connections, function, args)


def _with_connections(function: Callable[..., T], args: tuple[object, ...]) -> T:
    close_old_connections()
    try:
        return retried(partial(function, *args))
    finally:
        close_old_connections()


def read_log(session_id: UUID, after: int) -> list[Row]:
    """The next rows of a session's log; fewer than CHUNK when there are no more."""
    events = selectors.events_of(session_id, after=after, limit=CHUNK)
    return [Row(seq=event.seq, type=event.type, text=encode(event.frame())) for event in events]


def look(session_ids: Collection[UUID], logins: Collection[str]) -> Look:
    """One look at everything that could end a socket or that a wake-up could have missed."""
    sessions = Session.objects.filter(pk__in=session_ids).values_list("pk", "last_seq", "status")
    return Look(
        sessions={pk: (last_seq, status) for pk, last_seq, status in sessions},
        people=people_of(session_ids, logins),
    )


def people_of(session_ids: Collection[UUID], logins: Collection[str]) -> People:
    """Who may be in these sessions, and which of these logins still stand."""
    members = Member.objects.filter(session_id__in=session_ids, user__is_active=True)
    roles = {(session, user): role for session, user, role in members.values_list("session_id", "user_id", "role")}
    return People(roles=roles, logins=set(auth.standing_logins(logins)))


def note_seen(connection_ids: list[UUID], session_ids: list[UUID]) -> None:
    """Notes that these sockets are open, and that there is somebody in these sessions."""
    connections.seen(connection_ids=connection_ids, session_ids=session_ids, now=database_now())
