"""Invitations, members by name, timeline and blame over REST."""

from collections.abc import Callable

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from sessions_app.models import User, new_id
from sessions_app.services import documents
from tests.sessions_app.conftest import Cast, make_user

AsUser = Callable[[User], APIClient]


def test_an_invitation_goes_from_its_owner_to_a_new_member(cast: Cast, as_user: AsUser) -> None:
    owner, stranger = as_user(cast.ana), as_user(cast.eve)
    made = owner.post(
        f"/v1/sessions/{cast.session.pk}/invites",
        {"role": "viewer", "expires_in_s": 3600, "max_uses": 1},
        format="json",
    )
    assert made.status_code == 201
    token = made.data["token"]
    assert made.data["url"].endswith(f"/join/{token}/")
    look = stranger.get(f"/v1/invites/{token}")
    assert (look.data["title"], look.data["role"], look.data["invited_by"]) == ("Parsers", "viewer", "Ana")
    joined = stranger.post(f"/v1/invites/{token}/accept")
    assert (joined.status_code, str(joined.data["session"]), joined.data["role"]) == (
        200,
        str(cast.session.pk),
        "viewer",
    )
    assert stranger.get(f"/v1/sessions/{cast.session.pk}").status_code == 200
    over = as_user(cast.ben).get(f"/v1/invites/{token}")
    assert (over.status_code, over.data["code"]) == (409, "invite_over")


def test_who_is_in_already_is_led_into_the_session_by_a_link_that_is_used_up(
    cast: Cast, as_user: AsUser, client: Client
) -> None:
    invited = {"role": "viewer", "max_uses": 1}
    token = as_user(cast.ana).post(f"/v1/sessions/{cast.session.pk}/invites", invited, format="json").data["token"]
    for _ in range(2):
        assert as_user(cast.eve).post(f"/v1/invites/{token}/accept").status_code == 200
    client.force_login(cast.eve)
    assert client.get(f"/join/{token}/").headers["Location"] == f"/sessions/{cast.session.pk}/"
    client.force_login(make_user("finn"))
    assert client.get(f"/join/{token}/").status_code == 404


def test_who_is_removed_comes_back_by_nothing_that_stood_then(cast: Cast, as_user: AsUser, client: Client) -> None:
    owner, eve = as_user(cast.ana), as_user(cast.eve)
    at = f"/v1/sessions/{cast.session.pk}"
    tokens = [owner.post(f"{at}/invites", {"role": role}, format="json").data["token"] for role in ("editor", "viewer")]
    for name in (cast.eve.username, str(cast.eve.pk)):
        owner.post(f"{at}/members", {"user": name, "role": "editor"}, format="json")
    assert eve.post(f"/v1/invites/{tokens[0]}/accept").status_code == 200
    asked = [it["id"] for it in eve.get("/v1/me/invitations").data["results"]]
    assert owner.delete(f"{at}/members/{cast.eve.pk}").status_code == 204
    client.force_login(cast.eve)
    for token in tokens:
        refused = eve.post(f"/v1/invites/{token}/accept")
        assert (refused.status_code, refused.data["code"]) == (409, "invite_over")
        assert "removed" in refused.data["detail"]
        assert eve.get(f"/v1/invites/{token}").status_code == 409
        assert client.get(f"/join/{token}/").status_code == client.post(f"/join/{token}/").status_code == 404
    assert eve.get("/v1/me/invitations").data["results"] == []
    assert len(asked) == 2
    for each in asked:
        assert eve.post(f"/v1/me/invitations/{each}/accept").status_code == 404
    assert eve.get(at).status_code == 404
    assert as_user(make_user("finn")).post(f"/v1/invites/{tokens[0]}/accept").status_code == 200
    # The owner's list says no more than before: whose name it was is not told by it.
    assert {it["name"] for it in owner.get(f"{at}/invitations").data["results"]} == {
        cast.eve.username,
        str(cast.eve.pk),
    }


@pytest.mark.parametrize("anew", ["by name", "by a new link"])
def test_who_was_removed_is_let_in_anew(cast: Cast, as_user: AsUser, anew: str) -> None:
    owner, eve = as_user(cast.ana), as_user(cast.eve)
    at = f"/v1/sessions/{cast.session.pk}"
    old = owner.post(f"{at}/invites", {"role": "editor"}, format="json").data["token"]
    assert eve.post(f"/v1/invites/{old}/accept").status_code == 200
    owner.delete(f"{at}/members/{cast.eve.pk}")
    if anew == "by name":
        owner.post(f"{at}/members", {"user": cast.eve.username, "role": "editor"}, format="json")
        (asked,) = eve.get("/v1/me/invitations").data["results"]
        way_in = f"/v1/me/invitations/{asked['id']}/accept"
    else:
        made = owner.post(f"{at}/invites", {"role": "editor"}, format="json")
        way_in = f"/v1/invites/{made.data['token']}/accept"
    assert eve.post(way_in).status_code == 200
    # Who leaves of their own will was not removed, and may come back as before.
    assert eve.delete(f"{at}/members/{cast.eve.pk}").status_code == 204
    assert eve.post(f"/v1/invites/{old}/accept").status_code == 200


def test_whose_role_was_lowered_gets_it_back_by_a_new_link_only(cast: Cast, as_user: AsUser) -> None:
    owner, eve = as_user(cast.ana), as_user(cast.eve)
    at = f"/v1/sessions/{cast.session.pk}"
    old = owner.post(f"{at}/invites", {"role": "editor"}, format="json").data["token"]
    assert eve.post(f"/v1/invites/{old}/accept").status_code == 200
    assert owner.patch(f"{at}/members/{cast.eve.pk}", {"role": "viewer"}, format="json").status_code == 200
    refused = eve.post(f"/v1/invites/{old}/accept")
    assert (refused.status_code, refused.data["code"]) == (409, "invite_over")
    assert "lowered" in refused.data["detail"]
    assert eve.get(at).data["role"] == "viewer"
    new = owner.post(f"{at}/invites", {"role": "editor"}, format="json").data["token"]
    assert eve.post(f"/v1/invites/{new}/accept").status_code == 200
    assert eve.get(at).data["role"] == "editor"


def test_the_links_of_an_owner_who_is_none_any_more_let_nobody_in(cast: Cast, as_user: AsUser) -> None:
    owner, ben = as_user(cast.ana), as_user(cast.ben)
    at = f"/v1/sessions/{cast.session.pk}"
    owner.patch(f"{at}/members/{cast.ben.pk}", {"role": "owner"}, format="json")
    made = ben.post(f"{at}/invites", {"role": "editor"}, format="json").data["token"]
    owner.patch(f"{at}/members/{cast.ben.pk}", {"role": "editor"}, format="json")
    assert as_user(cast.eve).post(f"/v1/invites/{made}/accept").status_code == 409


def test_invitations_are_listed_without_their_tokens_and_revoked(cast: Cast, as_user: AsUser) -> None:
    owner = as_user(cast.ana)
    path = f"/v1/sessions/{cast.session.pk}/invites"
    made = owner.post(path, {}, format="json").data
    [listed] = owner.get(path).data["results"]
    assert (listed["id"], listed["role"], "token" in listed) == (made["id"], "editor", False)
    assert as_user(cast.ben).get(path).status_code == 403
    assert as_user(cast.eve).get(path).status_code == 404
    assert owner.delete(f"{path}/{made['id']}").status_code == 204
    assert owner.get(path).data["results"] == []


def test_a_person_who_is_invited_by_name_joins_when_they_accept(cast: Cast, as_user: AsUser) -> None:
    path = f"/v1/sessions/{cast.session.pk}/members"
    assert as_user(cast.ana).post(path, {"user": "eve", "role": "viewer"}, format="json").status_code == 202
    assert as_user(cast.ben).post(path, {"user": "eve"}, format="json").status_code == 403
    assert as_user(cast.eve).get(path).status_code == 404, "nobody is in a session unasked"
    [mine] = as_user(cast.eve).get("/v1/me/invitations").data["results"]
    assert (mine["title"], mine["role"], mine["invited_by"]["name"]) == ("Parsers", "viewer", "Ana")
    joined = as_user(cast.eve).post(f"/v1/me/invitations/{mine['id']}/accept")
    assert (joined.status_code, joined.data["session"], joined.data["role"]) == (200, str(cast.session.pk), "viewer")
    assert as_user(cast.eve).get(path).status_code == 200
    assert as_user(cast.eve).get("/v1/me/invitations").data["results"] == []
    assert as_user(cast.eve).post(f"/v1/me/invitations/{mine['id']}/accept").status_code == 404


def test_no_answer_tells_whether_a_name_is_anybodys(cast: Cast, as_user: AsUser) -> None:
    path, owner = f"/v1/sessions/{cast.session.pk}/members", as_user(cast.ana)
    names = ("eve", "nobody", str(cast.eve.pk), str(new_id()), "ben", "EVE")
    told = []
    for name in names:
        with CaptureQueriesContext(connection) as asked:
            answered = owner.post(path, {"user": name, "role": "editor"}, format="json")
        body = {key: value for key, value in answered.json().items() if key in ("session", "role", "api_version")}
        told.append((answered.status_code, body, set(answered.json()), set(answered.headers), len(asked)))
    assert [one[0] for one in told] == [202] * len(names)
    assert all(one[:4] == told[0][:4] for one in told)
    assert told[0][4] == told[1][4], "as much is asked of the database, so it takes as long"
    assert told[2][4] == told[3][4]
    listed = owner.get(f"/v1/sessions/{cast.session.pk}/invitations").data["results"]
    assert {one["name"] for one in listed} == set(names)
    assert {tuple(one) for one in listed} == {("id", "session", "name", "role", "created_at", "expires_at")}


def test_who_declines_is_not_told_of(cast: Cast, as_user: AsUser) -> None:
    path, owner = f"/v1/sessions/{cast.session.pk}", as_user(cast.ana)
    owner.post(f"{path}/members", {"user": "eve"}, format="json")
    before = owner.get(f"{path}/invitations").data
    [mine] = as_user(cast.eve).get("/v1/me/invitations").data["results"]
    assert as_user(cast.eve).post(f"/v1/me/invitations/{mine['id']}/decline").status_code == 204
    assert owner.get(f"{path}/invitations").data == before
    again = owner.post(f"{path}/members", {"user": "eve"}, format="json")
    assert again.status_code == 202
    assert as_user(cast.eve).get("/v1/me/invitations").data["results"] == [], "no means no, however often one asks"


def test_others_cannot_answer_see_or_withdraw(cast: Cast, as_user: AsUser) -> None:
    path = f"/v1/sessions/{cast.session.pk}"
    made = as_user(cast.ana).post(f"{path}/members", {"user": "eve"}, format="json").data
    unknown = str(new_id())
    for one in (made["id"], unknown):
        for act in ("accept", "decline"):
            answered = as_user(cast.ben).post(f"/v1/me/invitations/{one}/{act}")
            assert answered.status_code == 404
            assert answered.json()["detail"].replace(one, "…") == (
                "There is no invitation '…', or you are not a member of its session."
            )
    assert as_user(cast.ben).get(f"{path}/invitations").status_code == 403
    assert as_user(cast.ben).delete(f"{path}/invitations/{made['id']}").status_code == 403
    assert as_user(cast.eve).delete(f"{path}/invitations/{made['id']}").status_code == 404
    assert as_user(cast.ana).delete(f"{path}/invitations/{made['id']}").status_code == 204
    assert as_user(cast.eve).post(f"/v1/me/invitations/{made['id']}/accept").status_code == 404


def test_every_line_knows_who_wrote_it(cast: Cast, as_user: AsUser) -> None:
    session = cast.session.pk
    documents.replace_text(user=cast.ben, session_id=session, text="one\ntwé 😀 of ben\nlast\n")
    documents.change_text(
        user=cast.ana,
        document_id=cast.document.pk,
        transform=lambda text: text.replace("😀", "three"),
        origin={"kind": "proposal", "run": "r", "endpoint": "e", "hunks": [1]},
        by="refine via Ana",
    )
    blame = as_user(cast.vic).get(f"/v1/sessions/{session}/document/blame").data
    assert blame["revision"] == 3
    told = [(line["text"], [(it["number"], it["origin"]["kind"]) for it in line["authors"]]) for line in blame["lines"]]
    assert told == [
        ("one\n", [(1, "create")]),
        ("twé three of ben\n", [(2, "edit"), (3, "proposal")]),
        ("last\n", [(2, "edit")]),
    ]
    assert blame["lines"][1]["authors"][1]["origin"]["by"] == "refine via Ana"
    assert as_user(cast.eve).get(f"/v1/sessions/{session}/document/blame").status_code == 404


def test_the_timeline_tells_stretches_of_work_newest_first(cast: Cast, as_user: AsUser) -> None:
    for n in range(3):
        documents.replace_text(user=cast.ben, session_id=cast.session.pk, text=f"by ben {n}\n")
    documents.replace_text(user=cast.ana, session_id=cast.session.pk, text="by ana\n")
    client = as_user(cast.vic)
    results = client.get(f"/v1/sessions/{cast.session.pk}/document/timeline").data["results"]
    assert [(it["first"], it["last"], it["user"]["name"]) for it in results] == [
        (5, 5, "Ana"),
        (2, 4, "Ben"),
        (1, 1, "Ana"),
    ]
    older = client.get(f"/v1/sessions/{cast.session.pk}/document/timeline?before=5&limit=1").data["results"]
    assert [(it["first"], it["last"]) for it in older] == [(2, 4)]
