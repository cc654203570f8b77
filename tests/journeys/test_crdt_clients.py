"""Stock y-websocket clients against the real site: killed right after it answered, restarted, and in two processes."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from tests.journeys.crdt_clients import FOLDER, Person, YClient, has_node, install, wait_for
from tests.servers.ports import free_port
from tests.servers.site import Site, build, tear_down

pytestmark = pytest.mark.skipif(not has_node(), reason="needs Node.js and npm")


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    """One for all of them: whoever kills it starts it again."""
    site = build()
    try:
        site.start()
        yield site
    finally:
        tear_down(site)


@contextmanager
def clients(site: Site, session: str, *people: Person) -> Iterator[list[YClient]]:
    with ExitStack() as at_the_end:
        opened = []
        for person in people:
            client = YClient(site, session, person)
            at_the_end.callback(client.stop)
            opened.append(client)
        yield [client.wait_until_synced() for client in opened]


def test_stock_clients_edit_together_and_keep_what_they_typed_while_the_site_was_killed(site: Site) -> None:
    ana, ben = Person(site, "Ana"), Person(site, "Ben")
    session = ana.open_session("one\n")
    ana.let_in(session, ben)
    with clients(site, session, ana, ben) as (first, second):
        for n in range(20):
            first.do("append", text=f"a{n} ")
            second.do("insert", at=0, text=f"b{n} ")
        site.kill(site.web)
        first.do("append", text="alone ")
        site.start()
        wait_for(lambda: first.text() == second.text() == ana.text_of(session), "all to have the same text")
        expected = ["one", "alone", *(f"{who}{n}" for who in "ab" for n in range(20))]
        assert sorted(first.text().split()) == sorted(expected)


def test_an_edit_that_was_answered_for_outlives_a_kill(site: Site) -> None:
    """Our own messages, from a client that kills the site in the moment the answer arrives."""
    ana = Person(site, "Ana")
    session = ana.open_session("one\n")
    install()
    for n in range(2):
        assert site.web is not None
        url = f"{site.socket_url}/ws/sessions/{session}/document/?agentsite=1&ticket={ana.ticket()}"
        told = subprocess.run(
            ["node", str(FOLDER / "killer.mjs"), url, f"kept{n} ", str(site.web.pid)],
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        ).stdout
        site.kill(site.web)
        site.start()
        assert json.loads(told)["number"] == n + 2
        assert f"kept{n} " in ana.text_of(session)
    assert ana.text_of(session).split() == ["kept1", "kept0", "one"]


def test_a_viewer_with_a_stock_client_changes_nothing(site: Site) -> None:
    ana, vic = Person(site, "Ana"), Person(site, "Vic")
    session = ana.open_session("one\n")
    ana.let_in(session, vic, role="viewer")
    with clients(site, session, vic) as [viewer]:
        assert viewer.text() == "one\n"
        viewer.do("append", text="vandalism")
        wait_for(lambda: 4403 in viewer.closes(), "the viewer to be closed with 4403")
        assert ana.text_of(session) == "one\n"


THINKS_LONG = {
    "v": 1,
    "name": "Thinks long",
    "entry_node": "think",
    "nodes": [{"node_id": "think", "tool": "sleep", "config": {"seconds": 3600}, "timeout_s": 3600}],
    "edges": [],
}


@pytest.mark.xdist_group("sites")
def test_two_processes_show_each_others_edits_people_and_agents(scaled_site: Site) -> None:
    site = scaled_site
    other = Site(port=free_port(), var_dir=site.var_dir, environment=dict(site.environment), scaled=False)
    other.environment["PORT"] = str(other.port)
    try:
        other.start()
        ana, ben = Person(site, "Ana"), Person(site, "Ben")
        session = ana.open_session("one\n")
        ana.let_in(session, ben)
        ben.site = other
        with clients(site, session, ana) as [here], clients(other, session, ben) as [there]:
            here.do("presence", state={"cursor": 1})
            graph = ana.call("POST", "/v1/graphs", THINKS_LONG)
            run = ana.call("POST", "/v1/runs", {"graph": graph["id"], "session": session, "initial_state": {}})
            parked = f"/v1/runs/{run['id']}"
            wait_for(lambda: ana.call("GET", parked)["sleeps_until"] is not None, "no worker to hold the run any more")
            wait_for(lambda: len(here.agents()) == len(there.agents()) == 1, "both to see the agent at work")
            [(agent, state)] = here.agents().items()
            assert there.agents() == {agent: state}
            assert (state["run"], state["user"]["via"]) == (run["id"], "Ana")
            assert state["user"]["name"] == graph["slug"].replace("_", " ")
            for n in range(20):
                here.do("append", text=f"a{n} ")
                there.do("insert", at=0, text=f"b{n} ")
            wait_for(lambda: here.text() == there.text() == ana.text_of(session), "both to have the same text")
            assert len(set(here.text().split())) == 41
            for client in (here, there):
                assert client.ask("where")["where"][agent] == client.text().index("one"), (
                    "its cursor moved with the text"
                )
            ana.call("POST", f"/v1/runs/{run['id']}/cancel")
            wait_for(lambda: not here.agents() and not there.agents(), "the agent to be gone for both")
            wait_for(
                lambda: any(
                    state.get("cursor") == 1 and state["user"]["name"] == "Ana"
                    for state in there.ask("here")["here"].values()
                ),
                "Ben to see Ana's cursor",
            )
    finally:
        other.kill()
