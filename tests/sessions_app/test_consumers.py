"""The session socket, spoken to as the ASGI server does."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from django.db import connections
from django.utils import timezone
from pytest_django import Settings
from uvicorn.protocols.utils import ClientDisconnected

from sessions_app import consumers
from sessions_app.models import Connection, Session, User
from sessions_app.realtime import hub, publish, socket, store, texts
from sessions_app.realtime.document_consumer import document_socket
from sessions_app.realtime.protocol import Row, TextSoFar
from sessions_app.services import auth, documents, lifetimes, members, sessions
from tests.sessions_app.conftest import PATIENCE_S, Cast, HeldUp, make_cast

pytestmark = pytest.mark.django_db(transaction=True)


class Client:
    """The other end of a socket: what a browser's WebSocket is to the server."""

    def __init__(self, scope: dict[str, Any], *, application: Any = consumers.session_socket) -> None:
        self.to_server: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.from_server: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.reads = asyncio.Event()
        self.reads.set()
        self.task = asyncio.ensure_future(application(scope, self.to_server.get, self._send))
        self.to_server.put_nowait({"type": "websocket.connect"})

    async def _send(self, message: dict[str, Any]) -> None:
        await self.reads.wait()
        self.from_server.put_nowait(message)

    async def message(self, within: float = PATIENCE_S) -> dict[str, Any]:
        return await asyncio.wait_for(self.from_server.get(), within)

    async def accepted(self) -> "Client":
        assert (await self.message())["type"] == "websocket.accept"
        return self

    async def frame(self, within: float = PATIENCE_S) -> dict[str, Any]:
        message = await self.message(within)
        assert message["type"] == "websocket.send", message
        frame: dict[str, Any] = json.loads(message["text"])
        return frame

    async def until(self, kind: str) -> dict[str, Any]:
        while (frame := await self.frame())["type"] != kind:
            pass
        return frame

    async def until_live(self) -> None:
        """An answer that comes after the replay: what happens from now on is told at once."""
        self.say({"type": "ping"})
        await self.until("pong")

    async def closed(self, within: float = PATIENCE_S) -> int:
        while (message := await self.message(within))["type"] != "websocket.close":
            pass
        await asyncio.wait_for(self.task, PATIENCE_S)
        code: int = message.get("code", 0)
        return code

    def say(self, frame: Any) -> None:
        text = frame if isinstance(frame, str) else json.dumps(frame)
        self.to_server.put_nowait({"type": "websocket.receive", "text": text})

    async def leave(self) -> None:
        self.to_server.put_nowait({"type": "websocket.disconnect", "code": 1000})
        await asyncio.wait_for(self.task, PATIENCE_S)


Connect = Callable[..., Any]


def scope_of(session_id: object, *, query: str = "", headers: dict[str, str] | None = None) -> dict[str, Any]:
    given = {"host": "localhost:8000", **(headers or {})}
    return {
        "type": "websocket",
        "scheme": "ws",
        "path": f"/ws/sessions/{session_id}/",
        "query_string": query.encode(),
        "headers": [(name.encode(), value.encode()) for name, value in given.items()],
        "url_route": {"args": (), "kwargs": {"session_id": str(session_id)}},
    }


@pytest.fixture
async def cast() -> AsyncIterator[Cast]:
    yield await sync_to_async(make_cast)()
    await sync_to_async(connections.close_all)()  # the thread behind async ORM calls keeps its own


@pytest.fixture
async def connect() -> AsyncIterator[Connect]:
    """Opens sockets by ticket, and ends them all with the hub they made."""
    clients: list[Client] = []

    async def connected(user: User, session: Session, *, after: int = 0, **given: Any) -> Client:
        ticket = await sync_to_async(auth.issue_ticket)(user=user, **given)
        client = Client(scope_of(session.pk, query=f"after={after}&ticket={ticket}"))
        clients.append(client)
        return await client.accepted()

    yield connected
    for client in clients:
        client.reads.set()
        if not client.task.done():
            await client.leave()
    await hub.current().stop()


def log_in(user: User) -> str:
    """A login, as the site's cookie names it."""
    store = SessionStore()
    store[SESSION_KEY] = str(user.pk)
    store[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
    store[HASH_SESSION_KEY] = user.get_session_auth_hash()
    store.create()
    assert store.session_key
    return store.session_key


async def save(cast: Cast, text: str) -> None:
    await sync_to_async(documents.replace_text)(user=cast.ana, session_id=cast.session.pk, text=text)


async def test_a_socket_replays_the_log_and_goes_on_with_what_happens(cast: Cast, connect: Connect) -> None:
    client = await connect(cast.vic, cast.session)
    assert [(await client.frame())["seq"]] == [1]
    await save(cast, "two")
    frame = await client.frame()
    assert (frame["seq"], frame["type"], frame["run"]) == (2, "document.saved", None)
    assert set(frame) == {"seq", "type", "at", "run", "data"}
    assert frame["at"].endswith("Z")


async def test_a_socket_that_comes_back_gets_only_what_it_missed(cast: Cast, connect: Connect) -> None:
    for text in "abcd":
        await save(cast, text)
    client = await connect(cast.ben, cast.session, after=3)
    assert [(await client.frame())["seq"] for _ in range(2)] == [4, 5]


async def test_the_switch_from_replay_to_live_has_no_gap_and_no_double(
    cast: Cast, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sessions_app.realtime.store.CHUNK", 3)
    total = 60

    async def write() -> None:
        for number in range(total):
            await save(cast, f"text {number}")

    writing = asyncio.ensure_future(write())
    clients = []
    for _ in range(8):
        clients.append(await connect(cast.ben, cast.session))
        await asyncio.sleep(0)
    for client in clients:
        assert [(await client.frame())["seq"] for _ in range(total + 1)] == list(range(1, total + 2))
    await writing
    assert all(client.from_server.empty() for client in clients)


async def test_an_unstored_frame_reaches_live_sockets_after_the_events_before_it(cast: Cast, connect: Connect) -> None:
    client = await connect(cast.vic, cast.session)
    await client.frame()

    def work() -> None:
        documents.replace_text(user=cast.ana, session_id=cast.session.pk, text="two")
        publish.stream(cast.session.pk, {"type": "text.delta", "data": {"offset": 0, "text": "hé"}})

    await sync_to_async(work)()
    assert (await client.frame())["type"] == "document.saved"
    frame = await client.frame()
    assert (frame["seq"], frame["type"], frame["data"]["text"]) == (None, "text.delta", "hé")


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """After which numbers the log has been read."""
    read, found = store.read_log, []

    def noted(session_id: UUID, after: int) -> list[Row]:
        found.append(after)
        return read(session_id, after)

    monkeypatch.setattr(store, "read_log", noted)
    return found


async def test_new_events_come_with_the_word_that_they_are_there(
    cast: Cast, connect: Connect, reads: list[int]
) -> None:
    clients = [await connect(cast.vic, cast.session), await connect(cast.ben, cast.session)]
    live = [await client.frame() for client in clients]
    assert {frame["seq"] for frame in live} == {1}
    await clients[0].until_live()
    await clients[1].until_live()
    so_far = len(reads)
    for text in "abc":
        await save(cast, text)
    frames = [[await client.frame() for _ in "abc"] for client in clients]
    assert len(reads) == so_far, "nothing had to be read for them"
    log = [event.frame() async for event in cast.session.events.filter(seq__gt=1).order_by("seq")]
    assert frames == [log, log]


async def test_what_comes_after_a_hole_waits_for_what_was_missed(
    cast: Cast, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = await connect(cast.vic, cast.session)
    await client.frame()
    await client.until_live()
    with monkeypatch.context() as unheard:
        unheard.setattr(publish, "wake", lambda session_id, news: None)
        await save(cast, "missed")
    await save(cast, "heard")
    assert [(await client.frame())["seq"] for _ in range(2)] == [2, 3]


async def test_events_that_are_large_are_read_from_the_log(
    cast: Cast, connect: Connect, reads: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sessions_app.realtime.protocol.NEWS_MAX", 100)
    client = await connect(cast.vic, cast.session)
    await client.frame()
    await client.until_live()
    await save(cast, "two")
    assert (await client.frame())["seq"] == 2
    assert reads[-1] == 1


@pytest.mark.usefixtures("quick_looks")
async def test_a_lost_wake_up_costs_a_poll_and_no_event(
    cast: Cast, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = await connect(cast.vic, cast.session)
    await client.frame()
    monkeypatch.setattr(publish, "wake", lambda session_id, news: None)
    await save(cast, "two")
    assert (await client.frame())["type"] == "document.saved"


async def test_ping_is_answered_and_text_since_comes_from_the_registered_provider(
    cast: Cast, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, node_run = cast.ana.pk, cast.ben.pk

    def provider(session_id: Any, asked: Any) -> TextSoFar | None:
        known = (session_id, asked) == (cast.session.pk, node_run)
        return TextSoFar(run=run, node_id="rewrite", attempt=2, text="0123456789") if known else None

    monkeypatch.setattr(texts, "_providers", [provider])
    client = await connect(cast.vic, cast.session, after=1)
    client.say({"type": "ping"})
    assert await client.frame() == {"type": "pong"}
    client.say({"type": "text.since", "node_run": str(node_run), "offset": 7})
    frame = await client.frame()
    assert (frame["seq"], frame["run"]) == (None, str(run))
    assert frame["data"] == {
        "node_run": str(node_run),
        "node_id": "rewrite",
        "attempt": 2,
        "offset": 7,
        "text": "789",
    }
    client.say({"type": "text.since", "node_run": str(cast.eve.pk), "offset": 3})
    assert (await client.frame())["data"]["text"] == ""


# Who may come in ----------------------------------------------------------------------------------


@pytest.mark.parametrize("application", [consumers.session_socket, document_socket])
async def test_who_leaves_before_the_socket_is_open_leaves_nothing_behind(
    cast: Cast, application: Any, caplog: pytest.LogCaptureFixture
) -> None:
    ticket = await sync_to_async(auth.issue_ticket)(user=cast.ana)

    async def gone(message: dict[str, Any]) -> None:
        raise ClientDisconnected  # what uvicorn raises, here at the accept

    scope = scope_of(cast.session.pk, query=f"ticket={ticket}")
    coming: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    coming.put_nowait({"type": "websocket.connect"})
    with caplog.at_level("WARNING"):
        await asyncio.wait_for(application(scope, coming.get, gone), PATIENCE_S)
    assert await Connection.objects.acount() == 0
    assert caplog.records == []


async def test_a_ticket_is_good_once(cast: Cast) -> None:
    ticket = await sync_to_async(auth.issue_ticket)(user=cast.ana)
    first = await Client(scope_of(cast.session.pk, query=f"ticket={ticket}")).accepted()
    second = await Client(scope_of(cast.session.pk, query=f"ticket={ticket}")).accepted()
    assert await second.closed() == 4401
    await first.leave()


async def test_a_ticket_is_good_for_thirty_seconds(cast: Cast) -> None:
    old = timezone.now() - timedelta(seconds=31)
    ticket = await sync_to_async(auth.issue_ticket)(user=cast.ana, now=old)
    client = await Client(scope_of(cast.session.pk, query=f"ticket={ticket}")).accepted()
    assert await client.closed() == 4401


@pytest.mark.parametrize(
    "origin",
    [
        None,
        "null",
        "https://evil.example",
        "http://localhost:9000",
        "https://localhost:8000",
        "http://localhost.evil.example:8000",
        "http://localhost:8000@evil.example",
        "http://localhost:8000/path",
        "",
    ],
)
async def test_a_foreign_or_missing_origin_is_refused_at_the_handshake(cast: Cast, origin: str | None) -> None:
    headers = {"cookie": f"sessionid={await sync_to_async(log_in)(cast.ana)}"}
    client = Client(scope_of(cast.session.pk, headers=headers | ({} if origin is None else {"origin": origin})))
    assert await client.message() == {"type": "websocket.close"}
    await client.task


async def test_a_foreign_origin_is_refused_even_with_a_ticket(cast: Cast) -> None:
    ticket = await sync_to_async(auth.issue_ticket)(user=cast.ana)
    client = Client(scope_of(cast.session.pk, query=f"ticket={ticket}", headers={"origin": "https://evil.example"}))
    assert await client.message() == {"type": "websocket.close"}


async def with_cookie(cast: Cast, key: str) -> Client:
    headers = {"cookie": f"theme=dark; sessionid={key}", "origin": "http://localhost:8000"}
    return await Client(scope_of(cast.session.pk, headers=headers)).accepted()


@pytest.mark.usefixtures("quick_looks")
async def test_a_login_cookie_with_the_sites_origin_lets_in_until_the_login_ends(cast: Cast) -> None:
    key = await sync_to_async(log_in)(cast.ana)
    client = await with_cookie(cast, key)
    assert (await client.frame())["seq"] == 1
    await sync_to_async(SessionStore(key).delete)()
    assert await client.closed() == 4401


async def test_who_comes_while_the_others_are_looked_at_is_not_sent_away(
    cast: Cast, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    await connect(cast.ana, cast.session)
    held = HeldUp(store.look)
    monkeypatch.setattr(store, "look", held)
    looking = asyncio.ensure_future(hub.current().look(timezone.now()))
    await asyncio.to_thread(held.has_asked.wait, PATIENCE_S)
    newcomer = await with_cookie(cast, await sync_to_async(log_in)(cast.ana))
    held.go_on.set()
    await looking
    newcomer.say({"type": "ping"})
    await newcomer.until("pong")
    await newcomer.leave()


@pytest.mark.usefixtures("quick_looks")
async def test_a_changed_password_ends_the_login_of_a_socket(cast: Cast) -> None:
    client = await with_cookie(cast, await sync_to_async(log_in)(cast.ana))
    cast.ana.set_password("another one")
    await cast.ana.asave()
    assert await client.closed() == 4401


async def test_nobody_is_told_4401(cast: Cast) -> None:
    assert await (await with_cookie(cast, "no-such-login")).closed() == 4401


@pytest.mark.usefixtures("quick_looks")
async def test_a_socket_ends_with_the_access_token_it_came_by(cast: Cast, connect: Connect) -> None:
    client = await connect(cast.ana, cast.session, ends_at=timezone.now() + timedelta(seconds=1))
    assert await client.closed() == 4401


@pytest.mark.parametrize("session_id", ["0190c0de-0000-7000-8000-000000000000", "no-uuid"])
async def test_a_session_that_is_not_there_closes_4404(cast: Cast, session_id: str) -> None:
    ticket = await sync_to_async(auth.issue_ticket)(user=cast.ana)
    client = await Client(scope_of(session_id, query=f"ticket={ticket}")).accepted()
    assert await client.closed() == 4404


async def test_a_stranger_is_told_there_is_no_such_session(cast: Cast, connect: Connect) -> None:
    assert await (await connect(cast.eve, cast.session)).closed() == 4404


@pytest.mark.parametrize("after", ["-1", "x", "1.5", "9" * 30, "2", "٣"])
async def test_an_after_that_is_no_number_of_an_event_closes_4400(cast: Cast, after: str) -> None:
    ticket = await sync_to_async(auth.issue_ticket)(user=cast.ana)
    scope = scope_of(cast.session.pk)
    scope["query_string"] = f"ticket={ticket}&after={after}".encode()
    client = await Client(scope).accepted()
    assert await client.closed() == 4400


async def test_sockets_over_the_limit_of_one_person_close_4429(
    cast: Cast, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sessions_app.services.connections.SOCKETS_PER_USER", 2)
    await connect(cast.ana, cast.session)
    await connect(cast.ana, cast.session)
    assert await (await connect(cast.ana, cast.session)).closed() == 4429
    assert (await (await connect(cast.ben, cast.session)).frame())["seq"] == 1


# What ends a socket -------------------------------------------------------------------------------


async def test_expiry_is_told_and_then_closes_4410(cast: Cast, connect: Connect) -> None:
    client = await connect(cast.vic, cast.session, after=1)
    await sync_to_async(lifetimes.expire_now)(session_id=cast.session.pk, now=timezone.now())
    assert (await client.frame())["type"] == "session.expired"
    assert await client.closed() == 4410


async def test_an_expired_session_is_replayed_and_then_closes_4410(cast: Cast, connect: Connect) -> None:
    await sync_to_async(lifetimes.expire_now)(session_id=cast.session.pk, now=timezone.now())
    client = await connect(cast.vic, cast.session)
    assert [(await client.frame())["type"] for _ in range(2)] == ["member.joined", "session.expired"]
    assert await client.closed() == 4410


@pytest.mark.usefixtures("quick_looks")
async def test_a_removed_member_is_out_within_five_seconds(cast: Cast, connect: Connect) -> None:
    client, other = await connect(cast.vic, cast.session), await connect(cast.ben, cast.session)
    await sync_to_async(members.remove)(user=cast.ana, session_id=cast.session.pk, member_id=cast.vic.pk)
    assert await client.closed() == 4403
    assert (await other.until("member.left"))["data"]["name"] == "Vic"


@pytest.mark.usefixtures("quick_looks")
async def test_a_deactivated_person_is_out_within_five_seconds(cast: Cast, connect: Connect) -> None:
    client = await connect(cast.vic, cast.session)
    await User.objects.filter(pk=cast.vic.pk).aupdate(is_active=False)
    assert await client.closed() == 4403


@pytest.mark.usefixtures("quick_looks")
async def test_a_deleted_session_closes_4404(cast: Cast, connect: Connect) -> None:
    client = await connect(cast.vic, cast.session)
    await sync_to_async(sessions.delete)(user=cast.ana, session_id=cast.session.pk)
    assert await client.closed() == 4404


async def test_a_silent_client_closes_4408(cast: Cast, connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consumers, "IDLE_AFTER_S", 0.2)
    assert await (await connect(cast.vic, cast.session)).closed() == 4408


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        ("not json", 4400),
        ("[]", 4400),
        ("{}", 4400),
        ('{"type": "document.set"}', 4400),
        ('{"type": "text.since", "node_run": "x", "offset": 0}', 4400),
        ('{"type": "text.since", "node_run": "0190c0de-0000-7000-8000-000000000000", "offset": -1}', 4400),
        ("[" * 4000, 4400),
        ('{"type": "ping", "more": "' + "x" * 5000 + '"}', 4413),
    ],
)
async def test_a_frame_that_is_none_closes_the_socket(cast: Cast, connect: Connect, frame: str, code: int) -> None:
    client = await connect(cast.vic, cast.session, after=1)
    client.say(frame)
    assert await client.closed() == code


async def test_a_binary_frame_closes_4400(cast: Cast, connect: Connect) -> None:
    client = await connect(cast.vic, cast.session, after=1)
    client.to_server.put_nowait({"type": "websocket.receive", "bytes": b"\x00\x01"})
    assert await client.closed() == 4400


async def test_a_flood_of_pings_closes_4429(cast: Cast, connect: Connect) -> None:
    client = await connect(cast.vic, cast.session, after=1)
    for _ in range(100):
        client.say({"type": "ping"})
    assert await client.closed() == 4429


async def test_a_slow_reader_is_sent_away_with_bounded_memory_and_others_notice_nothing(
    cast: Cast, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "QUEUE_FRAMES", 20)
    slow, quick = await connect(cast.vic, cast.session, after=1), await connect(cast.ben, cast.session, after=1)
    for client in (slow, quick):  # both are live before the slow one stops to read
        client.say({"type": "ping"})
        assert await client.frame() == {"type": "pong"}
    (ending,) = [it.aborted for it in hub.current().rooms[cast.session.pk].sockets if it.user_id == cast.vic.pk]
    slow.reads.clear()
    for number in range(40):
        await save(cast, f"text {number}")
    assert [(await quick.frame())["seq"] for _ in range(40)] == list(range(2, 42))
    await asyncio.wait_for(ending.wait(), PATIENCE_S)
    slow.reads.set()
    assert await slow.closed() == 4008


async def test_a_reader_who_is_behind_loses_unstored_frames_but_no_events(
    cast: Cast, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "QUEUE_FRAMES", 20)
    client, quick = await connect(cast.vic, cast.session, after=1), await connect(cast.ben, cast.session, after=1)
    for live in (client, quick):
        live.say({"type": "ping"})
        await live.frame()
    client.reads.clear()
    for number in range(100):
        publish.stream(cast.session.pk, {"type": "text.delta", "data": {"offset": number, "text": "x"}})
    await save(cast, "two")
    await quick.until("document.saved")
    client.reads.set()
    frames = [await client.frame()]
    while frames[-1]["type"] != "document.saved":
        frames.append(await client.frame())
    assert len(frames) < 20


# Connections --------------------------------------------------------------------------------------


async def test_an_open_socket_is_a_connection_row_and_a_closed_one_is_none(cast: Cast, connect: Connect) -> None:
    client = await connect(cast.vic, cast.session)
    await client.frame()
    assert await Connection.objects.filter(session=cast.session, user=cast.vic).acount() == 1
    await client.leave()
    assert await Connection.objects.acount() == 0
    assert cast.session.pk not in hub.current().rooms


async def test_a_failure_of_ours_closes_1011_and_is_logged(
    cast: Cast, connect: Connect, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(session_id: Any, node_run: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(texts, "_providers", [fails])
    client = await connect(cast.vic, cast.session, after=1)
    client.say({"type": "text.since", "node_run": str(cast.ana.pk), "offset": 0})
    assert await client.closed() == 1011
    assert str(cast.session.pk) in caplog.text


async def test_opening_more_sockets_than_is_good_closes_4429_and_says_when(
    cast: Cast, connect: Connect, settings: Settings
) -> None:
    settings.RATE_LIMIT_SOCKETS = "person 2/1m"
    for _ in range(2):
        assert (await (await connect(cast.ana, cast.session)).frame())["type"]
    assert await (await connect(cast.ana, cast.session)).closed() == 4429
    assert (await (await connect(cast.ben, cast.session)).frame())["type"]


async def test_strangers_who_knock_again_and_again_are_no_longer_looked_up(cast: Cast, settings: Settings) -> None:
    settings.RATE_LIMIT_STRANGERS = "ip 2/1m"
    codes = []
    for _ in range(4):
        client = await Client(scope_of(cast.session.pk, query="ticket=made-up")).accepted()
        codes.append(await client.closed())
    assert codes == [4401, 4401, 4429, 4429]
