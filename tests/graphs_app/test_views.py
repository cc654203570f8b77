"""The pages of graphs, as the server makes them: for their people, and for nobody else."""

import json

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from graphs_app.models import Graph
from graphs_app.services import runs, versions
from sessions_app.models import Member, Role, User
from tests.graphs_app import cast


@pytest.fixture
def ada(db: None) -> User:
    return cast.make_ada()


@pytest.fixture
def graph(ada: User) -> Graph:
    return cast.keep(ada, cast.SUM)


def browser(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def test_the_list_shows_ones_own_graphs_and_the_gallery(ada: User, graph: Graph) -> None:
    cast.make_version("house", {**cast.SUM, "description": "Counts"})
    versions.save_draft(user=ada, graph=graph, definition=cast.SUM)
    runs.start_run(user=ada, graph="sum", initial_state={})
    shown = browser(ada).get("/graph/").content.decode()
    for words in ('href="/graph/sum/"', "Draft", "1 run", "Open a copy of house", "Counts"):
        assert words in shown
    assert 'href="/graph/sum/"' not in browser(User.objects.create(username="eve")).get("/graph/").content.decode()


@pytest.mark.parametrize(
    ("form", "name", "nodes"),
    [
        ({"name": "Mine"}, "Mine", ["start"]),
        ({"copy_of": "sum"}, "Sum", ["start", "add"]),
        ({"text": json.dumps(cast.SUM), "name": "Read"}, "Read", ["start", "add"]),
    ],
)
def test_a_graph_begins_blank_as_a_copy_or_from_a_text(
    ada: User, graph: Graph, form: dict[str, str], name: str, nodes: list[str]
) -> None:
    answer = browser(ada).post("/graph/new/", form)
    assert answer.status_code == 302
    page = browser(ada).get(answer.headers["Location"])
    data = page.context["data"]
    assert data["graph"]["name"] == name
    assert [node["node_id"] for node in data["definition"]["nodes"]] == nodes
    assert [node["node_id"] for node in data["layout"]["nodes"]] == nodes


def test_what_cannot_be_imported_stays_in_the_form_with_its_faults(ada: User) -> None:
    broken = json.dumps({**cast.SUM, "entry_node": "nowhere"})
    answer = browser(ada).post("/graph/new/", {"text": broken})
    assert answer.status_code == 422
    assert "/entry_node" in answer.content.decode()
    assert "nowhere" in answer.content.decode()
    binary = browser(ada).post("/graph/new/", {"file": SimpleUploadedFile("g.json", b"\xff\xfe\x00")})
    assert (binary.status_code, "not UTF-8" in binary.content.decode()) == (422, True)
    assert not Graph.objects.filter(created_by=ada).exists()


def test_a_label_with_markup_is_text_on_every_page(ada: User) -> None:
    nasty = "</script><script>alert(1)</script>"
    graph = cast.keep(ada, {**cast.SUM, "name": nasty})
    run = runs.start_run(user=ada, graph=graph.slug, initial_state={})
    for path in ("/graph/", f"/graph/{graph.slug}/", f"/graph/{graph.slug}/versions/", f"/runs/{run.pk}/"):
        page = browser(ada).get(path)
        assert page.status_code == 200, path
        assert nasty not in page.content.decode(), path


def test_strangers_are_sent_to_sign_in_and_others_find_nothing(ada: User, graph: Graph) -> None:
    run = runs.start_run(user=ada, graph="sum", initial_state={})
    eve = browser(User.objects.create(username="eve"))
    for path in ("/graph/sum/", "/graph/sum/versions/", f"/runs/{run.pk}/"):
        assert Client().get(path).status_code == 302, path
        assert eve.get(path).status_code == 404, path


def test_members_of_its_session_find_the_graph_and_their_role(ada: User, graph: Graph) -> None:
    session = versions.open_session(user=ada, graph=graph)
    vic = User.objects.create(username="vic")
    Member.objects.create(session=session, user=vic, role=Role.VIEWER)
    assert browser(ada).get("/graph/sum/").context["data"]["session"]["seeds"] is True
    told = browser(vic).get("/graph/sum/").context["data"]["session"]
    assert told == {"id": str(session.pk), "role": "viewer", "seeds": False, "last_seq": session.last_seq}
    assert browser(vic).get(f"/sessions/{session.pk}/").headers["Location"] == "/graph/sum/"


@pytest.mark.django_db
def test_a_browser_that_asks_for_graphs_comes_to_the_list_and_a_program_gets_a_problem() -> None:
    client = Client()
    for path in ("/graphs/", "/graphs"):
        answer = client.get(path, headers={"Accept": "text/html,*/*;q=0.8"}, follow=True)
        assert any(where == "/graph/" for where, _ in answer.redirect_chain), path
    answer = client.get("/graphs/", headers={"Accept": "application/json"})
    assert answer.status_code == 404
    assert answer.headers["Content-Type"] == "application/problem+json"
