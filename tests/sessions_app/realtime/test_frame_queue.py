from typing import Any
from uuid import UUID

from django.test import override_settings

from sessions_app.realtime.close_codes import CloseCode
from sessions_app.realtime.document_socket import DocumentSocket
from sessions_app.realtime.frame_queue import SMALL_BYTES, UNREAD

LARGE = b"x" * (SMALL_BYTES + 1_000)
ANA, BEN = UUID(int=1), UUID(int=2)


async def never(message: Any) -> None:
    raise AssertionError("nobody feeds it")


def reader(person: UUID) -> DocumentSocket:
    return DocumentSocket(send=never, user={"id": str(person)}, speaks_ours=False, may_edit=True)


@override_settings(UNREAD_MAX_BYTES=4 * len(LARGE) + 1_000)
async def test_what_waits_for_slow_readers_is_bounded_for_each_person_and_in_all() -> None:
    before = UNREAD.bytes
    first, second, other = reader(ANA), reader(ANA), reader(BEN)
    first.push(LARGE)
    second.push(b"small")
    assert (first.ending, second.ending) == (None, None)
    second.push(LARGE)
    assert second.ending is not None
    assert second.ending.code == CloseCode.RESYNC
    other.push(LARGE)
    assert other.ending is None
    crowd = [reader(UUID(int=number)) for number in range(10, 20)]
    for socket in crowd:
        socket.push(LARGE)
    assert sum(socket.ending is None for socket in crowd) == 2
    for socket in (first, second, other, *crowd):
        socket.forget()
    assert (UNREAD.bytes, UNREAD.by_person[ANA]) == (before, 0)
