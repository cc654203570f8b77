"""REST over a document's history: named revisions, what a restore would do, the restore, and who wrote each line."""

from collections.abc import Callable

import pytest
from rest_framework.test import APIClient

from sessions_app.models import DocumentUpdate
from sessions_app.services import documents
from tests.sessions_app.conftest import Cast

AsUser = Callable[..., APIClient]


@pytest.fixture
def path(cast: Cast) -> Callable[[str], str]:
    """Ben has replaced Ana's text, and then an agent has changed a line of it."""
    documents.replace_text(user=cast.ben, session_id=cast.session.pk, text="one\ntwo\nthree\n")
    documents.change_text(
        user=cast.ana,
        document_id=cast.document.pk,
        transform=lambda text: text.replace("two", "TWO"),
        origin={"kind": "proposal", "run": "r1", "node": "n1", "endpoint": "e1", "hunks": [1], "agent": "refine"},
        by="refine via Ana",
    )
    return lambda rest: f"/v1/sessions/{cast.session.pk}{rest}"


def test_a_revision_is_named_listed_and_shown(cast: Cast, as_user: AsUser, path: Callable[[str], str]) -> None:
    client = as_user(cast.ben)
    answer = client.post(path("/revisions"), {"name": "  Before the\tdemo "}, format="json")
    assert (answer.status_code, answer["Location"]) == (201, path("/revisions/3"))
    assert answer.json()["name"] == "Before the demo"
    named = client.get(path("/revisions"), {"named": "true"}).json()["results"]
    assert [(kept["number"], kept["name"]) for kept in named] == [(3, "Before the demo")]
    assert len(client.get(path("/revisions")).json()["results"]) > 1
    shown = client.get(path("/revisions/3")).json()
    assert (shown["name"], shown["text"]) == ("Before the demo", "one\nTWO\nthree\n")


def test_a_revision_needs_a_name_and_an_editor(cast: Cast, as_user: AsUser, path: Callable[[str], str]) -> None:
    assert as_user(cast.ben).post(path("/revisions"), {"name": "  "}, format="json").status_code == 422
    assert as_user(cast.vic).post(path("/revisions"), {"name": "Mine"}, format="json").status_code == 403
    assert as_user(cast.eve).post(path("/revisions"), {"name": "Mine"}, format="json").status_code == 404


def test_a_restore_is_compared_before_it_is_made_and_is_a_new_change(
    cast: Cast, as_user: AsUser, path: Callable[[str], str]
) -> None:
    client = as_user(cast.ben)
    told = client.get(path("/revisions/1/comparison")).json()
    assert (told["number"], told["revision"]) == (1, 3)
    [hunk] = told["hunks"]
    assert hunk["text"] == " one\n-TWO\n-three\n"
    assert hunk["header"] == "@@ -1,3 +1,1 @@"

    documents.replace_text(user=cast.ana, session_id=cast.session.pk, text="one\nTWO\nthree\nfour\n")
    stale = client.post(path("/revisions/1/restore"), {"revision": told["revision"]}, format="json")
    assert (stale.status_code, stale.json()["code"]) == (409, "stale_revision")
    made = client.post(path("/revisions/1/restore"), {"revision": 4}, format="json").json()
    assert (made["text"], made["revision"]) == ("one\n", 5)
    assert client.get(path("/revisions/4")).json()["text"].endswith("four\n"), "what was there stays in the history"
    assert DocumentUpdate.objects.get(number=5).origin == {"kind": "restore", "revision": 1}


def test_what_was_done_in_between_is_told(cast: Cast, as_user: AsUser, path: Callable[[str], str]) -> None:
    told = as_user(cast.vic).get(path("/revisions/3/comparison"), {"since": 2}).json()
    assert [hunk["text"] for hunk in told["hunks"]] == [" one\n-two\n+TWO\n three\n"]
    assert as_user(cast.vic).get(path("/revisions/99/comparison")).status_code == 404
    assert as_user(cast.vic).get(path("/revisions/1/comparison"), {"since": 99}).status_code == 404
    assert as_user(cast.eve).get(path("/revisions/1/comparison")).status_code == 404


def test_each_line_is_told_with_the_person_or_the_agent_that_wrote_it(
    cast: Cast, as_user: AsUser, path: Callable[[str], str]
) -> None:
    told = as_user(cast.vic).get(path("/document/blame")).json()
    assert told["revision"] == 3
    first, second, third = (line["authors"][0] for line in told["lines"])
    assert (first["user"]["name"], third["user"]["name"]) == ("Ana", "Ben")
    assert second["origin"] == {
        "kind": "proposal",
        "run": "r1",
        "node": "n1",
        "endpoint": "e1",
        "hunks": [1],
        "agent": "refine",
        "by": "refine via Ana",
    }
    stretches = as_user(cast.vic).get(path("/document/timeline")).json()["results"]
    assert [(it["first"], it["last"], it["user"]["name"]) for it in stretches] == [
        (3, 3, "Ana"),
        (2, 2, "Ben"),
        (1, 1, "Ana"),
    ]
