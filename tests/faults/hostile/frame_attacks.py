"""What a hostile guest sends on a document's socket that is small to send and dear to look at."""

from contextlib import suppress
from typing import Any

from pycrdt import Doc, Text

from sessions_app.crdt import lib0
from sessions_app.realtime import yprotocol
from tests.faults.hostile.attacks import attack
from tests.faults.hostile.guest import Guest, Refused
from tests.faults.hostile.more_attacks import document_socket
from tests.sessions_app.crdt.nest import deletion, nested


def numbered(seq: int, update: bytes) -> bytes:
    return lib0.uint(yprotocol.NUMBERED_UPDATE) + lib0.uint(seq) + lib0.array(update)


@attack
async def maps_within_maps(guest: Guest) -> None:
    """Types nested without end, at once and level by level, and the top of them deleted."""
    await guest.come_in()
    graph = await guest.graph([{"node_id": "a", "tool": "emit", "config": {"text": "x"}}])
    answer = await guest.call("POST", f"/v1/graphs/{graph}/session", {})
    session = (answer or {}).get("session") or (answer or {}).get("id")
    if not session:
        raise Refused
    for frames in (
        [nested(90_000), deletion()],
        [*(nested(1, client=6, first=level) for level in range(400)), deletion(client=6)],
    ):
        async with document_socket(guest, str(session["id"] if isinstance(session, dict) else session)) as socket:
            for seq, update in enumerate(frames, 1):
                await socket.send_bytes(numbered(seq, update))
            with suppress(TimeoutError):
                while not socket.closed:
                    await socket.receive(timeout=2)


@attack
async def awareness_of_thousands(guest: Guest) -> None:
    """Messages that name tens of thousands of clients, or one that comes and goes ever again."""
    await guest.come_in()
    session = await guest.session("abc")
    crowd = b"".join(lib0.uint(client) + b"\x01\x02{}" for client in range(38_000))
    restless = (lib0.uint(1) + b"\x05\x04null" + lib0.uint(1) + b"\x06\x02{}") * 16_000
    for count, entries in ((38_000, crowd), (32_000, restless)):
        for _ in range(3):
            async with document_socket(guest, session) as socket:
                for _ in range(12):
                    await socket.send_bytes(yprotocol.presence(lib0.uint(count) + entries))
                with suppress(TimeoutError):
                    await socket.receive(timeout=1)


@attack
async def a_full_document(guest: Guest) -> None:
    """Sixty thousand letters that cannot be merged, and then what a full document refuses, and what only repeats."""
    await guest.come_in()
    session = await guest.session()
    document: Doc[Any] = Doc()
    text = document.get("text", type=Text)
    async with document_socket(guest, session) as socket:
        for seq in range(1, 8):
            before = document.get_state()
            with document.transaction():
                if seq < 7:
                    for letter in range(10_000):
                        text.insert(0, "ab"[letter & 1])
                else:
                    text.insert(0, "x" * (999_950 - len(text)))
            await socket.send_bytes(numbered(seq, document.get_update(before)))
        whole, before = document.get_update(), document.get_state()
        text.insert(5, "y" * 120)
        refused = document.get_update(before)
        with suppress(TimeoutError):
            for _ in range(12):
                await socket.receive(timeout=2)
    for update, times in ((refused, 900), (refused[:-1] + b"\x01\x05\x01\x00\x01", 900), (whole, 60)):
        async with document_socket(guest, session) as socket:
            for seq in range(times):
                await socket.send_bytes(numbered(seq, update))
            with suppress(TimeoutError):
                while not socket.closed:
                    await socket.receive(timeout=2)
