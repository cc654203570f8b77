"""The session in which a graph is drawn: its document has no text, and every path says so instead of failing."""

from typing import Any

import pytest
from rest_framework.test import APIClient

from sessions_app.models import Member, Role, Session
from tests.graphs_app.cast import line, node
from tests.sessions_app.conftest import make_user

pytestmark = pytest.mark.django_db
NO_TEXT = [
    ("get", "document/blame", None),
    ("put", "document", {"text": "hello"}),
    ("post", "revisions/0/restore", {}),
    ("post", "requests", {"intent": "build", "instruction": "Build me a parser"}),
]


@pytest.fixture
def ana() -> APIClient:
    client = APIClient()
    client.force_authenticate(make_user("ana"))
    return client


@pytest.fixture
def session(ana: APIClient) -> str:
    """The path of the session of a graph of Ana's."""
    graph = ana.post("/v1/graphs", line("Parsers", node("a", "emit", {"text": "x"})), format="json").json()["id"]
    return f"/v1/sessions/{ana.post(f'/v1/graphs/{graph}/session').json()['session']}"


@pytest.mark.parametrize(("method", "path", "body"), NO_TEXT, ids=[path for _, path, _ in NO_TEXT])
def test_what_needs_a_text_is_refused_in_words(
    ana: APIClient, session: str, method: str, path: str, body: dict[str, Any] | None
) -> None:
    answered = getattr(ana, method)(f"{session}/{path}", body, format="json")
    assert (answered.status_code, answered.json()["code"]) == (409, "no_text")
    assert "canvas" in answered.json()["detail"]


@pytest.mark.parametrize("path", ["", "/document", "/document/timeline", "/revisions", "/revisions/0", "/events"])
def test_what_needs_none_answers_as_everywhere(ana: APIClient, session: str, path: str) -> None:
    assert ana.get(f"{session}{path}").status_code == 200


def test_whoever_may_not_do_something_is_told_the_role_by_its_name(ana: APIClient, session: str) -> None:
    vic = make_user("vic")
    Member.objects.create(session=Session.objects.get(), user=vic, role=Role.VIEWER)
    client = APIClient()
    client.force_authenticate(vic)
    told = client.put(f"{session}/document", {"text": "x"}, format="json").json()
    assert told["detail"].startswith("Your role in this session is 'viewer'; this needs 'editor'.")
