"""Agents that work on a document are in its awareness, for any client, and gone from it when they end."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.utils import timezone

from sessions_app.crdt import edits, lib0
from sessions_app.crdt.kinds import GRAPH, TEXT
from sessions_app.crdt.replica import Replica
from sessions_app.realtime import agents, document_hub, publish, yprotocol
from sessions_app.realtime.agents import Agent, Place
from sessions_app.realtime.awareness import Awareness
from sessions_app.realtime.document_agents import RENEW_AFTER_S, Agents, client_of, colour_of, index_of
from tests.sessions_app.conftest import Cast
from tests.sessions_app.realtime.conftest import Join

NOW = timezone.now()
LINES = "one\ntwo\nthree\nfour\n"


@pytest.fixture
def working() -> Iterator[list[Agent]]:
    """The agents that work; a test changes the list."""
    there: list[Agent] = []

    def at_work(sessions: Collection[UUID]) -> Iterable[Agent]:
        return [agent for agent in there if agent.session in sessions]

    agents.register(at_work)
    yield there
    agents.unregister(at_work)


def agent_in(session: UUID, **given: Any) -> Agent:
    return Agent(
        **{"run": uuid4(), "session": session, "document": None, "name": "refine code", "via": "Ana", "since": NOW}
        | given
    )


@pytest.mark.django_db(transaction=True)
async def test_an_agent_is_there_with_a_name_a_colour_and_a_cursor_until_it_ends(
    cast: Cast, join: Join, working: list[Agent]
) -> None:
    stock, ours = await join(cast.ben, ours=False), await join(cast.ana)
    agent = agent_in(cast.session.pk)
    working.append(agent)
    publish.wake(cast.session.pk)
    client = client_of(agent.run)
    await stock.until(lambda: stock.presence.get(client))
    await ours.until(lambda: ours.presence.get(client))
    shown = stock.presence[client]
    assert shown is not None
    assert (shown["user"]["name"], shown["user"]["role"], shown["run"]) == ("refine code", "agent", str(agent.run))
    assert shown["user"]["color"] == colour_of("refine code")
    assert shown["cursor"]["head"]["item"] is not None

    late = await join(cast.vic, ours=False)
    await late.until(lambda: late.presence.get(client))
    # What a client repeats of it changes nothing: neither while it is there nor when it has gone.
    stock.show({"user": {"name": "me"}}, client=client, clock=2**31)
    stock.show({"cursor": 1}, client=12)
    await late.until(lambda: late.presence.get(12))
    assert late.presence[client] == shown
    working.clear()
    publish.wake(cast.session.pk)
    await stock.until(lambda: stock.presence[client] is None)
    stock.show(shown, client=client, clock=1)
    stock.show({"cursor": 2}, client=12, clock=2)
    await late.until(lambda: late.presence[12] == {"cursor": 2, "user": late.presence[12]["user"]})
    assert late.presence[client] is None
    [room] = document_hub.current().rooms.values()
    assert client not in room.audience.awareness.here


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("quick_looks")
async def test_an_agent_whose_worker_died_is_found_out_by_a_look(cast: Cast, join: Join, working: list[Agent]) -> None:
    agent = agent_in(cast.session.pk)
    working += [agent, agent_in(cast.session.pk, document=uuid4())]
    stock = await join(cast.ben, ours=False)
    await stock.until(lambda: stock.presence.get(client_of(agent.run)))
    assert len(stock.presence) == 1, "an agent that works on another document is not here"
    working.clear()  # nobody says a word
    await stock.until(lambda: stock.presence[client_of(agent.run)] is None)


def shown_by(told: list[tuple[Awareness, set[int]]]) -> tuple[Awareness, Agents]:
    awareness = Awareness()
    return awareness, Agents(awareness, show=lambda clients: told.append((awareness, clients)))


def test_an_agent_that_says_nothing_is_said_again_before_clients_forget_it_under_a_higher_clock() -> None:
    awareness, here = shown_by([])
    agent, replica = agent_in(uuid4()), Replica(TEXT)
    replica.edit(edits.between("", "one"))
    here.show([agent], replica, 100.0, NOW)
    replica.edit(edits.between("one", "typed before it one"))
    client = client_of(agent.run)
    first = awareness.here[client]
    assert here.are_shown([agent], 101.0)
    assert not here.are_shown([agent], 100.0 + RENEW_AFTER_S)
    assert not here.are_shown([replace(agent, place=Place(("x",), 0, 0))], 101.0)
    assert not here.are_shown([], 101.0)
    here.show([agent], replica, 112.0, NOW + timedelta(seconds=12))
    again = awareness.here[client]
    assert (again.clock, again.state) == (12_000, first.state)
    assert awareness.expire(112.0 + 29) == set()


def test_two_processes_show_an_agent_alike_so_that_a_client_of_both_sees_one() -> None:
    agent, replica = agent_in(uuid4()), Replica(TEXT, client=5)
    replica.edit(edits.between("", LINES))
    states = []
    for _ in range(2):
        awareness, here = shown_by([])
        here.show([agent], replica, 1.0, NOW + timedelta(seconds=1))
        states.append(awareness.encode())
    assert states[0] == states[1]


def test_an_agent_goes_on_under_a_higher_clock_than_it_left_with() -> None:
    awareness, here = shown_by([])
    agent = agent_in(uuid4())
    here.show([agent], Replica(TEXT), 1.0, NOW + timedelta(seconds=5))
    here.show([], Replica(TEXT), 2.0, NOW + timedelta(seconds=6))
    here.show([agent], Replica(TEXT), 3.0, NOW + timedelta(seconds=5))
    assert awareness.here[client_of(agent.run)].clock > 5_001


def test_a_document_without_a_text_shows_its_agents_without_a_cursor() -> None:
    awareness, here = shown_by([])
    agent = agent_in(uuid4(), place=Place(("x",), 0, 0))
    here.show([agent], Replica(GRAPH), 1.0, NOW)
    assert '"cursor"' not in awareness.here[client_of(agent.run)].state


@pytest.mark.parametrize(
    ("place", "text", "index"),
    [
        pytest.param(Place(("two", "three"), 1, 1), LINES, 8, id="where it was"),
        pytest.param(Place(("two", "three"), 1, 0), "# new\n" + LINES, 10, id="it has moved down"),
        pytest.param(Place(("two", "three"), 3, 0), LINES, 4, id="it has moved up"),
        pytest.param(Place(("gone",), 2, 0), LINES, 8, id="its lines are gone: the line it had"),
        pytest.param(Place((), 99, 0), LINES, 19, id="past the end"),
        pytest.param(Place(("two",), 1, 0), "é𝄞\r\ntwo\r\n", 5, id="in UTF-16 units, whatever ends lines"),
        pytest.param(Place((), 0, 0), "", 0, id="nothing there yet"),
    ],
)
def test_where_an_agent_works_is_found_in_the_text_as_it_is_now(place: Place, text: str, index: int) -> None:
    assert index_of(place, text) == index


def test_a_position_stays_with_its_text_and_the_end_is_one_too() -> None:
    replica = Replica(TEXT, client=5)
    replica.edit(edits.between("", "é𝄞two"))
    assert replica.position(3) == {"type": None, "tname": None, "item": {"client": 5, "clock": 3}, "assoc": 0}
    assert replica.position(6) == {"type": None, "tname": "text", "item": None, "assoc": 0}
    replica.edit(edits.between("é𝄞two", "two"))
    assert replica.position(0) == {"type": None, "tname": None, "item": {"client": 5, "clock": 3}, "assoc": 0}
    assert Replica(GRAPH).position(0) is None


def test_awareness_of_agents_reads_as_any_other() -> None:
    told: list[tuple[Awareness, set[int]]] = []
    _, here = shown_by(told)
    agent = agent_in(uuid4())
    here.show([agent], Replica(TEXT), 1.0, NOW)
    awareness, clients = told[0]
    message = yprotocol.parse(yprotocol.presence(awareness.encode(clients)))
    assert isinstance(message, yprotocol.Presence)
    reader = lib0.Reader(message.data)
    assert (reader.uint(), reader.uint()) == (1, client_of(agent.run))
