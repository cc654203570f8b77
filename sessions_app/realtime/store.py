"""What rooms read: the log, and whether the people in it may still be there. Sync inside, awaited from the loop."""

import asyncio
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar
from uuid import UUID

from django.db import close_old_connections

from sessions_app import selectors
from sessions_app.models import Member, Session
from sessions_app.realtime.protocol import Row, encode
from sessions_app.services import auth

CHUNK = 500
_threads = ThreadPoolExecutor(max_workers=4, thread_name_prefix="realtime")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Look:
    """How things are for some rooms and the logins in them."""

    sessions: dict[UUID, tuple[int, str]]
    """Each session that exists: the number of its newest event, and its status."""
    members: set[tuple[UUID, UUID]]
    """(session, user) of every active user who is a member."""
    logins: set[str]
    """The logins that still stand."""


async def call(function: Callable[..., T], *args: object) -> T:
    """Runs a blocking function that uses the database in one of this module's threads."""
    return await asyncio.get_running_loop().run_in_executor(_threads, _with_connections, function, args)


def _with_connections(function: Callable[..., T], args: tuple[object, ...]) -> T:
    close_old_connections()
    try:
        return function(*args)
    finally:
        close_old_connections()


def read_log(session_id: UUID, after: int) -> list[Row]:
    """The next rows of a session's log; fewer than CHUNK when there are no more."""
    events = selectors.events_after(session_id, after, CHUNK)
    return [Row(seq=event.seq, type=event.type, text=encode(event.frame())) for event in events]


def look(session_ids: Collection[UUID], logins: Collection[str]) -> Look:
    """One look at everything that could end a socket or that a wake-up could have missed."""
    sessions = Session.objects.filter(pk__in=session_ids).values_list("pk", "last_seq", "status")
    members = Member.objects.filter(session_id__in=session_ids, user__is_active=True)
    return Look(
        sessions={pk: (last_seq, status) for pk, last_seq, status in sessions},
        members=set(members.values_list("session_id", "user_id")),
        logins=set(auth.standing_logins(logins)),
    )
